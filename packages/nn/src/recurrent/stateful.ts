/** Sequences in pieces: a state carried from call to call, and truncated backpropagation through time. */
import {
  alias,
  fail,
  formatShape,
  narrow,
  stopGradient,
  treeLeaves,
  treeMap,
  zeros,
} from '@hebb/core';
import { type Tensor } from '@hebb/core';
import { Module } from '../module/module.ts';
import { ModuleBuffer } from '../module/parameter.ts';

/** A module from an input and a state to an output and the next state: RNN, GRU, LSTM, or one's own. */
export interface Recurrent<S> extends Module {
  forward(x: Tensor, state?: S): readonly [y: Tensor, state: S];
}

/**
 * Carries a recurrent layer's state from one call to the next, so that a stream fed in pieces of any
 * length gives what the whole sequence would. The state is held in buffers, which compiled functions
 * update; gradients stop there, so a training step on each piece is truncated backpropagation through
 * time (Williams and Peng 1990). `reset()` starts a new stream.
 *
 * `initial` gives the state at the start, for instance zeros; its shapes fix the batch size.
 */
export class Stateful<S> extends Module {
  readonly layer: Recurrent<S>;
  readonly state: readonly ModuleBuffer[];
  readonly #initial: S;

  constructor(layer: Recurrent<S>, initial: S) {
    super();
    this.layer = layer;
    this.#initial = initial;
    // Not part of the model: a stream's position has no place among the weights.
    this.state = treeLeaves(initial).map(
      (value) => new ModuleBuffer(alias(value), { persistent: false }),
    );
  }

  forward(x: Tensor): Tensor {
    let next = 0;
    const current = treeMap(this.#initial, () => this.state[next++]!.value);
    const [y, after] = this.layer.forward(x, current);
    treeLeaves(after).forEach((value, i) => {
      const buffer = this.state[i]!;
      if (formatShape(value.shape) !== formatShape(buffer.shape)) {
        fail(
          'Stateful',
          'the state changes its shape',
          formatShape(value.shape),
          formatShape(buffer.shape),
        );
      }
      buffer.value = stopGradient(value);
    });
    return y;
  }

  /** Back to the state of the start. */
  reset(): void {
    treeLeaves(this.#initial).forEach((value, i) => {
      // Values of its own: the next call may take the buffer over.
      this.state[i]!.value = alias(value);
    });
  }
}

/** Zeros of a recurrent layer's state: [layers · directions, N, size]. */
export function zeroState(
  {
    numLayers,
    directions,
    hiddenSize,
  }: {
    readonly numLayers: number;
    readonly directions: number;
    readonly hiddenSize: number;
  },
  batch: number,
  size: number = hiddenSize,
): Tensor {
  return zeros([numLayers * directions, batch, size]);
}

/** The same state as plain values: no gradient flows back through it. */
export function detachState<S>(state: S): S {
  return treeMap(state, (value) => stopGradient(value));
}

/**
 * Cuts an axis into pieces of `size` steps, the last as long as what is left. Throws when `size` is no
 * positive whole number.
 */
export function timeChunks(x: Tensor, size: number, axis = 0): Tensor[] {
  if (!Number.isInteger(size) || size < 1) {
    fail('timeChunks', 'size is a positive whole number', String(size));
  }
  const at = axis < 0 ? axis + x.rank : axis;
  const length =
    x.shape[at] ?? fail('timeChunks', 'no such axis', String(axis), `0 to ${x.rank - 1}`);
  const pieces: Tensor[] = [];
  for (let start = 0; start < length; start += size) {
    pieces.push(narrow(x, at, start, Math.min(size, length - start)));
  }
  return pieces;
}

/**
 * Runs `step(piece, state)` over pieces of `size` steps with the state carried along but no gradient
 * through it: truncated backpropagation through time in one graph. Returns what each step gave, and the
 * last state.
 */
export function truncatedBptt<S, R>(
  x: Tensor,
  state: S,
  size: number,
  step: (piece: Tensor, state: S, start: number) => readonly [result: R, state: S],
  { axis = 0 }: { readonly axis?: number } = {},
): [results: R[], state: S] {
  const results: R[] = [];
  let carried = state;
  timeChunks(x, size, axis).forEach((piece, i) => {
    const [result, next] = step(piece, detachState(carried), i * size);
    results.push(result);
    carried = next;
  });
  return [results, carried];
}
