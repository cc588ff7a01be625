/** Reading and writing elements of each dtype: single ones, and four lanes at any distance. */
import type { DType } from '@hebb/core';
import type { Code, FunctionBuilder, I32, V128 } from '../wasm/index.ts';
export declare function loadScalar(
  f: FunctionBuilder,
  dtype: DType,
  at: I32,
  offset?: number,
): Code;
export declare function storeScalar(f: FunctionBuilder, dtype: DType, at: I32, value: Code): void;
/**
 * Four lanes `stride` elements apart. Lanes from `lanes` on may be anything; more than 32 bytes beyond the
 * ones that exist are never touched.
 */
export declare function loadLanes(
  f: FunctionBuilder,
  dtype: DType,
  at: I32,
  stride: number,
  lanes: number,
): V128;
/** Lanes from addresses of their own. */
export declare function loadEach(f: FunctionBuilder, dtype: DType, addresses: readonly I32[]): V128;
export declare function storeLanes(
  f: FunctionBuilder,
  dtype: DType,
  at: I32,
  value: V128,
  stride: number,
  lanes: number,
): void;
/** Lanes to addresses of their own. */
export declare function storeEach(
  f: FunctionBuilder,
  dtype: DType,
  addresses: readonly I32[],
  value: V128,
  encoded?: boolean,
): void;
