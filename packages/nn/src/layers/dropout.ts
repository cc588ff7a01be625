/** Dropout layers: noise while training, the identity in evaluation. */
import { add, defaultGenerator, fail, formatShape, mul, random, where } from '@hebb/core';
import type { Generator, Shape, Tensor } from '@hebb/core';
import { dropout, featureDropout } from '@hebb/ops';
import type { DropoutOptions } from '@hebb/ops';
import { checkNumber } from '../check.ts';
import { Module } from '../module/module.ts';

export interface DropoutLayerOptions {
  /** Source of the random keys, one a call; the default generator when left out. */
  readonly generator?: Generator;
}

abstract class DropoutBase extends Module {
  readonly p: number;
  readonly #generator: Generator | undefined;

  constructor(p = 0.5, { generator }: DropoutLayerOptions = {}) {
    super();
    this.p = checkNumber(new.target.name, 'p', p, 0, 1);
    this.#generator = generator;
  }
  protected get options(): DropoutOptions {
    return { training: this.training, ...(this.#generator && { generator: this.#generator }) };
  }
  protected get generator(): Generator {
    return this.#generator ?? defaultGenerator;
  }
  override extraRepr(): string {
    return `p=${this.p}`;
  }
}

abstract class ChannelDropout extends DropoutBase {
  forward(x: Tensor): Tensor {
    return featureDropout(x, this.p, this.options);
  }
}

/**
 * Sets elements to zero with probability p while training and scales the others by 1/(1 - p).
 * Srivastava et al. 2014. Shape: any -> same.
 */
export class Dropout extends DropoutBase {
  forward(x: Tensor): Tensor {
    return dropout(x, this.p, this.options);
  }
}
/** Dropout of whole channels. Tompson et al. 2015, arXiv:1411.4280. Shape: [N, C, L] -> same. */
export class Dropout1d extends ChannelDropout {}
/** Dropout of whole channels. Shape: [N, C, H, W] -> same. */
export class Dropout2d extends ChannelDropout {}
/** Dropout of whole channels. Shape: [N, C, D, H, W] -> same. */
export class Dropout3d extends ChannelDropout {}

/** The value that SELU tends to on the left: -scale · alpha. */
const saturated = -1.0507009873554805 * 1.6732632423543772;

/** Sets entries to SELU's lower limit, and scales and shifts all so that mean and variance stay. */
abstract class SelfNormalisingDropout extends DropoutBase {
  protected drop(x: Tensor, maskShape: Shape): Tensor {
    const { p } = this;
    if (!this.training || p === 0) return x;
    const keep = random.bernoulli(this.generator.next(), maskShape, 1 - p);
    if (p === 1) return mul(x, 0);
    const scale = 1 / Math.sqrt((1 - p) * (1 + p * saturated ** 2));
    const shift = -scale * p * saturated;
    return add(mul(where(keep, x, saturated), scale), shift);
  }
}
/** Dropout that keeps mean 0 and variance 1, for SELU. Klambauer et al. 2017, arXiv:1706.02515. Shape: any -> same. */
export class AlphaDropout extends SelfNormalisingDropout {
  forward(x: Tensor): Tensor {
    return this.drop(x, x.shape);
  }
}
/** AlphaDropout of whole channels. Shape: [N, C, ...] -> same. */
export class FeatureAlphaDropout extends SelfNormalisingDropout {
  forward(x: Tensor): Tensor {
    if (x.rank < 2) {
      fail('featureAlphaDropout', 'input does not fit', formatShape(x.shape), '[N, C, ...]');
    }
    return this.drop(
      x,
      x.shape.map((size, axis) => (axis < 2 ? size : 1)),
    );
  }
}
