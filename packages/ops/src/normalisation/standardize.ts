/** (x - mean) / √(variance + eps): the heart of batch, layer, group and instance normalisation. */
import { add, composite, mul, sub } from '@hebb/core';
import type { Sample, Tensor } from '@hebb/core';
import { rsqrt } from '../math.ts';
import { mean } from '../reductions.ts';

type Attrs = { readonly dim: readonly number[]; readonly eps: number };

const samples: readonly Sample[] = [
  { in: [[3, 5]], attrs: { dim: [1], eps: 1e-5 } },
  { in: [[4, 2, 3]], attrs: { dim: [0, 2], eps: 1e-3 } },
];

/** Mean and biased variance over the axes, kept at size 1; in two passes, for the sake of precision. */
export function moments(x: Tensor, dim: readonly number[]): { mean: Tensor; variance: Tensor } {
  const average = mean(x, dim, true);
  const d = sub(x, average);
  return { mean: average, variance: mean(mul(d, d), dim, true) };
}

/**
 * Zero mean and unit variance over the axes. Its gradient is written down rather than derived:
 * (g - mean(g) - y mean(g y)) / √(variance + eps).
 */
export const standardize = composite('standardize', {
  body: (x: Tensor, { dim, eps }: Attrs): Tensor => {
    const { mean: average, variance } = moments(x, dim);
    return mul(sub(x, average), rsqrt(add(variance, eps)));
  },
  vjp: ({ grads: [g], inputs: [x], outputs: [y], attrs }) => {
    const { dim, eps } = attrs as Attrs;
    const scale = rsqrt(add(moments(x!, dim).variance, eps));
    const along = mean(mul(g!, y!), dim, true);
    return [mul(scale, sub(sub(g!, mean(g!, dim, true)), mul(y!, along)))];
  },
  samples,
});
