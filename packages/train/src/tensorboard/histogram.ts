/** Counts of values in buckets that grow exponentially on both sides of 0, as TensorFlow's summaries have. */

export interface Histogram {
  readonly min: number;
  readonly max: number;
  readonly num: number;
  readonly sum: number;
  readonly sumSquares: number;
  /** Upper bounds of the buckets, the last one the largest number. */
  readonly limits: readonly number[];
  readonly counts: readonly number[];
}

const limits: readonly number[] = (() => {
  const positive: number[] = [];
  for (let bound = 1e-12; bound < 1e20; bound *= 1.1) positive.push(bound);
  positive.push(Number.MAX_VALUE);
  return [...positive.map((bound) => -bound).reverse(), 0, ...positive];
})();

/** Values that are not finite do not count. */
export function histogramOf(values: ArrayLike<number>): Histogram {
  const counts = new Float64Array(limits.length);
  let [min, max, num, sum, sumSquares] = [Infinity, -Infinity, 0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) continue;
    min = Math.min(min, value);
    max = Math.max(max, value);
    num += 1;
    sum += value;
    sumSquares += value * value;
    // The first bound above the value.
    let [low, high] = [0, limits.length - 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (limits[middle]! > value) high = middle;
      else low = middle + 1;
    }
    counts[low]! += 1;
  }
  if (num === 0) return { min: 0, max: 0, num, sum, sumSquares, limits: [0], counts: [0] };
  // Empty buckets at both ends say nothing, but for the one that bounds the first from below.
  const first = Math.max(0, counts.findIndex((count) => count > 0) - 1);
  const end = counts.findLastIndex((count) => count > 0) + 1;
  return {
    min,
    max,
    num,
    sum,
    sumSquares,
    limits: limits.slice(first, end),
    counts: [...counts.subarray(first, end)],
  };
}
