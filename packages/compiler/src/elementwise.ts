/** Elementwise primitives: which they are, what one element costs, and their value on single numbers. */
import {
  bfloat16Bits,
  bfloat16Value,
  dtypeInfo,
  float16Bits,
  float16Value,
  isFloat,
} from '@hebb/core';
import type { DType } from '@hebb/core';

type Num = number | bigint;

/** Cost of one element in units of an addition. */
const costs: Readonly<Record<string, number>> = {
  cast: 1,
  bitcast: 0,
  neg: 1,
  abs: 1,
  sign: 2,
  floor: 1,
  ceil: 1,
  round: 1,
  trunc: 1,
  sqrt: 4,
  exp: 12,
  expm1: 20,
  log: 14,
  log1p: 20,
  sin: 20,
  cos: 20,
  tanh: 20,
  erf: 24,
  not: 1,
  add: 1,
  sub: 1,
  mul: 1,
  div: 4,
  pow: 40,
  fmod: 8,
  atan2: 30,
  maximum: 1,
  minimum: 1,
  eq: 1,
  lt: 1,
  le: 1,
  and: 1,
  or: 1,
  xor: 1,
  shiftLeft: 2,
  shiftRight: 2,
  where: 1,
};

export const isElementwise = (op: string): boolean => Object.hasOwn(costs, op);

export const elementCost = (op: string): number => costs[op] ?? 1;

/** The number as the dtype stores it: floats rounded half to even, integers wrapped to their width. */
export function roundTo(dtype: DType, x: Num): Num {
  switch (dtype) {
    case 'float64':
      return Number(x);
    case 'float32':
      return Math.fround(Number(x));
    case 'float16':
      return float16Value(float16Bits(Number(x)));
    case 'bfloat16':
      return bfloat16Value(bfloat16Bits(Number(x)));
    case 'bool':
      return x !== 0 && x !== 0n ? 1 : 0;
    default: {
      const { bytes, kind, big } = dtypeInfo(dtype);
      const exact = typeof x === 'bigint' ? x : BigInt(Number.isFinite(x) ? Math.trunc(x) : 0);
      const wrapped =
        kind === 'uint' ? BigInt.asUintN(bytes * 8, exact) : BigInt.asIntN(bytes * 8, exact);
      return big ? wrapped : Number(wrapped);
    }
  }
}

const floatUnary: Readonly<Record<string, (x: number) => number>> = {
  neg: (x) => -x,
  abs: Math.abs,
  sign: Math.sign,
  floor: Math.floor,
  ceil: Math.ceil,
  trunc: Math.trunc,
  sqrt: Math.sqrt,
  exp: Math.exp,
  log: Math.log,
};

const floatBinary: Readonly<Record<string, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  maximum: Math.max,
  minimum: Math.min,
};

const integerBinary: Readonly<Record<string, (a: bigint, b: bigint) => bigint>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  maximum: (a, b) => (a > b ? a : b),
  minimum: (a, b) => (a < b ? a : b),
};

/**
 * The result of an elementwise primitive on numbers, as its dtype stores it; `undefined` for ops that are
 * left to the backend (their last bit is its own).
 */
export function evaluateScalar(
  op: string,
  args: readonly Num[],
  from: DType,
  to: DType,
): Num | undefined {
  const [a, b] = args;
  switch (op) {
    case 'cast':
      return roundTo(to, a!);
    case 'eq':
      return a === b ? 1 : 0;
    case 'lt':
      return a! < b! ? 1 : 0;
    case 'le':
      return a! <= b! ? 1 : 0;
    case 'where':
      return args[a === 1 ? 1 : 2];
    case 'not':
      return to === 'bool' ? (a === 0 ? 1 : 0) : undefined;
    case 'and':
      return to === 'bool' ? (a === 1 && b === 1 ? 1 : 0) : undefined;
    case 'or':
      return to === 'bool' ? (a === 1 || b === 1 ? 1 : 0) : undefined;
    default:
  }
  if (isFloat(from)) {
    const one = floatUnary[op];
    if (one !== undefined) return roundTo(to, one(Number(a)));
    const two = floatBinary[op];
    return two === undefined ? undefined : roundTo(to, two(Number(a), Number(b)));
  }
  if (from === 'bool') return undefined;
  if (op === 'neg') return roundTo(to, -BigInt(a!));
  const two = integerBinary[op];
  return two === undefined ? undefined : roundTo(to, two(BigInt(a!), BigInt(b!)));
}

const significand: Partial<Record<DType, number>> = {
  float16: 11,
  bfloat16: 8,
  float32: 24,
  float64: 53,
};

/** Whether every value of `from` is a value of `to`, so that casting there and on loses nothing. */
export function castIsLossless(from: DType, to: DType): boolean {
  if (from === to || from === 'bool') return true;
  if (to === 'bool') return false;
  const [a, b] = [dtypeInfo(from), dtypeInfo(to)];
  if (a.kind === 'float') {
    if (b.kind !== 'float') return false;
    return significand[to]! >= significand[from]! && Number(b.max) >= Number(a.max);
  }
  if (b.kind === 'float') {
    const bits = a.bytes * 8 - (a.kind === 'int' ? 1 : 0);
    return bits <= significand[to]! && Number(b.max) >= Number(a.max);
  }
  return b.min <= a.min && b.max >= a.max;
}
