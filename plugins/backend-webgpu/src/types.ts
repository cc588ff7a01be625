/**
 * How values are stored and computed. WebGPU addresses memory in words of 32 bits, so every element takes
 * one: narrow integers are kept sign- or zero-extended, bool as 0 or 1, 16-bit floats as the float32 that
 * equals them. What is computed is rounded or wrapped to its type where it is stored and where it is cast.
 */
import { dtypeInfo, float16Bits, float16Value } from '@hebb/core';
import type { DType, HostArray } from '@hebb/core';

/** Types that this backend has: WGSL knows none of 64 bits. */
export const storedTypes: ReadonlySet<DType> = new Set<DType>([
  'bool',
  'uint8',
  'int8',
  'uint16',
  'int16',
  'uint32',
  'int32',
  'float16',
  'bfloat16',
  'float32',
]);

export const wordBytes = 4;

export type Scalar = 'f32' | 'i32' | 'u32' | 'bool';

/** What a value is computed as; `undefined` for types that this backend lacks. */
export function scalarOf(dtype: DType): Scalar | undefined {
  switch (dtype) {
    case 'float32':
    case 'float16':
    case 'bfloat16':
      return 'f32';
    case 'int8':
    case 'int16':
    case 'int32':
      return 'i32';
    case 'uint8':
    case 'uint16':
    case 'uint32':
      return 'u32';
    case 'bool':
      return 'bool';
    default:
      return undefined;
  }
}

/** What it is stored as. */
export const storageOf = (scalar: Scalar): Exclude<Scalar, 'bool'> =>
  scalar === 'bool' ? 'u32' : scalar;

type Words = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** Host data as it is stored on the device. */
export function toWords(data: HostArray, dtype: DType): Words {
  const n = data.length;
  switch (dtype) {
    case 'float32':
      return owned(data as Float32Array);
    case 'int32':
      return owned(data as Int32Array);
    case 'uint32':
      return owned(data as Uint32Array);
    // By their bits: a NaN keeps its payload.
    case 'bfloat16':
      return Uint32Array.from(data as Uint16Array, (bits) => bits << 16);
    case 'float16': {
      const out = new Float32Array(n);
      const words = new Uint32Array(out.buffer);
      (data as Uint16Array).forEach((bits, i) => {
        if (isHalfNan(bits)) {
          words[i] = ((bits & 0x8000) << 16) | 0x7f800000 | ((bits & 0x3ff) << 13);
        } else out[i] = float16Value(bits);
      });
      return out;
    }
    default: {
      const out = dtypeInfo(dtype).kind === 'int' ? new Int32Array(n) : new Uint32Array(n);
      for (let i = 0; i < n; i++) out[i] = Number(data[i]);
      return out;
    }
  }
}

const isHalfNan = (bits: number): boolean => (bits & 0x7c00) === 0x7c00 && (bits & 0x3ff) !== 0;

/** The queue does not take views on shared memory. */
function owned<T extends Float32Array | Int32Array | Uint32Array>(data: T): Words {
  return (data.buffer instanceof ArrayBuffer ? data : data.slice()) as Words;
}

/** What came back from the device, as the host stores it. */
export function fromWords(words: ArrayBuffer, dtype: DType): HostArray {
  switch (dtype) {
    case 'float32':
      return new Float32Array(words);
    case 'int32':
      return new Int32Array(words);
    case 'uint32':
      return new Uint32Array(words);
    case 'bfloat16':
      return Uint16Array.from(new Uint32Array(words), (word) => word >>> 16);
    case 'float16': {
      const values = new Float32Array(words);
      return Uint16Array.from(new Uint32Array(words), (word, i) =>
        Number.isNaN(values[i])
          ? ((word >>> 16) & 0x8000) | 0x7c00 | ((word >>> 13) & 0x3ff || 0x200)
          : float16Bits(values[i]!),
      );
    }
    default: {
      const source =
        dtypeInfo(dtype).kind === 'int' ? new Int32Array(words) : new Uint32Array(words);
      const out = dtypeInfo(dtype).allocate(source.length);
      for (let i = 0; i < source.length; i++) out[i] = source[i]!;
      return out;
    }
  }
}
