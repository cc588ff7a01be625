/**
 * Dynamic sizes. A model is traced at several sizes of its named axes; a number that differs between the
 * traces follows them. `Follower` finds how: it is the size of some value's axis, or a simple function of
 * such sizes, and writes the nodes that compute it.
 */
import type { Shape } from '@hebb/core';
import { attributesOf } from './writer.ts';
import type { GraphWriter } from './writer.ts';

/** One number in each trace. */
export type Varying = readonly number[];

export const isFixed = (v: Varying): boolean => v.every((x) => x === v[0]);
const keyOf = (v: Varying): string => v.join('|');

interface Source {
  readonly value: string;
  readonly axis: number;
  readonly rank: number;
  readonly sizes: Varying;
}

/** How a size is computed from known ones, as text for dim names and as nodes. */
interface Plan {
  readonly text: string;
  write(): string;
}

export class Follower {
  readonly #writer: GraphWriter;
  readonly #opset: number;
  readonly #outer: Follower | undefined;
  readonly #sources = new Map<string, Source>();
  readonly #written = new Map<string, string>();
  readonly #names: Map<string, string>;

  constructor(writer: GraphWriter, opset: number, outer?: Follower) {
    this.#writer = writer;
    this.#opset = opset;
    this.#outer = outer;
    this.#names = outer === undefined ? new Map<string, string>() : outer.#names;
  }

  /** Gives a size the user's name. */
  name(sizes: Varying, name: string): void {
    this.#names.set(keyOf(sizes), name);
  }

  /** The value's dynamic axes can be asked for from now on. */
  register(value: string, shapes: readonly Shape[]): void {
    const [first] = shapes;
    first!.forEach((_, axis) => {
      const sizes = shapes.map((shape) => shape[axis]!);
      if (isFixed(sizes) || this.#find(keyOf(sizes)) !== undefined) return;
      this.#sources.set(keyOf(sizes), { value, axis, rank: first!.length, sizes });
    });
  }

  #find(key: string): Source | undefined {
    const own = this.#sources.get(key);
    return own === undefined && this.#outer !== undefined ? this.#outer.#find(key) : own;
  }

  *#all(): Iterable<Source> {
    if (this.#outer !== undefined) yield* this.#outer.#all();
    yield* this.#sources.values();
  }

  /** Whether the number can be computed from sizes known so far. */
  follows(numbers: Varying): boolean {
    return isFixed(numbers) || this.#plan(numbers) !== undefined;
  }

  /** A one-element int64 tensor with the number; undefined when nothing known leads to it. */
  size(numbers: Varying): string | undefined {
    if (isFixed(numbers)) return this.#writer.constant([numbers[0]!], [1], 'int64');
    const key = keyOf(numbers);
    const known = this.#writtenFor(key);
    if (known !== undefined) return known;
    const name = this.#plan(numbers)?.write();
    if (name !== undefined) this.#written.set(key, name);
    return name;
  }

  #writtenFor(key: string): string | undefined {
    const own = this.#written.get(key);
    return own === undefined && this.#outer !== undefined ? this.#outer.#writtenFor(key) : own;
  }

  /** What to call a dynamic axis in the types of outputs: `batch`, `2*batch + 1`, or a name of its own. */
  label(sizes: Varying): string {
    return this.#names.get(keyOf(sizes)) ?? this.#plan(sizes)?.text ?? `size_${sizes[0]}`;
  }

  #plan(numbers: Varying): Plan | undefined {
    const source = this.#find(keyOf(numbers));
    if (source !== undefined) {
      return {
        text: this.#names.get(keyOf(numbers)) ?? `${source.value}_dim_${source.axis}`,
        write: () => this.#shapeOf(source),
      };
    }
    const all = [...this.#all()];
    for (const a of all) {
      const plan = this.#linear(numbers, a);
      if (plan !== undefined) return plan;
    }
    for (const [i, a] of all.entries()) {
      for (const b of all.slice(i)) {
        const product = a.sizes.map((x, k) => x * b.sizes[k]!);
        const factor = ratio(numbers, product);
        if (factor !== undefined) return this.#scaledProduct(a, b, factor);
        if (numbers.every((x, k) => x === a.sizes[k]! + b.sizes[k]!)) {
          return this.#binary('Add', '+', a, b);
        }
      }
    }
    return undefined;
  }

  #text(source: Source): string {
    return this.#names.get(keyOf(source.sizes)) ?? `${source.value}_dim_${source.axis}`;
  }

  /** factor · size + offset, with a whole factor or the inverse of one. */
  #linear(numbers: Varying, a: Source): Plan | undefined {
    const other = a.sizes.findIndex((x) => x !== a.sizes[0]);
    if (other < 0) return undefined;
    const slope = (numbers[other]! - numbers[0]!) / (a.sizes[other]! - a.sizes[0]!);
    const offset = numbers[0]! - slope * a.sizes[0]!;
    if (slope === 0 || !numbers.every((x, k) => x === slope * a.sizes[k]! + offset)) {
      return undefined;
    }
    const inverse = 1 / slope;
    if (Number.isInteger(slope) && Number.isInteger(offset)) {
      return {
        text: `${slope === 1 ? '' : `${slope}*`}${this.#text(a)}${offset === 0 ? '' : offset > 0 ? ` + ${offset}` : ` - ${-offset}`}`,
        write: () => {
          let name = this.size(a.sizes)!;
          if (slope !== 1) name = this.#node('Mul', [name, this.#number(slope)]);
          return offset === 0 ? name : this.#node('Add', [name, this.#number(offset)]);
        },
      };
    }
    if (!Number.isInteger(inverse) || offset !== 0) return undefined;
    return {
      text: `${this.#text(a)}/${inverse}`,
      write: () => this.#node('Div', [this.size(a.sizes)!, this.#number(inverse)]),
    };
  }

  #scaledProduct(a: Source, b: Source, factor: number): Plan | undefined {
    const inverse = 1 / factor;
    if (!Number.isInteger(factor) && !Number.isInteger(inverse)) return undefined;
    const scale = factor === 1 ? '' : factor > 1 ? `${factor}*` : '';
    return {
      text: `${scale}${this.#text(a)}*${this.#text(b)}${factor < 1 ? `/${inverse}` : ''}`,
      write: () => {
        const product = this.#node('Mul', [this.size(a.sizes)!, this.size(b.sizes)!]);
        if (factor === 1) return product;
        return factor > 1
          ? this.#node('Mul', [product, this.#number(factor)])
          : this.#node('Div', [product, this.#number(inverse)]);
      },
    };
  }

  #binary(op: string, sign: string, a: Source, b: Source): Plan {
    return {
      text: `${this.#text(a)} ${sign} ${this.#text(b)}`,
      write: () => this.#node(op, [this.size(a.sizes)!, this.size(b.sizes)!]),
    };
  }

  #number(value: number): string {
    return this.#writer.constant([value], [1], 'int64');
  }

  #node(op: string, inputs: readonly string[]): string {
    return this.#writer.node(op, 'shape', inputs, [], 1)[0]!;
  }

  #shapeOf({ value, axis }: Source): string {
    if (this.#opset >= 15) {
      return this.#writer.node('Shape', 'shape', [value], shapeRange(axis), 1)[0]!;
    }
    const shape = this.#writer.node('Shape', 'shape', [value], [], 1)[0]!;
    return this.#writer.node('Gather', 'shape', [shape, this.#number(axis)], [], 1)[0]!;
  }

  /** A one-dimensional int64 tensor of numbers that may follow the dynamic sizes. */
  list(numbers: readonly Varying[]): string | undefined {
    if (numbers.every(isFixed)) {
      return this.#writer.constant(
        numbers.map((v) => v[0]!),
        [numbers.length],
        'int64',
      );
    }
    const parts: string[] = [];
    let fixed: number[] = [];
    const flush = () => {
      if (fixed.length > 0) parts.push(this.#writer.constant(fixed, [fixed.length], 'int64'));
      fixed = [];
    };
    for (const v of numbers) {
      if (isFixed(v)) {
        fixed.push(v[0]!);
        continue;
      }
      flush();
      const size = this.size(v);
      if (size === undefined) return undefined;
      parts.push(size);
    }
    flush();
    if (parts.length === 1) return parts[0]!;
    return this.#writer.node('Concat', 'shape', parts, axisZero, 1)[0]!;
  }
}

const axisZero = attributesOf({ axis: 0 });
const shapeRange = (axis: number) => attributesOf({ start: axis, end: axis + 1 });

function ratio(numbers: Varying, base: Varying): number | undefined {
  const factor = numbers[0]! / base[0]!;
  return numbers.every((x, k) => x === factor * base[k]!) ? factor : undefined;
}
