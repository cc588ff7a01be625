/** Sums that compiled steps add to on the backend and that the host reads now and then. */
import { Variable, fail, formatShape, fromBits, realize, sameShape, zeros } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { Column } from '../data/dataset.ts';

/**
 * Named float32 sums. `add` is called inside compiled steps; `take` moves what has gathered since the last
 * time into float64 on the host, so that a long epoch loses no digits. Sums depend on when that happens in
 * their last digits, so it is done at fixed steps; `read` looks without moving anything.
 */
export class Totals {
  readonly #variables = new Map<string, Variable>();
  readonly #sums = new Map<string, Float64Array>();
  readonly #seen = new Map<string, Float64Array>();

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

  /** Looks at the sums as they stand; `sums` then tells them. */
  async read(): Promise<void> {
    await realize(...this.variables.map((variable) => variable.peek()));
    for (const [name, variable] of this.#variables) {
      const data = await variable.peek().data();
      const moved = this.#sums.get(name);
      const sums = new Float64Array(data.length);
      for (let i = 0; i < sums.length; i++) sums[i] = Number(data[i]) + (moved?.[i] ?? 0);
      this.#seen.set(name, sums);
    }
  }

  /** Reads, and moves what is on the backend to the host. */
  async take(): Promise<void> {
    await this.read();
    for (const [name, variable] of this.#variables) {
      this.#sums.set(name, this.#seen.get(name)!);
      const old = variable.peek();
      variable.set(zeros(variable.shape));
      old.dispose();
    }
    await realize(...this.variables.map((variable) => variable.peek()));
  }

  /** The sums of that name up to the last `read` or `take`; empty when nothing was added. */
  sums(name: string): Float64Array {
    return this.#seen.get(name) ?? new Float64Array(0);
  }

  /** Starts over on both sides. */
  async clear(): Promise<void> {
    await this.take();
    this.#sums.clear();
    this.#seen.clear();
  }

  /** Both sides, for a checkpoint. */
  async save(): Promise<{ host: Record<string, number[]>; device: Map<string, Column> }> {
    await realize(...this.variables.map((variable) => variable.peek()));
    const device = new Map<string, Column>();
    for (const [name, variable] of this.#variables) {
      const { shape, dtype } = variable;
      device.set(name, { data: await variable.peek().bits(), shape, dtype });
    }
    const host = Object.fromEntries([...this.#sums].map(([name, sums]) => [name, [...sums]]));
    return { host, device };
  }

  restore(
    host: Readonly<Record<string, readonly number[]>>,
    device: ReadonlyMap<string, Column>,
  ): void {
    this.#sums.clear();
    this.#seen.clear();
    for (const [name, sums] of Object.entries(host)) this.#sums.set(name, Float64Array.from(sums));
    for (const [name, { data, shape, dtype }] of device) {
      const value = fromBits(data, shape, dtype);
      const variable = this.#variables.get(name);
      if (variable === undefined) this.#variables.set(name, new Variable(value));
      else variable.value = value;
    }
  }

  dispose(): void {
    for (const variable of this.#variables.values()) variable.peek().dispose();
    this.#variables.clear();
  }
}
