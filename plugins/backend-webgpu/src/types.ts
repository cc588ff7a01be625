/**
 * How values are stored and computed. WebGPU addresses memory in words of 32 bits, so every narrow element takes
 * one: narrow integers are kept sign- or zero-extended, bool as 0 or 1, 16-bit floats as the float32 that
 * equals them. Where the device has halves (`shader-f16`), float16 takes its own two bytes. Integers of 64 bits
 * are two words, the low one first. What is computed is rounded or wrapped to its type where it is stored and
 * where it is cast.
 */
import { dtypeInfo, float16Bits, float16Value } from '@hebb/core';
import type { DType, HostArray } from '@hebb/core';

/** Types that this backend has: WGSL has no float64, and nothing to build it from at a bearable price. */
export const storedTypes: ReadonlySet<DType> = new Set<DType>([
  'bool',
  'uint8',
  'int8',
  'uint16',
  'int16',
  'uint32',
  'int32',
  'uint64',
  'int64',
  'float16',
  'bfloat16',
  'float32',
]);

export const wordBytes = 4;

/** How this device stores things. */
export interface Layout {
  /** float16 has two bytes of its own. */
  readonly halves: boolean;
}

/** Bytes of an element on the device. */
export function bytesOf(dtype: DType, { halves }: Layout): number {
  if (dtype === 'float16' && halves) return 2;
  return dtypeInfo(dtype).kind !== 'float' && dtypeInfo(dtype).bytes === 8 ? 8 : wordBytes;
}

/** What a value is computed as; the wide ones by hand, in pairs of words. */
export type Scalar = 'f32' | 'i32' | 'u32' | 'i64' | 'u64' | 'bool';

/** `undefined` for types that this backend lacks. */
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
    case 'int64':
      return 'i64';
    case 'uint64':
      return 'u64';
    case 'bool':
      return 'bool';
    default:
      return undefined;
  }
}

export const isWide = (scalar: Scalar): boolean => scalar === 'i64' || scalar === 'u64';

/** How WGSL writes it. */
export const typeName = (scalar: Scalar): string => (isWide(scalar) ? 'vec2<u32>' : scalar);

/** What arrays of a binding are made of. */
export type Element = 'f32' | 'i32' | 'u32' | 'f16' | 'vec2<u32>';

export function elementOf(dtype: DType, layout: Layout): Element {
  if (bytesOf(dtype, layout) === 2) return 'f16';
  const scalar = scalarOf(dtype)!;
  switch (scalar) {
    case 'bool':
      return 'u32';
    case 'i64':
    case 'u64':
      return 'vec2<u32>';
    default:
      return scalar;
  }
}

export const elementBytes = (element: Element): number =>
  element === 'f16' ? 2 : element === 'vec2<u32>' ? 8 : wordBytes;

type Words =
  | Float32Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>;

/** Host data as it is stored on the device, in whole words. */
export function toWords(data: HostArray, dtype: DType, { halves }: Layout): Words {
  const n = data.length;
  switch (dtype) {
    case 'int64':
    case 'uint64': {
      const wide = data as BigInt64Array;
      return owned(new Uint32Array(wide.buffer, wide.byteOffset, 2 * n));
    }
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
      if (halves) {
        const padded = new Uint16Array(n + (n % 2));
        padded.set(data as Uint16Array);
        return padded;
      }
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

/** What came back from the device, as the host stores it: `length` elements. */
export function fromWords(
  words: ArrayBuffer,
  dtype: DType,
  length: number,
  { halves }: Layout,
): HostArray {
  switch (dtype) {
    case 'int64':
      return new BigInt64Array(words);
    case 'uint64':
      return new BigUint64Array(words);
    case 'float32':
      return new Float32Array(words);
    case 'int32':
      return new Int32Array(words);
    case 'uint32':
      return new Uint32Array(words);
    case 'bfloat16':
      return Uint16Array.from(new Uint32Array(words), (word) => word >>> 16);
    case 'float16': {
      if (halves) return new Uint16Array(words, 0, length).slice();
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
