/** Elementwise operators that are not simply one record: legacy broadcasting, several inputs, parameters. */
import {
  abs,
  add,
  and,
  apply,
  atan2,
  broadcastShapes,
  broadcastTo,
  cast,
  div,
  dtypeInfo,
  eq,
  erf,
  exp,
  fmod,
  full,
  isFloat,
  isInteger,
  le,
  log,
  lt,
  maximum,
  minimum,
  mul,
  ne,
  neg,
  not,
  or,
  pow,
  reshape,
  shiftLeft,
  shiftRight,
  sign,
  sqrt,
  sub,
  tanh,
  where,
  xor,
} from '@hebb/core';
import type { Op, Tensor } from '@hebb/core';
import type { Call } from '../call.ts';
import { since, unary } from '../table.ts';
import type { OperatorEntry, OperatorTable } from '../table.ts';

/**
 * Before opset 7 the second operand broadcast only when `broadcast` said so, aligned at `axis` of the
 * first (at its end when there is none).
 */
export function legacyOperands(call: Call): [Tensor, Tensor] {
  const a = call.tensor(0);
  const b = call.tensor(1);
  if (!call.attr.bool('broadcast') || !call.attr.has('axis')) return [a, b];
  const axis = call.attr.int('axis');
  const from = axis < 0 ? axis + a.rank : axis;
  const tail = a.rank - from - b.rank;
  if (tail < 0) call.invalid(`axis ${axis} does not fit shapes of rank ${a.rank} and ${b.rank}`);
  return [a, reshape(b, [...b.shape, ...new Array<number>(tail).fill(1)])];
}

/** The bare primitive on broadcast operands: no promotion, as ONNX types must agree. */
export function direct(op: Op, call: Call, operands: readonly Tensor[]): Tensor {
  const [first] = operands;
  const odd = operands.find((x) => x.dtype !== first!.dtype);
  if (odd !== undefined) call.invalid(`operands are ${first!.dtype} and ${odd.dtype}`);
  const shape = broadcastShapes(call.op, ...operands.map((x) => x.shape));
  return apply(
    op,
    operands.map((x) => broadcastTo(x, shape, call.op)),
    {},
  )[0]!;
}

/** A primitive's function, or its record alone. */
interface Recorded {
  readonly op: Op;
}

const binary = (fn: Recorded): readonly OperatorEntry[] => [
  since(1, (c) => direct(fn.op, c, legacyOperands(c))),
  since(7, (c) => direct(fn.op, c, [c.tensor(0), c.tensor(1)])),
];
const swapped = (fn: Recorded): readonly OperatorEntry[] => [
  since(1, (c) => direct(fn.op, c, legacyOperands(c).reverse())),
  since(7, (c) => direct(fn.op, c, [c.tensor(1), c.tensor(0)])),
];

function fold(call: Call, combine: (a: Tensor, b: Tensor) => Tensor): Tensor {
  const [first, ...rest] = call.tensors();
  if (first === undefined) return call.invalid('needs an input');
  return rest.reduce(combine, first);
}

/** The remainder with the sign of the divisor. */
function floorMod(a: Tensor, b: Tensor): Tensor {
  const r = fmod(a, b);
  if (dtypeInfo(r.dtype).kind === 'uint') return r;
  return where(and(ne(r, 0), ne(lt(r, 0), lt(b, 0))), add(r, b), r);
}

/** The result has the base's type, whatever the exponent's. */
function power(base: Tensor, exponent: Tensor): Tensor {
  if (isInteger(base.dtype) && isFloat(exponent.dtype)) {
    return cast(pow(cast(base, exponent.dtype), exponent), base.dtype);
  }
  return pow(base, cast(exponent, base.dtype));
}

/** A bound that is given as input from opset 11 on, before as attribute. */
function clip(call: Call, low: Tensor | number | undefined, high: Tensor | number | undefined) {
  let x = call.tensor(0);
  if (low !== undefined) x = maximum(x, low);
  if (high !== undefined) x = minimum(x, high);
  return x;
}

const optionalFloat = (call: Call, name: string): number | undefined =>
  call.attr.has(name) ? call.attr.float(name) : undefined;

/** log(1 + e^x) without overflow. */
const softplus = (x: Tensor): Tensor => add(maximum(x, 0), log(add(exp(neg(abs(x))), 1)));
const sigmoid = (x: Tensor): Tensor => div(1, add(exp(neg(x)), 1));

const atan = (x: Tensor): Tensor => atan2(x, 1);
const asin = (x: Tensor): Tensor => atan2(x, sqrt(sub(1, mul(x, x))));
const acos = (x: Tensor): Tensor => atan2(sqrt(sub(1, mul(x, x))), x);

export const elementwiseOperators: OperatorTable = {
  Add: binary(add),
  Sub: binary(sub),
  Mul: binary(mul),
  Div: binary(div),
  And: binary(and),
  Or: binary(or),
  Xor: binary(xor),
  Equal: binary(eq),
  Less: binary(lt),
  Greater: swapped(lt),
  LessOrEqual: binary(le),
  GreaterOrEqual: swapped(le),
  BitwiseAnd: binary(and),
  BitwiseOr: binary(or),
  BitwiseXor: binary(xor),
  BitwiseNot: unary(not),
  Not: unary(not),
  Pow: [
    since(1, (c) => power(...legacyOperands(c))),
    since(7, (c) => power(c.tensor(0), c.tensor(1))),
  ],
  Mod: [
    since(1, (c) => {
      const [a, b] = [c.tensor(0), c.tensor(1)];
      return c.attr.bool('fmod') ? direct(fmod.op, c, [a, b]) : floorMod(a, b);
    }),
  ],
  BitShift: [
    since(1, (c) => {
      const direction = c.attr.string('direction');
      if (direction === 'LEFT') return shiftLeft(c.tensor(0), c.tensor(1));
      if (direction === 'RIGHT') return shiftRight(c.tensor(0), c.tensor(1));
      return c.invalid(`direction is ${direction}, not LEFT or RIGHT`);
    }),
  ],
  Max: [since(1, (c) => fold(c, maximum))],
  Min: [since(1, (c) => fold(c, minimum))],
  Sum: [since(1, (c) => fold(c, add))],
  Mean: [since(1, (c) => div(fold(c, add), c.count))],
  Clip: [
    since(1, (c) => clip(c, optionalFloat(c, 'min'), optionalFloat(c, 'max'))),
    since(11, (c) => clip(c, c.maybe(1), c.maybe(2))),
  ],
  Where: [
    since(1, (c) => {
      const [a, b] = [c.tensor(1), c.tensor(2)];
      if (a.dtype !== b.dtype) c.invalid(`operands are ${a.dtype} and ${b.dtype}`);
      return where(c.tensor(0), a, b);
    }),
  ],
  Reciprocal: unary((x) => div(1, x)),
  Tan: unary((x) => div(x.sin(), x.cos())),
  Sinh: unary((x) => div(sub(exp(x), exp(neg(x))), 2)),
  Cosh: unary((x) => div(add(exp(x), exp(neg(x))), 2)),
  IsNaN: unary((x) => ne(x, x)),
  IsInf: [
    since(1, (c) => {
      const x = c.tensor(0);
      const up = eq(x, Infinity);
      const down = eq(x, -Infinity);
      const wanted = [
        ...(c.attr.bool('detect_positive', true) ? [up] : []),
        ...(c.attr.bool('detect_negative', true) ? [down] : []),
      ];
      return wanted.length === 0 ? full(x.shape, false, 'bool') : wanted.reduce((a, b) => or(a, b));
    }),
  ],
  Relu: unary((x) => maximum(x, 0)),
  Sigmoid: unary(sigmoid),
  Tanh: unary(tanh),
  Softplus: unary(softplus),
  Softsign: unary((x) => div(x, add(abs(x), 1))),
  LeakyRelu: [
    since(1, (c) => {
      const x = c.tensor(0);
      return where(lt(x, 0), mul(x, c.attr.float('alpha', 0.01)), x);
    }),
  ],
  PRelu: [
    since(1, (c) => {
      const [x, slope] = c.opset < 7 ? legacyOperands(c) : [c.tensor(0), c.tensor(1)];
      return where(lt(x, 0), mul(x, slope), x);
    }),
  ],
  Elu: [
    since(1, (c) => {
      const x = c.tensor(0);
      return where(lt(x, 0), mul(sub(exp(x), 1), c.attr.float('alpha', 1)), x);
    }),
  ],
  Celu: [
    since(1, (c) => {
      const x = c.tensor(0);
      const alpha = c.attr.float('alpha', 1);
      const below = mul(sub(exp(div(x, alpha)), 1), alpha);
      return add(maximum(x, 0), minimum(below, 0));
    }),
  ],
  Selu: [
    since(1, (c) => {
      const x = c.tensor(0);
      const alpha = c.attr.float('alpha', 1.67326319217681884765625);
      const gamma = c.attr.float('gamma', 1.05070102214813232421875);
      return mul(where(le(x, 0), mul(sub(exp(x), 1), alpha), x), gamma);
    }),
  ],
  HardSigmoid: [
    since(1, (c) => {
      const [alpha, beta] = [c.attr.float('alpha', 0.2), c.attr.float('beta', 0.5)];
      return minimum(maximum(add(mul(c.tensor(0), alpha), beta), 0), 1);
    }),
  ],
  HardSwish: unary((x) => mul(x, minimum(maximum(add(div(x, 6), 0.5), 0), 1))),
  ThresholdedRelu: [
    since(1, (c) => {
      const x = c.tensor(0);
      return where(lt(c.attr.float('alpha', 1), x), x, 0);
    }),
  ],
  Shrink: [
    since(1, (c) => {
      const x = c.tensor(0);
      const lambd = c.attr.float('lambd', 0.5);
      const bias = c.attr.float('bias', 0);
      const low = where(lt(x, -lambd), add(x, bias), mul(x, 0));
      return where(lt(lambd, x), sub(x, bias), low);
    }),
  ],
  Mish: unary((x) => mul(x, tanh(softplus(x)))),
  Swish: [
    since(1, (c) => {
      const x = c.tensor(0);
      const alpha = c.attr.float('alpha', 1);
      return mul(x, sigmoid(mul(x, alpha)));
    }),
  ],
  Gelu: [
    since(1, (c) => {
      const x = c.tensor(0);
      if (c.attr.string('approximate', 'none') === 'tanh') {
        const inner = mul(add(x, mul(mul(mul(x, x), x), 0.044715)), Math.sqrt(2 / Math.PI));
        return mul(mul(x, 0.5), add(tanh(inner), 1));
      }
      return mul(mul(x, 0.5), add(erf(div(x, Math.SQRT2)), 1));
    }),
  ],
  Acos: unary(acos),
  Asin: unary(asin),
  Atan: unary(atan),
  Acosh: unary((x) => log(add(x, sqrt(sub(mul(x, x), 1))))),
  Asinh: unary((x) => mul(sign(x), log(add(abs(x), sqrt(add(mul(x, x), 1)))))),
  Atanh: unary((x) => mul(log(div(add(x, 1), sub(1, x))), 0.5)),
};
