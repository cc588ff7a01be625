/** Which keys a query may look at by their positions alone. */
import { and, ge, gt, iota, lt, reshape, sub } from '@hebb/core';
import type { Tensor } from '@hebb/core';

/** Query i stands at position i + offset among the keys. */
export type Band = {
  /** Only keys at or before the query's position. */
  readonly causal: boolean;
  /** Position of the first query: the number of keys before it, with a cache. */
  readonly offset: number;
  /** Only keys nearer than this; 0: all. */
  readonly window: number;
};

/** True where the key may be looked at, [L, S]; `undefined` where that is everywhere. */
export function bandMask(
  queries: number,
  keys: number,
  { causal, window }: Band,
  offset: Tensor | number,
): Tensor | undefined {
  if (!causal && window === 0) return undefined;
  const row = reshape(iota(queries), [queries, 1]);
  const distance = sub(offset === 0 ? row : row.add(offset), iota(keys));
  const past = causal ? ge(distance, 0) : undefined;
  if (window === 0) return past;
  const near = lt(distance, window);
  return and(near, past ?? gt(distance, -window));
}

/** Whether there are queries that may look at no key. */
export function mayHideRows(queries: number, keys: number, band: Band): boolean {
  const { causal, offset, window } = band;
  if (!causal && window === 0) return false;
  const last = offset + queries - 1;
  const before = causal ? offset < 0 : offset + window <= 0;
  const after = window > 0 && last - window + 1 > keys - 1;
  return before || after;
}
