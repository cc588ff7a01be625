import type { FunctionBuilder, I32, Local } from '../wasm/index.ts';
import type { DepthAxis } from './depth.ts';
import type { Target } from './target.ts';
export declare const maxRows = 6;
export declare function widestTile(rows: number): number;
export interface TileOperands {
  /** First element of the tile's rows, and bytes between rows. */
  readonly a: I32;
  readonly aRow: number;
  /** First of the tile's columns, which lie side by side. */
  readonly b: I32;
  readonly depth: readonly DepthAxis[];
}
/** Emits the sums of one tile; `sums[row][vector]` are locals that the caller stores. */
export declare function emitTile(
  f: FunctionBuilder,
  target: Target,
  rows: number,
  vectors: number,
  { a, aRow, b, depth }: TileOperands,
): Local<'v128'>[][];
