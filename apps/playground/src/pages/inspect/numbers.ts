/** What many numbers are like, in a few. */

export interface Stats {
  readonly min: number;
  readonly max: number;
  readonly argmax: number;
  readonly mean: number;
  readonly std: number;
  readonly notFinite: number;
}

/** Of the finite ones; `undefined` where there are none. Of more than `most` every k-th is looked at. */
export function statsOf(
  values: ArrayLike<number | bigint>,
  most = Infinity,
): { readonly stats: Stats | undefined; readonly notFinite: number } {
  const stride = Math.max(1, Math.ceil(values.length / most));
  let [min, max, argmax, sum, squares, count, notFinite] = [Infinity, -Infinity, -1, 0, 0, 0, 0];
  for (let i = 0; i < values.length; i += stride) {
    const value = Number(values[i]);
    if (!Number.isFinite(value)) {
      notFinite += 1;
      continue;
    }
    if (value < min) min = value;
    if (value > max) [max, argmax] = [value, i];
    // Welford's: sums of squares of large numbers would cancel.
    count += 1;
    const from = value - sum;
    sum += from / count;
    squares += from * (value - sum);
  }
  if (count === 0) return { stats: undefined, notFinite };
  const std = Math.sqrt(squares / count);
  return { stats: { min, max, argmax, mean: sum, std, notFinite }, notFinite };
}

export function histogramOf(
  values: ArrayLike<number | bigint>,
  { min, max }: Pick<Stats, 'min' | 'max'>,
  parts = 32,
): number[] {
  const counts = new Array<number>(parts).fill(0);
  const width = max - min || 1;
  for (let i = 0; i < values.length; i++) {
    const value = Number(values[i]);
    if (!Number.isFinite(value)) continue;
    counts[Math.min(parts - 1, Math.floor(((value - min) / width) * parts))]! += 1;
  }
  return counts;
}
