/** Channels weighed by what is in all of them. */
import type { DType, Generator, Tensor } from '@hebb/core';
import { Conv2d, Module, ReLU, Sigmoid } from '@hebb/nn';
import type { Layer } from '@hebb/nn';
import { GlobalAvgPool2d } from '../layers/adaptive-pool.ts';

export interface SqueezeExcitationOptions {
  /** Between the two convolutions; default ReLU. */
  readonly activation?: () => Layer;
  /** Of the factors; default Sigmoid. */
  readonly scaleActivation?: () => Layer;
  readonly dtype?: DType;
  readonly generator?: Generator;
}

/**
 * x · s(W₂ a(W₁ mean(x))), one factor for each channel. Hu et al. 2018, arXiv:1709.01507. Names in state
 * dicts as in torchvision: fc1, fc2 (convolutions of kernel size 1). Shape: [N, channels, H, W] -> same.
 */
export class SqueezeExcitation extends Module {
  readonly avgpool = new GlobalAvgPool2d();
  readonly fc1: Conv2d;
  readonly fc2: Conv2d;
  readonly activation: Layer;
  readonly scaleActivation: Layer;

  constructor(
    channels: number,
    squeezeChannels: number,
    {
      activation = () => new ReLU(),
      scaleActivation = () => new Sigmoid(),
      ...how
    }: SqueezeExcitationOptions = {},
  ) {
    super();
    this.fc1 = new Conv2d(channels, squeezeChannels, 1, how);
    this.fc2 = new Conv2d(squeezeChannels, channels, 1, how);
    this.activation = activation();
    this.scaleActivation = scaleActivation();
  }
  forward(x: Tensor): Tensor {
    const squeezed = this.activation.forward(this.fc1.forward(this.avgpool.forward(x)));
    return x.mul(this.scaleActivation.forward(this.fc2.forward(squeezed)));
  }
}
