/**
 * What generator and discriminator minimise against each other. Scores are what a discriminator gives before any
 * sigmoid: one a sample, or one a patch.
 */
import { fullLike } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { checkNumber, checkOptions } from '@hebb/nn';
import { binaryCrossEntropyWithLogits, mseLoss, relu } from '@hebb/ops';

/** Two losses, both means over all scores. Shape of the scores: any -> []. */
export interface AdversarialLoss {
  readonly name: string;
  /** What the discriminator minimises, from its scores of real and generated samples. */
  discriminator(real: Tensor, fake: Tensor): Tensor;
  /** What the generator minimises, from the discriminator's scores of its samples. */
  generator(fake: Tensor): Tensor;
}

export interface LabelOptions {
  /**
   * What the discriminator is told about real samples, default 1. Below 1 it is smoothed on one side, so that the
   * discriminator does not get too sure: Salimans et al. 2016, arXiv:1606.03498, section 3.4.
   */
  readonly realLabel?: number;
  /** What it is told about generated ones, default 0. */
  readonly fakeLabel?: number;
}

const against = (scores: Tensor, label: number): Tensor =>
  binaryCrossEntropyWithLogits(scores, fullLike(scores, label));

function labelsOf(op: string, options: LabelOptions): Required<LabelOptions> {
  checkOptions(op, options, ['realLabel', 'fakeLabel']);
  const { realLabel = 1, fakeLabel = 0 } = options;
  checkNumber(op, 'realLabel', realLabel, 0, 1);
  checkNumber(op, 'fakeLabel', fakeLabel, 0, 1);
  return { realLabel, fakeLabel };
}

/** The sum of both cross entropies, as a discriminator of real and generated samples minimises it. */
const crossEntropies =
  ({ realLabel, fakeLabel }: Required<LabelOptions>) =>
  (real: Tensor, fake: Tensor): Tensor =>
    against(real, realLabel).add(against(fake, fakeLabel));

/**
 * The game of the first paper: the generator minimises log(1 - σ(score)), whose gradient fades where the
 * discriminator is sure. Goodfellow et al. 2014, arXiv:1406.2661, equation 1.
 */
export function minimaxLoss(options: LabelOptions = {}): AdversarialLoss {
  return {
    name: 'minimax',
    discriminator: crossEntropies(labelsOf('minimaxLoss', options)),
    generator: (fake) => against(fake, 0).neg(),
  };
}

/**
 * The same discriminator; the generator minimises -log σ(score), which pulls hardest where it does worst. What most
 * people train. Goodfellow et al. 2014, section 3.
 */
export function nonSaturatingLoss(options: LabelOptions = {}): AdversarialLoss {
  return {
    name: 'non-saturating',
    discriminator: crossEntropies(labelsOf('nonSaturatingLoss', options)),
    generator: (fake) => against(fake, 1),
  };
}

/** ½(real - realLabel)² + ½(fake - fakeLabel)² and ½(fake - 1)². Mao et al. 2017, arXiv:1611.04076, equation 9. */
export function leastSquaresLoss(options: LabelOptions = {}): AdversarialLoss {
  const { realLabel, fakeLabel } = labelsOf('leastSquaresLoss', options);
  const half = (scores: Tensor, label: number): Tensor =>
    mseLoss(scores, fullLike(scores, label)).mul(0.5);
  return {
    name: 'least squares',
    discriminator: (real, fake) => half(real, realLabel).add(half(fake, fakeLabel)),
    generator: (fake) => half(fake, 1),
  };
}

/** max(0, 1 - real) + max(0, 1 + fake) and -fake. Lim & Ye 2017, arXiv:1705.02894; Miyato et al. 2018. */
export function hingeLoss(): AdversarialLoss {
  return {
    name: 'hinge',
    discriminator: (real, fake) =>
      relu(real.neg().add(1))
        .mean()
        .add(relu(fake.add(1)).mean()),
    generator: (fake) => fake.mean().neg(),
  };
}

/**
 * fake - real and -fake: the critic estimates the Wasserstein distance, and needs a bound on its slope, such as
 * `gradientPenalty`. Arjovsky et al. 2017, arXiv:1701.07875.
 */
export function wassersteinLoss(): AdversarialLoss {
  return {
    name: 'Wasserstein',
    discriminator: (real, fake) => fake.mean().sub(real.mean()),
    generator: (fake) => fake.mean().neg(),
  };
}
