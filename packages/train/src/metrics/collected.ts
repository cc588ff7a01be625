/** Metrics that need every sample's score at once: exact ones, for evaluation and validation. */
import { concat, fail, formatShape, isInteger } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { softmax } from '@hebb/ops';
import { brierScore, expectedCalibrationError } from './calibration.ts';
import { averagePrecisionScore, rocAucScore } from './ranking.ts';
import type { RankingAverage } from './ranking.ts';
import { determination } from './regression.ts';
import { UndefinedMetricError } from './scores.ts';
import type { Matrix } from './scores.ts';

/**
 * A metric over what was kept of every sample. It is computed where a data set is evaluated, not for
 * training epochs, whose outputs stay on the backend.
 */
export interface CollectedMetric<Result = number> {
  /** Key in histories and progress lines. */
  readonly name: string;
  /** What is kept of a batch, a row a sample. Shape: [N, k], k the same for every batch. */
  collect(output: Tensor, target: Tensor): Tensor;
  /** From the rows of all batches. */
  result(rows: Matrix): Result;
}

export interface ScoreOptions {
  /** What the model gives: `logits` (default), or probabilities that add up to 1. */
  readonly from?: 'logits' | 'probabilities';
}

/** Rows [label, probability of each class]; one column of scores stays one probability, of class 1. */
function labelled(name: string, { from = 'logits' }: ScoreOptions) {
  return (output: Tensor, target: Tensor): Tensor => {
    const rows = output.shape[0] ?? 0;
    const columns = output.size / Math.max(1, rows);
    if (output.rank > 2 || (!isInteger(target.dtype) && columns > 1) || target.size !== rows) {
      fail(
        name,
        'needs scores [N], [N, 1] or [N, classes] and a label for each sample',
        `output ${formatShape(output.shape)}, target ${target.dtype}${formatShape(target.shape)}`,
      );
    }
    const scores = output.to('float32').reshape([rows, columns]);
    const probabilities =
      from === 'probabilities'
        ? scores
        : columns === 1
          ? softmax(concat([scores.mul(0), scores], 1), 1).narrow(1, 1, 1)
          : softmax(scores, 1);
    return concat([target.to('float32').reshape([rows, 1]), probabilities], 1);
  };
}

/** Splits the rows of `labelled`, without samples whose label is negative (ignored ones). */
function unlabel({ data, rows, columns }: Matrix): { labels: Float64Array; scores: Matrix } {
  const kept: number[] = [];
  for (let i = 0; i < rows; i++) if (data[i * columns]! >= 0) kept.push(i);
  const scores = new Float64Array(kept.length * (columns - 1));
  kept.forEach((row, i) =>
    scores.set(data.subarray(row * columns + 1, (row + 1) * columns), i * (columns - 1)),
  );
  return {
    labels: Float64Array.from(kept, (row) => data[row * columns]!),
    scores: { data: scores, rows: kept.length, columns: columns - 1 },
  };
}

function scored(
  name: string,
  options: ScoreOptions,
  result: (labels: Float64Array, scores: { data: Float64Array; shape: number[] }) => number,
): CollectedMetric {
  return {
    name,
    collect: labelled(name, options),
    result: (rows) => {
      const { labels, scores } = unlabel(rows);
      if (labels.length === 0) return NaN;
      // Two classes are one: the scores of class 1.
      const binary = scores.columns === 2 && (name === 'rocAuc' || name === 'averagePrecision');
      const data = binary ? scores.data.filter((_, i) => i % 2 === 1) : scores.data;
      try {
        return result(labels, { data, shape: [scores.rows, binary ? 1 : scores.columns] });
      } catch (error) {
        // A validation part with one class must not end a training run.
        if (error instanceof UndefinedMetricError) return NaN;
        throw error;
      }
    },
  };
}

export interface RankingOptions extends ScoreOptions {
  /** Over classes, each against the rest; default `macro`. */
  readonly average?: RankingAverage;
}

/** Area under the ROC curve (`rocAucScore`); NaN where a class has no or only samples. */
export function rocAuc({ average = 'macro', ...options }: RankingOptions = {}): CollectedMetric {
  return scored('rocAuc', options, (labels, scores) => rocAucScore(labels, scores, { average }));
}

/** Average precision (`averagePrecisionScore`); NaN where a class has no or only samples. */
export function averagePrecision({
  average = 'macro',
  ...options
}: RankingOptions = {}): CollectedMetric {
  return scored('averagePrecision', options, (labels, scores) =>
    averagePrecisionScore(labels, scores, { average }),
  );
}

/** Expected calibration error over `bins` (default 15) of confidence. */
export function calibrationError({
  bins = 15,
  ...options
}: ScoreOptions & { readonly bins?: number } = {}): CollectedMetric {
  return scored('calibrationError', options, (labels, scores) =>
    expectedCalibrationError(labels, scores, { bins }),
  );
}

/** Brier score: mean squared distance between probabilities and what came true. */
export function brier(options: ScoreOptions = {}): CollectedMetric {
  return scored('brier', options, (labels, scores) => brierScore(labels, scores));
}

/** Coefficient of determination, mean over outputs; see `RegressionReport.r2`. */
export const r2: CollectedMetric = {
  name: 'r2',
  collect: (output, target) => {
    if (formatShape(output.shape) !== formatShape(target.shape)) {
      fail(
        'r2',
        'output and target differ in shape',
        `${formatShape(output.shape)} and ${formatShape(target.shape)}`,
      );
    }
    const rows = output.shape[0] ?? 1;
    const flat = [rows, output.size / Math.max(1, rows)];
    return concat([target.to('float32').reshape(flat), output.to('float32').reshape(flat)], 1);
  },
  result: ({ data, rows, columns }) => {
    const outputs = columns / 2;
    const half = (start: number): Matrix => ({
      data: data.filter((_, i) => Math.floor((i % columns) / outputs) === start),
      rows,
      columns: outputs,
    });
    return determination(half(0), half(1));
  },
};
