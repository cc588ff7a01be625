/** Precision, recall and F1 as metrics of a trainer. */
import { fail } from '@hebb/core';
import { classificationReport } from './report.ts';
import type { Average } from './report.ts';
import { confusion } from './confusion.ts';
import type { Metric } from './metric.ts';

export interface AveragedOptions {
  /** Default `macro`; `binary` is the score of class 1 of two. */
  readonly average?: Average | 'binary';
}

function averaged(score: 'precision' | 'recall' | 'f1', average: Average | 'binary'): Metric {
  const counts = confusion();
  return {
    name: average === 'macro' ? score : `${average}${score[0]!.toUpperCase()}${score.slice(1)}`,
    batch: (output, target) => counts.batch(output, target),
    result: (sums) => {
      const matrix = counts.result(sums);
      if (matrix.total === 0) return NaN;
      const report = classificationReport(matrix);
      if (average !== 'binary') return report[average][score];
      if (report.classes.length !== 2) {
        fail(score, 'average binary needs two classes', `${report.classes.length}`);
      }
      return report.classes[1]![score];
    },
  };
}

/** Of the samples given a class, the share that belongs there, averaged over classes. */
export const precision = ({ average = 'macro' }: AveragedOptions = {}): Metric =>
  averaged('precision', average);
/** Of the samples of a class, the share that was found, averaged over classes. */
export const recall = ({ average = 'macro' }: AveragedOptions = {}): Metric =>
  averaged('recall', average);
/** Harmonic mean of precision and recall, averaged over classes. */
export const f1Score = ({ average = 'macro' }: AveragedOptions = {}): Metric =>
  averaged('f1', average);

/** Mean recall over the classes that occur: the accuracy where all classes were equally frequent. */
export const balancedAccuracy: Metric = {
  name: 'balancedAccuracy',
  batch: (output, target) => confusion().batch(output, target),
  result: (sums) => {
    const matrix = confusion().result(sums);
    return matrix.total === 0 ? NaN : classificationReport(matrix).balancedAccuracy;
  },
};
