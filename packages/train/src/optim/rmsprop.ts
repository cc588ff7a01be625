/** RMSprop. */
import { Variable, zeros } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { Parameter } from '@hebb/nn';
import { checkNumber } from '../check.ts';
import { Optimizer } from './optimizer.ts';
import type { OptimizerOptions, Slots, StepScalars } from './optimizer.ts';

export interface RMSpropOptions extends OptimizerOptions {
  /** Decay of the running mean of squares; default 0.99. */
  readonly alpha?: number;
  /** Added to the denominator; default 1e-8. */
  readonly eps?: number;
  /** Default 0. */
  readonly momentum?: number;
  /** Divide by the running deviation instead of the running square. */
  readonly centered?: boolean;
}

/**
 * RMSprop, Tieleman & Hinton 2012 (centred: Graves 2013, arXiv:1308.0850), as PyTorch's:
 * `p -= lr · g / (√v + eps)`. Default lr 1e-2.
 */
export class RMSprop extends Optimizer<RMSpropOptions> {
  constructor(options: RMSpropOptions = {}) {
    super('RMSprop', options, {
      lr: 1e-2,
      alpha: 0.99,
      eps: 1e-8,
      weightDecay: 0,
      momentum: 0,
      centered: false,
    });
  }

  protected override validate(options: Required<RMSpropOptions>): void {
    super.validate(options);
    checkNumber('RMSprop', 'alpha', options.alpha, { low: 0 });
    checkNumber('RMSprop', 'eps', options.eps, { low: 0 });
    checkNumber('RMSprop', 'momentum', options.momentum, { low: 0 });
  }
  protected override momentumOf(options: Required<RMSpropOptions>): number {
    return options.momentum;
  }
  protected slots(parameter: Parameter, { momentum, centered }: Required<RMSpropOptions>): Slots {
    const start = () => new Variable(zeros(parameter.shape, parameter.dtype));
    return {
      square_avg: start(),
      ...(momentum > 0 ? { momentum_buffer: start() } : {}),
      ...(centered ? { grad_avg: start() } : {}),
    };
  }
  protected update(
    value: Tensor,
    gradient: Tensor,
    { square_avg: square, momentum_buffer: buffer, grad_avg: mean }: Slots,
    { lr, momentum }: StepScalars,
    { alpha, eps, weightDecay }: Required<RMSpropOptions>,
  ): Tensor {
    const g = weightDecay === 0 ? gradient : gradient.add(value.mul(weightDecay));
    const v = square!.value.mul(alpha).add(g.mul(g).mul(1 - alpha));
    square!.value = v;
    let spread = v;
    if (mean !== undefined) {
      mean.value = mean.value.mul(alpha).add(g.mul(1 - alpha));
      spread = v.sub(mean.value.square());
    }
    const direction = g.div(spread.sqrt().add(eps));
    if (buffer === undefined) return value.sub(direction.mul(lr));
    buffer.value = buffer.value.mul(momentum).add(direction);
    return value.sub(buffer.value.mul(lr));
  }
}
