/** Training a decoder on what it says itself: scheduled sampling. Bengio et al. 2015, arXiv:1506.03099. */
import {
  argmax,
  concat,
  defaultGenerator,
  fail,
  formatShape,
  narrow,
  random,
  where,
} from '@hebb/core';
import type { Generator, Tensor } from '@hebb/core';
import { asIndex } from '../operands.ts';

export interface SamplingOptions {
  /** Where the draws come from; the default generator when left out. */
  readonly generator?: Generator;
}

/** Whether a probability given as a plain number is one; a tensor's value is not known here. */
function checkProbability(op: string, p: number | Tensor): void {
  if (typeof p === 'number') {
    if (!(p >= 0 && p <= 1)) fail(op, 'not a probability', String(p), '0 to 1');
  } else if (p.size !== 1) {
    fail(op, 'the probability is one number', formatShape(p.shape), '[]');
  }
}

/**
 * Each token is the model's own with this probability, else the right one: the coin that decides what a
 * decoder is fed next. A tensor `probability` may change from call to call of a compiled step.
 * Shape: right and own integers of one shape -> the same.
 */
export function mixTokens(
  right: Tensor,
  own: Tensor,
  probability: number | Tensor,
  { generator = defaultGenerator }: SamplingOptions = {},
): Tensor {
  const op = 'mixTokens';
  checkProbability(op, probability);
  if (formatShape(right.shape) !== formatShape(own.shape)) {
    fail(op, 'tokens do not fit', formatShape(own.shape), formatShape(right.shape));
  }
  const draw = random.uniform(generator.next(), right.shape);
  return where(draw.lt(probability), asIndex(op, own), asIndex(op, right));
}

/**
 * What a decoder is fed in a second pass over a sequence: its own likeliest tokens of the first pass, one
 * step later, in place of the right ones with this probability. All steps at once, so it costs one more
 * forward pass and no loop over the steps; no gradient flows through the tokens. Mihaylova and Martins
 * 2019, arXiv:1906.07651; Duckworth et al. 2019, arXiv:1906.04331.
 *
 * Shape: inputs integers [N, T] as teacher forcing has them (first the start token), logits [N, T, V] that
 * the decoder gave for them -> [N, T]; the first token stays.
 */
export function scheduledSampling(
  inputs: Tensor,
  logits: Tensor,
  probability: number | Tensor,
  options: SamplingOptions = {},
): Tensor {
  const op = 'scheduledSampling';
  if (inputs.rank !== 2) fail(op, 'inputs do not fit', formatShape(inputs.shape), '[N, T]');
  const [batch, steps] = inputs.shape as [number, number];
  if (logits.rank !== 3 || logits.shape[0] !== batch || logits.shape[1] !== steps) {
    fail(op, 'logits do not fit', formatShape(logits.shape), `[${batch}, ${steps}, V]`);
  }
  const right = asIndex(op, inputs);
  if (steps < 2) {
    checkProbability(op, probability);
    return right;
  }
  const own = argmax(narrow(logits, 1, 0, steps - 1), 2);
  const rest = mixTokens(narrow(right, 1, 1, steps - 1), own, probability, options);
  return concat([narrow(right, 1, 0, 1), rest], 1);
}

/**
 * How the share of right tokens falls while training goes on, as in Bengio et al. 2015, section 2.4; the
 * probability of `scheduledSampling` is one less it. `i` counts from 0.
 */
export const teacherForcing = {
  /** `max(least, start - slope · i)`. */
  linear:
    (
      slope: number,
      { start = 1, least = 0 }: { readonly start?: number; readonly least?: number } = {},
    ) =>
    (i: number): number =>
      Math.max(least, start - slope * i),
  /** `kⁱ` with k below 1. */
  exponential:
    (k: number) =>
    (i: number): number =>
      k ** i,
  /** `k / (k + e^(i / k))` with k of at least 1: half after about `k ln k`. */
  inverseSigmoid:
    (k: number) =>
    (i: number): number =>
      k / (k + Math.exp(i / k)),
} as const;
