/**
 * Products of few rows with a matrix whose depth is contiguous (x · Wᵀ at batch 1): vectors along the depth,
 * several rows and columns at once, lanes added up at the end. Nothing is packed: every weight is read once.
 */
import { f32x4, i32, shuffle32, v128 } from '../wasm/index.ts';
import type { FunctionBuilder, I32, Local, V128 } from '../wasm/index.ts';
import { Batch } from './batch.ts';
import type { MatmulSpec } from './batch.ts';
import type { KernelPlan } from './kernel.ts';
import { transpose4 } from './pack.ts';
import { evenParts, forParts, partStart } from './parts.ts';
import { storeRow } from './store.ts';
import { madd, plus } from './target.ts';
import type { Target } from './target.ts';

/**
 * A matrix that comes from far away is read in the order in which it lies there: with several columns at once
 * the machine, which guesses what comes next, would begin anew too often.
 */
const readInOrder = ({ m, k, b }: MatmulSpec, { far }: Target): boolean =>
  far === true && m === 1 && b.column === k && k >= 64;

export function dots(spec: MatmulSpec, target: Target): KernelPlan {
  const { m, n, k, a, b, store } = spec;
  const batch = new Batch(spec);
  // Four columns make one vector of results: two of them beside a single row, one beside two. A single
  // column is computed eight rows at a time.
  const rowTiles = evenParts(m, n === 1 ? 8 : 2);
  const width = rowTiles.largest === 1 && n > 4 ? 8 : 4;
  const groups = Math.ceil(n / width);
  const lastColumns = n - (groups - 1) * width;
  const rowBlocks = evenParts(rowTiles.count, n === 1 ? 4 : 16);
  const perMatrix = groups * rowBlocks.count;
  const tile = readInOrder(spec, target) ? dotsInOrder : dotTile;

  const emit = (f: FunctionBuilder, begin: I32, end: I32): void => {
    f.for(begin, end, 1, (item) => {
      const matrix = f.local('i32', i32.divU(item, i32.const(perMatrix)));
      const rest = f.local('i32', i32.remU(item, i32.const(perMatrix)));
      const rowBlock = f.local('i32', i32.remU(rest, i32.const(rowBlocks.count)));
      const group = f.local('i32', i32.divU(rest, i32.const(rowBlocks.count)));
      const pa = f.local('i32', batch.pointer(a, 'a', matrix));
      const bGroup = i32.mul(group, i32.const(width * b.column * 4));
      const pb = f.local('i32', i32.add(batch.pointer(b, 'b', matrix), bGroup));
      const first = f.let(partStart(f, rowBlocks, rowBlock));
      const last = f.let(partStart(f, rowBlocks, i32.add(rowBlock, i32.const(1))));
      const tiles = (columns: number): void =>
        forParts(f, rowTiles, first, last, (rows, start) => {
          const row = f.local('i32', start);
          const at = i32.add(pa, i32.mul(row, i32.const(a.row * 4)));
          const left = { rows, at, step: a.row };
          const sums = tile(f, target, k, left, { columns, at: pb, step: b.column });
          sums.forEach((list, r) =>
            storeRow(
              f,
              store,
              list.map((value, j) => ({
                value,
                row: i32.add(i32.add(i32.mul(matrix, i32.const(m)), row), i32.const(r)),
                column: i32.add(i32.mul(group, i32.const(width)), i32.const(j * 4)),
                lanes: Math.min(4, columns - j * 4),
              })),
            ),
          );
        });
      if (lastColumns === width || groups === 1) tiles(lastColumns);
      else {
        f.if(
          i32.eq(group, i32.const(groups - 1)),
          () => tiles(lastColumns),
          () => tiles(width),
        );
      }
    });
  };
  return { items: m === 0 || n === 0 ? 0 : batch.size * perMatrix, scratch: 0, emit };
}

interface Rows {
  readonly rows: number;
  readonly at: I32;
  /** Elements between rows. */
  readonly step: number;
}
interface Columns {
  readonly columns: number;
  readonly at: I32;
  readonly step: number;
}

/** For each row its products with the columns, four of them a vector. */
function dotTile(f: FunctionBuilder, target: Target, depth: number, a: Rows, b: Columns): V128[][] {
  const sums = Array.from({ length: a.rows }, () =>
    Array.from({ length: b.columns }, () => f.local('v128', f32x4.const(0))),
  );
  const p = f.local('i32', a.at);
  const q = f.local('i32', b.at);
  const step = (at: number, load: (p: I32, offset: number) => V128): void =>
    f.scope(() => {
      // The shorter side stays in registers, the longer passes by.
      const short = a.rows <= b.columns;
      const rowAt = (r: number): V128 => f.let(load(p, (r * a.step + at) * 4));
      const columnAt = (c: number): V128 => f.let(load(q, (c * b.step + at) * 4));
      const held = short ? sums.map((_, r) => rowAt(r)) : sums[0]!.map((_, c) => columnAt(c));
      const passing = short ? b.columns : a.rows;
      for (let i = 0; i < passing; i++) {
        const x = short ? columnAt(i) : rowAt(i);
        held.forEach((y, j) => {
          const sum = short ? sums[j]![i]! : sums[i]![j]!;
          f.set(sum, madd(target, x, y, sum));
        });
      }
    });
  const vector = v128.load;
  const wide = depth - (depth % 8);
  if (wide > 0) {
    const end = f.local('i32', i32.add(p, i32.const(wide * 4)));
    f.loop((again) => {
      step(0, vector);
      step(4, vector);
      f.advance(p, 32);
      f.advance(q, 32);
      f.br(again, i32.ltU(p, end));
    });
  }
  let rest = 0;
  if (depth - wide >= 4) {
    step(0, vector);
    rest = 4;
  }
  for (; rest < depth - wide; rest++) step(rest, v128.load32Zero);
  if (b.columns === 1)
    return columnOfSums(
      f,
      target,
      sums.map((list) => list[0]!),
    ).map((sum) => [sum]);
  return sums.map((list) => {
    const vectors: V128[] = [];
    for (let c = 0; c < list.length; c += 4)
      vectors.push(addLanes(f, target, list.slice(c, c + 4)));
    return vectors;
  });
}

/** Products of one row with the columns, one column after the other. */
function dotsInOrder(
  f: FunctionBuilder,
  target: Target,
  depth: number,
  a: Rows,
  b: Columns,
): V128[][] {
  const chains = 4;
  const block = chains * 4;
  const q = f.local('i32', b.at);
  const totals = Array.from({ length: b.columns }, () => {
    const total = f.local('v128', f32x4.const(0));
    f.scope(() => {
      const p = f.local('i32', a.at);
      const sums = Array.from({ length: chains }, () => f.local('v128', f32x4.const(0)));
      const add = (i: number, at: number, load: (p: I32, offset: number) => V128): void =>
        f.set(sums[i]!, madd(target, load(q, at * 4), load(p, at * 4), sums[i]!));
      const end = f.local('i32', i32.add(p, i32.const((depth - (depth % block)) * 4)));
      f.loop((again) => {
        sums.forEach((_, i) => add(i, i * 4, v128.load));
        f.advance(p, block * 4);
        f.advance(q, block * 4);
        f.br(again, i32.ltU(p, end));
      });
      const left = depth % block;
      let at = 0;
      for (; at + 4 <= left; at += 4) add(at / 4, at, v128.load);
      for (; at < left; at++) add(at % chains, at, v128.load32Zero);
      f.advance(q, left * 4);
      const pair = (i: number): V128 => plus(target, sums[i]!, sums[i + 1]!);
      f.set(total, plus(target, pair(0), pair(2)));
    });
    return total;
  });
  const vectors: V128[] = [];
  for (let c = 0; c < totals.length; c += 4) {
    vectors.push(addLanes(f, target, totals.slice(c, c + 4)));
  }
  return [vectors];
}

/** Lane i of the result is the sum of the lanes of vector i. */
export function addLanes(f: FunctionBuilder, target: Target, list: readonly Local<'v128'>[]): V128 {
  const rows: V128[] = [...list];
  while (rows.length < 4) rows.push(list.at(-1)!);
  const [a, b, c, d] = transpose4(f, rows) as [V128, V128, V128, V128];
  return f.let(plus(target, plus(target, a, b), plus(target, c, d)));
}

/** Sums of single vectors, four added up together; each result in lane 0. */
function columnOfSums(f: FunctionBuilder, target: Target, list: readonly Local<'v128'>[]): V128[] {
  const results: V128[] = [];
  for (let i = 0; i < list.length; i += 4) {
    const four = list.slice(i, i + 4);
    const sums = addLanes(f, target, four);
    four.forEach((_, lane) =>
      results.push(lane === 0 ? sums : shuffle32(sums, sums, [lane, lane, lane, lane])),
    );
  }
  return results;
}
