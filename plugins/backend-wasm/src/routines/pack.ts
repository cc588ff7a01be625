/**
 * Packing: the columns of one panel are copied side by side, step after step of the depth, so that the
 * register tile reads one stream. Columns that do not exist are whatever lies there; nobody stores them.
 */
import { i32, shuffle32, v128 } from '../wasm/index.ts';
import type { FunctionBuilder, I32, Local, V128 } from '../wasm/index.ts';
import { repeat } from './parts.ts';

/** The four lanes loaded one by one from pointers plus a common offset. */
export function gatherLanes(f: FunctionBuilder, pointers: readonly I32[], offset = 0): V128 {
  let value: V128 = v128.load32Zero(pointers[0]!, offset);
  for (let lane = 1; lane < pointers.length; lane++) {
    value = v128.load32Lane(value, lane, pointers[lane]!, offset);
  }
  return f.let(value);
}

/** Four vectors as the rows of a 4 x 4 matrix, transposed. */
export function transpose4(f: FunctionBuilder, rows: readonly V128[]): V128[] {
  const [a, b, c, d] = rows as [V128, V128, V128, V128];
  const ab0 = f.let(shuffle32(a, b, [0, 4, 1, 5]));
  const ab1 = f.let(shuffle32(a, b, [2, 6, 3, 7]));
  const cd0 = f.let(shuffle32(c, d, [0, 4, 1, 5]));
  const cd1 = f.let(shuffle32(c, d, [2, 6, 3, 7]));
  return [
    shuffle32(ab0, cd0, [0, 1, 4, 5]),
    shuffle32(ab0, cd0, [2, 3, 6, 7]),
    shuffle32(ab1, cd1, [0, 1, 4, 5]),
    shuffle32(ab1, cd1, [2, 3, 6, 7]),
  ];
}

export interface PanelSource {
  /** Its first element. */
  readonly from: I32;
  /** Elements between columns, and between steps of the depth. */
  readonly column: number;
  readonly step: number;
  readonly depth: number;
}

/** Copies `columns` columns into a panel whose steps are `width` (a multiple of 4) elements apart. */
export function packPanel(
  f: FunctionBuilder,
  { from, column, step, depth }: PanelSource,
  to: I32,
  columns: number,
  width: number,
): void {
  if (column === 1) packNeighbours(f, from, step, depth, to, columns, width);
  else if (step === 1) packTransposed(f, from, column, depth, to, columns, width);
  else packAny(f, { from, column, step, depth }, to, columns, width);
}

const vectorsOf = (columns: number): number[] =>
  Array.from({ length: Math.ceil(columns / 4) }, (_, j) => j);

function packNeighbours(
  f: FunctionBuilder,
  from: I32,
  step: number,
  depth: number,
  to: I32,
  columns: number,
  width: number,
): void {
  const p = f.local('i32', from);
  const q = f.local('i32', to);
  repeat(f, depth, 4, (count) => {
    for (let u = 0; u < count; u++) {
      for (const j of vectorsOf(columns)) {
        f.store('v128', q, v128.load(p, u * step * 4 + j * 16), (u * width + j * 4) * 4);
      }
    }
    f.advance(p, count * step * 4);
    f.advance(q, count * width * 4);
  });
}

function packTransposed(
  f: FunctionBuilder,
  from: I32,
  column: number,
  depth: number,
  to: I32,
  columns: number,
  width: number,
): void {
  for (const j of vectorsOf(columns)) {
    f.scope(() => {
      // A column that does not exist would lie outside the matrix: the last one stands in.
      const pointers = [0, 1, 2, 3].map((lane) =>
        f.local('i32', i32.add(from, i32.const(Math.min(j * 4 + lane, columns - 1) * column * 4))),
      );
      const q = f.local('i32', i32.add(to, i32.const(j * 16)));
      const move = (count: number): void => {
        for (const p of pointers) f.advance(p, count * 4);
        f.advance(q, count * width * 4);
      };
      repeat(f, depth, 4, (count) => {
        if (count === 4) {
          const rows = pointers.map((p) => f.let(v128.load(p)));
          transpose4(f, rows).forEach((value, u) => f.store('v128', q, value, u * width * 4));
        } else f.store('v128', q, gatherLanes(f, pointers));
        move(count);
      });
    });
  }
}

function packAny(
  f: FunctionBuilder,
  { from, column, step, depth }: PanelSource,
  to: I32,
  columns: number,
  width: number,
): void {
  const p = f.local('i32', from);
  const q = f.local('i32', to);
  repeat(f, depth, 1, () => {
    for (const j of vectorsOf(columns)) {
      const pointers = [0, 1, 2, 3].map((lane) =>
        i32.add(p, i32.const(Math.min(j * 4 + lane, columns - 1) * column * 4)),
      );
      f.store('v128', q, gatherLanes(f, pointers), j * 16);
    }
    f.advance(p, step * 4);
    f.advance(q, width * 4);
  });
}

/** Rows of A whose depth is not contiguous, copied as [depth][rows]. */
export function packRows(
  f: FunctionBuilder,
  from: I32,
  row: number,
  step: number,
  depth: number,
  to: I32,
  rows: number,
): void {
  const p = f.local('i32', from);
  const q: Local<'i32'> = f.local('i32', to);
  repeat(f, depth, 2, (count) => {
    for (let u = 0; u < count; u++) {
      const at = u * step * 4;
      const out = u * rows * 4;
      if (row === 1) {
        // Whole vectors, the last one overlapping the one before.
        if (rows >= 4) f.store('v128', q, v128.load(p, at), out);
        const rest = rows >= 4 ? rows - 4 : rows;
        const done = rows - rest;
        for (let r = 0; r < rest; r++) {
          f.storeLane(32, q, v128.load32Zero(p, at + (done + r) * 4), 0, out + (done + r) * 4);
        }
      } else {
        for (let r = 0; r < rows; r++) {
          f.storeLane(32, q, v128.load32Zero(p, at + r * row * 4), 0, out + r * 4);
        }
      }
    }
    f.advance(p, count * step * 4);
    f.advance(q, count * rows * 4);
  });
}
