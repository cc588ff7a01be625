/** Blocks of queries with the keys that they may look at. */
import { narrow, pad } from '@hebb/core';
import type { Shape, Tensor } from '@hebb/core';
import type { Band } from './visible.ts';

export interface Part {
  readonly query: number;
  readonly queries: number;
  readonly key: number;
  readonly keys: number;
  /** Position of the part's first query among its keys. */
  readonly offset: number;
}

/** Queries of a part at least, and parts at most, where a band hides keys. */
const leastQueries = 32;
const mostParts = 16;
/** How to cut attention so that hidden keys cost nothing. Parts are few: each is kernels of its own. */
export function partsOf(q: Shape, k: Shape, band: Band): Part[] {
  const { causal, window, offset } = band;
  const [queries, keys] = [q.at(-2)!, k.at(-2)!];
  let size = queries;
  if (causal || window > 0) size = Math.max(leastQueries, Math.ceil(queries / mostParts));
  // Whole vectors of rows.
  size = Math.ceil(size / 8) * 8;
  const parts: Part[] = [];
  for (let query = 0; query < queries; query += size) {
    const count = Math.min(size, queries - query);
    const first = query + offset;
    const reach = causal ? first + count : window > 0 ? first + count - 1 + window : keys;
    const end = Math.min(keys, Math.max(1, reach));
    const start = window > 0 ? Math.min(end - 1, Math.max(0, first - window + 1)) : 0;
    parts.push({ query, queries: count, key: start, keys: end - start, offset: first - start });
  }
  return parts;
}

/** Where a part's piece of an input begins on each axis, and how large it is. */
function placeOf(
  x: Shape,
  what: 'query' | 'key' | 'mask',
  part: Part,
): [low: number[], size: number[]] {
  const low = x.map(() => 0);
  const size = [...x];
  const cut = (axis: number, start: number, count: number): void => {
    if (axis < 0 || (what === 'mask' && x[axis] === 1)) return;
    low[axis] = start;
    size[axis] = count;
  };
  const rows = x.length - 2;
  if (what === 'key') cut(rows, part.key, part.keys);
  else cut(rows, part.query, part.queries);
  if (what === 'mask') cut(rows + 1, part.key, part.keys);
  return [low, size];
}

export function pieceOf(x: Tensor, what: 'query' | 'key' | 'mask', part: Part): Tensor {
  const [low, size] = placeOf(x.shape, what, part);
  return low.reduce((y, start, axis) => narrow(y, axis, start, size[axis]!), x);
}

/** A piece at its place among zeros. */
export function atPlace(
  piece: Tensor,
  shape: Shape,
  what: 'query' | 'key' | 'mask',
  part: Part,
): Tensor {
  const [low, size] = placeOf(shape, what, part);
  return pad(piece, { low, high: shape.map((n, i) => n - size[i]! - low[i]!) });
}
