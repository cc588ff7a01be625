/**
 * Losses as modules. Each is the function of nearly the same name in `@hebb/ops` (`CrossEntropyLoss` is
 * `crossEntropy`) with its options fixed; `reduction` is 'mean' unless told otherwise.
 */
import type { Tensor } from '@hebb/core';
import {
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  cosineEmbeddingLoss,
  crossEntropy,
  ctcLoss,
  gaussianNllLoss,
  hingeEmbeddingLoss,
  huberLoss,
  klDiv,
  l1Loss,
  marginRankingLoss,
  mseLoss,
  multiMarginLoss,
  multilabelMarginLoss,
  multilabelSoftMarginLoss,
  nllLoss,
  poissonNllLoss,
  smoothL1Loss,
  softMarginLoss,
  tripletMarginLoss,
  tripletMarginWithDistanceLoss,
} from '@hebb/ops';
import type {
  CrossEntropyOptions,
  CtcOptions,
  LossOptions,
  NllOptions,
  TripletOptions,
  TripletWithDistanceOptions,
} from '@hebb/ops';
import { Module } from '../module/module.ts';
import { ModuleBuffer } from '../module/parameter.ts';

/** A loss with settings. */
abstract class LossModule<Options extends object> extends Module {
  readonly options: Options;

  constructor(options?: Options) {
    super();
    this.options = { ...options } as Options;
  }
  override extraRepr(): string {
    return Object.entries(this.options)
      .map(([name, value]) => `${name}=${typeof value === 'function' ? 'function' : String(value)}`)
      .join(', ');
  }
}

type Weights<Name extends string> = { readonly [name in Name]?: Tensor | null };

/** A loss with constant weights, which belong to its state as in PyTorch. */
abstract class WeightedLoss<Options extends Weights<'weight'>> extends LossModule<
  Omit<Options, 'weight'>
> {
  weight: ModuleBuffer | undefined;

  constructor({ weight, ...options }: Options = {} as Options) {
    super(options);
    this.weight = weight == null ? undefined : new ModuleBuffer(weight);
  }
  protected get all(): Omit<Options, 'weight'> & Weights<'weight'> {
    return { ...this.options, ...(this.weight && { weight: this.weight.value }) };
  }
}

/**
 * Cross entropy of scores (not probabilities) and classes. Options: weight [C], ignoreIndex (-100),
 * labelSmoothing (0), reduction. Shape: [N, C, ...], [N, ...] class numbers or [N, C, ...] probabilities -> [].
 */
export class CrossEntropyLoss extends WeightedLoss<CrossEntropyOptions> {
  forward(input: Tensor, target: Tensor): Tensor {
    return crossEntropy(input, target, this.all);
  }
}

/** Negative log-likelihood of log-probabilities. Shape: [N, C, ...], [N, ...] class numbers -> []. */
export class NLLLoss extends WeightedLoss<NllOptions> {
  forward(input: Tensor, target: Tensor): Tensor {
    return nllLoss(input, target, this.all);
  }
}

/** Cross entropy of probabilities and targets in [0, 1]. Shape: both [...] -> []. */
export class BCELoss extends WeightedLoss<LossOptions & Weights<'weight'>> {
  forward(input: Tensor, target: Tensor): Tensor {
    return binaryCrossEntropy(input, target, this.all);
  }
}

/** Cross entropy of logits and targets in [0, 1]; `posWeight` scales the positive part. Shape: both [...] -> []. */
export class BCEWithLogitsLoss extends WeightedLoss<LossOptions & Weights<'weight'>> {
  posWeight: ModuleBuffer | undefined;

  constructor({ posWeight, ...options }: LossOptions & Weights<'weight' | 'posWeight'> = {}) {
    super(options);
    this.posWeight = posWeight == null ? undefined : new ModuleBuffer(posWeight);
  }
  forward(input: Tensor, target: Tensor): Tensor {
    return binaryCrossEntropyWithLogits(input, target, {
      ...this.all,
      ...(this.posWeight && { posWeight: this.posWeight.value }),
    });
  }
}

/** Sum of binary cross entropies over classes. Shape: both [N, C] -> []. */
export class MultiLabelSoftMarginLoss extends WeightedLoss<LossOptions & Weights<'weight'>> {
  forward(input: Tensor, target: Tensor): Tensor {
    return multilabelSoftMarginLoss(input, target, this.all);
  }
}

/** Hinge on the margin between the wanted class and each other. Shape: [N, C], [N] class numbers -> []. */
export class MultiMarginLoss extends WeightedLoss<
  LossOptions & Weights<'weight'> & { readonly p?: 1 | 2; readonly margin?: number }
> {
  forward(input: Tensor, target: Tensor): Tensor {
    return multiMarginLoss(input, target, this.all);
  }
}

/** Mean of (input - target)². Shape: both [...] -> []. */
export class MSELoss extends LossModule<LossOptions> {
  forward(input: Tensor, target: Tensor): Tensor {
    return mseLoss(input, target, this.options);
  }
}

/** Mean of |input - target|. Shape: both [...] -> []. */
export class L1Loss extends LossModule<LossOptions> {
  forward(input: Tensor, target: Tensor): Tensor {
    return l1Loss(input, target, this.options);
  }
}

/** Quadratic below `beta`, linear above. Shape: both [...] -> []. */
export class SmoothL1Loss extends LossModule<LossOptions & { readonly beta?: number }> {
  forward(input: Tensor, target: Tensor): Tensor {
    return smoothL1Loss(input, target, this.options);
  }
}

/** Quadratic below `delta`, linear above. Shape: both [...] -> []. */
export class HuberLoss extends LossModule<LossOptions & { readonly delta?: number }> {
  forward(input: Tensor, target: Tensor): Tensor {
    return huberLoss(input, target, this.options);
  }
}

/** Negative log-likelihood of counts. Shape: both [...] -> []. */
export class PoissonNLLLoss extends LossModule<
  LossOptions & { readonly logInput?: boolean; readonly full?: boolean; readonly eps?: number }
> {
  forward(input: Tensor, target: Tensor): Tensor {
    return poissonNllLoss(input, target, this.options);
  }
}

/** Kullback-Leibler divergence of log-probabilities from the target. Shape: both [...] -> []. */
export class KLDivLoss extends LossModule<{
  readonly reduction?: LossOptions['reduction'] | 'batchmean';
  readonly logTarget?: boolean;
}> {
  forward(input: Tensor, target: Tensor): Tensor {
    return klDiv(input, target, this.options);
  }
}

/** log(1 + exp(-target · input)), targets ±1. Shape: both [...] -> []. */
export class SoftMarginLoss extends LossModule<LossOptions> {
  forward(input: Tensor, target: Tensor): Tensor {
    return softMarginLoss(input, target, this.options);
  }
}

/** Distances pulled to 0 for target 1 and beyond `margin` for -1. Shape: both [...] -> []. */
export class HingeEmbeddingLoss extends LossModule<LossOptions & { readonly margin?: number }> {
  forward(input: Tensor, target: Tensor): Tensor {
    return hingeEmbeddingLoss(input, target, this.options);
  }
}

/** Margins between wanted and other classes. Shape: both [...] -> []. */
export class MultiLabelMarginLoss extends LossModule<LossOptions> {
  forward(input: Tensor, target: Tensor): Tensor {
    return multilabelMarginLoss(input, target, this.options);
  }
}

/** Negative log-likelihood of a normal distribution with the given variance. Shape: all [...] -> []. */
export class GaussianNLLLoss extends LossModule<
  LossOptions & { readonly full?: boolean; readonly eps?: number }
> {
  forward(input: Tensor, target: Tensor, variance: Tensor): Tensor {
    return gaussianNllLoss(input, target, variance, this.options);
  }
}

/** Wants a above b for target 1, below for -1, by `margin`. Shape: all [N] -> []. */
export class MarginRankingLoss extends LossModule<LossOptions & { readonly margin?: number }> {
  forward(a: Tensor, b: Tensor, target: Tensor): Tensor {
    return marginRankingLoss(a, b, target, this.options);
  }
}

/** Cosine distances of pairs, targets ±1. Shape: [N, D], [N, D], [N] -> []. */
export class CosineEmbeddingLoss extends LossModule<LossOptions & { readonly margin?: number }> {
  forward(a: Tensor, b: Tensor, target: Tensor): Tensor {
    return cosineEmbeddingLoss(a, b, target, this.options);
  }
}

/** Wants the anchor nearer to the positive than to the negative, by `margin`. Shape: all [N, D] -> []. */
export class TripletMarginLoss extends LossModule<TripletOptions> {
  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    return tripletMarginLoss(anchor, positive, negative, this.options);
  }
}

/**
 * As `TripletMarginLoss` with a distance of your own. Options: distanceFunction (two of [N, ...] -> [N], default
 * `pairwiseDistance`), margin (1), swap (false), reduction. Shape: three of [N, ...] -> [].
 */
export class TripletMarginWithDistanceLoss extends LossModule<TripletWithDistanceOptions> {
  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    return tripletMarginWithDistanceLoss(anchor, positive, negative, this.options);
  }
}

/**
 * Connectionist temporal classification: label sequences without alignment. Graves et al. 2006. Options:
 * blank (0), zeroInfinity (false), reduction. Shape: log-probabilities [T, N, C], targets [N, S] or one
 * after the other [Σ lengths], lengths [N] -> [].
 */
export class CTCLoss extends LossModule<CtcOptions> {
  forward(
    logProbs: Tensor,
    targets: Tensor,
    inputLengths: Tensor | readonly number[],
    targetLengths: Tensor | readonly number[],
  ): Tensor {
    return ctcLoss(logProbs, targets, inputLengths, targetLengths, this.options);
  }
}
