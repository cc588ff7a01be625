/** How well sequences of words, characters or labels agree: error rates, BLEU, perplexity. */
import { fail } from '@hebb/core';

/** Fewest insertions, deletions and replacements from one list to the other. Levenshtein 1966. */
export function editDistance<T>(from: readonly T[], to: readonly T[]): number {
  let row = Array.from({ length: to.length + 1 }, (_, j) => j);
  from.forEach((item, i) => {
    const next = [i + 1];
    to.forEach((other, j) => {
      next.push(
        Math.min(next[j]! + 1, row[j + 1]! + 1, row[j]! + (Object.is(item, other) ? 0 : 1)),
      );
    });
    row = next;
  });
  return row[to.length]!;
}

/** Edit distance of all pairs, divided by the references' length. May exceed 1. */
export function errorRate<T>(
  references: readonly (readonly T[])[],
  hypotheses: readonly (readonly T[])[],
): number {
  if (references.length !== hypotheses.length) {
    fail(
      'errorRate',
      'one hypothesis for each reference',
      String(hypotheses.length),
      String(references.length),
    );
  }
  const length = references.reduce((n, each) => n + each.length, 0);
  if (length === 0) fail('errorRate', 'the references are empty');
  return references.reduce((n, each, i) => n + editDistance(each, hypotheses[i]!), 0) / length;
}

const words = (text: string): string[] => text.split(/\s+/u).filter((word) => word !== '');

/** Word error rate of texts, words separated by white space. */
export function wordErrorRate(
  references: readonly string[],
  hypotheses: readonly string[],
): number {
  return errorRate(references.map(words), hypotheses.map(words));
}
/** Character error rate of texts, by code points. */
export function characterErrorRate(
  references: readonly string[],
  hypotheses: readonly string[],
): number {
  return errorRate(
    references.map((text) => [...text]),
    hypotheses.map((text) => [...text]),
  );
}

export interface BleuOptions {
  /** Longest n-grams that count, default 4. */
  readonly maxOrder?: number;
  /** Add one to the counts of orders above the first (Lin and Och 2004), for short texts. Default false. */
  readonly smooth?: boolean;
}

/**
 * BLEU of a corpus, 0 to 1: the geometric mean of clipped n-gram precisions times the brevity penalty.
 * Papineni et al. 2002. `references[i]` are the translations that hypothesis i is compared with, all as
 * lists of words.
 */
export function bleu(
  hypotheses: readonly (readonly string[])[],
  references: readonly (readonly (readonly string[])[])[],
  { maxOrder = 4, smooth = false }: BleuOptions = {},
): number {
  if (hypotheses.length !== references.length) {
    fail(
      'bleu',
      'references for each hypothesis',
      String(references.length),
      String(hypotheses.length),
    );
  }
  if (!Number.isInteger(maxOrder) || maxOrder < 1) {
    fail('bleu', 'maxOrder is a positive whole number', String(maxOrder));
  }
  const matches = new Array<number>(maxOrder).fill(0);
  const totals = new Array<number>(maxOrder).fill(0);
  let [length, closest] = [0, 0];
  hypotheses.forEach((hypothesis, i) => {
    const those = references[i]!;
    if (those.length === 0) fail('bleu', 'a hypothesis has no reference', String(i));
    length += hypothesis.length;
    // The reference nearest in length; the shorter one of two as near.
    closest += those
      .map((each) => each.length)
      .reduce((best, n) => {
        const [a, b] = [Math.abs(n - hypothesis.length), Math.abs(best - hypothesis.length)];
        return a < b || (a === b && n < best) ? n : best;
      });
    for (let order = 1; order <= maxOrder; order++) {
      const most = new Map<string, number>();
      for (const each of those) {
        for (const [gram, n] of grams(each, order))
          most.set(gram, Math.max(n, most.get(gram) ?? 0));
      }
      for (const [gram, n] of grams(hypothesis, order)) {
        matches[order - 1]! += Math.min(n, most.get(gram) ?? 0);
        totals[order - 1]! += n;
      }
    }
  });
  if (length === 0) return 0;
  const extra = (k: number): number => (smooth && k > 0 ? 1 : 0);
  const logs = matches.map((n, k) => Math.log((n + extra(k)) / (totals[k]! + extra(k))));
  if (logs.some((value) => !Number.isFinite(value))) return 0;
  const brevity = length >= closest ? 1 : Math.exp(1 - closest / length);
  return brevity * Math.exp(logs.reduce((a, b) => a + b, 0) / maxOrder);
}

function grams(list: readonly string[], order: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i + order <= list.length; i++) {
    const gram = list.slice(i, i + order).join('\u0000');
    counts.set(gram, (counts.get(gram) ?? 0) + 1);
  }
  return counts;
}

/** e to the mean negative log-likelihood (nats) of a token. */
export const perplexity = (meanLoss: number): number => Math.exp(meanLoss);
/** The mean negative log-likelihood of a token (nats) in bits. */
export const bitsPerToken = (meanLoss: number): number => meanLoss / Math.LN2;
