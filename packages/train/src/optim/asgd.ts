/** Averaged stochastic gradient descent. */
import { Variable, where, zeros } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { Parameter } from '@hebb/nn';
import { checkNumber } from '../check.ts';
import { Optimizer } from './optimizer.ts';
import type { OptimizerOptions, Slots, StepScalars } from './optimizer.ts';

export interface ASGDOptions extends OptimizerOptions {
  /** Decay of the parameters and of the rate; default 1e-4. */
  readonly lambd?: number;
  /** Power of the rate's decay; default 0.75. */
  readonly alpha?: number;
  /** Step from which on the average is taken; default 1e6. */
  readonly t0?: number;
}

/**
 * SGD whose rate falls as `lr / (1 + lambd · lr · t)^alpha` and whose parameters are averaged from step t0
 * on, in the state `ax`. Polyak & Juditsky 1992, as PyTorch's. Default lr 1e-2.
 */
export class ASGD extends Optimizer<ASGDOptions> {
  constructor(options: ASGDOptions = {}) {
    super('ASGD', options, { lr: 1e-2, lambd: 1e-4, alpha: 0.75, t0: 1e6, weightDecay: 0 });
  }

  protected override validate(options: Required<ASGDOptions>): void {
    super.validate(options);
    checkNumber('ASGD', 'lambd', options.lambd, { low: 0 });
    checkNumber('ASGD', 'alpha', options.alpha);
    checkNumber('ASGD', 't0', options.t0);
  }
  protected slots(parameter: Parameter): Slots {
    return { ax: new Variable(zeros(parameter.shape, parameter.dtype)) };
  }
  protected update(
    value: Tensor,
    gradient: Tensor,
    { ax: average }: Slots,
    { lr, step }: StepScalars,
    { lambd, alpha, t0, weightDecay }: Required<ASGDOptions>,
  ): Tensor {
    const g = weightDecay === 0 ? gradient : gradient.add(value.mul(weightDecay));
    const before = step.sub(1);
    const rate = lr.div(lr.mul(lambd).mul(before).add(1).pow(alpha));
    const next = value.mul(rate.mul(-lambd).add(1)).sub(g.mul(rate));
    const averaged = before.sub(t0);
    const share = averaged.maximum(1).pow(-1);
    const held = average!.value;
    average!.value = where(averaged.le(1), next, held.add(next.sub(held).mul(share)));
    return next;
  }
}
