/** Rprop. */
import { Variable, full, where, zeros } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { Parameter } from '@hebb/nn';
import { checkNumber } from '../check.ts';
import { Optimizer } from './optimizer.ts';
import type { OptimizerOptions, Slots, StepScalars } from './optimizer.ts';

export interface RpropOptions extends OptimizerOptions {
  /** What a step shrinks by where the gradient's sign turned, and grows by where it stayed; default 0.5 and 1.2. */
  readonly etas?: readonly [number, number];
  /** Smallest and largest step; default 1e-6 and 50. */
  readonly stepSizes?: readonly [number, number];
}

/**
 * Resilient backpropagation, Riedmiller & Braun 1993, as PyTorch's: each entry has a step of its own, which
 * follows the sign of its gradient alone; for whole batches, not for small random ones. `lr` is the first
 * step. Default lr 1e-2.
 */
export class Rprop extends Optimizer<RpropOptions> {
  constructor(options: RpropOptions = {}) {
    super('Rprop', options, { lr: 1e-2, etas: [0.5, 1.2], stepSizes: [1e-6, 50], weightDecay: 0 });
  }

  protected override validate(options: Required<RpropOptions>): void {
    super.validate(options);
    const { etas, stepSizes } = options;
    checkNumber('Rprop', 'etas[0]', etas[0], { low: 0, high: 1, open: true });
    checkNumber('Rprop', 'etas[1]', etas[1], { low: 1 });
    checkNumber('Rprop', 'stepSizes[0]', stepSizes[0], { low: 0 });
    checkNumber('Rprop', 'stepSizes[1]', stepSizes[1], { low: stepSizes[0] });
  }
  protected slots(parameter: Parameter, { lr }: Required<RpropOptions>): Slots {
    return {
      prev: new Variable(zeros(parameter.shape, parameter.dtype)),
      step_size: new Variable(full(parameter.shape, lr, parameter.dtype)),
    };
  }
  protected update(
    value: Tensor,
    gradient: Tensor,
    { prev, step_size: size }: Slots,
    _scalars: StepScalars,
    { etas: [shrink, grow], stepSizes: [smallest, largest], weightDecay }: Required<RpropOptions>,
  ): Tensor {
    const g = weightDecay === 0 ? gradient : gradient.add(value.mul(weightDecay));
    const agreement = g.mul(prev!.value);
    const turned = agreement.lt(0);
    const old = size!.value;
    const grown = where(agreement.gt(0), old.mul(grow), old);
    const step = where(turned, old.mul(shrink), grown).maximum(smallest).minimum(largest);
    // Where the sign turned, the entry rests for one step and forgets it.
    const kept = where(turned, 0, g);
    size!.value = step;
    prev!.value = kept;
    return value.sub(kept.sign().mul(step));
  }
}
