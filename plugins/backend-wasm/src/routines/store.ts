/** Where the sums of a routine go: stored as they are, or handed to code that runs on each of them. */
import { i32, v128 } from '../wasm/index.ts';
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

export interface StoreResult {
  (f: FunctionBuilder, result: ResultVector): void;
  /** The same for several vectors, where they are better off side by side. */
  readonly together?: (f: FunctionBuilder, results: readonly ResultVector[]) => void;
}

/** Stores neighbours of one row. */
export function storeRow(
  f: FunctionBuilder,
  store: StoreResult,
  results: readonly ResultVector[],
): void {
  if (store.together !== undefined && results.length > 1) store.together(f, results);
  else for (const result of results) store(f, result);
}

/** Scratch memory that `storeTile` needs. */
export const tileBytes = (store: StoreResult, rows: number, vectors: number): number =>
  store.together === undefined ? 0 : rows * vectors * 16;

/**
 * Stores the sums of a tile; `place` says where those of its first row stand. Long code runs in a loop over
 * the rows, with the sums in memory: written out for each row it would make the engine move the waiting
 * ones between registers and stack all the time.
 */
export function storeTile(
  f: FunctionBuilder,
  store: StoreResult,
  sums: readonly (readonly V128[])[],
  scratch: I32,
  place: (vector: number) => Omit<ResultVector, 'value'>,
): void {
  const results = (row: number, values: readonly V128[], turn: I32): ResultVector[] =>
    values.map((value, j) => {
      const at = place(j);
      return { ...at, value, row: i32.add(at.row, i32.add(turn, i32.const(row))) };
    });
  if (store.together === undefined || sums.length === 1) {
    sums.forEach((list, row) => storeRow(f, store, results(row, list, i32.const(0))));
    return;
  }
  const width = sums[0]!.length * 16;
  sums.forEach((list, row) =>
    list.forEach((value, j) => f.store('v128', scratch, value, row * width + j * 16)),
  );
  f.for(i32.const(0), i32.const(sums.length), 1, (turn) => {
    const from = f.let(i32.add(scratch, i32.mul(turn, i32.const(width))));
    const values = sums[0]!.map((_, j) => f.let(v128.load(from, j * 16)));
    storeRow(f, store, results(0, values, turn));
  });
}

/** Writes the first lanes of a vector of 32-bit elements. */
export function storeLanes(f: FunctionBuilder, at: I32, value: V128, lanes: number): void {
  if (lanes >= 4) f.store('v128', at, value);
  else if (lanes === 1) f.storeLane(32, at, value, 0);
  else {
    const kept = f.let(value);
    f.storeLane(64, at, kept, 0);
    if (lanes === 3) f.storeLane(32, at, kept, 2, 8);
  }
}

/**
 * A row-major float32 matrix from a pointer; or, given their number of rows and the elements between them,
 * several.
 */
export function storeMatrix(
  pointer: I32,
  columns: number,
  several?: { readonly rows: number; readonly step: number },
): StoreResult {
  return (f, { value, row, column, lanes, step = 1 }) => {
    let start: I32;
    if (several === undefined) start = i32.mul(row, i32.const(columns));
    else {
      const at = f.let(row);
      const matrix = f.let(i32.divU(at, i32.const(several.rows)));
      // The gap between two matrices, for each one that lies before.
      const gap = several.step - several.rows * columns;
      start = i32.add(i32.mul(at, i32.const(columns)), i32.mul(matrix, i32.const(gap)));
    }
    const at = i32.add(pointer, i32.mul(i32.add(start, column), i32.const(4)));
    if (step === 1) storeLanes(f, at, value, lanes);
    else {
      const first = f.let(at);
      for (let lane = 0; lane < lanes; lane++) {
        f.storeLane(32, first, value, lane, lane * step * 4);
      }
    }
  };
}
