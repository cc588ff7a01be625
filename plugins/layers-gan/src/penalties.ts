/** Penalties on the slope of a discriminator: their gradients go through its gradient, a true second order. */
import { defaultGenerator, fail, formatShape, gradients, random, sameShape } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { checkNumber, checkOptions } from '@hebb/nn';

/** A discriminator as a function of the samples alone; conditions are fixed by the caller. */
export type Critic = (samples: Tensor) => Tensor;

/** Squared length of the critic's slope at each sample. Shape: [N, ...] -> [N]. */
function squaredSlope(critic: Critic, at: Tensor): Tensor {
  const [slope] = gradients(critic(at).sum(), [at]);
  return slope!.mul(slope!).flatten(1).sum(1);
}

export interface GradientPenaltyOptions {
  /** Default 10. */
  readonly weight?: number;
  /** The length that slopes are pulled to; default 1. */
  readonly center?: number;
  /** Where between real (1) and generated (0) each sample is looked at: [N]; default uniform at random. */
  readonly mix?: Tensor;
}

/**
 * weight · mean (‖∇critic(x̂)‖ - center)², at points between real and generated samples. Gulrajani et al. 2017,
 * arXiv:1704.00028. Shape: two of [N, ...] -> []. The points are drawn from the default generator.
 *
 * Below a length of 1e-6 the slope counts as that, so that a critic that is flat has a gradient.
 */
export function gradientPenalty(
  critic: Critic,
  real: Tensor,
  fake: Tensor,
  options: GradientPenaltyOptions = {},
): Tensor {
  const op = 'gradientPenalty';
  checkOptions(op, options, ['weight', 'center', 'mix']);
  const { weight = 10, center = 1, mix } = options;
  checkNumber(op, 'weight', weight, 0);
  checkNumber(op, 'center', center, 0);
  if (!sameShape(real.shape, fake.shape) || real.rank < 2) {
    fail(
      op,
      'real and generated samples differ in shape',
      formatShape(fake.shape),
      formatShape(real.shape),
    );
  }
  const n = real.shape[0]!;
  if (mix !== undefined && mix.size !== n) {
    fail(op, 'mix is not one number a sample', formatShape(mix.shape), `[${n}]`);
  }
  const share = (
    mix ?? random.uniform(defaultGenerator.next(), [n], { dtype: real.dtype })
  ).reshape([n, ...real.shape.slice(1).map(() => 1)]);
  const others = fake.detach();
  const at = others.add(real.sub(others).mul(share));
  const length = squaredSlope(critic, at).add(1e-12).sqrt();
  return length.sub(center).pow(2).mean().mul(weight);
}

export interface R1Options {
  /** γ; default 10. */
  readonly weight?: number;
}

/**
 * γ/2 · mean ‖∇critic(x)‖² at real samples (at generated ones it is R2). Mescheder et al. 2018, arXiv:1801.04406.
 * Shape: [N, ...] -> [].
 */
export function r1Penalty(critic: Critic, real: Tensor, options: R1Options = {}): Tensor {
  checkOptions('r1Penalty', options, ['weight']);
  const { weight = 10 } = options;
  checkNumber('r1Penalty', 'weight', weight, 0);
  return squaredSlope(critic, real)
    .mean()
    .mul(weight / 2);
}
