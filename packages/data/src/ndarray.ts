/** Arrays on the host: typed data with a shape, the form in which samples travel before they are tensors. */

import type { DType } from '@hebb/core';
import { DataError } from './error.ts';

export type NumericArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array;

/**
 * A dense row-major array on the host. `tensor(a.data, { shape: a.shape, dtype: a.dtype })` makes a
 * tensor of it. Half-precision floats are raw bits in a Uint16Array and bool is 0/1 bytes, as in core.
 */
export interface NDArray {
  readonly data: NumericArray;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

const dtypesOf: Readonly<Record<string, readonly DType[]>> = {
  Float32Array: ['float32'],
  Float64Array: ['float64'],
  Int8Array: ['int8'],
  Int16Array: ['int16'],
  Int32Array: ['int32'],
  BigInt64Array: ['int64'],
  Uint8Array: ['uint8', 'bool'],
  Uint16Array: ['uint16', 'float16', 'bfloat16'],
  Uint32Array: ['uint32'],
  BigUint64Array: ['uint64'],
};

/** The class of a typed array by name. Buffer and other subclasses of Uint8Array count as Uint8Array. */
function className(data: NumericArray): string {
  return data[Symbol.toStringTag];
}

/** Number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

/**
 * Wraps a typed array without copying it.
 *
 * @param shape defaults to one dimension.
 * @param dtype defaults to the array's own type (Uint8Array: uint8, Uint16Array: uint16).
 * @throws DataError when shape and data differ in size or the dtype is stored otherwise.
 */
export function ndarray(
  data: NumericArray,
  shape: readonly number[] = [data.length],
  dtype?: DType,
): NDArray {
  const allowed = dtypesOf[className(data)];
  if (allowed === undefined) {
    throw new DataError('ndarray', 'data is not a numeric typed array', { got: className(data) });
  }
  const chosen = dtype ?? allowed[0];
  if (chosen === undefined || !allowed.includes(chosen)) {
    throw new DataError('ndarray', `a ${className(data)} cannot hold ${String(dtype)}`, {
      wanted: allowed.join(' or '),
    });
  }
  for (const dim of shape) {
    if (!Number.isInteger(dim) || dim < 0) {
      throw new DataError('ndarray', 'a dimension is not a whole number of at least 0', {
        got: `[${shape.join(',')}]`,
      });
    }
  }
  if (sizeOf(shape) !== data.length) {
    throw new DataError('ndarray', 'shape and data differ in size', {
      got: `${data.length} elements`,
      wanted: `${sizeOf(shape)} for [${shape.join(',')}]`,
    });
  }
  return { data, shape: [...shape], dtype: chosen };
}

/** A zeroed array of the same class with `length` elements. */
export function allocateLike(data: NumericArray, length: number): NumericArray {
  switch (className(data)) {
    case 'Float32Array':
      return new Float32Array(length);
    case 'Float64Array':
      return new Float64Array(length);
    case 'Int8Array':
      return new Int8Array(length);
    case 'Int16Array':
      return new Int16Array(length);
    case 'Int32Array':
      return new Int32Array(length);
    case 'BigInt64Array':
      return new BigInt64Array(length);
    case 'Uint16Array':
      return new Uint16Array(length);
    case 'Uint32Array':
      return new Uint32Array(length);
    case 'BigUint64Array':
      return new BigUint64Array(length);
    default:
      return new Uint8Array(length);
  }
}

/**
 * The same memory under an array class of this realm: what another thread has sent to a vm context is of the
 * outer realm, whose classes `instanceof` does not know.
 */
export function ownClass(data: NumericArray): NumericArray {
  const { buffer, byteOffset, length } = data;
  const view = <T>(type: new (buffer: ArrayBufferLike, offset: number, length: number) => T): T =>
    new type(buffer, byteOffset, length);
  switch (className(data)) {
    case 'Float32Array':
      return view(Float32Array);
    case 'Float64Array':
      return view(Float64Array);
    case 'Int8Array':
      return view(Int8Array);
    case 'Int16Array':
      return view(Int16Array);
    case 'Int32Array':
      return view(Int32Array);
    case 'BigInt64Array':
      return view(BigInt64Array);
    case 'Uint16Array':
      return view(Uint16Array);
    case 'Uint32Array':
      return view(Uint32Array);
    case 'BigUint64Array':
      return view(BigUint64Array);
    default:
      return view(Uint8Array);
  }
}

/**
 * Copies `count` elements between arrays of the same class. The classes are checked by whoever
 * builds the arrays; the casts only choose one overload of `set`, which is the same code for all.
 */
export function copyElements(
  from: NumericArray,
  fromOffset: number,
  to: NumericArray,
  toOffset: number,
  count: number,
): void {
  const source = from.subarray(fromOffset, fromOffset + count) as Float64Array;
  (to as Float64Array).set(source, toOffset);
}
