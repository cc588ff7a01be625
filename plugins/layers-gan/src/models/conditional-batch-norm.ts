/** Batch normalisation whose scale and shift belong to a class. */
import { fail, ones, zeros } from '@hebb/core';
import type { DType, Tensor } from '@hebb/core';
import { BatchNorm2d, Embedding, Module } from '@hebb/nn';

/**
 * Dumoulin et al. 2017, arXiv:1610.07629; de Vries et al. 2017, arXiv:1707.00683. What comes in is normalised over the
 * whole batch, so that a class changes how noise is drawn and cannot take its place.
 *
 * Shape: [N, C, H, W] and int32 [N] -> [N, C, H, W].
 */
export class ConditionalBatchNorm2d extends Module {
  readonly norm: BatchNorm2d;
  /** Rows [numClasses, C], ones and zeros at the start. */
  readonly weight: Embedding;
  readonly bias: Embedding;

  constructor(
    numFeatures: number,
    numClasses: number,
    { dtype = 'float32' }: { readonly dtype?: DType } = {},
  ) {
    super();
    this.norm = new BatchNorm2d(numFeatures, { affine: false, dtype });
    this.weight = new Embedding(numClasses, numFeatures, { dtype });
    this.bias = new Embedding(numClasses, numFeatures, { dtype });
    this.weight.weight.set(ones([numClasses, numFeatures], dtype));
    this.bias.weight.set(zeros([numClasses, numFeatures], dtype));
  }

  forward(x: Tensor, classes?: Tensor): Tensor {
    if (classes === undefined) fail('ConditionalBatchNorm2d', 'needs the class of each sample');
    const wide = (rows: Tensor): Tensor => rows.reshape([...rows.shape, 1, 1]);
    return this.norm
      .forward(x)
      .mul(wide(this.weight.forward(classes)))
      .add(wide(this.bias.forward(classes)));
  }
}
