/** The inverse of maximum pooling. */
import type { Tensor } from '@hebb/core';
import { Module, checkAxes, showAxes } from '@hebb/nn';
import { maxUnpool1d, maxUnpool2d, maxUnpool3d } from '@hebb/ops';
import type { PerAxis, UnpoolOptions } from '@hebb/ops';

export type MaxUnpoolOptions = Pick<UnpoolOptions, 'stride' | 'padding'>;
type Unpool = (x: Tensor, indices: Tensor, kernelSize: PerAxis, options?: UnpoolOptions) => Tensor;

abstract class MaxUnpool extends Module {
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly #unpool: Unpool;

  protected constructor(
    layer: string,
    spatial: number,
    unpool: Unpool,
    kernelSize: PerAxis,
    { stride, padding = 0 }: MaxUnpoolOptions,
  ) {
    super();
    this.kernelSize = checkAxes(layer, 'kernelSize', kernelSize, spatial, 1);
    this.stride = checkAxes(layer, 'stride', stride ?? kernelSize, spatial, 1);
    this.padding = checkAxes(layer, 'padding', padding, spatial, 0);
    this.#unpool = unpool;
  }
  /** `outputSize` settles the sizes that the stride leaves open: those of what was pooled. */
  forward(
    x: Tensor,
    indices: Tensor,
    { outputSize }: { readonly outputSize?: readonly number[] } = {},
  ): Tensor {
    const { kernelSize, stride, padding } = this;
    return this.#unpool(x, indices, kernelSize, {
      stride,
      padding,
      ...(outputSize && { outputSize }),
    });
  }
  override extraRepr(): string {
    const parts = [`kernelSize=${showAxes(this.kernelSize)}`, `stride=${showAxes(this.stride)}`];
    if (this.padding.some((p) => p !== 0)) parts.push(`padding=${showAxes(this.padding)}`);
    return parts.join(', ');
  }
}

/** Puts pooled values back to the positions that `MaxPool1dWithIndices` gave, 0 elsewhere. Shape: two of [N, C, E] -> [N, C, L]. */
export class MaxUnpool1d extends MaxUnpool {
  constructor(kernelSize: PerAxis, options: MaxUnpoolOptions = {}) {
    super('MaxUnpool1d', 1, maxUnpool1d, kernelSize, options);
  }
}

/** See `MaxUnpool1d`. Shape: two of [N, C, EH, EW] -> [N, C, H, W]. */
export class MaxUnpool2d extends MaxUnpool {
  constructor(kernelSize: PerAxis, options: MaxUnpoolOptions = {}) {
    super('MaxUnpool2d', 2, maxUnpool2d, kernelSize, options);
  }
}

/** See `MaxUnpool1d`. Shape: two of [N, C, ED, EH, EW] -> [N, C, D, H, W]. */
export class MaxUnpool3d extends MaxUnpool {
  constructor(kernelSize: PerAxis, options: MaxUnpoolOptions = {}) {
    super('MaxUnpool3d', 3, maxUnpool3d, kernelSize, options);
  }
}
