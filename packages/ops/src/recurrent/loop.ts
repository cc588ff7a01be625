/** What the recurrent ops share: their arguments, and the loop over one direction. */
import {
  add,
  cast,
  concat,
  expand,
  fail,
  formatShape,
  iota,
  isInteger,
  lt,
  matmul,
  maximum,
  minimum,
  narrow,
  reshape,
  scan,
  stack,
  tensor,
  Tensor,
  where,
  zeros,
} from '@hebb/core';
import { asIndex, requireTensor } from '../operands.ts';
import { activationsOf } from './activations.ts';
import type { Activation, ActivationAttr } from './activations.ts';

/** Weights of one direction of one layer, laid out as in PyTorch; G is the number of gates. */
export interface RecurrentWeights {
  /** [G·H, I] */
  readonly weightIh: Tensor;
  /** [G·H, H] ([4·H, P] with a projection) */
  readonly weightHh: Tensor;
  /** [G·H] */
  readonly biasIh?: Tensor | null | undefined;
  /** [G·H] */
  readonly biasHh?: Tensor | null | undefined;
}

/** Steps that count in each sequence of the batch: whole numbers from 1 to T, or an integer tensor [N]. */
export type SequenceLengths = Tensor | readonly number[];

export interface RecurrentOptions {
  /**
   * Beyond its length a sequence gives zeros and its state stays; the reverse direction starts at the
   * sequence's own end. Need not be sorted.
   */
  readonly lengths?: SequenceLengths | null | undefined;
  /** First state [directions, N, H]; zeros when left out. */
  readonly h0?: Tensor | null | undefined;
  /** With weights for one direction: run from the last step to the first. */
  readonly reverse?: boolean | undefined;
  /** Bound of what goes into the activation functions. */
  readonly clip?: number | undefined;
  /**
   * For long sequences: the gradient keeps the state of every so many steps and computes those between
   * again. See `scan` of `@hebb/core`.
   */
  readonly checkpoint?: number | undefined;
}

export type RecurrentAttrs = {
  readonly reverse: boolean;
  readonly activations: readonly ActivationAttr[];
  /** 0: no bound. */
  readonly clip: number;
  readonly checkpoint?: number | undefined;
};

/** Tensors of a call in the order of the node's inputs. */
export interface RecurrentCall {
  readonly x: Tensor;
  readonly weightIh: Tensor[];
  readonly weightHh: Tensor[];
  /** Empty without biases. */
  readonly biasIh: Tensor[];
  readonly biasHh: Tensor[];
  readonly lengths: Tensor | undefined;
  readonly h0: Tensor | undefined;
  readonly directions: number;
  readonly reverse: boolean;
  readonly clip: number;
  readonly checkpoint: number | undefined;
}

/** Checks the arguments that RNN, GRU and LSTM have in common. `stateSize` is H, or P with a projection. */
export function prepare(
  op: string,
  x: Tensor,
  weights: RecurrentWeights | readonly RecurrentWeights[],
  gates: number,
  { lengths, h0, reverse = false, clip = 0, checkpoint }: RecurrentOptions,
): RecurrentCall {
  requireTensor(op, x);
  const list = Array.isArray(weights)
    ? (weights as readonly RecurrentWeights[])
    : [weights as RecurrentWeights];
  const directions = list.length;
  if (directions !== 1 && directions !== 2) {
    fail(op, 'weights are for one direction or two', String(directions));
  }
  if (reverse && directions === 2) fail(op, 'both directions run, so `reverse` has no meaning');
  if (x.rank !== 3) fail(op, 'input does not fit', formatShape(x.shape), '[T, N, I]');
  const [steps, batch, features] = x.shape as [number, number, number];
  const first = list[0]!;
  list.forEach(({ weightIh, weightHh }) => {
    requireTensor(op, weightIh);
    requireTensor(op, weightHh);
  });
  const rows = first.weightIh.shape[0] ?? 0;
  const state = first.weightHh.shape[1] ?? 0;
  if (rows % gates !== 0) {
    fail(op, `rows of weightIh are ${gates} gates`, formatShape(first.weightIh.shape));
  }
  for (const each of list) {
    wants(op, 'weightIh', each.weightIh, [rows, features]);
    wants(op, 'weightHh', each.weightHh, [rows, state]);
    if (each.biasIh != null) wants(op, 'biasIh', each.biasIh, [rows]);
    if (each.biasHh != null) wants(op, 'biasHh', each.biasHh, [rows]);
  }
  const biased = list.some(({ biasIh, biasHh }) => biasIh != null || biasHh != null);
  const bias = (name: 'biasIh' | 'biasHh'): Tensor[] =>
    biased ? list.map((each) => each[name] ?? zeros([rows], x.dtype)) : [];
  if (h0 != null) wants(op, 'h0', h0, [directions, batch, state]);
  if (!Number.isFinite(clip) || clip < 0) {
    fail(op, 'clip is a positive number', String(clip), '0 for none');
  }
  if (checkpoint !== undefined && (!Number.isInteger(checkpoint) || checkpoint < 1)) {
    fail(op, 'checkpoint is a positive whole number of steps', String(checkpoint));
  }
  return {
    x,
    weightIh: list.map(({ weightIh }) => weightIh),
    weightHh: list.map(({ weightHh }) => weightHh),
    biasIh: bias('biasIh'),
    biasHh: bias('biasHh'),
    lengths: sequenceLengths(op, lengths, steps, batch),
    h0: h0 ?? undefined,
    directions,
    reverse,
    clip,
    checkpoint,
  };
}

export function wants(op: string, name: string, x: Tensor, shape: readonly number[]): void {
  requireTensor(op, x);
  if (x.rank !== shape.length || x.shape.some((size, i) => size !== shape[i])) {
    fail(op, `${name} does not fit`, formatShape(x.shape), formatShape(shape));
  }
}

/** Lengths as int32 [N]. Plain numbers are checked against the steps; a tensor's are not known yet. */
export function sequenceLengths(
  op: string,
  lengths: SequenceLengths | null | undefined,
  steps: number,
  batch: number,
): Tensor | undefined {
  if (lengths == null) return undefined;
  if (lengths instanceof Tensor) {
    if (!isInteger(lengths.dtype)) fail(op, 'lengths are integers', lengths.dtype);
    wants(op, 'lengths', lengths, [batch]);
    return asIndex(op, lengths);
  }
  if (lengths.length !== batch) {
    fail(op, 'one length for each sequence', String(lengths.length), String(batch));
  }
  const wrong = lengths.find((n) => !Number.isInteger(n) || n < 1 || n > steps);
  if (wrong !== undefined) fail(op, 'a length is out of range', String(wrong), `1 to ${steps}`);
  return tensor(Int32Array.from(lengths));
}

/** Which steps count. Shape: lengths [N] -> bool [T, N, 1]. */
export function liveSteps(lengths: Tensor, steps: number): Tensor {
  // In int32: with unsigned lengths the comparison would be one of 64 bits, which not every backend has.
  const counts = cast(reshape(lengths, [1, lengths.size, 1]), 'int32');
  return lt(reshape(iota(steps), [steps, 1, 1]), counts);
}

export interface DirectionStep {
  /** What a step reads, for all steps at once: the input's part of every gate. [T, N, I] -> [T, N, ·] */
  project(x: Tensor): Tensor;
  readonly init: readonly Tensor[];
  /** Next states; the first is the output. */
  step(x: Tensor, states: readonly Tensor[]): Tensor[];
}

/** Runs one direction: the outputs [T, N, H] and the last states. */
function runDirection(
  x: Tensor,
  { project, init, step }: DirectionStep,
  live: Tensor | undefined,
  how: Pick<RecurrentAttrs, 'reverse' | 'checkpoint'>,
): { readonly y: Tensor; readonly last: Tensor[] } {
  const [last, [y]] = scan(
    (carried, [given, alive]) => {
      const next = step(given!, carried);
      if (alive === undefined) return [next, [next[0]!]];
      // A sequence that is over (or, backwards, has not begun) keeps its state.
      const kept = next.map((value, k) => where(expand(alive, value.shape), value, carried[k]!));
      return [kept, [where(expand(alive, next[0]!.shape), next[0]!, 0)]];
    },
    init,
    live === undefined ? [x] : [x, live],
    { ...how, prepare: ([part, ...rest]) => [project(part!), ...rest] },
  );
  return { y: y!, last };
}

/** Both directions where there are two: outputs side by side [T, N, D·H], states [D, N, H]. */
export function runDirections(
  x: Tensor,
  make: (direction: number) => DirectionStep,
  directions: number,
  { reverse, checkpoint }: Pick<RecurrentAttrs, 'reverse' | 'checkpoint'>,
  lengths: Tensor | undefined,
): Tensor[] {
  const live = lengths === undefined ? undefined : liveSteps(lengths, x.shape[0]!);
  const runs = Array.from({ length: directions }, (_, d) =>
    runDirection(x, make(d), live, { reverse: reverse || d === 1, checkpoint }),
  );
  const y = directions === 1 ? runs[0]!.y : concat([runs[0]!.y, runs[1]!.y], 2);
  const states = runs[0]!.last.map((_, k) =>
    stack(
      runs.map(({ last }) => last[k]!),
      0,
    ),
  );
  return [y, ...states];
}

/** The input's part of all gates for all steps in one product. Shape: [T, N, I] -> [T, N, G·H]. */
export function projectInput(x: Tensor, weight: Tensor, bias: Tensor | undefined): Tensor {
  const [steps, batch, features] = x.shape as [number, number, number];
  const flat = matmul(reshape(x, [steps * batch, features]), weight, { transposeB: true });
  const y = bias === undefined ? flat : add(flat, bias);
  return reshape(y, [steps, batch, weight.shape[0]!]);
}

export const hiddenPart = (h: Tensor, weight: Tensor): Tensor =>
  matmul(h, weight, { transposeB: true });

/** The state of one direction at the start. */
export function initialState(
  given: Tensor | undefined,
  direction: number,
  shape: readonly [batch: number, size: number],
  x: Tensor,
): Tensor {
  return given === undefined
    ? zeros(shape, x.dtype)
    : reshape(narrow(given, 0, direction, 1), shape);
}

/** Part k of gates that lie side by side on the last axis. */
export const gate = (x: Tensor, k: number, hidden: number): Tensor =>
  narrow(x, x.rank - 1, k * hidden, hidden);
/** `count` gates' rows of weights or biases from gate k on. */
export const gateRows = (w: Tensor, k: number, hidden: number, count = 1): Tensor =>
  narrow(w, 0, k * hidden, count * hidden);

/** Functions of one direction with the bound applied before them. */
export function clipped(
  { activations, clip }: RecurrentAttrs,
  count: number,
  direction: number,
): Activation[] {
  const functions = activationsOf(activations, count, direction);
  if (clip === 0) return functions;
  // The gates' sums are bounded; what the LSTM's third function takes is the cell itself, which is not.
  return functions.map((f, i) => (i === 2 ? f : (x) => f(minimum(maximum(x, -clip), clip))));
}
