/**
 * How an operator asks for numbers. Shapes are static in Hebb, so an operator whose output shape depends on
 * values (Reshape by a computed shape, NonZero, a loop's condition) must know them while the graph is
 * built. It throws `NeedsValue`; the driver finds the numbers, or gives up, and calls it again.
 */
import type { Tensor } from '@hebb/core';
import type { HostTensor } from './value.ts';

export class NeedsValue extends Error {
  readonly tensor: Tensor;

  constructor(tensor: Tensor) {
    super('a value is needed while the graph is built');
    this.name = 'NeedsValue';
    this.tensor = tensor;
  }
}

/** What the interpreter yields, and is resumed with: numbers of a tensor, or something still under way. */
export type Need = { readonly tensor: Tensor } | { readonly pending: Promise<HostTensor> };

export type Steps<T> = Generator<Need, T, HostTensor>;

/** Runs to the end, answering each need at once. */
export function runSync<T>(steps: Steps<T>, answer: (need: Need) => HostTensor): T {
  let next = steps.next();
  while (next.done !== true) {
    const { value } = next;
    let known: HostTensor;
    try {
      known = answer(value);
    } catch (error) {
      steps.return(undefined as never);
      throw error;
    }
    next = steps.next(known);
  }
  return next.value;
}

/** Runs to the end, waiting for the numbers where they are asked for. */
export async function runAsync<T>(
  steps: Steps<T>,
  answer: (need: Need) => Promise<HostTensor>,
): Promise<T> {
  let next = steps.next();
  while (next.done !== true) {
    let known: HostTensor;
    try {
      known = await answer(next.value);
    } catch (error) {
      // Into the interpreter, which says where it happened.
      next = steps.throw(error);
      continue;
    }
    next = steps.next(known);
  }
  return next.value;
}

/** Thrown out of a trace: a loop is too long to be written out; it is run step by step instead. */
export class LoopTooLong extends Error {
  constructor() {
    super('a loop is too long to be unrolled');
    this.name = 'LoopTooLong';
  }
}
