/** How well scores order samples: ROC and precision-recall curves, and the areas under them. */
import { fail } from '@hebb/core';
import {
  UndefinedMetricError,
  binaryLabels,
  checkPairs,
  classLabels,
  columnOf,
  isTable,
  matrixOf,
} from './scores.ts';
import type { Numbers, Rows } from './scores.ts';

/** Counts above each distinct score, from the highest on. */
interface Sweep {
  readonly thresholds: number[];
  /** Positives and negatives with a score of at least the threshold. */
  readonly hits: number[];
  readonly alarms: number[];
  readonly positives: number;
  readonly negatives: number;
}

function sweep(op: string, labels: Numbers, scores: Numbers): Sweep {
  checkPairs(op, labels, scores);
  const wanted = binaryLabels(op, labels);
  const values = Float64Array.from({ length: scores.length }, (_, i) => Number(scores[i]));
  const order = Uint32Array.from(values, (_, i) => i).sort((a, b) => values[b]! - values[a]!);
  const [thresholds, hits, alarms]: [number[], number[], number[]] = [[], [], []];
  let [positives, negatives] = [0, 0];
  order.forEach((sample, i) => {
    if (wanted[sample] === 1) positives += 1;
    else negatives += 1;
    const next = order[i + 1];
    // Samples of one score are told apart by no threshold.
    if (next !== undefined && values[next] === values[sample]) return;
    thresholds.push(values[sample]!);
    hits.push(positives);
    alarms.push(negatives);
  });
  return { thresholds, hits, alarms, positives, negatives };
}

function requireBoth(op: string, { positives, negatives }: Sweep): void {
  if (positives > 0 && negatives > 0) return;
  throw new UndefinedMetricError(
    op,
    `all ${positives + negatives} labels are of one class, ${positives > 0 ? 1 : 0}: the curve is not defined`,
  );
}

export interface RocCurve {
  /** False positive and true positive rates, both from 0 to 1. */
  readonly fpr: readonly number[];
  readonly tpr: readonly number[];
  /** The score from which on a sample counts as positive; Infinity at the first point. */
  readonly thresholds: readonly number[];
}

/**
 * The receiver operating characteristic: one point for each distinct score, and (0, 0). Throws for labels
 * other than 0 and 1, for empty input, and where all labels are of one class.
 */
export function rocCurve(labels: Numbers, scores: Numbers): RocCurve {
  const found = sweep('rocCurve', labels, scores);
  requireBoth('rocCurve', found);
  return {
    fpr: [0, ...found.alarms.map((n) => n / found.negatives)],
    tpr: [0, ...found.hits.map((n) => n / found.positives)],
    thresholds: [Infinity, ...found.thresholds],
  };
}

/** Area under a curve by trapezoids; `x` must not fall. */
export function areaUnder(x: readonly number[], y: readonly number[]): number {
  let area = 0;
  for (let i = 1; i < x.length; i++) area += ((x[i]! - x[i - 1]!) * (y[i]! + y[i - 1]!)) / 2;
  return area;
}

export type RankingAverage = 'macro' | 'micro' | 'weighted';

/**
 * Area under the ROC curve: the probability that a positive scores above a negative, ties counting half.
 * Scores [N] for labels 0 and 1; rows of [N, classes] give each class against the rest, averaged. Throws as
 * `rocCurve` does, naming the class that has no or only samples.
 */
export function rocAucScore(
  labels: Numbers,
  scores: Numbers | Rows,
  { average = 'macro' }: { readonly average?: RankingAverage } = {},
): number {
  const area = (wanted: Numbers, given: Numbers): number => {
    const { fpr, tpr } = rocCurve(wanted, given);
    return areaUnder(fpr, tpr);
  };
  return isTable(scores)
    ? oneAgainstRest('rocAucScore', labels, scores, average, area)
    : area(labels, scores);
}

export interface PrecisionRecallCurve {
  /** One longer than `thresholds`: the last point is precision 1, recall 0. */
  readonly precision: readonly number[];
  readonly recall: readonly number[];
  /** Rising. */
  readonly thresholds: readonly number[];
}

/** Precision and recall at each distinct score. Throws as `rocCurve`, but for one class only where it is 0. */
export function precisionRecallCurve(labels: Numbers, scores: Numbers): PrecisionRecallCurve {
  const op = 'precisionRecallCurve';
  const { thresholds, hits, alarms, positives } = sweep(op, labels, scores);
  if (positives === 0) {
    throw new UndefinedMetricError(op, 'no label is 1: recall is not defined');
  }
  const precision = hits.map((n, i) => n / (n + alarms[i]!)).reverse();
  const recall = hits.map((n) => n / positives).reverse();
  return {
    precision: [...precision, 1],
    recall: [...recall, 0],
    thresholds: thresholds.reverse(),
  };
}

/**
 * Average precision: the precisions at each threshold, weighted by the recall gained there (no
 * interpolation). Scores and averages as for `rocAucScore`.
 */
export function averagePrecisionScore(
  labels: Numbers,
  scores: Numbers | Rows,
  { average = 'macro' }: { readonly average?: RankingAverage } = {},
): number {
  const area = (wanted: Numbers, given: Numbers): number => {
    const { precision, recall } = precisionRecallCurve(wanted, given);
    let sum = 0;
    for (let i = 0; i + 1 < recall.length; i++) {
      sum += (recall[i]! - recall[i + 1]!) * precision[i]!;
    }
    return sum;
  };
  return isTable(scores)
    ? oneAgainstRest('averagePrecisionScore', labels, scores, average, area)
    : area(labels, scores);
}

function oneAgainstRest(
  op: string,
  labels: Numbers,
  rows: Rows,
  average: RankingAverage,
  area: (labels: Numbers, scores: Numbers) => number,
): number {
  const matrix = matrixOf(op, rows);
  const { columns: classes } = matrix;
  if (classes === 1) return area(labels, matrix.data);
  if (matrix.rows !== labels.length) {
    fail(op, 'needs a row of scores for each label', `${matrix.rows}`, `${labels.length}`);
  }
  if (labels.length === 0) fail(op, 'there are no samples');
  const wanted = classLabels(op, labels, classes);
  const own = (label: number): Uint8Array => Uint8Array.from(wanted, (y) => (y === label ? 1 : 0));
  if (average === 'micro') {
    const flat = new Uint8Array(matrix.data.length);
    wanted.forEach((label, i) => (flat[i * classes + label] = 1));
    return area(flat, matrix.data);
  }
  let [sum, weights] = [0, 0];
  for (let label = 0; label < classes; label++) {
    const isOwn = own(label);
    const support = isOwn.reduce((n, one) => n + one, 0);
    if (support === 0 || support === isOwn.length) {
      throw new UndefinedMetricError(
        op,
        `class ${label} has ${support === 0 ? 'no samples' : 'all samples'}: its curve is not defined`,
      );
    }
    const weight = average === 'weighted' ? support : 1;
    sum += weight * area(isOwn, columnOf(matrix, label));
    weights += weight;
  }
  return sum / weights;
}
