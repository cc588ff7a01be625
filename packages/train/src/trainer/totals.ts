/** Sums that compiled steps add to on the backend and that the host reads now and then. */
import { Variable, fail, formatShape, realize, sameShape, zeros } from '@hebb/core';
import type { Tensor } from '@hebb/core';

/**
 * Named float32 sums. `add` is called inside compiled steps; `take` moves what has gathered since the last
 * time into float64 on the host, so that a long epoch loses no digits.
 */
export class Totals {
  readonly #variables = new Map<string, Variable>();
  readonly #sums = new Map<string, Float64Array>();

  /** Inside a step: adds to the sum of that name, which keeps the shape it first had. */
  add(name: string, value: Tensor): void {
    let variable = this.#variables.get(name);
    if (variable === undefined) {
      this.#variables.set(name, (variable = new Variable(zeros(value.shape))));
    }
    if (!sameShape(variable.shape, value.shape)) {
      fail(
        'Trainer',
        `"${name}" changes its shape from batch to batch`,
        formatShape(value.shape),
        formatShape(variable.shape),
      );
    }
    variable.value = variable.value.add(value.to('float32'));
  }

  get variables(): Variable[] {
    return [...this.#variables.values()];
  }

  /** Reads and clears what is on the backend. */
  async take(): Promise<void> {
    await realize(...this.variables.map((variable) => variable.peek()));
    for (const [name, variable] of this.#variables) {
      const old = variable.peek();
      const data = await old.data();
      const sums = this.#sums.get(name) ?? new Float64Array(data.length);
      for (let i = 0; i < data.length; i++) sums[i]! += Number(data[i]);
      this.#sums.set(name, sums);
      variable.set(zeros(variable.shape));
      old.dispose();
    }
    await realize(...this.variables.map((variable) => variable.peek()));
  }

  /** The sums of that name up to the last `take`; empty when nothing was added. */
  sums(name: string): Float64Array {
    return this.#sums.get(name) ?? new Float64Array(0);
  }

  /** Starts over on both sides. */
  async clear(): Promise<void> {
    await this.take();
    this.#sums.clear();
  }

  dispose(): void {
    for (const variable of this.#variables.values()) variable.peek().dispose();
    this.#variables.clear();
  }
}
