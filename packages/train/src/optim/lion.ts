/** Lion. */
import { Variable, zeros } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { Parameter } from '@hebb/nn';
import { checkNumber } from '../check.ts';
import { Optimizer } from './optimizer.ts';
import type { OptimizerOptions, Slots, StepScalars } from './optimizer.ts';

export interface LionOptions extends OptimizerOptions {
  /** Share of the momentum in the update, and its decay; default 0.9 and 0.99. */
  readonly betas?: readonly [number, number];
}

/**
 * Steps by the sign of an interpolation of momentum and gradient: `p -= lr · (sign(β₁ m + (1 - β₁) g) +
 * weightDecay · p)`, `m = β₂ m + (1 - β₂) g`. Chen et al. 2023, arXiv:2302.06675. One state tensor a
 * parameter. Every entry moves by lr, so the rate is 3 to 10 times smaller than Adam's and the weight decay
 * as much larger. Defaults: lr 1e-4, weightDecay 0.
 */
export class Lion extends Optimizer<LionOptions> {
  constructor(options: LionOptions = {}) {
    super('Lion', options, { lr: 1e-4, betas: [0.9, 0.99], weightDecay: 0 });
  }

  protected override validate(options: Required<LionOptions>): void {
    super.validate(options);
    checkNumber('Lion', 'betas[0]', options.betas[0], { low: 0, high: 1, open: true });
    checkNumber('Lion', 'betas[1]', options.betas[1], { low: 0, high: 1, open: true });
  }
  protected override momentumOf({ betas }: Required<LionOptions>): number {
    return betas[0];
  }
  protected slots(parameter: Parameter): Slots {
    return { exp_avg: new Variable(zeros(parameter.shape, parameter.dtype)) };
  }
  protected update(
    value: Tensor,
    gradient: Tensor,
    { exp_avg: mean }: Slots,
    { lr, momentum: beta1 }: StepScalars,
    { betas, weightDecay }: Required<LionOptions>,
  ): Tensor {
    const m = mean!.value;
    const direction = m
      .mul(beta1)
      .add(gradient.mul(beta1.neg().add(1)))
      .sign();
    mean!.value = m.mul(betas[1]).add(gradient.mul(1 - betas[1]));
    const shrunk = weightDecay === 0 ? value : value.mul(lr.mul(-weightDecay).add(1));
    return shrunk.sub(direction.mul(lr));
  }
}
