/** Values of the definition evaluator: plain arrays of exact numbers, rounded to their dtype after every op. */
import {
  bfloat16Bits,
  bfloat16Value,
  dtypeInfo,
  float16Bits,
  float16Value,
  isFloat,
  sizeOf,
  stridesOf,
} from '@hebb/core';
import type { Aval, DType, HostArray, Shape } from '@hebb/core';

/** 64-bit integers are BigInts; everything else is a number, bool as 0 and 1. */
export type Num = number | bigint;

export interface Value extends Aval {
  readonly data: readonly Num[];
}

/** The number as the dtype stores it: floats rounded half to even, integers wrapped to their width. */
export function store(x: Num, dtype: DType): Num {
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

/** Storage form to exact numbers. */
export function fromHost(data: HostArray, aval: Aval): Value {
  const numbers = Array.from<Num, Num>(data, (x) =>
    aval.dtype === 'float16'
      ? float16Value(Number(x))
      : aval.dtype === 'bfloat16'
        ? bfloat16Value(Number(x))
        : x,
  );
  return { shape: aval.shape, dtype: aval.dtype, data: numbers };
}

/** Exact numbers to storage form. */
export function toHost(value: { readonly dtype: DType; readonly data: readonly Num[] }): HostArray {
  const { dtype, data } = value;
  const out = dtypeInfo(dtype).allocate(data.length);
  data.forEach((x, i) => {
    out[i] =
      dtype === 'float16'
        ? float16Bits(Number(x))
        : dtype === 'bfloat16'
          ? bfloat16Bits(Number(x))
          : dtypeInfo(dtype).big
            ? BigInt(x)
            : Number(x);
  });
  return out;
}

/** Every position of a shape, row-major. */
export function positions(shape: Shape): number[][] {
  const size = sizeOf(shape);
  const strides = stridesOf(shape);
  return Array.from({ length: size }, (_, flat) =>
    shape.map((dim, i) => Math.floor(flat / strides[i]!) % dim),
  );
}

const knownStrides = new WeakMap<Shape, readonly number[]>();

/** Where a position lies in row-major order. */
export function offset(shape: Shape, position: readonly number[]): number {
  let strides = knownStrides.get(shape);
  if (strides === undefined) knownStrides.set(shape, (strides = stridesOf(shape)));
  let flat = 0;
  for (let i = 0; i < position.length; i++) flat += position[i]! * strides[i]!;
  return flat;
}

/** Reads an element by position. */
export function at(x: Value, position: readonly number[]): Num {
  const value = x.data[offset(x.shape, position)];
  if (value === undefined) {
    throw new RangeError(`position [${position.join(',')}] lies outside [${x.shape.join(',')}]`);
  }
  return value;
}

/** A value of the aval's type from a function of the position. */
export function build(aval: Aval, element: (position: number[], flat: number) => Num): Value {
  return {
    shape: aval.shape,
    dtype: aval.dtype,
    data: positions(aval.shape).map((position, flat) => store(element(position, flat), aval.dtype)),
  };
}

/** Exact sum of products and the like: BigInt for integers, so that wrapping comes last. */
export class Accumulator {
  readonly #float: boolean;
  #sum: Num;

  constructor(dtype: DType, start: 0 | 1 = 0) {
    this.#float = isFloat(dtype);
    this.#sum = this.#float ? start : BigInt(start);
  }

  add(...factors: Num[]): void {
    if (this.#float) {
      let product = 1;
      for (const factor of factors) product *= Number(factor);
      this.#sum = Number(this.#sum) + product;
    } else {
      let product = 1n;
      for (const factor of factors) product *= BigInt(factor);
      this.#sum = BigInt(this.#sum) + product;
    }
  }

  multiply(factor: Num): void {
    this.#sum = this.#float
      ? Number(this.#sum) * Number(factor)
      : BigInt(this.#sum) * BigInt(factor);
  }

  get value(): Num {
    return this.#sum;
  }
}

/** Order of sorting and of extrema: NaN is the largest. */
export function compare(a: Num, b: Num): number {
  const [nanA, nanB] = [Number.isNaN(a), Number.isNaN(b)];
  if (nanA || nanB) return Number(nanA) - Number(nanB);
  return a < b ? -1 : a > b ? 1 : 0;
}
