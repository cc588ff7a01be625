/** The block of MobileNetV3 and EfficientNet: expand, filter by channel, weigh, project. */
import type { Tensor } from '@hebb/core';
import { Module, Sequential } from '@hebb/nn';
import type { Layer } from '@hebb/nn';
import { ConvNormActivation } from '../blocks/conv-norm.ts';
import type { MakeNorm } from '../blocks/conv-norm.ts';
import { StochasticDepth } from '../blocks/stochastic-depth.ts';
import type { How } from './options.ts';

export interface InvertedResidualConfig {
  readonly inChannels: number;
  readonly expanded: number;
  readonly outChannels: number;
  readonly kernel: number;
  readonly stride: number;
}

export interface InvertedResidualParts {
  readonly norm: MakeNorm;
  readonly activation: () => Layer;
  /** Weighs the expanded channels; left out where there is none. */
  readonly squeeze?: ((expanded: number) => Layer) | undefined;
  /** Share of the items whose block is left out in training; default 0. */
  readonly stochasticDepth?: number;
  readonly how: How;
}

/** Names in state dicts: block.0, block.1 ... Shape: [N, inChannels, H, W] -> [N, outChannels, H / stride, W / stride]. */
export class InvertedResidual extends Module {
  readonly block: Sequential;
  readonly stochasticDepth: StochasticDepth;
  readonly #shortcut: boolean;

  constructor(
    { inChannels, expanded, outChannels, kernel, stride }: InvertedResidualConfig,
    { norm, activation, squeeze, stochasticDepth = 0, how }: InvertedResidualParts,
  ) {
    super();
    const layers: Layer[] = [];
    if (expanded !== inChannels) {
      layers.push(new ConvNormActivation(inChannels, expanded, 1, { norm, activation, ...how }));
    }
    layers.push(
      new ConvNormActivation(expanded, expanded, kernel, {
        stride,
        groups: expanded,
        norm,
        activation,
        ...how,
      }),
    );
    if (squeeze !== undefined) layers.push(squeeze(expanded));
    layers.push(
      new ConvNormActivation(expanded, outChannels, 1, { norm, activation: null, ...how }),
    );
    this.block = new Sequential(...layers);
    const { generator } = how;
    this.stochasticDepth = new StochasticDepth(stochasticDepth, {
      ...(generator && { generator }),
    });
    this.#shortcut = stride === 1 && inChannels === outChannels;
  }
  forward(x: Tensor): Tensor {
    const y = this.block.forward(x);
    return this.#shortcut ? this.stochasticDepth.forward(y).add(x) : y;
  }
}
