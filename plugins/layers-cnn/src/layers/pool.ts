/** Pooling over windows: maxima, means and p-norms. */
import { fail } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Module, checkAxes, showAxes } from '@hebb/nn';
import {
  avgPool1d,
  avgPool2d,
  avgPool3d,
  lpPool1d,
  lpPool2d,
  lpPool3d,
  maxPool1d,
  maxPool1dWithIndices,
  maxPool2d,
  maxPool2dWithIndices,
  maxPool3d,
  maxPool3dWithIndices,
} from '@hebb/ops';
import type { AvgPoolOptions, MaxPoolOptions, PerAxis, PoolOptions } from '@hebb/ops';

type PoolFunction<Options, Out> = (x: Tensor, kernelSize: PerAxis, options?: Options) => Out;

abstract class Pool<Options extends PoolOptions, Out = Tensor> extends Module {
  readonly kernelSize: readonly number[];
  readonly options: Options;
  readonly #pool: PoolFunction<Options, Out>;

  protected constructor(
    layer: string,
    spatial: number,
    pool: PoolFunction<Options, Out>,
    kernelSize: PerAxis,
    options: Options,
  ) {
    super();
    this.kernelSize = checkAxes(layer, 'kernelSize', kernelSize, spatial, 1);
    const { stride, padding } = options;
    if (stride != null) checkAxes(layer, 'stride', stride, spatial, 1);
    if (padding !== undefined) checkAxes(layer, 'padding', padding, spatial, 0);
    this.options = { ...options };
    this.#pool = pool;
  }
  forward(x: Tensor): Out {
    return this.#pool(x, this.kernelSize, this.options);
  }
  override extraRepr(): string {
    const options = Object.entries(this.options).map(([name, value]) => `${name}=${String(value)}`);
    return [`kernelSize=${showAxes(this.kernelSize)}`, ...options].join(', ');
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

/**
 * As `MaxPool1d`, with the position (int32) of each maximum, spatial axes flattened: what `MaxUnpool1d`
 * wants. Shape: [N, C, L] -> two of [N, C, E].
 */
export class MaxPool1dWithIndices extends Pool<MaxPoolOptions, [Tensor, Tensor]> {
  constructor(kernelSize: PerAxis, options: MaxPoolOptions = {}) {
    super('MaxPool1dWithIndices', 1, maxPool1dWithIndices, kernelSize, options);
  }
}
/** See `MaxPool1dWithIndices`. Shape: [N, C, H, W] -> two of [N, C, EH, EW]. */
export class MaxPool2dWithIndices extends Pool<MaxPoolOptions, [Tensor, Tensor]> {
  constructor(kernelSize: PerAxis, options: MaxPoolOptions = {}) {
    super('MaxPool2dWithIndices', 2, maxPool2dWithIndices, kernelSize, options);
  }
}
/** See `MaxPool1dWithIndices`. Shape: [N, C, D, H, W] -> two of [N, C, ED, EH, EW]. */
export class MaxPool3dWithIndices extends Pool<MaxPoolOptions, [Tensor, Tensor]> {
  constructor(kernelSize: PerAxis, options: MaxPoolOptions = {}) {
    super('MaxPool3dWithIndices', 3, maxPool3dWithIndices, kernelSize, options);
  }
}

export type LPPoolOptions = Pick<PoolOptions, 'stride' | 'ceilMode'>;
type LPFunction = (
  x: Tensor,
  normType: number,
  kernelSize: PerAxis,
  options?: LPPoolOptions,
) => Tensor;

abstract class LPPool extends Pool<LPPoolOptions> {
  readonly normType: number;

  protected constructor(
    layer: string,
    spatial: number,
    pool: LPFunction,
    normType: number,
    kernelSize: PerAxis,
    options: LPPoolOptions,
  ) {
    const apply = (x: Tensor, kernel: PerAxis, given?: LPPoolOptions): Tensor =>
      pool(x, normType, kernel, given);
    super(layer, spatial, apply, kernelSize, options);
    if (!(normType > 0 && Number.isFinite(normType))) {
      fail(layer, 'normType is a positive number', String(normType));
    }
    this.normType = normType;
  }
  override extraRepr(): string {
    return `normType=${this.normType}, ${super.extraRepr()}`;
  }
}

/** (Σ x^p)^(1/p) of each window: `new LPPool1d(2, 3)`. Shape: [N, C, L] -> [N, C, E]. */
export class LPPool1d extends LPPool {
  constructor(normType: number, kernelSize: PerAxis, options: LPPoolOptions = {}) {
    super('LPPool1d', 1, lpPool1d, normType, kernelSize, options);
  }
}
/** See `LPPool1d`. Shape: [N, C, H, W] -> [N, C, EH, EW]. */
export class LPPool2d extends LPPool {
  constructor(normType: number, kernelSize: PerAxis, options: LPPoolOptions = {}) {
    super('LPPool2d', 2, lpPool2d, normType, kernelSize, options);
  }
}
/** See `LPPool1d`. Shape: [N, C, D, H, W] -> [N, C, ED, EH, EW]. */
export class LPPool3d extends LPPool {
  constructor(normType: number, kernelSize: PerAxis, options: LPPoolOptions = {}) {
    super('LPPool3d', 3, lpPool3d, normType, kernelSize, options);
  }
}
