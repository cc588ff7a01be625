/** Running averages of weights. */
import { Variable, fail, scalar, where, zeros } from '@hebb/core';
import type { Parameter } from '@hebb/nn';
import { checkNumber, checkOptions } from '../check.ts';

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
export class ExponentialMovingAverage {
  readonly decay: number;
  readonly warmup: boolean;
  readonly #averages = new Map<Parameter, Variable>();
  readonly #count = new Variable(scalar(0, 'int32'));
  #swapped = false;

  constructor(parameters: Iterable<Parameter>, options: EmaOptions = {}) {
    checkOptions('ExponentialMovingAverage', options, ['decay', 'warmup']);
    const { decay = 0.999, warmup = false } = options;
    this.decay = checkNumber('ExponentialMovingAverage', 'decay', decay, { low: 0, high: 1 });
    this.warmup = warmup;
    for (const parameter of parameters) {
      this.#averages.set(parameter, new Variable(zeros(parameter.shape, parameter.dtype)));
    }
    if (this.#averages.size === 0) fail('ExponentialMovingAverage', 'there are no parameters');
  }

  /** Takes in the parameters as they are. */
  update(): void {
    const count = this.#count.value;
    const t = count.to('float32');
    const rising = t.add(1).div(t.add(10)).minimum(this.decay);
    const entering = this.warmup ? rising.neg().add(1) : 1 - this.decay;
    for (const [parameter, average] of this.#averages) {
      const now = parameter.value;
      const before = average.value;
      const share = typeof entering === 'number' ? entering : entering.to(parameter.dtype);
      const moved = before.add(now.sub(before).mul(share));
      average.value = where(count.eq(0), now, moved);
    }
    this.#count.value = count.add(1);
  }

  /** The average of a parameter; its variable stays the same when values are exchanged. */
  of(parameter: Parameter): Variable {
    return this.#averages.get(parameter) ?? fail('ExponentialMovingAverage', 'not its parameter');
  }
  get parameters(): Parameter[] {
    return [...this.#averages.keys()];
  }
  /** Number of updates so far. */
  get count(): Variable {
    return this.#count;
  }
  /** Everything that `update` changes. */
  get state(): Variable[] {
    return [this.#count, ...this.#averages.values()];
  }

  /**
   * Runs `body` with the averages in the place of the parameters and puts these back. Before the first
   * update, and inside another `during`, the parameters stay as they are.
   */
  async during<T>(body: () => Promise<T> | T): Promise<T> {
    if (this.#swapped || (await this.#count.peek().item()) === 0) return body();
    this.#exchange();
    try {
      return await body();
    } finally {
      this.#exchange();
    }
  }

  /** Makes the averages the parameters' values, for good. Nothing before the first update. */
  async apply(): Promise<void> {
    if ((await this.#count.peek().item()) === 0) return;
    for (const [parameter, average] of this.#averages) parameter.set(average.peek());
  }

  #exchange(): void {
    this.#swapped = !this.#swapped;
    for (const [parameter, average] of this.#averages) {
      const [value, other] = [parameter.peek(), average.peek()];
      parameter.set(other);
      average.set(value);
    }
  }

  dispose(): void {
    for (const variable of this.state) variable.peek().dispose();
  }
}
