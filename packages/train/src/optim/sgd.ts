/** Stochastic gradient descent. */
import { Variable, fail, where, zeros } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { Parameter } from '@hebb/nn';
import { checkNumber } from '../check.ts';
import { Optimizer } from './optimizer.ts';
import type { OptimizerOptions, Slots, StepScalars } from './optimizer.ts';

export interface SGDOptions extends OptimizerOptions {
  /** Share of the last update that stays; default 0. */
  readonly momentum?: number;
  /** Share of the gradient that does not enter the momentum after the first step; default 0. */
  readonly dampening?: number;
  /** Nesterov's look-ahead; needs momentum and no dampening. */
  readonly nesterov?: boolean;
}

/**
 * SGD as PyTorch's: `buf = momentum · buf + (1 - dampening) · g` (the gradient itself at the first step),
 * `p -= lr · buf`, weight decay added to the gradient. Sutskever et al. 2013 for the momentum.
 * Defaults: lr 1e-3, the rest 0.
 */
export class SGD extends Optimizer<SGDOptions> {
  constructor(options: SGDOptions = {}) {
    super('SGD', options, {
      lr: 1e-3,
      momentum: 0,
      dampening: 0,
      weightDecay: 0,
      nesterov: false,
    });
  }

  protected override validate(options: Required<SGDOptions>): void {
    super.validate(options);
    checkNumber('SGD', 'momentum', options.momentum, { low: 0 });
    checkNumber('SGD', 'dampening', options.dampening);
    if (options.nesterov && (options.momentum <= 0 || options.dampening !== 0)) {
      fail('SGD', 'nesterov needs momentum and no dampening');
    }
  }
  protected override momentumOf(options: Required<SGDOptions>): number {
    return options.momentum;
  }
  protected slots(parameter: Parameter, { momentum }: Required<SGDOptions>): Slots {
    if (momentum === 0) return {};
    return { momentum_buffer: new Variable(zeros(parameter.shape, parameter.dtype)) };
  }
  protected update(
    value: Tensor,
    gradient: Tensor,
    { momentum_buffer: buffer }: Slots,
    { lr, momentum, step }: StepScalars,
    { weightDecay, dampening, nesterov }: Required<SGDOptions>,
  ): Tensor {
    let g = weightDecay === 0 ? gradient : gradient.add(value.mul(weightDecay));
    if (buffer !== undefined) {
      const entering = dampening === 0 ? g : where(step.le(1), g, g.mul(1 - dampening));
      buffer.value = buffer.value.mul(momentum).add(entering);
      g = nesterov ? g.add(buffer.value.mul(momentum)) : buffer.value;
    }
    return value.sub(g.mul(lr));
  }
}
