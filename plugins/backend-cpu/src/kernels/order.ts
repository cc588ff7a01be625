/** Running sums and sorting along one line of elements. */
import type { HostArray } from '@hebb/core';

/** Floats run in float64; integers wrap at each store. */
export function cumulate(
  o: HostArray,
  oi: number,
  os: number,
  x: HostArray,
  xi: number,
  xs: number,
  n: number,
  exclusive: boolean,
  reverse: boolean,
): void {
  const big = o instanceof BigInt64Array || o instanceof BigUint64Array;
  const float = o instanceof Float32Array || o instanceof Float64Array;
  // Numbers and BigInts do not mix; within one array the operator does the right one.
  let total: number = big ? (0n as never) : 0;
  for (let k = 0; k < n; k++) {
    const i = reverse ? n - 1 - k : k;
    const value = x[xi + i * xs] as number;
    const next = total + value;
    o[oi + i * os] = exclusive ? total : next;
    if (float) total = next;
    else if (big) total = BigInt.asIntN(64, next as never) as never;
    else total = next | 0;
  }
}

type Keys = Float64Array | readonly bigint[];

/** NaN counts as the largest. */
function before(a: number | bigint, b: number | bigint): boolean {
  return a < b || (b !== b && a === a);
}

/**
 * Positions of the keys in order, by bottom-up merging: stable in both directions, since a later element
 * goes first only where it is strictly smaller (or larger).
 */
export function mergeSort(keys: Keys, n: number, descending: boolean): Int32Array {
  let from = new Int32Array(n);
  let to = new Int32Array(n);
  for (let i = 0; i < n; i++) from[i] = i;
  for (let width = 1; width < n; width *= 2) {
    for (let start = 0; start < n; start += 2 * width) {
      const middle = Math.min(start + width, n);
      const end = Math.min(start + 2 * width, n);
      let left = start;
      let right = middle;
      for (let at = start; at < end; at++) {
        let takeRight = left >= middle;
        if (!takeRight && right < end) {
          const [a, b] = [keys[from[left]!]!, keys[from[right]!]!];
          takeRight = descending ? before(a, b) : before(b, a);
        }
        to[at] = takeRight ? from[right++]! : from[left++]!;
      }
    }
    [from, to] = [to, from];
  }
  return from;
}
