/** Normalisation by groups, by items and across channels. */
import { fail, formatShape, ones, scalar, zeros } from '@hebb/core';
import type { DType, Tensor } from '@hebb/core';
import { Module, ModuleBuffer, Parameter, checkCount } from '@hebb/nn';
import {
  batchNorm,
  groupNorm,
  instanceNorm,
  instanceNormStatistics,
  localResponseNorm,
} from '@hebb/ops';

function checkEps(layer: string, eps: number): number {
  if (!(eps >= 0 && Number.isFinite(eps))) fail(layer, 'eps is at least 0', String(eps));
  return eps;
}

export interface GroupNormLayerOptions {
  /** Added to the variance; default 1e-5. */
  readonly eps?: number;
  /** Learned scale and shift for each channel; default true. */
  readonly affine?: boolean;
  /** Default float32. */
  readonly dtype?: DType;
}

/**
 * Normalises groups of channels in each item, whatever the batch. Wu and He 2018, arXiv:1803.08494. Weight
 * and bias [numChannels]. Shape: [N, numChannels, ...] -> same.
 */
export class GroupNorm extends Module {
  readonly numGroups: number;
  readonly numChannels: number;
  readonly eps: number;
  weight: Parameter | undefined;
  bias: Parameter | undefined;

  constructor(
    numGroups: number,
    numChannels: number,
    { eps = 1e-5, affine = true, dtype = 'float32' }: GroupNormLayerOptions = {},
  ) {
    super();
    this.numGroups = checkCount('GroupNorm', 'numGroups', numGroups);
    this.numChannels = checkCount('GroupNorm', 'numChannels', numChannels);
    if (numChannels % numGroups !== 0) {
      fail('GroupNorm', 'channels do not divide into groups', `${numChannels} and ${numGroups}`);
    }
    this.eps = checkEps('GroupNorm', eps);
    this.weight = affine ? new Parameter(ones([numChannels], dtype)) : undefined;
    this.bias = affine ? new Parameter(zeros([numChannels], dtype)) : undefined;
  }
  forward(x: Tensor): Tensor {
    if (x.shape[1] !== this.numChannels) {
      fail('groupNorm', 'input does not fit', formatShape(x.shape), `[N,${this.numChannels},...]`);
    }
    const { numGroups, eps } = this;
    return groupNorm(x, numGroups, this.weight?.value, this.bias?.value, { eps });
  }
  override extraRepr(): string {
    return `${this.numGroups}, ${this.numChannels}, eps=${this.eps}`;
  }
}

export interface InstanceNormLayerOptions {
  /** Added to the variance; default 1e-5. */
  readonly eps?: number;
  /** Weight of a new batch in the running statistics; default 0.1. */
  readonly momentum?: number;
  /** Learned scale and shift; default false. */
  readonly affine?: boolean;
  /** Keep running statistics and use them in evaluation; default false. */
  readonly trackRunningStats?: boolean;
  /** Default float32. */
  readonly dtype?: DType;
}

/**
 * Normalises each channel of each item by its own mean and variance. Ulyanov et al. 2016,
 * arXiv:1607.08022. Names in state dicts: weight, bias; with statistics also running_mean, running_var and
 * num_batches_tracked, which PyTorch has here but does not count.
 */
abstract class InstanceNorm extends Module {
  readonly numFeatures: number;
  readonly eps: number;
  readonly momentum: number;
  weight: Parameter | undefined;
  bias: Parameter | undefined;
  runningMean: ModuleBuffer | undefined;
  runningVar: ModuleBuffer | undefined;
  numBatchesTracked: ModuleBuffer | undefined;
  readonly #spatial: number;

  protected constructor(
    spatial: number,
    numFeatures: number,
    {
      eps = 1e-5,
      momentum = 0.1,
      affine = false,
      trackRunningStats = false,
      dtype = 'float32',
    }: InstanceNormLayerOptions,
  ) {
    super();
    const layer = new.target.name;
    this.#spatial = spatial;
    this.numFeatures = checkCount(layer, 'numFeatures', numFeatures);
    this.eps = checkEps(layer, eps);
    if (!(momentum >= 0 && momentum <= 1)) {
      fail(layer, 'momentum is between 0 and 1', String(momentum));
    }
    this.momentum = momentum;
    const shape = [numFeatures];
    this.weight = affine ? new Parameter(ones(shape, dtype)) : undefined;
    this.bias = affine ? new Parameter(zeros(shape, dtype)) : undefined;
    if (!trackRunningStats) return;
    this.runningMean = new ModuleBuffer(zeros(shape, dtype));
    this.runningVar = new ModuleBuffer(ones(shape, dtype));
    this.numBatchesTracked = new ModuleBuffer(scalar(0, 'int32'));
  }

  forward(x: Tensor): Tensor {
    if (x.rank !== this.#spatial + 2 || x.shape[1] !== this.numFeatures) {
      const wanted = `[N, ${this.numFeatures}, ${this.#spatial} spatial axes]`;
      fail('instanceNorm', 'input does not fit', formatShape(x.shape), wanted);
    }
    const { runningMean, runningVar, momentum, eps } = this;
    const [weight, bias] = [this.weight?.value, this.bias?.value];
    if (runningMean === undefined || runningVar === undefined) {
      return instanceNorm(x, weight, bias, { eps });
    }
    if (!this.training) {
      return batchNorm(x, runningMean.value, runningVar.value, weight, bias, { eps });
    }
    const [mean, variance] = instanceNormStatistics(x, runningMean.value, runningVar.value, {
      momentum,
    });
    runningMean.value = mean;
    runningVar.value = variance;
    return instanceNorm(x, weight, bias, { eps });
  }

  override extraRepr(): string {
    return `${this.numFeatures}, eps=${this.eps}, momentum=${this.momentum}`;
  }
}

/** Shape: [N, C, L] -> same. */
export class InstanceNorm1d extends InstanceNorm {
  constructor(numFeatures: number, options: InstanceNormLayerOptions = {}) {
    super(1, numFeatures, options);
  }
}
/** Shape: [N, C, H, W] -> same. */
export class InstanceNorm2d extends InstanceNorm {
  constructor(numFeatures: number, options: InstanceNormLayerOptions = {}) {
    super(2, numFeatures, options);
  }
}
/** Shape: [N, C, D, H, W] -> same. */
export class InstanceNorm3d extends InstanceNorm {
  constructor(numFeatures: number, options: InstanceNormLayerOptions = {}) {
    super(3, numFeatures, options);
  }
}

/**
 * x / (k + alpha · mean of x² over `size` channels)^beta. Krizhevsky et al. 2012. Shape: [N, C, ...] -> same.
 */
export class LocalResponseNorm extends Module {
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly k: number;

  constructor(
    size: number,
    {
      alpha = 1e-4,
      beta = 0.75,
      k = 1,
    }: { readonly alpha?: number; readonly beta?: number; readonly k?: number } = {},
  ) {
    super();
    this.size = checkCount('LocalResponseNorm', 'size', size);
    this.alpha = alpha;
    this.beta = beta;
    this.k = k;
  }
  forward(x: Tensor): Tensor {
    const { size, alpha, beta, k } = this;
    return localResponseNorm(x, size, { alpha, beta, k });
  }
  override extraRepr(): string {
    return `${this.size}, alpha=${this.alpha}, beta=${this.beta}, k=${this.k}`;
  }
}
