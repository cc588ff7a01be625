/** Pooling layers. */
import type { Tensor } from '@hebb/core';
import { Module } from '@hebb/nn';
import { avgPool1d, avgPool2d, avgPool3d, maxPool1d, maxPool2d, maxPool3d } from '@hebb/ops';
import type { AvgPoolOptions, MaxPoolOptions, PerAxis } from '@hebb/ops';
import { axes, show } from './check.ts';

type PoolFunction<Options> = (x: Tensor, kernelSize: PerAxis, options?: Options) => Tensor;

abstract class Pool<Options extends MaxPoolOptions | AvgPoolOptions> extends Module {
  readonly kernelSize: readonly number[];
  readonly options: Options;
  readonly #pool: PoolFunction<Options>;

  protected constructor(
    layer: string,
    spatial: number,
    pool: PoolFunction<Options>,
    kernelSize: PerAxis,
    options: Options,
  ) {
    super();
    this.kernelSize = axes(layer, 'kernelSize', kernelSize, spatial, 1);
    const { stride, padding } = options;
    if (stride != null) axes(layer, 'stride', stride, spatial, 1);
    if (padding !== undefined) axes(layer, 'padding', padding, spatial, 0);
    this.options = { ...options };
    this.#pool = pool;
  }
  forward(x: Tensor): Tensor {
    return this.#pool(x, this.kernelSize, this.options);
  }
  override extraRepr(): string {
    const options = Object.entries(this.options).map(([name, value]) => `${name}=${String(value)}`);
    return [`kernelSize=${show(this.kernelSize)}`, ...options].join(', ');
  }
}

/** Largest element of each window; stride is the kernel size unless given. Shape: [N, C, L] -> [N, C, E]. */
export class MaxPool1d extends Pool<MaxPoolOptions> {
  constructor(kernelSize: PerAxis, options: MaxPoolOptions = {}) {
    super('MaxPool1d', 1, maxPool1d, kernelSize, options);
  }
}
/** Largest element of each window: `new MaxPool2d(2)` halves an image. Shape: [N, C, H, W] -> [N, C, EH, EW]. */
export class MaxPool2d extends Pool<MaxPoolOptions> {
  constructor(kernelSize: PerAxis, options: MaxPoolOptions = {}) {
    super('MaxPool2d', 2, maxPool2d, kernelSize, options);
  }
}
/** Largest element of each window. Shape: [N, C, D, H, W] -> [N, C, ED, EH, EW]. */
export class MaxPool3d extends Pool<MaxPoolOptions> {
  constructor(kernelSize: PerAxis, options: MaxPoolOptions = {}) {
    super('MaxPool3d', 3, maxPool3d, kernelSize, options);
  }
}

/** Mean of each window; stride is the kernel size unless given. Shape: [N, C, L] -> [N, C, E]. */
export class AvgPool1d extends Pool<AvgPoolOptions> {
  constructor(kernelSize: PerAxis, options: AvgPoolOptions = {}) {
    super('AvgPool1d', 1, avgPool1d, kernelSize, options);
  }
}
/** Mean of each window. Shape: [N, C, H, W] -> [N, C, EH, EW]. */
export class AvgPool2d extends Pool<AvgPoolOptions> {
  constructor(kernelSize: PerAxis, options: AvgPoolOptions = {}) {
    super('AvgPool2d', 2, avgPool2d, kernelSize, options);
  }
}
/** Mean of each window. Shape: [N, C, D, H, W] -> [N, C, ED, EH, EW]. */
export class AvgPool3d extends Pool<AvgPoolOptions> {
  constructor(kernelSize: PerAxis, options: AvgPoolOptions = {}) {
    super('AvgPool3d', 3, avgPool3d, kernelSize, options);
  }
}
