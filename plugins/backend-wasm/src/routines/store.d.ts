import type { FunctionBuilder, I32, V128 } from '../wasm/index.ts';
/** Four neighbours of one row of results, of which the first `lanes` exist. */
export interface ResultVector {
  readonly value: V128;
  /** Index of the row, counted over everything but the columns. */
  readonly row: I32;
  readonly column: I32;
  readonly lanes: number;
  /** Columns between lanes; 1 when left out. */
  readonly step?: number;
}
export type StoreResult = (f: FunctionBuilder, result: ResultVector) => void;
/** Writes the first lanes of a vector of 32-bit elements. */
export declare function storeLanes(f: FunctionBuilder, at: I32, value: V128, lanes: number): void;
/** A row-major float32 matrix from a pointer. */
export declare function storeMatrix(pointer: I32, columns: number): StoreResult;
