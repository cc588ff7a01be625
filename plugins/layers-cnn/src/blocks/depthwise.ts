/** Depthwise-separable convolutions. */
import type { Tensor } from '@hebb/core';
import { Conv1d, Conv2d, Conv3d, Module, checkCount } from '@hebb/nn';
import type { ConvLayerOptions, Layer } from '@hebb/nn';
import type { PerAxis } from '@hebb/ops';

export interface SeparableOptions extends Omit<ConvLayerOptions, 'groups'> {
  /** Filters for each input channel; default 1. */
  readonly depthMultiplier?: number;
  /** Put between the two convolutions, normalisation and activation say; none when left out. */
  readonly between?: (channels: number) => Layer;
}

type Convolution = new (
  inChannels: number,
  outChannels: number,
  kernelSize: PerAxis,
  options?: ConvLayerOptions,
) => Layer;

/**
 * A convolution for each channel, then one across channels of kernel size 1. Sifre 2014; Chollet 2017,
 * arXiv:1610.02357. Names in state dicts: depthwise, between, pointwise.
 */
abstract class Separable extends Module {
  readonly depthwise: Layer;
  readonly between: Layer | undefined;
  readonly pointwise: Layer;

  protected constructor(
    layer: string,
    Conv: Convolution,
    inChannels: number,
    outChannels: number,
    kernelSize: PerAxis,
    { depthMultiplier = 1, between, bias = true, ...options }: SeparableOptions,
  ) {
    super();
    const inner = checkCount(layer, 'depthMultiplier', depthMultiplier) * inChannels;
    // A bias in the middle is worth its cost only where something nonlinear follows.
    const { dtype, generator } = options;
    this.depthwise = new Conv(inChannels, inner, kernelSize, {
      ...options,
      groups: inChannels,
      bias: false,
    });
    this.between = between?.(inner);
    this.pointwise = new Conv(inner, outChannels, 1, {
      bias,
      ...(dtype && { dtype }),
      ...(generator && { generator }),
    });
  }
  forward(x: Tensor): Tensor {
    const y = this.depthwise.forward(x);
    return this.pointwise.forward(this.between?.forward(y) ?? y);
  }
}

/** Options as `Conv1d` (`bias` is the second one's). Shape: [N, inChannels, L] -> [N, outChannels, E]. */
export class DepthwiseSeparableConv1d extends Separable {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: PerAxis,
    options: SeparableOptions = {},
  ) {
    super('DepthwiseSeparableConv1d', Conv1d, inChannels, outChannels, kernelSize, options);
  }
}
/** See `DepthwiseSeparableConv1d`. Shape: [N, inChannels, H, W] -> [N, outChannels, EH, EW]. */
export class DepthwiseSeparableConv2d extends Separable {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: PerAxis,
    options: SeparableOptions = {},
  ) {
    super('DepthwiseSeparableConv2d', Conv2d, inChannels, outChannels, kernelSize, options);
  }
}
/** See `DepthwiseSeparableConv1d`. Shape: [N, inChannels, D, H, W] -> [N, outChannels, ED, EH, EW]. */
export class DepthwiseSeparableConv3d extends Separable {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: PerAxis,
    options: SeparableOptions = {},
  ) {
    super('DepthwiseSeparableConv3d', Conv3d, inChannels, outChannels, kernelSize, options);
  }
}
