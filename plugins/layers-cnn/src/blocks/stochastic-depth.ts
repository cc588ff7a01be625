/** Residual branches left out at random. */
import { defaultGenerator, div, fail, random, where } from '@hebb/core';
import type { Generator, Tensor } from '@hebb/core';
import { Module } from '@hebb/nn';

/**
 * In training each item (mode row), or the whole batch, becomes 0 with probability p; what stays is
 * divided by 1 - p. Huang et al. 2016, arXiv:1603.09382. Shape: [N, ...] -> same.
 */
export class StochasticDepth extends Module {
  readonly p: number;
  readonly mode: 'row' | 'batch';
  readonly #generator: Generator | undefined;

  constructor(
    p: number,
    {
      mode = 'row',
      generator,
    }: { readonly mode?: 'row' | 'batch'; readonly generator?: Generator } = {},
  ) {
    super();
    if (!(p >= 0 && p <= 1)) fail('StochasticDepth', 'p is a probability', String(p), '0 to 1');
    if (mode !== 'row' && mode !== 'batch') {
      fail('StochasticDepth', 'unknown mode', String(mode), 'row, batch');
    }
    this.p = p;
    this.mode = mode;
    this.#generator = generator;
  }
  forward(x: Tensor): Tensor {
    const { p } = this;
    if (!this.training || p === 0) return x;
    const shape = x.shape.map((size, axis) => (axis === 0 && this.mode === 'row' ? size : 1));
    const key = (this.#generator ?? defaultGenerator).next();
    const keep = random.bernoulli(key, shape, 1 - p);
    return where(keep, p === 1 ? x : div(x, 1 - p), 0);
  }
  override extraRepr(): string {
    return `p=${this.p}, mode=${this.mode}`;
  }
}
