/** Variables: the one kind of mutable state. Parameters, running statistics, optimizer moments, random keys. */
import { fail } from './error.ts';
import { announceReplaced } from './lifetime.ts';
import { formatShape, sameShape } from './shape.ts';
import type { Tensor } from './tensor.ts';

/** What a trace in progress does when a variable is read or written. */
export interface VariableTrace {
  read(variable: Variable): Tensor;
  write(variable: Variable, value: Tensor): void;
}

let trace: VariableTrace | undefined;

export function setVariableTrace(next: VariableTrace | undefined): VariableTrace | undefined {
  const saved = trace;
  trace = next;
  return saved;
}

/**
 * Variables that are in use and whose value has not been computed; see `realize`. A start value that nobody
 * has read is not among them: a model that is only looked at, or loaded over, costs nothing.
 */
export const dirtyVariables = new Set<Variable>();

/**
 * A cell that holds a tensor and can be given another of the same shape and dtype. `compile` sees reads and
 * writes: a compiled function reads the value of the moment at each call, and its writes happen at its end.
 */
export class Variable {
  #value: Tensor;

  constructor(value: Tensor) {
    this.#value = value;
    value.node.held += 1;
    // `capture` looks for variables made inside the function that it traces.
    if (trace !== undefined && !value.node.isRealized(value.output)) dirtyVariables.add(this);
  }

  get shape(): readonly number[] {
    return this.#value.shape;
  }

  get dtype() {
    return this.#value.dtype;
  }

  get value(): Tensor {
    if (trace !== undefined) return trace.read(this);
    const { node, output } = this.#value;
    if (!node.isRealized(output)) dirtyVariables.add(this);
    return this.#value;
  }

  set value(next: Tensor) {
    if (!sameShape(next.shape, this.shape) || next.dtype !== this.dtype) {
      fail(
        'Variable',
        'a variable keeps its shape and dtype',
        `${next.dtype}${formatShape(next.shape)}`,
        `${this.dtype}${formatShape(this.shape)}`,
      );
    }
    if (trace === undefined) this.set(next);
    else trace.write(this, next);
  }

  /** The value itself, past any trace. */
  peek(): Tensor {
    return this.#value;
  }

  /** Replaces the value, past any trace. */
  set(next: Tensor): void {
    const old = this.#value;
    next.node.held += 1;
    old.node.held -= 1;
    this.#value = next;
    if (old.node.held === 0 && old.node.isRealized(old.output)) announceReplaced(old);
    if (next.node.isRealized(next.output)) dirtyVariables.delete(this);
    else dirtyVariables.add(this);
  }
}
