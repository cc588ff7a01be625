/** Adagrad. */
import { Variable, full } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { Parameter } from '@hebb/nn';
import { checkNumber } from '../check.ts';
import { Optimizer } from './optimizer.ts';
import type { OptimizerOptions, Slots, StepScalars } from './optimizer.ts';

export interface AdagradOptions extends OptimizerOptions {
  /** The rate falls as lr / (1 + (step - 1) · lrDecay); default 0. */
  readonly lrDecay?: number;
  /** Start of the sum of squares; default 0. */
  readonly initialAccumulatorValue?: number;
  /** Added to the denominator; default 1e-10. */
  readonly eps?: number;
}

/** Adagrad, Duchi et al. 2011, as PyTorch's: `p -= lr · g / (√Σg² + eps)`. Default lr 1e-2. */
export class Adagrad extends Optimizer<AdagradOptions> {
  constructor(options: AdagradOptions = {}) {
    super('Adagrad', options, {
      lr: 1e-2,
      lrDecay: 0,
      weightDecay: 0,
      initialAccumulatorValue: 0,
      eps: 1e-10,
    });
  }

  protected override validate(options: Required<AdagradOptions>): void {
    super.validate(options);
    checkNumber('Adagrad', 'lrDecay', options.lrDecay, { low: 0 });
    checkNumber('Adagrad', 'initialAccumulatorValue', options.initialAccumulatorValue, { low: 0 });
    checkNumber('Adagrad', 'eps', options.eps, { low: 0 });
  }
  protected slots(
    parameter: Parameter,
    { initialAccumulatorValue }: Required<AdagradOptions>,
  ): Slots {
    return { sum: new Variable(full(parameter.shape, initialAccumulatorValue, parameter.dtype)) };
  }
  protected update(
    value: Tensor,
    gradient: Tensor,
    { sum }: Slots,
    { lr, step }: StepScalars,
    { lrDecay, eps, weightDecay }: Required<AdagradOptions>,
  ): Tensor {
    const g = weightDecay === 0 ? gradient : gradient.add(value.mul(weightDecay));
    sum!.value = sum!.value.add(g.mul(g));
    const rate = lrDecay === 0 ? lr : lr.div(step.sub(1).mul(lrDecay).add(1));
    return value.sub(g.mul(rate).div(sum!.value.sqrt().add(eps)));
  }
}
