/** The layers of a style-based generator: Karras et al. 2020, arXiv:1912.04958 (StyleGAN2). */
import { defaultGenerator, fail, formatShape, full, matmul, random, zeros } from '@hebb/core';
import type { DType, Generator, Tensor } from '@hebb/core';
import { Module, ModuleBuffer, Parameter, checkCount, init } from '@hebb/nn';
import { conv2d, leakyRelu, linear } from '@hebb/ops';

export interface StyleLayerOptions {
  readonly dtype?: DType;
  readonly generator?: Generator;
}

const howOf = ({ dtype = 'float32', generator }: StyleLayerOptions) => ({
  dtype,
  ...(generator && { generator }),
});

/** LeakyReLU of slope 0.2, times √2 so that the variance stays. Shape: any -> same. */
export const scaledLeakyRelu = (x: Tensor): Tensor =>
  leakyRelu(x, { negativeSlope: 0.2 }).mul(Math.SQRT2);

export interface EqualizedLinearOptions extends StyleLayerOptions {
  /** Start of the bias; default 0. */
  readonly bias?: number;
  /** What the learning rate of this layer is multiplied by; default 1. */
  readonly lrMultiplier?: number;
}

/**
 * Linear with weights of unit variance that are scaled when they are used, so that all layers learn at the same
 * pace. Karras et al. 2018, arXiv:1710.10196, section 4.1. Shape: [N, in] -> [N, out].
 */
export class EqualizedLinear extends Module {
  readonly lrMultiplier: number;
  weight: Parameter;
  bias: Parameter;
  readonly #gain: number;

  constructor(inFeatures: number, outFeatures: number, options: EqualizedLinearOptions = {}) {
    super();
    const { bias = 0, lrMultiplier = 1 } = options;
    const shape = [
      checkCount('EqualizedLinear', 'outFeatures', outFeatures),
      checkCount('EqualizedLinear', 'inFeatures', inFeatures),
    ];
    const how = howOf(options);
    this.lrMultiplier = lrMultiplier;
    this.weight = new Parameter(init.normal(shape, how).mul(1 / lrMultiplier));
    this.bias = new Parameter(full([outFeatures], bias / lrMultiplier, how.dtype));
    this.#gain = lrMultiplier / Math.sqrt(inFeatures);
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.weight.value.mul(this.#gain), this.bias.value.mul(this.lrMultiplier));
  }
}

export interface ModulatedConvOptions extends StyleLayerOptions {
  /** Bring each output channel back to unit variance; default true. */
  readonly demodulate?: boolean;
}

/**
 * A convolution whose input channels are scaled by a style, and whose outputs are divided by the length of the
 * weights so scaled. Scaling data instead of weights gives the same numbers and one convolution for the batch.
 *
 * Shape: [N, in, H, W] and [N, styleSize] -> [N, out, H, W].
 */
export class ModulatedConv2d extends Module {
  readonly affine: EqualizedLinear;
  readonly demodulate: boolean;
  weight: Parameter;
  readonly #gain: number;
  readonly #padding: number;

  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: number,
    styleSize: number,
    options: ModulatedConvOptions = {},
  ) {
    super();
    const op = 'ModulatedConv2d';
    checkCount(op, 'kernelSize', kernelSize);
    if (kernelSize % 2 === 0) fail(op, 'kernelSize is not odd', String(kernelSize));
    const how = howOf(options);
    this.demodulate = options.demodulate ?? true;
    this.affine = new EqualizedLinear(styleSize, inChannels, { ...how, bias: 1 });
    const shape = [checkCount(op, 'outChannels', outChannels), inChannels, kernelSize, kernelSize];
    this.weight = new Parameter(init.normal(shape, how));
    this.#gain = 1 / Math.sqrt(inChannels * kernelSize ** 2);
    this.#padding = (kernelSize - 1) / 2;
  }

  forward(x: Tensor, style: Tensor): Tensor {
    if (x.rank !== 4 || x.shape[0] !== style.shape[0]) {
      fail(
        'ModulatedConv2d',
        'needs a style for each sample',
        formatShape(style.shape),
        `[${x.shape[0]}, ...]`,
      );
    }
    const scale = this.affine.forward(style); // [N, in]
    const weight = this.weight.value.mul(this.#gain);
    const y = conv2d(x.mul(scale.reshape([...scale.shape, 1, 1])), weight, undefined, {
      padding: this.#padding,
    });
    if (!this.demodulate) return y;
    const squares = weight.mul(weight).sum([2, 3]); // [out, in]
    const lengths = matmul(scale.mul(scale), squares.permute([1, 0]))
      .add(1e-8)
      .sqrt(); // [N, out]
    return y.div(lengths.reshape([...lengths.shape, 1, 1]));
  }
}

/**
 * A modulated convolution with noise, bias and activation. Noise is drawn anew in training and is a buffer in
 * evaluation, so that the same latent gives the same image.
 *
 * Shape: [N, in, size, size] and [N, styleSize] -> [N, out, size, size].
 */
export class StyledConv extends Module {
  readonly conv: ModulatedConv2d;
  bias: Parameter;
  noiseStrength: Parameter;
  noiseConst: ModuleBuffer;
  readonly #size: number;

  constructor(
    inChannels: number,
    outChannels: number,
    size: number,
    styleSize: number,
    options: StyleLayerOptions = {},
  ) {
    super();
    const how = howOf(options);
    this.conv = new ModulatedConv2d(inChannels, outChannels, 3, styleSize, how);
    this.bias = new Parameter(zeros([outChannels], how.dtype));
    this.noiseStrength = new Parameter(zeros([], how.dtype));
    this.noiseConst = new ModuleBuffer(init.normal([size, size], how));
    this.#size = size;
  }

  forward(x: Tensor, style: Tensor): Tensor {
    const y = this.conv.forward(x, style);
    const size = this.#size;
    const noise = this.training
      ? random.normal(defaultGenerator.next(), [y.shape[0]!, 1, size, size], { dtype: y.dtype })
      : this.noiseConst.value;
    const bias = this.bias.value.reshape([1, -1, 1, 1]);
    return scaledLeakyRelu(y.add(noise.mul(this.noiseStrength.value)).add(bias));
  }
}
