/** Maximum pooling by factors that are no whole numbers. */
import { fail } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Module, checkAxes, showAxes } from '@hebb/nn';
import {
  fractionalMaxPool2d,
  fractionalMaxPool2dWithIndices,
  fractionalMaxPool3d,
  fractionalMaxPool3dWithIndices,
} from '@hebb/ops';
import type { FractionalMaxPoolOptions, PerAxis } from '@hebb/ops';

abstract class FractionalPool<Out> extends Module {
  readonly kernelSize: readonly number[];
  readonly options: FractionalMaxPoolOptions;
  readonly #pool: (x: Tensor, kernelSize: PerAxis, options: FractionalMaxPoolOptions) => Out;

  protected constructor(
    layer: string,
    spatial: number,
    pool: (x: Tensor, kernelSize: PerAxis, options: FractionalMaxPoolOptions) => Out,
    kernelSize: PerAxis,
    options: FractionalMaxPoolOptions,
  ) {
    super();
    this.kernelSize = checkAxes(layer, 'kernelSize', kernelSize, spatial, 1);
    if ((options.outputSize === undefined) === (options.outputRatio === undefined)) {
      fail(layer, 'give either outputSize or outputRatio');
    }
    this.options = { ...options };
    this.#pool = pool;
  }
  forward(x: Tensor): Out {
    return this.#pool(x, this.kernelSize, this.options);
  }
  override extraRepr(): string {
    const { outputSize, outputRatio } = this.options;
    const size =
      outputSize === undefined ? `outputRatio=${outputRatio}` : `outputSize=${outputSize}`;
    return `kernelSize=${showAxes(this.kernelSize)}, ${size}`;
  }
}

/**
 * Largest elements of windows at random distances, drawn anew in each call, also in evaluation. Options:
 * outputSize or outputRatio, randomSamples, generator. Graham 2014, arXiv:1412.6071.
 * Shape: [N, C, H, W] -> [N, C, EH, EW].
 */
export class FractionalMaxPool2d extends FractionalPool<Tensor> {
  constructor(kernelSize: PerAxis, options: FractionalMaxPoolOptions) {
    super('FractionalMaxPool2d', 2, fractionalMaxPool2d, kernelSize, options);
  }
}
/** See `FractionalMaxPool2d`. Shape: [N, C, D, H, W] -> [N, C, ED, EH, EW]. */
export class FractionalMaxPool3d extends FractionalPool<Tensor> {
  constructor(kernelSize: PerAxis, options: FractionalMaxPoolOptions) {
    super('FractionalMaxPool3d', 3, fractionalMaxPool3d, kernelSize, options);
  }
}
/** With the maxima's places in the flattened spatial axes, as `MaxUnpool2d` takes them. Shape: [N, C, H, W] -> two of [N, C, EH, EW]. */
export class FractionalMaxPool2dWithIndices extends FractionalPool<[Tensor, Tensor]> {
  constructor(kernelSize: PerAxis, options: FractionalMaxPoolOptions) {
    super('FractionalMaxPool2dWithIndices', 2, fractionalMaxPool2dWithIndices, kernelSize, options);
  }
}
/** See `FractionalMaxPool2dWithIndices`. Shape: [N, C, D, H, W] -> two of [N, C, ED, EH, EW]. */
export class FractionalMaxPool3dWithIndices extends FractionalPool<[Tensor, Tensor]> {
  constructor(kernelSize: PerAxis, options: FractionalMaxPoolOptions) {
    super('FractionalMaxPool3dWithIndices', 3, fractionalMaxPool3dWithIndices, kernelSize, options);
  }
}
