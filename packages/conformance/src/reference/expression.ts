/**
 * The little language that cases describe functions in: `x * detach(exp(x)) + tanh(y * x)`,
 * `sum(100 (x[i+1] - x[i]^2)^2 + (1 - x[i])^2)`, `sum((softmax(x w x^T) x)^2)`.
 *
 *     sum     = product (('+' | '-') product)*
 *     product = sign (('*' | '/' | '@') sign)*
 *     sign    = '-' sign | joined
 *     joined  = power power*              a number times something, else a matrix product
 *     power   = atom ('^' exponent)*      exponent: a number, T (transpose), or a sum in brackets
 *     atom    = number | name | name '(' argument (',' argument)* ')' | name '[' index ']' | '(' sum ')'
 *     index   = 'i' [('+' | '-') number] | name of an index
 *
 * A name alone is a tensor, or a function of x. An argument may be an option: `pad 1`. What follows a comma
 * at the top is a remark (", last axis", ", 2 groups").
 */
import * as core from '@hebb/core';
import { fail, gather, matmul, mul, narrow, tensor, type Tensor } from '@hebb/core';
import * as ops from '@hebb/ops';

type Value = Tensor | number;
type Options = { readonly [name: string]: number };
type NamedFunction = (args: readonly Value[], options: Options) => Value;

const one = (f: (x: Tensor) => Tensor): NamedFunction => {
  return ([x]) => f(x as Tensor);
};
const pool = (f: typeof ops.maxPool2d, kernel: number): NamedFunction => {
  return ([x]) => f(x as Tensor, kernel);
};
const lastSize = (x: Tensor): number => x.shape[x.rank - 1]!;

const functions: Readonly<Record<string, NamedFunction>> = {
  detach: one(core.stopGradient),
  'gelu (erf)': one((x) => ops.gelu(x)),
  'gelu (tanh)': one((x) => ops.gelu(x, { approximate: 'tanh' })),
  logsigmoid: one(ops.logSigmoid),

  batch_norm: one((x) => ops.batchNorm(x, null, null, null, null, { training: true })),
  layer_norm: one((x) => ops.layerNorm(x, lastSize(x))),
  rms_norm: one((x) => ops.rmsNorm(x, lastSize(x), null, { eps: 1e-5 })),
  group_norm: ([x, groups], options) =>
    ops.groupNorm(x as Tensor, Number(groups ?? options['groups'] ?? 1)),

  avg_pool2: pool(ops.avgPool2d, 2),
  max_pool2: pool(ops.maxPool2d, 2),
  conv1d: ([x, w], options) => ops.conv1d(x as Tensor, w as Tensor, null, convOptions(options)),
  conv2d: ([x, w], options) => ops.conv2d(x as Tensor, w as Tensor, null, convOptions(options)),
  conv_transpose2d: ([x, w], options) =>
    ops.convTranspose2d(x as Tensor, w as Tensor, null, convOptions(options)),
};
const convOptions = ({ pad = 0, padding = pad, stride = 1, dilation = 1 }: Options) => ({
  padding,
  stride,
  dilation,
});

/**
 * A function of the table, or any that the libraries have under the name, with the arguments in order:
 * reductions are then over everything, softmax over the last axis. Of several results the first counts.
 */
function functionNamed(name: string): NamedFunction | undefined {
  if (Object.hasOwn(functions, name)) return functions[name];
  const camel = name.replaceAll(/_([a-z0-9])/g, (_, c: string) => c.toUpperCase());
  for (const library of [ops, core] as readonly Readonly<Record<string, unknown>>[]) {
    const found = Object.hasOwn(library, camel) ? library[camel] : undefined;
    if (typeof found !== 'function') continue;
    return (args) => {
      const result = (found as (...args: readonly Value[]) => Value | readonly Value[])(...args);
      return Array.isArray(result) ? (result as readonly Value[])[0]! : (result as Value);
    };
  }
  return undefined;
}

type Token = { readonly kind: 'number' | 'name' | 'sign'; readonly text: string };
function tokens(source: string): Token[] {
  const found: Token[] = [];
  const pattern = /\s*(?:(\d+(?:\.\d*)?(?:e[+-]?\d+)?)|([A-Za-z_]\w*)|([-+*/@^()[\],]))/gy;
  let end = 0;
  for (let match = pattern.exec(source); match !== null; match = pattern.exec(source)) {
    end = pattern.lastIndex;
    if (match[1] !== undefined) found.push({ kind: 'number', text: match[1] });
    else if (match[2] !== undefined) found.push({ kind: 'name', text: match[2] });
    else found.push({ kind: 'sign', text: match[3]! });
  }
  if (source.slice(end).trim() !== '')
    fail(
      'expression',
      `cannot read ${JSON.stringify(source.slice(end))} in ${JSON.stringify(source)}`,
    );
  return found;
}

/** The expression, and what a top-level comma separates from it: a remark, which may say `2 groups`. */
function splitRemark(source: string): [text: string, remark: string] {
  let depth = 0;
  for (let k = 0; k < source.length; k++) {
    if (source[k] === '(' || source[k] === '[') depth += 1;
    else if (source[k] === ')' || source[k] === ']') depth -= 1;
    else if (source[k] === ',' && depth === 0)
      return [source.slice(0, k).trim(), source.slice(k + 1)];
  }
  return [source.trim(), ''];
}

class Parser {
  readonly #source: string;
  readonly #tokens: readonly Token[];
  readonly #names: Readonly<Record<string, Tensor>>;
  readonly #indices: Readonly<Record<string, readonly number[]>>;
  /** Smallest and largest offset of the running index: how far x[i] stays from the ends. */
  readonly #reach: readonly [number, number];
  readonly #defaults: Options;
  #at = 0;

  constructor(
    source: string,
    names: Readonly<Record<string, Tensor>>,
    indices: Readonly<Record<string, readonly number[]>>,
    defaults: Options,
  ) {
    this.#defaults = defaults;
    this.#source = source;
    this.#tokens = tokens(source);
    this.#names = names;
    this.#indices = indices;
    const offsets = [...source.matchAll(/\[\s*i\s*(?:([+-])\s*(\d+))?\s*\]/g)].map(
      ([, sign, by]) => (sign === '-' ? -1 : 1) * Number(by ?? 0),
    );
    this.#reach = [Math.min(0, ...offsets), Math.max(0, ...offsets)];
  }

  parse(): Value {
    const value = this.#sum();
    if (this.#peek() !== undefined) this.#wrong();
    return value;
  }

  #peek(): string | undefined {
    return this.#tokens[this.#at]?.text;
  }
  #take(text: string): boolean {
    const found = this.#tokens[this.#at]?.kind === 'sign' && this.#peek() === text;
    if (found) this.#at += 1;
    return found;
  }
  #want(text: string): void {
    if (!this.#take(text)) this.#wrong(text);
  }
  #wrong(wanted?: string): never {
    return fail(
      'expression',
      `cannot read ${JSON.stringify(this.#source)}`,
      this.#peek() ?? 'the end',
      wanted,
    );
  }

  #sum(): Value {
    let value = this.#product();
    for (;;) {
      if (this.#take('+')) value = binary(value, this.#product(), core.add, (a, b) => a + b);
      else if (this.#take('-')) value = binary(value, this.#product(), core.sub, (a, b) => a - b);
      else return value;
    }
  }
  #product(): Value {
    let value = this.#signed();
    for (;;) {
      if (this.#take('*')) value = times(value, this.#signed());
      else if (this.#take('/')) value = binary(value, this.#signed(), core.div, (a, b) => a / b);
      else if (this.#take('@')) value = joined(value, this.#signed());
      else return value;
    }
  }
  #signed(): Value {
    if (!this.#take('-')) return this.#joined();
    const value = this.#signed();
    return typeof value === 'number' ? -value : core.neg(value);
  }
  #joined(): Value {
    let value = this.#power();
    for (;;) {
      const next = this.#tokens[this.#at];
      if (next === undefined || (next.kind === 'sign' && next.text !== '(')) return value;
      value = joined(value, this.#power());
    }
  }
  #power(): Value {
    let value = this.#atom();
    while (this.#take('^')) {
      if (this.#peek() === 'T') {
        this.#at += 1;
        value = (value as Tensor).transpose();
        continue;
      }
      const negative = this.#take('-');
      const exponent = this.#atom();
      value = binary(value, negative ? -(exponent as number) : exponent, core.pow, Math.pow);
    }
    return value;
  }
  #atom(): Value {
    if (this.#take('(')) {
      const value = this.#sum();
      this.#want(')');
      return value;
    }
    const token = this.#tokens[this.#at];
    if (token === undefined || token.kind === 'sign') return this.#wrong('a number or a name');
    this.#at += 1;
    if (token.kind === 'number') return Number(token.text);
    const { text } = token;
    const value = this.#names[text];
    if (value !== undefined) return this.#take('[') ? this.#indexed(value) : value;
    const call = functionNamed(text);
    if (call === undefined) fail('expression', `unknown name ${text}`, this.#source);
    if (!this.#take('(')) return call([this.#names['x']!], this.#defaults);
    const args: Value[] = [];
    const options: Record<string, number> = { ...this.#defaults };
    do {
      const [name, number] = [this.#tokens[this.#at], this.#tokens[this.#at + 1]];
      const option = name?.kind === 'name' && number?.kind === 'number';
      if (option && this.#names[name.text] === undefined) {
        options[name.text] = Number(number.text);
        this.#at += 2;
      } else args.push(this.#sum());
    } while (this.#take(','));
    this.#want(')');
    return call(args, options);
  }
  #indexed(value: Tensor): Tensor {
    const name = this.#tokens[this.#at]?.text ?? '';
    this.#at += 1;
    const list = this.#indices[name];
    if (list !== undefined) {
      this.#want(']');
      return gather(value, tensor(Int32Array.from(list)), 0);
    }
    if (name !== 'i') fail('expression', `unknown index ${name}`, this.#source);
    const sign = this.#take('+') ? 1 : this.#take('-') ? -1 : 0;
    const by = sign === 0 ? 0 : sign * Number(this.#tokens[this.#at++]?.text);
    this.#want(']');
    const [low, high] = this.#reach;
    return narrow(value, 0, by - low, value.shape[0]! - (high - low));
  }
}

function binary(
  a: Value,
  b: Value,
  f: (a: Value, b: Value) => Tensor,
  plain: (a: number, b: number) => number,
): Value {
  return typeof a === 'number' && typeof b === 'number' ? plain(a, b) : f(a, b);
}
const times = (a: Value, b: Value): Value => binary(a, b, core.mul, (x, y) => x * y);
/** Side by side: numbers scale, tensors are multiplied as matrices. */
function joined(a: Value, b: Value): Value {
  if (typeof a === 'number' || typeof b === 'number' || a.rank === 0 || b.rank === 0) {
    return typeof a !== 'number' && typeof b !== 'number' ? mul(a, b) : times(a, b);
  }
  return matmul(a, b);
}

/** The value of an expression over named tensors. `indices` are the lists that `x[name]` may refer to. */
export function evaluate(
  source: string,
  names: Readonly<Record<string, Tensor>>,
  indices: Readonly<Record<string, readonly number[]>> = {},
): Tensor {
  const [text, remark] = splitRemark(source);
  const groups = /(\d+) groups?/.exec(remark)?.[1];
  const options: Options = groups === undefined ? {} : { groups: Number(groups) };
  const known = functionNamed(text);
  const value =
    known === undefined
      ? new Parser(text, names, indices, options).parse()
      : known([names['x']!], options);
  if (typeof value === 'number') fail('expression', 'is a plain number', source, 'a tensor');
  return value;
}
