/** Sequences from a model that gives the next token: the likeliest each time, or the best of several. */
import { cast, fail, formatShape, gather, realize, tensor, treeLeaves, treeMap } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { logSoftmax } from '../softmax.ts';

/**
 * One step of a decoder on a batch: the tokens chosen last, int32 [N], and its state, any tree of tensors
 * with a batch axis. Gives the logits of the next token [N, V] and the next state, and gives them away: the
 * search frees the logits, and those tensors of a state that the next step's state holds no more, but for
 * those of the state that the search began with.
 */
export type DecodeStep<S> = (
  tokens: Tensor,
  state: S,
) => Promise<readonly [logits: Tensor, state: S]> | readonly [logits: Tensor, state: S];

export interface SearchOptions {
  /** Token that every sequence begins with; not part of the result. */
  readonly start: number;
  /** Token that ends a sequence; not part of the result. */
  readonly end: number;
  /** Most tokens of a result. */
  readonly maxLength: number;
}

/** Frees what a step made and the next one no longer has. */
function freeState(old: unknown, next: unknown, kept: ReadonlySet<Tensor>): void {
  const still = new Set(treeLeaves(next));
  for (const x of treeLeaves(old)) if (!still.has(x) && !kept.has(x)) x.dispose();
}

function checkOptions(op: string, { maxLength, start, end }: SearchOptions): void {
  for (const [name, value] of Object.entries({ maxLength, start, end })) {
    if (!Number.isInteger(value) || value < 0) {
      fail(op, `${name} is a whole number`, String(value), '0 or more');
    }
  }
}

/** Takes the likeliest token at each step, for a batch of sequences side by side. */
export async function greedySearch<S>(
  step: DecodeStep<S>,
  state: S,
  options: SearchOptions & {
    /** Number of sequences. */
    readonly batch: number;
  },
): Promise<number[][]> {
  checkOptions('greedySearch', options);
  const { start, end, maxLength, batch } = options;
  const found = Array.from({ length: batch }, (): number[] => []);
  const done = new Array<boolean>(batch).fill(false);
  let tokens = new Int32Array(batch).fill(start);
  let current = state;
  const initial = new Set(treeLeaves(state));
  for (let k = 0; k < maxLength && !done.every(Boolean); k++) {
    const given = tensor(tokens);
    const [logits, next] = await step(given, current);
    using best = logits.argmax(1);
    await realize(best, ...treeLeaves(next));
    tokens = Int32Array.from((await best.data()) as ArrayLike<number>, Number);
    freeState([given, logits, current], next, initial);
    current = next;
    for (let n = 0; n < batch; n++) {
      if (tokens[n] === end) done[n] = true;
      else if (!done[n]) found[n]!.push(tokens[n]!);
    }
  }
  return found;
}

export interface BeamOptions extends SearchOptions {
  /** Sequences kept at each step. */
  readonly beams: number;
  /**
   * Exponent α of the length penalty ((5 + length) / 6)^α that divides the log-probability of a finished
   * sequence (Wu et al. 2016, arXiv:1609.08144). Default 0: none.
   */
  readonly lengthPenalty?: number;
  /** Axis of the batch in the state's tensors: 1 for recurrent layers (the default 0). */
  readonly batchAxis?: number;
}

export interface BeamResult {
  readonly tokens: readonly number[];
  /** Log-probability divided by the length penalty. */
  readonly score: number;
}

interface Candidate {
  readonly row: number;
  readonly token: number;
  readonly score: number;
}

/** The `count` best continuations of all rows, best first; among equals the earlier row and token. */
function bestOf(
  values: Float32Array,
  classes: number,
  scores: readonly number[],
  count: number,
): Candidate[] {
  const best: Candidate[] = [];
  scores.forEach((before, row) => {
    for (let token = 0; token < classes; token++) {
      const score = before + values[row * classes + token]!;
      // Most are worse than all that are kept: sorting every class would cost more than the network.
      if (!Number.isFinite(score) || (best.length === count && !(score > best[count - 1]!.score))) {
        continue;
      }
      let at = best.length === count ? count - 1 : best.length;
      for (; at > 0 && best[at - 1]!.score < score; at--) best[at] = best[at - 1]!;
      best[at] = { row, token, score };
    }
  });
  return best;
}

/**
 * Beam search for one sequence. `state` holds one row on the batch axis; `step` is called with up to
 * `beams` rows. Returns the finished sequences found, best first; those cut off at maxLength count as
 * finished.
 */
export async function beamSearch<S>(
  step: DecodeStep<S>,
  state: S,
  options: BeamOptions,
): Promise<BeamResult[]> {
  const op = 'beamSearch';
  checkOptions(op, options);
  const { start, end, maxLength, beams, lengthPenalty = 0, batchAxis = 0 } = options;
  if (!Number.isInteger(beams) || beams < 1) fail(op, 'beams is a positive number', String(beams));
  const pick = async (tree: S, rows: readonly number[]): Promise<S> => {
    using index = tensor(Int32Array.from(rows));
    const picked = treeMap(tree, (x) => gather(x, index, batchAxis));
    await realize(...treeLeaves(picked));
    return picked;
  };
  const initial = new Set(treeLeaves(state));
  const penalty = (length: number): number => ((5 + length) / 6) ** lengthPenalty;

  let live: { tokens: number[]; score: number }[] = [{ tokens: [], score: 0 }];
  const finished: BeamResult[] = [];
  const finish = (tokens: readonly number[], score: number): void => {
    finished.push({ tokens, score: score / penalty(tokens.length + 1) });
  };
  // Always as many rows as beams, so that a compiled step is traced once.
  const padded = (rows: number[]): number[] =>
    Array.from({ length: beams }, (_, k) => rows[k] ?? rows[0]!);
  let current = await pick(state, padded([0]));
  let before: S | undefined;
  for (let k = 0; k < maxLength && live.length > 0; k++) {
    const last = padded(live.map(({ tokens }) => tokens.at(-1) ?? start));
    const given = tensor(Int32Array.from(last));
    const [logits, next] = await step(given, current);
    if (logits.rank !== 2 || logits.shape[0] !== beams) {
      fail(op, 'logits do not fit', formatShape(logits.shape), `[${beams}, V]`);
    }
    using scores = cast(logSoftmax(logits, 1), 'float32');
    await realize(scores, ...treeLeaves(next));
    const values = (await scores.data()) as Float32Array;
    const classes = scores.shape[1]!;
    const total = live.map(({ score }) => score);
    const chosen: Candidate[] = [];
    for (const candidate of bestOf(values, classes, total, 2 * beams)) {
      if (candidate.token === end) finish(live[candidate.row]!.tokens, candidate.score);
      else if (chosen.length < beams) chosen.push(candidate);
    }
    live = chosen.map(({ row, token, score }) => ({
      tokens: [...live[row]!.tokens, token],
      score,
    }));
    const rows = padded(chosen.map(({ row }) => row));
    const picked = live.length === 0 ? undefined : await pick(next, rows);
    // A step may give one tensor again and again, which is its own: what it made once is freed a step later.
    if (before !== undefined) freeState(before, next, initial);
    before = next;
    freeState([given, logits, current], picked ?? next, initial);
    if (picked === undefined) break;
    current = picked;
    // Log-probabilities only fall, so that no continuation comes to more than this.
    const most = live[0]!.score / Math.max(penalty(k + 2), penalty(maxLength + 1));
    const worst = finished.map(({ score }) => score).sort((a, b) => b - a)[beams - 1];
    if (worst !== undefined && most < worst) live = [];
  }
  for (const x of treeLeaves(current)) x.dispose();
  for (const { tokens, score } of live) {
    if (tokens.length === maxLength) finish(tokens, score);
  }
  return finished.sort((a, b) => b.score - a.score).slice(0, beams);
}
