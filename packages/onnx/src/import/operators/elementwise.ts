/** Elementwise operators that are not simply one record: legacy broadcasting, several inputs, parameters. */
import {
  add,
  and,
  apply,
  broadcastShapes,
  broadcastTo,
  cast,
  div,
  eq,
  fmod,
  full,
  isFloat,
  isInteger,
  le,
  lt,
  maximum,
  minimum,
  mul,
  not,
  or,
  pow,
  reshape,
  shiftLeft,
  shiftRight,
  sub,
  where,
  xor,
} from '@hebb/core';
import type { Op, Tensor } from '@hebb/core';
import {
  celu,
  clamp,
  elu,
  gelu,
  leakyRelu,
  remainder,
  selu,
  silu,
  softplus,
  threshold,
} from '@hebb/ops';
import type { Call } from '../call.ts';
import { since, unary } from '../table.ts';
import type { OperatorEntry, OperatorTable } from '../table.ts';
import { isHost } from '../value.ts';
import { equalText } from './text.ts';

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

/** The result has the base's type, whatever the exponent's. */
function power(base: Tensor, exponent: Tensor): Tensor {
  if (isInteger(base.dtype) && isFloat(exponent.dtype)) {
    return cast(pow(cast(base, exponent.dtype), exponent), base.dtype);
  }
  return pow(base, cast(exponent, base.dtype));
}

/** Bounds are attributes before opset 11, inputs from then on. */
function clip(c: Call): Tensor {
  const x = c.tensor(0);
  if (c.opset < 11) return clamp(x, bound(c, 'min'), bound(c, 'max'));
  const [low, high] = [known(c, 1), known(c, 2)];
  // Known bounds in order are settings of one op; of bounds that cross, the upper one wins.
  if (
    isFloat(x.dtype) &&
    low !== null &&
    high !== null &&
    !((low ?? -Infinity) > (high ?? Infinity))
  ) {
    if (low === undefined && high === undefined) return x;
    return clamp(x, low, high);
  }
  const raised = c.has(1) ? maximum(x, c.tensor(1)) : x;
  return c.has(2) ? minimum(raised, c.tensor(2)) : raised;
}

const bound = (c: Call, name: string): number | undefined =>
  c.attr.has(name) ? c.attr.float(name) : undefined;

/** The number of a constant input; undefined when it is left out, null when it is computed. */
function known(c: Call, i: number): number | undefined | null {
  if (!c.has(i)) return undefined;
  const value = c.value(i);
  return isHost(value) && value.dtype.startsWith('float') && value.dtype !== 'float16'
    ? c.number(i)
    : null;
}

/** ONNX's defaults, as float32 has them. */
const seluAlpha = Math.fround(1.67326319217681884765625);
const seluGamma = Math.fround(1.05070102214813232421875);

export const elementwiseOperators: OperatorTable = {
  Add: binary(add),
  Sub: binary(sub),
  Mul: binary(mul),
  Div: binary(div),
  And: binary(and),
  Or: binary(or),
  Xor: binary(xor),
  Equal: binary(eq).map((entry) => ({
    ...entry,
    build: (c) => (c.dtype(0) === 'string' ? equalText(c) : (entry.build?.(c) ?? [])),
  })),
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
      return c.attr.bool('fmod') ? direct(fmod.op, c, [a, b]) : remainder(a, b);
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
  Clip: [since(1, clip)],
  Where: [
    since(1, (c) => {
      const [a, b] = [c.tensor(1), c.tensor(2)];
      if (a.dtype !== b.dtype) c.invalid(`operands are ${a.dtype} and ${b.dtype}`);
      return where(c.tensor(0), a, b);
    }),
  ],
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
  Softplus: unary((x) => softplus(x)),
  LeakyRelu: [
    since(1, (c) => leakyRelu(c.tensor(0), { negativeSlope: c.attr.float('alpha', 0.01) })),
  ],
  PRelu: [
    since(1, (c) => {
      const [x, slope] = c.opset < 7 ? legacyOperands(c) : [c.tensor(0), c.tensor(1)];
      return where(lt(x, 0), mul(x, slope), x);
    }),
  ],
  Elu: [since(1, (c) => elu(c.tensor(0), { alpha: c.attr.float('alpha', 1) }))],
  Celu: [since(1, (c) => celu(c.tensor(0), { alpha: c.attr.float('alpha', 1) }))],
  Selu: [
    since(1, (c) => {
      const x = c.tensor(0);
      const alpha = c.attr.float('alpha', seluAlpha);
      const gamma = c.attr.float('gamma', seluGamma);
      if (alpha === seluAlpha && gamma === seluGamma) return selu(x);
      return mul(elu(x, { alpha }), gamma);
    }),
  ],
  HardSigmoid: [
    since(1, (c) => {
      const [alpha, beta] = [c.attr.float('alpha', 0.2), c.attr.float('beta', 0.5)];
      return minimum(maximum(add(mul(c.tensor(0), alpha), beta), 0), 1);
    }),
  ],
  ThresholdedRelu: [since(1, (c) => threshold(c.tensor(0), c.attr.float('alpha', 1), 0))],
  Shrink: [
    since(1, (c) => {
      const x = c.tensor(0);
      const lambd = c.attr.float('lambd', 0.5);
      const bias = c.attr.float('bias', 0);
      const low = where(lt(x, -lambd), add(x, bias), mul(x, 0));
      return where(lt(lambd, x), sub(x, bias), low);
    }),
  ],
  Swish: [since(1, (c) => silu(c.tensor(0), { alpha: c.attr.float('alpha', 1) }))],
  Gelu: [
    since(1, (c) => {
      const tanhForm = c.attr.string('approximate', 'none') === 'tanh';
      return gelu(c.tensor(0), { approximate: tanhForm ? 'tanh' : 'none' });
    }),
  ],
};
