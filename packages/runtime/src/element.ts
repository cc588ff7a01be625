/** Element types and the arrays that hold them. */

interface Arrays {
  bool: Uint8Array;
  uint8: Uint8Array;
  int8: Int8Array;
  uint16: Uint16Array;
  int16: Int16Array;
  uint32: Uint32Array;
  int32: Int32Array;
  uint64: BigUint64Array;
  int64: BigInt64Array;
  float16: Uint16Array;
  bfloat16: Uint16Array;
  float32: Float32Array;
  float64: Float64Array;
}

const arrays = {
  bool: Uint8Array,
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  uint32: Uint32Array,
  int32: Int32Array,
  uint64: BigUint64Array,
  int64: BigInt64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  float32: Float32Array,
  float64: Float64Array,
} as const;

/** Names as in `@hebb/core`. Booleans are bytes 0 and 1; 16-bit floats are given as their bits. */
export type ElementType = keyof Arrays;

/** The array class of an element type. */
export type ArrayOf<D extends ElementType> = Arrays[D];

export type ElementArray = ArrayOf<ElementType>;

export const isElementType = (name: unknown): name is ElementType =>
  typeof name === 'string' && Object.hasOwn(arrays, name);

export const bytesPerElement = (dtype: ElementType): number => arrays[dtype].BYTES_PER_ELEMENT;

export const arrayName = (dtype: ElementType): string => arrays[dtype].name;

export const isArrayOf = (dtype: ElementType, value: unknown): value is ElementArray =>
  value instanceof arrays[dtype];

/** A window on memory. */
export const viewOf = (
  dtype: ElementType,
  buffer: ArrayBuffer,
  address: number,
  length: number,
): ElementArray => new arrays[dtype](buffer, address, length);

export const sizeOf = (shape: readonly number[]): number => shape.reduce((n, dim) => n * dim, 1);

export const formatShape = (shape: readonly (number | string)[]): string => `[${shape.join(',')}]`;
