/** A softmax for very many classes of which few are frequent. */
import { concat, fail, formatShape, gatherElements, neg } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { logSoftmax, mean } from '@hebb/ops';
import { checkCount, checkNumber } from '../check.ts';
import { Module } from '../module/module.ts';
import { ModuleList, Sequential } from './containers.ts';
import { Linear } from './linear.ts';

export interface AdaptiveLogSoftmaxOptions {
  /** By how much each cluster's projection is narrower than the one before; default 4. */
  readonly divValue?: number;
  /** Default false. */
  readonly headBias?: boolean;
}

/**
 * Softmax in two steps: a head chooses among the most frequent classes and clusters of rarer ones, a narrow
 * projection of each cluster among its members. Classes are numbered by falling frequency; `cutoffs` are the
 * first classes of the clusters. Grave et al. 2017, arXiv:1609.04309.
 *
 * What is saved is weights: `nClasses · inFeatures / divValue^i` in cluster i. All clusters are computed for
 * every sample, as a compiled step has one shape.
 * Shape: [N, inFeatures], class numbers [N] -> log-probabilities of those classes [N] and their mean loss [].
 */
export class AdaptiveLogSoftmaxWithLoss extends Module {
  readonly head: Linear;
  readonly tail: ModuleList<Sequential>;
  readonly inFeatures: number;
  readonly nClasses: number;
  readonly cutoffs: readonly number[];

  /** Throws unless the cutoffs are growing whole numbers from 1 to nClasses - 1. */
  constructor(
    inFeatures: number,
    nClasses: number,
    cutoffs: readonly number[],
    { divValue = 4, headBias = false }: AdaptiveLogSoftmaxOptions = {},
  ) {
    super();
    const layer = 'AdaptiveLogSoftmaxWithLoss';
    this.inFeatures = checkCount(layer, 'inFeatures', inFeatures);
    this.nClasses = checkCount(layer, 'nClasses', nClasses);
    checkNumber(layer, 'divValue', divValue, Number.MIN_VALUE);
    const grows = cutoffs.every((at, i) => Number.isInteger(at) && at > (cutoffs[i - 1] ?? 0));
    if (cutoffs.length === 0 || !grows || cutoffs.at(-1)! >= nClasses) {
      fail(
        layer,
        'cutoffs do not fit',
        `[${cutoffs.join(',')}]`,
        `growing whole numbers from 1 to ${nClasses - 1}`,
      );
    }
    this.cutoffs = [...cutoffs];
    const ends = [...cutoffs, nClasses];
    this.head = new Linear(inFeatures, cutoffs[0]! + cutoffs.length, { bias: headBias });
    this.tail = new ModuleList(
      ...cutoffs.map((from, i) => {
        const width = Math.max(1, Math.floor(inFeatures / divValue ** (i + 1)));
        return new Sequential(
          new Linear(inFeatures, width, { bias: false }),
          new Linear(width, ends[i + 1]! - from, { bias: false }),
        );
      }),
    );
  }

  forward(input: Tensor, target: Tensor): [Tensor, Tensor] {
    if (target.rank !== 1 || input.shape[0] !== target.shape[0]) {
      fail(
        'AdaptiveLogSoftmaxWithLoss',
        'input and target do not fit',
        `${formatShape(input.shape)}, ${formatShape(target.shape)}`,
        `[N, ${this.inFeatures}], [N]`,
      );
    }
    const chosen = gatherElements(this.logProb(input), target.unsqueeze(1).to('int32'), 1);
    const output = chosen.squeeze(1);
    return [output, neg(mean(output))];
  }

  /** Log-probabilities of all classes. Shape: [N, inFeatures] -> [N, nClasses]. */
  logProb(input: Tensor): Tensor {
    const head = logSoftmax(this.head.forward(input), 1);
    const first = this.cutoffs[0]!;
    const clusters = [...this.tail].map((cluster, i) =>
      logSoftmax(cluster.forward(input), 1).add(head.narrow(1, first + i, 1)),
    );
    return concat([head.narrow(1, 0, first), ...clusters], 1);
  }

  /** The likeliest class of each sample. Shape: [N, inFeatures] -> int32 [N]. */
  predict(input: Tensor): Tensor {
    return this.logProb(input).argmax(1);
  }

  override extraRepr(): string {
    return `${this.inFeatures}, ${this.nClasses}, cutoffs=[${this.cutoffs.join(',')}]`;
  }
}
