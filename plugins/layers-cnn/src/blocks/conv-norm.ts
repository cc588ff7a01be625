/** The usual row of convolution, normalisation and activation. */
import { BatchNorm2d, Conv2d, ReLU, Sequential } from '@hebb/nn';
import type { ConvLayerOptions, Layer } from '@hebb/nn';

/** Makes a normalisation for a number of channels. */
export type MakeNorm = (channels: number) => Layer;
/** Makes an activation; null: none. */
export type MakeActivation = (() => Layer) | null;

export interface ConvNormActivationOptions extends Omit<ConvLayerOptions, 'padding' | 'bias'> {
  /** Default: what keeps the size at stride 1, (kernel - 1) / 2 · dilation. */
  readonly padding?: number;
  /** Default BatchNorm2d; null: none, and the convolution gets a bias. */
  readonly norm?: MakeNorm | null;
  /** Default ReLU. */
  readonly activation?: MakeActivation;
}

/**
 * Conv2d, normalisation and activation in a Sequential, with torchvision's names (`0`, `1`).
 * Shape: [N, inChannels, H, W] -> [N, outChannels, H / stride, W / stride].
 */
export class ConvNormActivation extends Sequential {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize = 3,
    {
      padding,
      norm = (channels) => new BatchNorm2d(channels),
      activation = () => new ReLU(),
      ...options
    }: ConvNormActivationOptions = {},
  ) {
    const dilation = typeof options.dilation === 'number' ? options.dilation : 1;
    const layers: Layer[] = [
      new Conv2d(inChannels, outChannels, kernelSize, {
        ...options,
        padding: padding ?? Math.floor((kernelSize - 1) / 2) * dilation,
        bias: norm === null,
      }),
    ];
    if (norm !== null) layers.push(norm(outChannels));
    if (activation !== null) layers.push(activation());
    super(...layers);
  }
}

/** The nearest multiple of `divisor`, at least that and not more than a tenth below. Sandler et al. 2018. */
export function divisible(value: number, divisor = 8): number {
  const rounded = Math.max(divisor, Math.floor((value + divisor / 2) / divisor) * divisor);
  return rounded < 0.9 * value ? rounded + divisor : rounded;
}
