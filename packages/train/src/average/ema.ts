/** An average that forgets. */
import type { Tensor } from '@hebb/core';
import type { Parameter } from '@hebb/nn';
import { checkNumber, checkOptions } from '../check.ts';
import { WeightAverage } from './average.ts';

export interface EmaOptions {
  /** Share of the average that stays at each update; default 0.999. */
  readonly decay?: number;
  /**
   * Let the decay rise as (1 + t) / (10 + t) until it reaches `decay`, so that short runs do not average
   * their start; default false.
   */
  readonly warmup?: boolean;
}

/**
 * An exponential moving average of parameters (PyTorch's `AveragedModel` with `get_ema_multi_avg_fn`): the
 * first update copies, later ones do `average += (1 - decay) (value - average)`. Polyak & Juditsky 1992.
 * `update` belongs into the compiled step, after the optimizer's; a `Trainer` does that itself.
 */
export class ExponentialMovingAverage extends WeightAverage {
  readonly decay: number;
  readonly warmup: boolean;

  constructor(parameters: Iterable<Parameter>, options: EmaOptions = {}) {
    checkOptions('ExponentialMovingAverage', options, ['decay', 'warmup']);
    const { decay = 0.999, warmup = false } = options;
    super('ExponentialMovingAverage', parameters);
    this.decay = checkNumber('ExponentialMovingAverage', 'decay', decay, { low: 0, high: 1 });
    this.warmup = warmup;
  }

  protected entering(count: Tensor): Tensor | number {
    if (!this.warmup) return 1 - this.decay;
    const t = count.to('float32');
    return t.add(1).div(t.add(10)).minimum(this.decay).neg().add(1);
  }
}
