/** Label sequences from the log-probabilities of a network trained with CTC. */
import { cast, fail, formatShape } from '@hebb/core';
import type { Tensor } from '@hebb/core';

export interface CtcDecodeOptions {
  /** Class of the blank, default 0. */
  readonly blank?: number;
  /** Steps that count in each sequence; all when left out. */
  readonly lengths?: readonly number[];
}

interface Rows {
  readonly steps: (n: number) => number;
  readonly batch: number;
  readonly classes: number;
  readonly blank: number;
  at(t: number, n: number, c: number): number;
}

async function rowsOf(
  op: string,
  logProbs: Tensor,
  { blank = 0, lengths }: CtcDecodeOptions,
): Promise<Rows> {
  if (logProbs.rank !== 3) {
    fail(op, 'log-probabilities do not fit', formatShape(logProbs.shape), '[T, N, C]');
  }
  const [total, batch, classes] = logProbs.shape as [number, number, number];
  if (!Number.isInteger(blank) || blank < 0 || blank >= classes) {
    fail(op, 'blank is no class', String(blank), `0 to ${classes - 1}`);
  }
  if (lengths !== undefined && lengths.length !== batch) {
    fail(op, 'one length for each sequence', String(lengths.length), String(batch));
  }
  const wrong = lengths?.find((n) => !Number.isInteger(n) || n < 0 || n > total);
  if (wrong !== undefined) fail(op, 'a length is out of range', String(wrong), `0 to ${total}`);
  const values = (await cast(logProbs, 'float32').data()) as Float32Array;
  return {
    steps: (n) => lengths?.[n] ?? total,
    batch,
    classes,
    blank,
    at: (t, n, c) => values[(t * batch + n) * classes + c]!,
  };
}

/**
 * The likeliest class of each step, repeats joined and blanks dropped. Shape: logProbs (or logits)
 * [T, N, C] -> a list of labels for each of N sequences.
 */
export async function ctcGreedyDecode(
  logProbs: Tensor,
  options: CtcDecodeOptions = {},
): Promise<number[][]> {
  const { steps, batch, classes, blank, at } = await rowsOf('ctcGreedyDecode', logProbs, options);
  return Array.from({ length: batch }, (_, n) => {
    const labels: number[] = [];
    let before = blank;
    for (let t = 0; t < steps(n); t++) {
      let best = 0;
      for (let c = 1; c < classes; c++) if (at(t, n, c) > at(t, n, best)) best = c;
      if (best !== before && best !== blank) labels.push(best);
      before = best;
    }
    return labels;
  });
}

/** log(e^a + e^b) */
function logAdd(a: number, b: number): number {
  if (a === -Infinity) return b;
  if (b === -Infinity) return a;
  const [high, low] = a > b ? [a, b] : [b, a];
  return high + Math.log1p(Math.exp(low - high));
}

export interface CtcBeamOptions extends CtcDecodeOptions {
  /** Prefixes kept at each step, default 16. */
  readonly beams?: number;
}

export interface CtcResult {
  readonly labels: readonly number[];
  /** Log-probability over the alignments that were followed. */
  readonly score: number;
}

interface Prefix {
  readonly labels: readonly number[];
  /** Log-probabilities of alignments that end in a blank, and that end in the last label. */
  blank: number;
  label: number;
}

/**
 * Prefix beam search: adds up all alignments of each label sequence. Graves and Jaitly 2014; Hannun et al.
 * 2014, arXiv:1408.2873. Shape: logProbs [T, N, C] -> for each of N sequences the best label sequences,
 * best first.
 */
export async function ctcBeamDecode(
  logProbs: Tensor,
  options: CtcBeamOptions = {},
): Promise<CtcResult[][]> {
  const { beams = 16 } = options;
  if (!Number.isInteger(beams) || beams < 1) {
    fail('ctcBeamDecode', 'beams is a positive number', String(beams));
  }
  const rows = await rowsOf('ctcBeamDecode', logProbs, options);
  return Array.from({ length: rows.batch }, (_, n) => decodeOne(rows, n, beams));
}

function decodeOne({ steps, classes, blank, at }: Rows, n: number, beams: number): CtcResult[] {
  const total = ({ blank: a, label: b }: Prefix): number => logAdd(a, b);
  let prefixes: Prefix[] = [{ labels: [], blank: 0, label: -Infinity }];
  for (let t = 0; t < steps(n); t++) {
    const next = new Map<string, Prefix>();
    const entry = (labels: readonly number[]): Prefix => {
      const key = labels.join(' ');
      let found = next.get(key);
      if (found === undefined) {
        next.set(key, (found = { labels, blank: -Infinity, label: -Infinity }));
      }
      return found;
    };
    for (const prefix of prefixes) {
      const last = prefix.labels.at(-1);
      const same = entry(prefix.labels);
      same.blank = logAdd(same.blank, total(prefix) + at(t, n, blank));
      for (let c = 0; c < classes; c++) {
        if (c === blank) continue;
        const p = at(t, n, c);
        // A repeat without a blank between extends the last label; with one it is a new label.
        if (c === last) same.label = logAdd(same.label, prefix.label + p);
        const longer = entry([...prefix.labels, c]);
        longer.label = logAdd(longer.label, (c === last ? prefix.blank : total(prefix)) + p);
      }
    }
    prefixes = [...next.values()]
      .filter((prefix) => total(prefix) > -Infinity)
      .sort((a, b) => total(b) - total(a))
      .slice(0, beams);
  }
  return prefixes.map((prefix) => ({ labels: prefix.labels, score: total(prefix) }));
}
