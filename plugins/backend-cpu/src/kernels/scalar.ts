/** Operations on single elements, for every type that has no loop of its own. */
import { erf } from './erf.ts';

export type NumberUnary = (x: number) => number;
export type NumberBinary = (x: number, y: number) => number;
export type BigUnary = (x: bigint) => bigint;
export type BigBinary = (x: bigint, y: bigint) => bigint;
/** Throws: an integer was divided by zero. */
export type DivideByZero = () => never;

/** To the nearest integer, halves to even. */
function roundEven(x: number): number {
  const down = Math.floor(x);
  const rest = x - down;
  if (rest < 0.5) return down;
  if (rest > 0.5) return down + 1 === 0 ? -0 : down + 1;
  const even = down % 2 === 0 ? down : down + 1;
  return even === 0 && x < 0 ? -0 : even;
}

/** For floats, and (results wrap when they are stored) for integers up to 32 bits and bool. */
export const unaryNumber: { readonly [op: string]: NumberUnary } = {
  neg: (x) => -x,
  abs: Math.abs,
  sign: Math.sign,
  floor: Math.floor,
  ceil: Math.ceil,
  round: roundEven,
  trunc: Math.trunc,
  sqrt: Math.sqrt,
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  sin: Math.sin,
  cos: Math.cos,
  tanh: Math.tanh,
  erf,
  not: (x) => ~x,
};

export const unaryBig: { readonly [op: string]: BigUnary } = {
  neg: (x) => -x,
  abs: (x) => (x < 0n ? -x : x),
  sign: (x) => (x > 0n ? 1n : x < 0n ? -1n : 0n),
  not: (x) => ~x,
};

/** pow as IEEE 754 has it: JavaScript gives NaN for 1 to the NaN and for ±1 to the ±Infinity. */
function powFloat(x: number, y: number): number {
  if (x === 1 || (x === -1 && (y === Infinity || y === -Infinity))) return 1;
  return Math.pow(x, y);
}

export const binaryFloat: { readonly [op: string]: NumberBinary } = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y) => x * y,
  div: (x, y) => x / y,
  pow: powFloat,
  fmod: (x, y) => x % y,
  atan2: Math.atan2,
  maximum: Math.max,
  minimum: Math.min,
};

/** Comparisons of anything. */
export const compareNumber: { readonly [op: string]: (x: number, y: number) => boolean } = {
  eq: (x, y) => x === y,
  lt: (x, y) => x < y,
  le: (x, y) => x <= y,
};
export const compareBig: { readonly [op: string]: (x: bigint, y: bigint) => boolean } = {
  eq: (x, y) => x === y,
  lt: (x, y) => x < y,
  le: (x, y) => x <= y,
};

/** Integers up to 32 bits. `bits` is the width; results wrap when they are stored. */
export function binaryInteger(
  bits: number,
  byZero: DivideByZero,
): { readonly [op: string]: NumberBinary } {
  return {
    add: (x, y) => x + y,
    sub: (x, y) => x - y,
    mul: Math.imul,
    div: (x, y) => (y === 0 ? byZero() : Math.trunc(x / y)),
    fmod: (x, y) => (y === 0 ? byZero() : x % y),
    pow: (x, y) => {
      if (y < 0) return x === 0 ? byZero() : x === 1 ? 1 : x === -1 ? (y % 2 === 0 ? 1 : -1) : 0;
      let result = 1;
      for (let base = x, rest = y; rest > 0; rest = Math.floor(rest / 2)) {
        if (rest % 2 === 1) result = Math.imul(result, base);
        base = Math.imul(base, base);
      }
      return result;
    },
    maximum: Math.max,
    minimum: Math.min,
    and: (x, y) => x & y,
    or: (x, y) => x | y,
    xor: (x, y) => x ^ y,
    shiftLeft: (x, y) => (y >= bits || y < 0 ? 0 : x << y),
    // x is negative only for signed types: an unsigned 32-bit number needs the logical shift.
    shiftRight: (x, y) => (y >= bits || y < 0 ? (x < 0 ? -1 : 0) : x < 0 ? x >> y : x >>> y),
  };
}

/** 64-bit integers, exact; results wrap when they are stored. */
export function binaryBig(byZero: DivideByZero): { readonly [op: string]: BigBinary } {
  return {
    add: (x, y) => x + y,
    sub: (x, y) => x - y,
    mul: (x, y) => x * y,
    div: (x, y) => (y === 0n ? byZero() : x / y),
    fmod: (x, y) => (y === 0n ? byZero() : x % y),
    pow: (x, y) => {
      if (y < 0n) {
        return x === 0n ? byZero() : x === 1n ? 1n : x === -1n ? (y % 2n === 0n ? 1n : -1n) : 0n;
      }
      let result = 1n;
      // Wrapped at every step: a large exponent would otherwise build an enormous number.
      for (let base = x, rest = y; rest > 0n; rest >>= 1n) {
        if ((rest & 1n) === 1n) result = BigInt.asIntN(64, result * base);
        base = BigInt.asIntN(64, base * base);
      }
      return result;
    },
    maximum: (x, y) => (x > y ? x : y),
    minimum: (x, y) => (x < y ? x : y),
    and: (x, y) => x & y,
    or: (x, y) => x | y,
    xor: (x, y) => x ^ y,
    shiftLeft: (x, y) => (y >= 64n || y < 0n ? 0n : x << y),
    shiftRight: (x, y) => (y >= 64n || y < 0n ? (x < 0n ? -1n : 0n) : x >> y),
  };
}
