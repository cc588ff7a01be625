/** Dropout layers: noise while training, the identity in evaluation. */
import type { Generator, Tensor } from '@hebb/core';
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
