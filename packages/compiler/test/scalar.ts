/** Elementwise primitives on single numbers, for the interpreter of programs. */
import {
  bfloat16Bits,
  bfloat16Value,
  dtypeInfo,
  float16Bits,
  float16Value,
  isFloat,
} from '@hebb/core';
import type { DType, HostArray } from '@hebb/core';
import { roundTo } from '../src/elementwise.ts';

export type Num = number | bigint;

/** Taylor series with positive terms: 2/√π e^(-x²) Σ 2ⁿ x^(2n+1) / (2n+1)!!. */
function erf(x: number): number {
  if (Number.isNaN(x) || Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; n < 200; n++) sum += term *= (2 * x * x) / (2 * n + 1);
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

function roundEven(x: number): number {
  const low = Math.floor(x);
  const nearest = x - low === 0.5 ? low + Math.abs(low % 2) : Math.round(x);
  // Also where it comes to zero from below.
  return nearest === 0 && (x < 0 || Object.is(x, -0)) ? -0 : nearest;
}

const unary: Readonly<Record<string, (x: number) => number>> = {
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
};

const binary: Readonly<Record<string, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  pow: (a, b) => (a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b),
  fmod: (a, b) => a % b,
  atan2: Math.atan2,
  maximum: Math.max,
  minimum: Math.min,
};

const whole: Readonly<Record<string, (a: bigint, b: bigint, bits: bigint) => bigint>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => (b === 0n ? 0n : a / b),
  fmod: (a, b) => (b === 0n ? 0n : a % b),
  pow: (a, b) => (b < 0n ? 0n : a ** b),
  maximum: (a, b) => (a > b ? a : b),
  minimum: (a, b) => (a < b ? a : b),
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shiftLeft: (a, b, bits) => (b < 0n || b >= bits ? 0n : a << b),
  shiftRight: (a, b, bits) => (b < 0n || b >= bits ? (a < 0n ? -1n : 0n) : a >> b),
};

/** `from` is the dtype of the arguments, `to` that of the result. */
export function applyScalar(name: string, args: readonly Num[], from: DType, to: DType): Num {
  const [a, b] = args as [Num, Num];
  switch (name) {
    case 'cast':
      return roundTo(to, a);
    case 'bitcast':
      return bitcast(a, from, to);
    case 'where':
      return args[a === 1 ? 1 : 2]!;
    case 'eq':
      return a === b ? 1 : 0;
    case 'lt':
      return a < b ? 1 : 0;
    case 'le':
      return a <= b ? 1 : 0;
    default:
  }
  if (isFloat(from)) {
    const f = args.length === 1 ? unary[name] : binary[name];
    if (f === undefined) throw new Error(`no scalar ${name}`);
    return roundTo(to, f(Number(a), Number(b)));
  }
  const x = BigInt(a);
  if (name === 'not') return to === 'bool' ? Number(x === 0n) : roundTo(to, ~x);
  if (name === 'neg') return roundTo(to, -x);
  if (name === 'abs') return roundTo(to, x < 0n ? -x : x);
  if (name === 'sign') return roundTo(to, x < 0n ? -1n : x > 0n ? 1n : 0n);
  const f = whole[name];
  if (f === undefined) throw new Error(`no scalar ${name}`);
  return roundTo(to, f(x, BigInt(b), BigInt(dtypeInfo(from).bytes * 8)));
}

function bitcast(x: Num, from: DType, to: DType): Num {
  const source = dtypeInfo(from).allocate(1);
  write(source, from, 0, x);
  const target = dtypeInfo(to).allocate(1);
  new Uint8Array(target.buffer).set(new Uint8Array(source.buffer));
  return read(target, to, 0);
}

/** An element in storage form as a number. */
export function read(data: HostArray, dtype: DType, i: number): Num {
  const x = data[i];
  if (x === undefined) throw new RangeError(`element ${i} of ${data.length}`);
  if (dtype === 'float16') return float16Value(Number(x));
  if (dtype === 'bfloat16') return bfloat16Value(Number(x));
  return x;
}

export function write(data: HostArray, dtype: DType, i: number, x: Num): void {
  if (!(i >= 0 && i < data.length)) throw new RangeError(`element ${i} of ${data.length}`);
  if (dtype === 'float16') data[i] = float16Bits(Number(x));
  else if (dtype === 'bfloat16') data[i] = bfloat16Bits(Number(x));
  else data[i] = x;
}
