import type { DType } from '@hebb/core';
import type { Code, I32 } from '../wasm/index.ts';
/**
 * Scalars: 16-bit floats as f32, integers up to 32 bits as i32, extended from their width, bool as 0 or 1.
 */
export type ScalarType = 'i32' | 'i64' | 'f32' | 'f64';
/** Four lanes: floats up to 32 bits as f32x4, integers as i32x4, bool as masks of all or no bits. */
export type LaneType = 'f32' | 'i32' | 'mask';
export declare function scalarType(dtype: DType): ScalarType;
/** `undefined` for 64-bit types: they are computed one by one. */
export declare function laneType(dtype: DType): LaneType | undefined;
export declare const bytesOf: (dtype: DType) => number;
export declare const isUnsigned: (dtype: DType) => boolean;
/** Cuts an integer to its width again. */
export declare function wrapScalar(dtype: DType, value: I32): I32;
/** A value in code: one scalar, or four lanes. */
export interface Value {
  readonly dtype: DType;
  readonly code: Code;
  readonly vector: boolean;
  /** Known while generating. */
  readonly constant?: number | bigint;
}
