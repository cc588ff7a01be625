/**
 * The next token from its logits, on the host: one row of numbers needs no kernels. Nothing here depends on
 * tensors, so that it runs in a worker beside a compiled model.
 */
import { fail } from '@hebb/core';

export interface TokenSamplingOptions {
  /** Divides the logits; 0 takes the likeliest token. Default 1. */
  readonly temperature?: number | undefined;
  /** Only the k likeliest tokens (Fan et al. 2018, arXiv:1805.04833). Default: all. */
  readonly topK?: number | undefined;
  /** Only the likeliest tokens that reach this probability together (Holtzman et al. 2020, arXiv:1904.09751). */
  readonly topP?: number | undefined;
  /** Only tokens with at least this share of the best one's probability (Nguyen et al. 2024, arXiv:2407.01082). */
  readonly minP?: number | undefined;
  /**
   * Logits of tokens that occurred are divided by this where they are positive, else multiplied (Keskar et al.
   * 2019, arXiv:1909.05858). Default 1.
   */
  readonly repetitionPenalty?: number | undefined;
}

const bounds: Readonly<Record<keyof TokenSamplingOptions, (x: number) => boolean>> = {
  temperature: (x) => x >= 0 && Number.isFinite(x),
  topK: (x) => Number.isInteger(x) && x >= 1,
  topP: (x) => x > 0 && x <= 1,
  minP: (x) => x >= 0 && x <= 1,
  repetitionPenalty: (x) => x > 0 && Number.isFinite(x),
};

/** Throws for settings out of range. */
export function checkSampling(op: string, options: TokenSamplingOptions): void {
  for (const [name, fits] of Object.entries(bounds)) {
    const value = options[name as keyof TokenSamplingOptions];
    if (value !== undefined && !fits(value)) fail(op, `${name} is out of range`, String(value));
  }
}

/** Uniform numbers in [0, 1) from a seed, the same everywhere (PCG, O'Neill 2014, with 32 bits of state). */
export function seededUniform(seed: number): () => number {
  let state = (Math.imul(seed >>> 0, 747796405) + 2891336453) >>> 0;
  return () => {
    state = (Math.imul(state, 747796405) + 2891336453) >>> 0;
    const word = Math.imul((state >>> ((state >>> 28) + 4)) ^ state, 277803737);
    return (((word >>> 22) ^ word) >>> 0) / 2 ** 32;
  };
}

function argmax(values: ArrayLike<number>): number {
  let best = -1;
  for (let i = 0; i < values.length; i++) {
    if (!(values[i]! <= (best < 0 ? -Infinity : values[best]!))) best = i;
  }
  return best;
}

/**
 * Draws a token from logits [V]. Penalty first, then temperature, then top-k, top-p and min-p, as Hugging
 * Face's generation does. `seen` are the tokens so far, `random` gives uniform numbers in [0, 1). A logit of
 * -Infinity is never drawn.
 */
export function sampleToken(
  logits: ArrayLike<number>,
  options: TokenSamplingOptions,
  random: () => number,
  seen: Iterable<number> = [],
): number {
  const op = 'sampleToken';
  checkSampling(op, options);
  const { temperature = 1, topK, topP = 1, minP = 0, repetitionPenalty = 1 } = options;
  const scores = Float64Array.from(logits);
  for (const x of scores) if (Number.isNaN(x)) fail(op, 'a logit is not a number', 'NaN');
  if (repetitionPenalty !== 1) {
    for (const token of new Set(seen)) {
      const x = scores[token];
      if (x !== undefined) scores[token] = x > 0 ? x / repetitionPenalty : x * repetitionPenalty;
    }
  }
  const best = argmax(scores);
  if (best < 0 || scores[best] === -Infinity) fail(op, 'there is no token to draw');
  if (temperature === 0 || topK === 1) return best;

  const top = scores[best]!;
  const weights = scores.map((x) => Math.exp((x - top) / temperature));
  let kept = [...weights.keys()].filter((i) => weights[i]! > 0);
  if ((topK !== undefined && topK < kept.length) || topP < 1) {
    // The best first; among equals the smaller number.
    kept.sort((a, b) => weights[b]! - weights[a]! || a - b);
    if (topK !== undefined) kept = kept.slice(0, topK);
    if (topP < 1) {
      const total = kept.reduce((sum, i) => sum + weights[i]!, 0);
      let reached = 0;
      const end = kept.findIndex((i) => (reached += weights[i]!) >= topP * total);
      if (end >= 0) kept = kept.slice(0, end + 1);
    }
  }
  if (minP > 0) kept = kept.filter((i) => weights[i]! >= minP);
  const total = kept.reduce((sum, i) => sum + weights[i]!, 0);
  let left = random() * total;
  for (const i of kept) {
    left -= weights[i]!;
    if (left < 0) return i;
  }
  return kept.at(-1)!;
}

/**
 * Recognises sequences of tokens that end a text. `push` takes the next token and says which tokens can be
 * given out now, those held back as a possible beginning of an end left out.
 */
export class StopSequences {
  readonly #sequences: readonly (readonly number[])[];
  #held: number[] = [];
  #stopped = false;

  constructor(sequences: readonly (readonly number[])[]) {
    if (sequences.some(({ length }) => length === 0)) fail('StopSequences', 'a sequence is empty');
    this.#sequences = sequences;
  }
  get stopped(): boolean {
    return this.#stopped;
  }
  push(token: number): number[] {
    this.#held.push(token);
    const ends = (sequence: readonly number[], count: number): boolean =>
      count <= this.#held.length &&
      sequence.slice(0, count).every((x, i) => x === this.#held[this.#held.length - count + i]);
    const found = this.#sequences.find((sequence) => ends(sequence, sequence.length));
    if (found !== undefined) {
      this.#stopped = true;
      return this.#held.splice(0, this.#held.length - found.length);
    }
    // The longest beginning of a sequence that the tokens end with stays back.
    const longest = this.#sequences.map((sequence) => {
      let count = Math.min(sequence.length - 1, this.#held.length);
      while (count > 0 && !ends(sequence, count)) count--;
      return count;
    });
    return this.#held.splice(0, this.#held.length - Math.max(0, ...longest));
  }
  /** What is still held back, at the end of a text that no sequence ended. */
  flush(): number[] {
    return this.#stopped ? [] : this.#held.splice(0);
  }
}
