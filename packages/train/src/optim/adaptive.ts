/** Relatives of Adam: Adamax, NAdam, RAdam; and Adadelta. Rules and defaults are PyTorch's. */
import { Variable, expm1, ones, where, zeros } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { Parameter } from '@hebb/nn';
import { checkNumber } from '../check.ts';
import { Optimizer } from './optimizer.ts';
import type { OptimizerOptions, Slots, StepScalars } from './optimizer.ts';

interface MomentOptions extends OptimizerOptions {
  /** Decay of the running mean of gradients and of their second measure; default 0.9 and 0.999. */
  readonly betas?: readonly [number, number];
  /** Added to the denominator; default 1e-8. */
  readonly eps?: number;
}

const start = (parameter: Parameter): Variable =>
  new Variable(zeros(parameter.shape, parameter.dtype));
const decayed = (value: Tensor, gradient: Tensor, weightDecay: number): Tensor =>
  weightDecay === 0 ? gradient : gradient.add(value.mul(weightDecay));
/** 1 - betaᵗ without cancellation. */
const correction = (logBeta: Tensor | number, step: Tensor): Tensor =>
  expm1(step.mul(logBeta)).neg();

function checkMoments(name: string, { betas, eps }: Required<MomentOptions>): void {
  checkNumber(name, 'betas[0]', betas[0], { low: 0, high: 1, open: true });
  checkNumber(name, 'betas[1]', betas[1], { low: 0, high: 1, open: true });
  checkNumber(name, 'eps', eps, { low: 0 });
}

/** Adam with the largest gradient instead of the second moment. Kingma & Ba 2015, section 7. Default lr 2e-3. */
export class Adamax extends Optimizer<MomentOptions> {
  constructor(options: MomentOptions = {}) {
    super('Adamax', options, { lr: 2e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 });
  }
  protected override validate(options: Required<MomentOptions>): void {
    super.validate(options);
    checkMoments('Adamax', options);
  }
  protected override momentumOf({ betas }: Required<MomentOptions>): number {
    return betas[0];
  }
  protected slots(parameter: Parameter): Slots {
    return { exp_avg: start(parameter), exp_inf: start(parameter) };
  }
  protected update(
    value: Tensor,
    gradient: Tensor,
    { exp_avg: mean, exp_inf: largest }: Slots,
    { lr, momentum: beta1, step }: StepScalars,
    { betas, eps, weightDecay }: Required<MomentOptions>,
  ): Tensor {
    const g = decayed(value, gradient, weightDecay);
    mean!.value = mean!.value.mul(beta1).add(g.mul(beta1.neg().add(1)));
    largest!.value = largest!.value.mul(betas[1]).maximum(g.abs().add(eps));
    return value.sub(mean!.value.mul(lr.div(correction(beta1.log(), step))).div(largest!.value));
  }
}

export interface NAdamOptions extends MomentOptions {
  /** How slowly the momentum rises to beta; default 4e-3. */
  readonly momentumDecay?: number;
}

/** Adam with Nesterov's momentum. Dozat 2016. Default lr 2e-3. */
export class NAdam extends Optimizer<NAdamOptions> {
  constructor(options: NAdamOptions = {}) {
    super('NAdam', options, {
      lr: 2e-3,
      betas: [0.9, 0.999],
      eps: 1e-8,
      weightDecay: 0,
      momentumDecay: 4e-3,
    });
  }
  protected override validate(options: Required<NAdamOptions>): void {
    super.validate(options);
    checkMoments('NAdam', options);
    checkNumber('NAdam', 'momentumDecay', options.momentumDecay, { low: 0 });
  }
  protected override momentumOf({ betas }: Required<NAdamOptions>): number {
    return betas[0];
  }
  protected slots(parameter: Parameter): Slots {
    return {
      mu_product: new Variable(ones([], parameter.dtype)),
      exp_avg: start(parameter),
      exp_avg_sq: start(parameter),
    };
  }
  protected update(
    value: Tensor,
    gradient: Tensor,
    { mu_product: product, exp_avg: mean, exp_avg_sq: square }: Slots,
    { lr, momentum: beta1, step }: StepScalars,
    { betas, eps, weightDecay, momentumDecay }: Required<NAdamOptions>,
  ): Tensor {
    const beta2 = betas[1];
    const g = decayed(value, gradient, weightDecay);
    const mu = (t: Tensor): Tensor =>
      beta1.mul(
        t
          .mul(momentumDecay * Math.log(0.96))
          .exp()
          .mul(-0.5)
          .add(1),
      );
    const now = mu(step);
    const next = mu(step.add(1));
    product!.value = product!.value.mul(now);
    mean!.value = mean!.value.mul(beta1).add(g.mul(beta1.neg().add(1)));
    square!.value = square!.value.mul(beta2).add(g.mul(g).mul(1 - beta2));
    const spread = square!.value
      .div(correction(Math.log(beta2), step))
      .sqrt()
      .add(eps);
    const fromGradient = lr.mul(now.neg().add(1)).div(product!.value.neg().add(1));
    const fromMean = lr.mul(next).div(product!.value.mul(next).neg().add(1));
    return value.sub(g.mul(fromGradient).add(mean!.value.mul(fromMean)).div(spread));
  }
}

/** Adam whose adaptive rate waits until its variance is known. Liu et al. 2020, arXiv:1908.03265. Default lr 1e-3. */
export class RAdam extends Optimizer<MomentOptions> {
  constructor(options: MomentOptions = {}) {
    super('RAdam', options, { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 });
  }
  protected override validate(options: Required<MomentOptions>): void {
    super.validate(options);
    checkMoments('RAdam', options);
  }
  protected override momentumOf({ betas }: Required<MomentOptions>): number {
    return betas[0];
  }
  protected slots(parameter: Parameter): Slots {
    return { exp_avg: start(parameter), exp_avg_sq: start(parameter) };
  }
  protected update(
    value: Tensor,
    gradient: Tensor,
    { exp_avg: mean, exp_avg_sq: square }: Slots,
    { lr, momentum: beta1, step }: StepScalars,
    { betas, eps, weightDecay }: Required<MomentOptions>,
  ): Tensor {
    const beta2 = betas[1];
    const g = decayed(value, gradient, weightDecay);
    mean!.value = mean!.value.mul(beta1).add(g.mul(beta1.neg().add(1)));
    square!.value = square!.value.mul(beta2).add(g.mul(g).mul(1 - beta2));
    const longest = 2 / (1 - beta2) - 1;
    const left = correction(Math.log(beta2), step);
    // 2 t beta2ᵗ / (1 - beta2ᵗ)
    const rho = step.mul(left.neg().add(1)).mul(2).div(left).neg().add(longest);
    const rectified = rho
      .sub(4)
      .mul(rho.sub(2))
      .mul(longest)
      .div(rho.mul((longest - 4) * (longest - 2)))
      .maximum(0)
      .sqrt();
    const adaptive = rectified.mul(left.sqrt()).div(square!.value.sqrt().add(eps));
    const scale = where(rho.gt(5), adaptive, 1);
    const unbiased = mean!.value.mul(lr.div(correction(beta1.log(), step)));
    return value.sub(unbiased.mul(scale));
  }
}

export interface AdadeltaOptions extends OptimizerOptions {
  /** Decay of the running means of squares; default 0.9. */
  readonly rho?: number;
  /** Default 1e-6. */
  readonly eps?: number;
}

/** Rates from the ratio of past updates to past gradients. Zeiler 2012, arXiv:1212.5701. Default lr 1. */
export class Adadelta extends Optimizer<AdadeltaOptions> {
  constructor(options: AdadeltaOptions = {}) {
    super('Adadelta', options, { lr: 1, rho: 0.9, eps: 1e-6, weightDecay: 0 });
  }
  protected override validate(options: Required<AdadeltaOptions>): void {
    super.validate(options);
    checkNumber('Adadelta', 'rho', options.rho, { low: 0, high: 1 });
    checkNumber('Adadelta', 'eps', options.eps, { low: 0 });
  }
  protected slots(parameter: Parameter): Slots {
    return { square_avg: start(parameter), acc_delta: start(parameter) };
  }
  protected update(
    value: Tensor,
    gradient: Tensor,
    { square_avg: square, acc_delta: moved }: Slots,
    { lr }: StepScalars,
    { rho, eps, weightDecay }: Required<AdadeltaOptions>,
  ): Tensor {
    const g = decayed(value, gradient, weightDecay);
    square!.value = square!.value.mul(rho).add(g.mul(g).mul(1 - rho));
    const delta = moved!.value.add(eps).sqrt().div(square!.value.add(eps).sqrt()).mul(g);
    moved!.value = moved!.value.mul(rho).add(delta.mul(delta).mul(1 - rho));
    return value.sub(delta.mul(lr));
  }
}

export type { MomentOptions as AdamaxOptions, MomentOptions as RAdamOptions };
