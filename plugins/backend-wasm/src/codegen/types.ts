/** How values of each dtype are held while they are computed with. */
import { dtypeInfo } from '@hebb/core';
import type { DType } from '@hebb/core';
import { i32 } from '../wasm/index.ts';
import type { Code, I32 } from '../wasm/index.ts';

/**
 * Scalars: 16-bit floats as f32, integers up to 32 bits as i32, extended from their width, bool as 0 or 1.
 */
export type ScalarType = 'i32' | 'i64' | 'f32' | 'f64';

/** Four lanes: floats up to 32 bits as f32x4, integers as i32x4, bool as masks of all or no bits. */
export type LaneType = 'f32' | 'i32' | 'mask';

export function scalarType(dtype: DType): ScalarType {
  switch (dtype) {
    case 'float64':
      return 'f64';
    case 'float32':
    case 'float16':
    case 'bfloat16':
      return 'f32';
    case 'int64':
    case 'uint64':
      return 'i64';
    default:
      return 'i32';
  }
}

/** `undefined` for 64-bit types: they are computed one by one. */
export function laneType(dtype: DType): LaneType | undefined {
  if (dtype === 'bool') return 'mask';
  const type = scalarType(dtype);
  return type === 'f32' || type === 'i32' ? type : undefined;
}

export const bytesOf = (dtype: DType): number => dtypeInfo(dtype).bytes;
export const isUnsigned = (dtype: DType): boolean => dtypeInfo(dtype).kind === 'uint';

/** Cuts an integer to its width again. */
export function wrapScalar(dtype: DType, value: I32): I32 {
  switch (dtype) {
    case 'int8':
      return i32.extend8S(value);
    case 'int16':
      return i32.extend16S(value);
    case 'uint8':
      return i32.and(value, i32.const(0xff));
    case 'uint16':
      return i32.and(value, i32.const(0xffff));
    default:
      return value;
  }
}

/** A value in code: one scalar, or four lanes. */
export interface Value {
  readonly dtype: DType;
  readonly code: Code;
  readonly vector: boolean;
  /** Known while generating. */
  readonly constant?: number | bigint;
}
