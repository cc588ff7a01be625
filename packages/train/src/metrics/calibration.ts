/** Whether probabilities mean what they say: reliability curve, expected calibration error, Brier score. */
import { fail } from '@hebb/core';
import { checkWhole } from '../check.ts';
import { binaryLabels, checkPairs, classLabels, tableOf } from './scores.ts';
import type { Numbers, Rows } from './scores.ts';

/** One bin of a reliability curve; bins without samples are left out. */
export interface ReliabilityBin {
  /** Bounds of the predicted probability. */
  readonly low: number;
  readonly high: number;
  readonly count: number;
  /** Mean predicted probability. */
  readonly confidence: number;
  /** Share of samples where it came true. */
  readonly share: number;
}

export interface CalibrationOptions {
  /** Default 10 for the curve, 15 for the error. */
  readonly bins?: number;
}

/** Predicted probabilities and whether they came true: of class 1, or of the most probable class. */
function events(
  op: string,
  labels: Numbers,
  probabilities: Numbers | Rows,
): { confidence: Float64Array; true: Uint8Array } {
  const { data, rows, columns } = tableOf(op, probabilities);
  if (rows !== labels.length) {
    fail(op, 'needs a probability for each label', `${rows}`, `${labels.length}`);
  }
  checkPairs(op, data, data);
  data.forEach((p, i) => {
    if (p < 0 || p > 1) {
      fail(
        op,
        `row ${Math.floor(i / columns)} is not a probability`,
        String(p),
        '0 to 1; for logits apply sigmoid or softmax first',
      );
    }
  });
  if (columns === 1) return { confidence: data, true: binaryLabels(op, labels) };
  const wanted = classLabels(op, labels, columns);
  const confidence = new Float64Array(rows);
  const right = new Uint8Array(rows);
  for (let i = 0; i < rows; i++) {
    const row = data.subarray(i * columns, (i + 1) * columns);
    let best = 0;
    for (let k = 1; k < columns; k++) if (row[k]! > row[best]!) best = k;
    confidence[i] = row[best]!;
    right[i] = best === wanted[i] ? 1 : 0;
  }
  return { confidence, true: right };
}

/**
 * Predicted probability against how often it came true, in bins of equal width. Probabilities [N] are those
 * of class 1 against labels 0 and 1; rows [N, classes] are judged by the most probable class, as in Guo et
 * al. 2017, arXiv:1706.04599. Throws for empty input and for what is no probability or no label.
 */
export function reliabilityCurve(
  labels: Numbers,
  probabilities: Numbers | Rows,
  { bins = 10 }: CalibrationOptions = {},
): ReliabilityBin[] {
  return binned('reliabilityCurve', labels, probabilities, bins);
}

function binned(
  op: string,
  labels: Numbers,
  probabilities: Numbers | Rows,
  bins: number,
): ReliabilityBin[] {
  checkWhole(op, 'bins', bins);
  const found = events(op, labels, probabilities);
  const counts = new Float64Array(bins);
  const sums = new Float64Array(bins);
  const hits = new Float64Array(bins);
  found.confidence.forEach((p, i) => {
    const bin = Math.min(bins - 1, Math.floor(p * bins));
    counts[bin]! += 1;
    sums[bin]! += p;
    hits[bin]! += found.true[i]!;
  });
  return Array.from(counts, (count, bin) => ({
    low: bin / bins,
    high: (bin + 1) / bins,
    count,
    confidence: sums[bin]! / count,
    share: hits[bin]! / count,
  })).filter(({ count }) => count > 0);
}

/**
 * Expected calibration error: the mean distance between confidence and share over the bins, weighted by
 * their samples. Guo et al. 2017. Inputs as for `reliabilityCurve`.
 */
export function expectedCalibrationError(
  labels: Numbers,
  probabilities: Numbers | Rows,
  { bins = 15 }: CalibrationOptions = {},
): number {
  const curve = binned('expectedCalibrationError', labels, probabilities, bins);
  return errorOf(curve);
}

export function errorOf(curve: readonly ReliabilityBin[]): number {
  const total = curve.reduce((sum, { count }) => sum + count, 0);
  return curve.reduce(
    (sum, { count, confidence, share }) => sum + (count / total) * Math.abs(confidence - share),
    0,
  );
}

/**
 * Brier score: the mean squared distance of the probabilities from what came true; over rows [N, classes]
 * the sum over classes, 0 to 2. Brier 1950. Inputs as for `reliabilityCurve`.
 */
export function brierScore(labels: Numbers, probabilities: Numbers | Rows): number {
  const op = 'brierScore';
  const found = events(op, labels, probabilities);
  const { rows, columns, data } = tableOf(op, probabilities);
  let sum = 0;
  if (columns === 1) data.forEach((p, i) => (sum += (p - found.true[i]!) ** 2));
  else {
    data.forEach((p, i) => {
      const wanted = Number(labels[Math.floor(i / columns)]) === i % columns ? 1 : 0;
      sum += (p - wanted) ** 2;
    });
  }
  return sum / rows;
}
