/** Dropout: random zeros in training, the rest scaled so that the expectation stays. */
import { defaultGenerator, div, fail, formatShape, random, where } from '@hebb/core';
import type { Generator, Shape, Tensor } from '@hebb/core';

export interface DropoutOptions {
  /** Off, the function is the identity. */
  readonly training?: boolean;
  /** Where keys come from. */
  readonly generator?: Generator;
}

function masked(
  op: string,
  x: Tensor,
  shape: Shape,
  p: number,
  { training = true, generator = defaultGenerator }: DropoutOptions,
): Tensor {
  if (!(p >= 0 && p <= 1)) fail(op, 'p is a probability', String(p), '0 to 1');
  if (!training || p === 0) return x;
  const keep = random.bernoulli(generator.next(), shape, 1 - p);
  return where(keep, p === 1 ? x : div(x, 1 - p), 0);
}

/** Each element is 0 with probability p, else x / (1 - p). Srivastava et al. 2014. Shape: any -> same. */
export function dropout(x: Tensor, p = 0.5, options: DropoutOptions = {}): Tensor {
  return masked('dropout', x, x.shape, p, options);
}
/** Whole channels are dropped. Tompson et al. 2014, arXiv:1411.4280. Shape: [N, C, ...] -> same. */
export function featureDropout(x: Tensor, p = 0.5, options: DropoutOptions = {}): Tensor {
  if (x.rank < 2) fail('featureDropout', 'input does not fit', formatShape(x.shape), '[N, C, ...]');
  const shape = x.shape.map((size, i) => (i < 2 ? size : 1));
  return masked('featureDropout', x, shape, p, options);
}
