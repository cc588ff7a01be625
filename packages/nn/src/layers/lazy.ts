/** Lazy forms of the layers whose first size is that of their input. */
import type { PerAxis } from '@hebb/ops';
import { LazyModule } from '../module/lazy.ts';
import { BatchNorm1d, BatchNorm2d, BatchNorm3d } from './batch-norm.ts';
import type { BatchNormLayerOptions } from './batch-norm.ts';
import { ConvTranspose1d, ConvTranspose2d, ConvTranspose3d } from './conv-transpose.ts';
import type { ConvTransposeLayerOptions } from './conv-transpose.ts';
import { Conv1d, Conv2d, Conv3d } from './conv.ts';
import type { ConvLayerOptions } from './conv.ts';
import { Linear } from './linear.ts';
import type { LinearOptions } from './linear.ts';

/** `Linear` with the input's features. Shape: [..., features] -> [..., outFeatures]. */
export class LazyLinear extends LazyModule<Linear> {
  readonly outFeatures: number;
  readonly options: LinearOptions;
  protected readonly axis = -1;

  constructor(outFeatures: number, options: LinearOptions = {}) {
    super();
    this.outFeatures = outFeatures;
    this.options = options;
  }
  protected make(size: number): Linear {
    return new Linear(size, this.outFeatures, this.options);
  }
  protected sizeOf(weight: readonly number[]): number | undefined {
    return weight[1];
  }
}

/** What the lazy convolutions share: everything but the input's channels. */
abstract class LazyConvNd<
  Layer extends Conv1d | Conv2d | Conv3d | ConvTranspose1d | ConvTranspose2d | ConvTranspose3d,
  Options extends { readonly groups?: number },
> extends LazyModule<Layer> {
  readonly outChannels: number;
  readonly kernelSize: PerAxis;
  readonly options: Options;
  protected readonly axis = 1;

  constructor(outChannels: number, kernelSize: PerAxis, options: Options) {
    super();
    this.outChannels = outChannels;
    this.kernelSize = kernelSize;
    this.options = options;
  }
}
abstract class LazyConv<Layer extends Conv1d | Conv2d | Conv3d> extends LazyConvNd<
  Layer,
  ConvLayerOptions
> {
  constructor(outChannels: number, kernelSize: PerAxis, options: ConvLayerOptions = {}) {
    super(outChannels, kernelSize, options);
  }
  protected sizeOf(weight: readonly number[]): number | undefined {
    return weight[1] === undefined ? undefined : weight[1] * (this.options.groups ?? 1);
  }
}
abstract class LazyConvTranspose<
  Layer extends ConvTranspose1d | ConvTranspose2d | ConvTranspose3d,
> extends LazyConvNd<Layer, ConvTransposeLayerOptions> {
  constructor(outChannels: number, kernelSize: PerAxis, options: ConvTransposeLayerOptions = {}) {
    super(outChannels, kernelSize, options);
  }
  protected sizeOf(weight: readonly number[]): number | undefined {
    return weight[0];
  }
}

/** `Conv1d` with the input's channels. */
export class LazyConv1d extends LazyConv<Conv1d> {
  protected make(size: number): Conv1d {
    return new Conv1d(size, this.outChannels, this.kernelSize, this.options);
  }
}
/** `Conv2d` with the input's channels: `new LazyConv2d(64, 3, { padding: 1 })`. */
export class LazyConv2d extends LazyConv<Conv2d> {
  protected make(size: number): Conv2d {
    return new Conv2d(size, this.outChannels, this.kernelSize, this.options);
  }
}
/** `Conv3d` with the input's channels. */
export class LazyConv3d extends LazyConv<Conv3d> {
  protected make(size: number): Conv3d {
    return new Conv3d(size, this.outChannels, this.kernelSize, this.options);
  }
}
/** `ConvTranspose1d` with the input's channels. */
export class LazyConvTranspose1d extends LazyConvTranspose<ConvTranspose1d> {
  protected make(size: number): ConvTranspose1d {
    return new ConvTranspose1d(size, this.outChannels, this.kernelSize, this.options);
  }
}
/** `ConvTranspose2d` with the input's channels. */
export class LazyConvTranspose2d extends LazyConvTranspose<ConvTranspose2d> {
  protected make(size: number): ConvTranspose2d {
    return new ConvTranspose2d(size, this.outChannels, this.kernelSize, this.options);
  }
}
/** `ConvTranspose3d` with the input's channels. */
export class LazyConvTranspose3d extends LazyConvTranspose<ConvTranspose3d> {
  protected make(size: number): ConvTranspose3d {
    return new ConvTranspose3d(size, this.outChannels, this.kernelSize, this.options);
  }
}

abstract class LazyBatchNorm<
  Layer extends BatchNorm1d | BatchNorm2d | BatchNorm3d,
> extends LazyModule<Layer> {
  readonly options: BatchNormLayerOptions;
  protected readonly axis = 1;

  constructor(options: BatchNormLayerOptions = {}) {
    super();
    this.options = options;
  }
  protected sizeOf(weight: readonly number[]): number | undefined {
    return weight[0];
  }
}
/** `BatchNorm1d` with the input's channels. */
export class LazyBatchNorm1d extends LazyBatchNorm<BatchNorm1d> {
  protected make(size: number): BatchNorm1d {
    return new BatchNorm1d(size, this.options);
  }
}
/** `BatchNorm2d` with the input's channels. */
export class LazyBatchNorm2d extends LazyBatchNorm<BatchNorm2d> {
  protected make(size: number): BatchNorm2d {
    return new BatchNorm2d(size, this.options);
  }
}
/** `BatchNorm3d` with the input's channels. */
export class LazyBatchNorm3d extends LazyBatchNorm<BatchNorm3d> {
  protected make(size: number): BatchNorm3d {
    return new BatchNorm3d(size, this.options);
  }
}
