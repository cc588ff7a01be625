/**
 * The register tile: rows x (4 · vectors) sums held in registers while the depth is walked. x86-64 has 16
 * vector registers, of which V8 keeps one: a tile fits when rows · vectors + min(rows, vectors) + 1 <= 15.
 * 6 x 8 (12 sums, 2 vectors of B, 1 broadcast of A) reaches 95 % of the machine's multiply-add rate.
 */
import { f32x4, v128 } from '../wasm/index.ts';
import type { FunctionBuilder, I32, Local, V128 } from '../wasm/index.ts';
import { walkDepth } from './depth.ts';
import type { DepthAxis } from './depth.ts';
import { madd } from './target.ts';
import type { Target } from './target.ts';

/** The most vectors beside a number of rows; index: rows. */
const widest = [0, 12, 6, 3, 2, 2, 2] as const;
export const maxRows = 6;

export function widestTile(rows: number): number {
  return widest[Math.min(rows, maxRows)]!;
}

export interface TileOperands {
  /** First element of the tile's rows, and bytes between rows. */
  readonly a: I32;
  readonly aRow: number;
  /** First of the tile's columns, which lie side by side. */
  readonly b: I32;
  readonly depth: readonly DepthAxis[];
}

/** Emits the sums of one tile; `sums[row][vector]` are locals that the caller stores. */
export function emitTile(
  f: FunctionBuilder,
  target: Target,
  rows: number,
  vectors: number,
  { a, aRow, b, depth }: TileOperands,
): Local<'v128'>[][] {
  const sums = Array.from({ length: rows }, () =>
    Array.from({ length: vectors }, () => f.local('v128', f32x4.const(0))),
  );
  walkDepth(f, a, b, depth, (pa, pb, aAt, bAt) => {
    const broadcast = (row: number): V128 => v128.load32Splat(pa, row * aRow + aAt);
    const vector = (j: number): V128 => v128.load(pb, bAt + j * 16);
    const add = (row: number, j: number, x: V128, y: V128): void =>
      f.set(sums[row]![j]!, madd(target, x, y, sums[row]![j]!));
    // The shorter side stays in registers, the longer passes by.
    if (vectors <= rows) {
      const bs = Array.from({ length: vectors }, (_, j) => f.local('v128', vector(j)));
      for (let row = 0; row < rows; row++) {
        const x = f.let(broadcast(row));
        bs.forEach((y, j) => add(row, j, x, y));
      }
    } else {
      const as = Array.from({ length: rows }, (_, row) => f.local('v128', broadcast(row)));
      for (let j = 0; j < vectors; j++) {
        const y = f.let(vector(j));
        as.forEach((x, row) => add(row, j, x, y));
      }
    }
  });
  return sums;
}
