/** Running averages of weights. */
import { Variable, fail, scalar, where, zeros } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { Parameter } from '@hebb/nn';

/**
 * Base of the averages of parameters: the first update copies, later ones do
 * `average += entering · (value - average)`. `update` belongs into a compiled step, after the optimizer's.
 */
export abstract class WeightAverage {
  readonly #name: string;
  readonly #averages = new Map<Parameter, Variable>();
  readonly #count = new Variable(scalar(0, 'int32'));
  #swapped = false;

  constructor(name: string, parameters: Iterable<Parameter>) {
    this.#name = name;
    for (const parameter of parameters) {
      this.#averages.set(parameter, new Variable(zeros(parameter.shape, parameter.dtype)));
    }
    if (this.#averages.size === 0) fail(name, 'there are no parameters');
  }

  /** What an update takes of the new values, after `count` updates. */
  protected abstract entering(count: Tensor): Tensor | number;

  /** Takes in the parameters as they are. */
  update(): void {
    const count = this.#count.value;
    const entering = this.entering(count);
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
    return this.#averages.get(parameter) ?? fail(this.#name, 'not its parameter');
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
