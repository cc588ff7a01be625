/** What elementwise primitives mean, one element at a time. */
import { dtypeInfo, isFloat } from '@hebb/core';
import type { Attrs, Aval, DType } from '@hebb/core';
import { build, fromHost, store, toHost } from './values.ts';
import type { Num, Value } from './values.ts';

/** erf by its series with positive terms: 2/√π e^(-x²) Σ 2ⁿ x^(2n+1) / (2n+1)!!, so nothing cancels. */
export function erf(x: number): number {
  if (Number.isNaN(x)) return NaN;
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; n < 200 && Math.abs(term) > Math.abs(sum) * 1e-18; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

function roundHalfToEven(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  const up = rest > 0.5 || (rest === 0.5 && low % 2 !== 0);
  const result = up ? low + 1 : low;
  return result === 0 && (x < 0 || Object.is(x, -0)) ? -0 : result;
}

const sameFloat: Readonly<Record<string, (x: number) => number>> = {
  neg: (x) => -x,
  abs: Math.abs,
  sign: Math.sign,
  floor: Math.floor,
  ceil: Math.ceil,
  round: roundHalfToEven,
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
};

const integerUnary: Readonly<Record<string, (x: bigint) => bigint>> = {
  neg: (x) => -x,
  abs: (x) => (x < 0n ? -x : x),
  sign: (x) => (x < 0n ? -1n : x > 0n ? 1n : 0n),
  not: (x) => ~x,
};

type Binary<T> = (a: T, b: T) => T;

const floatBinary: Readonly<Record<string, Binary<number>>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  // IEEE 754's pow: 1 to any power is 1, also to NaN, where JavaScript gives NaN.
  pow: (a, b) => (a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : Math.pow(a, b)),
  fmod: (a, b) => a % b,
  atan2: Math.atan2,
  maximum: Math.max,
  minimum: Math.min,
};

const integerBinary = (dtype: DType): Readonly<Record<string, Binary<bigint>>> => {
  const bits = BigInt(dtypeInfo(dtype).bytes * 8);
  return {
    add: (a, b) => a + b,
    sub: (a, b) => a - b,
    mul: (a, b) => a * b,
    div: (a, b) => a / b,
    pow: (a, b) => (b >= 0n ? a ** b : a === 1n ? 1n : a === -1n ? (b % 2n === 0n ? 1n : -1n) : 0n),
    fmod: (a, b) => a % b,
    maximum: (a, b) => (a > b ? a : b),
    minimum: (a, b) => (a < b ? a : b),
    and: (a, b) => a & b,
    or: (a, b) => a | b,
    xor: (a, b) => a ^ b,
    shiftLeft: (a, b) => (b < 0n || b >= bits ? 0n : a << b),
    shiftRight: (a, b) => (b < 0n || b >= bits ? (a < 0n ? -1n : 0n) : a >> b),
  };
};

const comparisons: Readonly<Record<string, (a: Num, b: Num) => boolean>> = {
  eq: (a, b) => a === b,
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
};

/** The outputs of an elementwise primitive, or undefined when the name is not one of them. */
export function elementwise(
  name: string,
  inputs: readonly Value[],
  attrs: Attrs,
  out: Aval,
): Value | undefined {
  const [a, b, c] = inputs;
  const map = (f: (...xs: Num[]) => Num): Value =>
    build(out, (_, i) => f(...inputs.map((x) => x.data[i]!)));
  if (name === 'alias' || name === 'stopGradient') return a!;
  if (name === 'cast') return { ...out, data: a!.data.map((x) => store(x, out.dtype)) };
  if (name === 'bitcast') {
    const bytes = toHost(a!);
    const view = dtypeInfo(attrs['dtype'] as DType).allocate(bytes.length);
    new Uint8Array(view.buffer).set(new Uint8Array(bytes.buffer));
    return fromHost(view, out);
  }
  if (name === 'where') return build(out, (_, i) => (a!.data[i] === 1 ? b!.data[i]! : c!.data[i]!));
  const comparison = comparisons[name];
  if (comparison !== undefined) return map((x, y) => Number(comparison(x!, y!)));
  if (isFloat(out.dtype)) {
    const one = sameFloat[name];
    if (one !== undefined) return map((x) => one(Number(x)));
    const two = floatBinary[name];
    return two === undefined ? undefined : map((x, y) => two(Number(x), Number(y)));
  }
  if (out.dtype === 'bool' && name === 'not') return map((x) => (x === 0 ? 1 : 0));
  const one = integerUnary[name];
  if (one !== undefined) return map((x) => one(BigInt(x!)));
  const two = integerBinary(out.dtype)[name];
  return two === undefined ? undefined : map((x, y) => two(BigInt(x!), BigInt(y!)));
}
