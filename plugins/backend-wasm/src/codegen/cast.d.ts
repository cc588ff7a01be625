/** Conversions between element types: single values and lanes. */
import type { DType } from '@hebb/core';
import type { Code, F32, FunctionBuilder, I32, V128 } from '../wasm/index.ts';
export declare const isHalf: (dtype: DType) => boolean;
export declare function castScalar(f: FunctionBuilder, from: DType, to: DType, value: Code): Code;
/** The same bits as another type of the same width. */
export declare function bitcastScalar(
  f: FunctionBuilder,
  from: DType,
  to: DType,
  value: Code,
): Code;
/** Bits of a 16-bit float in the low half. */
export declare function encodeScalar(f: FunctionBuilder, dtype: DType, value: F32): I32;
export declare function decodeScalar(f: FunctionBuilder, dtype: DType, bits: I32): F32;
/** Cuts lanes of integers to their width again. */
export declare function wrapLanes(dtype: DType, value: V128): V128;
export declare function castLanes(f: FunctionBuilder, from: DType, to: DType, value: V128): V128;
export declare function bitcastLanes(f: FunctionBuilder, from: DType, to: DType, value: V128): V128;
