/** Batch normalisation. */
import { fail, formatShape, ones, scalar, zeros } from '@hebb/core';
import type { DType, Tensor } from '@hebb/core';
import { batchNorm, batchNormTraining } from '@hebb/ops';
import { checkCount } from '../check.ts';
import { Module } from '../module/module.ts';
import { ModuleBuffer, Parameter } from '../module/parameter.ts';

export interface BatchNormLayerOptions {
  /** Added to the variance; default 1e-5. */
  readonly eps?: number;
  /** Weight of a new batch in the running statistics, default 0.1; null: the average of all batches. */
  readonly momentum?: number | null;
  /** Learned scale and shift; default true. */
  readonly affine?: boolean;
  /** Default true; without, the statistics of the batch are used in evaluation too. */
  readonly trackRunningStats?: boolean;
  /** Default float32. */
  readonly dtype?: DType;
}

/**
 * Normalises each channel, in training by the batch's mean and (biased) variance, in evaluation by the
 * running ones, which take the unbiased variance. Ioffe & Szegedy 2015, arXiv:1502.03167. Names in state
 * dicts: weight, bias, running_mean, running_var, num_batches_tracked.
 */
abstract class BatchNorm extends Module {
  readonly numFeatures: number;
  readonly eps: number;
  /** Compiled functions keep the one of their first call. */
  momentum: number | null;
  weight: Parameter | undefined;
  bias: Parameter | undefined;
  runningMean: ModuleBuffer | undefined;
  runningVar: ModuleBuffer | undefined;
  numBatchesTracked: ModuleBuffer | undefined;
  readonly #ranks: readonly number[];

  protected constructor(
    ranks: readonly number[],
    numFeatures: number,
    {
      eps = 1e-5,
      momentum = 0.1,
      affine = true,
      trackRunningStats = true,
      dtype = 'float32',
    }: BatchNormLayerOptions,
  ) {
    super();
    const layer = new.target.name;
    this.#ranks = ranks;
    this.numFeatures = checkCount(layer, 'numFeatures', numFeatures);
    if (!(eps >= 0 && Number.isFinite(eps))) fail(layer, 'eps is at least 0', String(eps));
    if (momentum !== null && !(momentum >= 0 && momentum <= 1)) {
      fail(layer, 'momentum is between 0 and 1, or null', String(momentum));
    }
    this.eps = eps;
    this.momentum = momentum;
    const shape = [numFeatures];
    this.weight = affine ? new Parameter(ones(shape, dtype)) : undefined;
    this.bias = affine ? new Parameter(zeros(shape, dtype)) : undefined;
    this.runningMean = trackRunningStats ? new ModuleBuffer(zeros(shape, dtype)) : undefined;
    this.runningVar = trackRunningStats ? new ModuleBuffer(ones(shape, dtype)) : undefined;
    // int32, not PyTorch's int64, which WebGPU lacks; state dicts of PyTorch are converted.
    this.numBatchesTracked = trackRunningStats ? new ModuleBuffer(scalar(0, 'int32')) : undefined;
  }

  forward(x: Tensor): Tensor {
    if (!this.#ranks.includes(x.rank) || x.shape[1] !== this.numFeatures) {
      const tails = ['', ',L', ',H,W', ',D,H,W'];
      const wanted = this.#ranks.map((rank) => `[N,${this.numFeatures}${tails[rank - 2]}]`);
      fail('batchNorm', 'input does not fit', formatShape(x.shape), wanted.join(' or '));
    }
    const { runningMean, runningVar, numBatchesTracked, momentum, eps } = this;
    const [weight, bias] = [this.weight?.value, this.bias?.value];
    if (runningMean === undefined || runningVar === undefined || numBatchesTracked === undefined) {
      return batchNorm(x, null, null, weight, bias, { training: true, eps });
    }
    if (!this.training) {
      return batchNorm(x, runningMean.value, runningVar.value, weight, bias, { eps });
    }
    numBatchesTracked.value = numBatchesTracked.value.add(1);
    const share = momentum ?? numBatchesTracked.value.to(runningMean.dtype).pow(-1);
    const moved = batchNormTraining(x, runningMean.value, runningVar.value, weight, bias, {
      momentum: share,
      eps,
    });
    runningMean.value = moved[1];
    runningVar.value = moved[2];
    return moved[0];
  }

  /** The running statistics as at the start: mean 0, variance 1, no batch seen. */
  resetRunningStats(): void {
    const { runningMean: mean, runningVar: spread, numBatchesTracked: count } = this;
    if (mean !== undefined) mean.value = zeros(mean.shape, mean.dtype);
    if (spread !== undefined) spread.value = ones(spread.shape, spread.dtype);
    if (count !== undefined) count.value = scalar(0, 'int32');
  }

  override extraRepr(): string {
    return `${this.numFeatures}, eps=${this.eps}, momentum=${this.momentum}`;
  }
}

/** Shape: [N, C] or [N, C, L] -> same. */
export class BatchNorm1d extends BatchNorm {
  constructor(numFeatures: number, options: BatchNormLayerOptions = {}) {
    super([2, 3], numFeatures, options);
  }
}
/** Shape: [N, C, H, W] -> same. */
export class BatchNorm2d extends BatchNorm {
  constructor(numFeatures: number, options: BatchNormLayerOptions = {}) {
    super([4], numFeatures, options);
  }
}
/** Shape: [N, C, D, H, W] -> same. */
export class BatchNorm3d extends BatchNorm {
  constructor(numFeatures: number, options: BatchNormLayerOptions = {}) {
    super([5], numFeatures, options);
  }
}
