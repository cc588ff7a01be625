/** The confusion matrix. */
import { arange, fail, formatShape } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { Metric } from './metric.ts';
import { classesOf } from './metric.ts';

/** Counts by class: `counts[wanted][chosen]`. */
export class ConfusionMatrix {
  readonly counts: readonly (readonly number[])[];
  readonly labels: readonly string[];

  constructor(counts: readonly (readonly number[])[], labels?: readonly string[]) {
    this.counts = counts;
    this.labels = labels ?? counts.map((_, i) => String(i));
    if (this.labels.length !== counts.length) {
      fail(
        'ConfusionMatrix',
        'needs a label for each class',
        `${this.labels.length}`,
        `${counts.length}`,
      );
    }
  }

  get total(): number {
    return this.counts.flat().reduce((sum, count) => sum + count, 0);
  }
  /** Share of samples on the diagonal; NaN without samples. */
  get accuracy(): number {
    return this.counts.reduce((sum, row, i) => sum + row[i]!, 0) / this.total;
  }
  /** Of the samples of a class, the share that was found; NaN where there were none. */
  recall(label: number): number {
    const row = this.counts[label]!;
    return row[label]! / row.reduce((sum, count) => sum + count, 0);
  }
  /** Of the samples given a class, the share that belongs there; NaN where there were none. */
  precision(label: number): number {
    return this.counts[label]![label]! / this.counts.reduce((sum, row) => sum + row[label]!, 0);
  }

  /** A table: rows are what was wanted, columns what was chosen. */
  toString(): string {
    const rows = [
      ['', ...this.labels],
      ...this.counts.map((row, i) => [this.labels[i]!, ...row.map(String)]),
    ];
    const width = Math.max(...rows.flat().map((cell) => cell.length));
    return rows.map((row) => row.map((cell) => cell.padStart(width)).join(' ')).join('\n');
  }
}

/** Chosen and wanted classes, and how many there are; one score a sample is a logit of class 1. */
function decisions(output: Tensor, target: Tensor): [chosen: Tensor, wanted: Tensor, number] {
  const single = output.rank === 1 || (output.rank === 2 && output.shape[1] === 1);
  if (single && output.size === target.size) {
    return [output.gt(0).to('int32'), target.to('float32').gt(0.5).to('int32'), 2];
  }
  return [...classesOf('confusionMatrix', output, target), output.shape[1]!];
}

/**
 * Counts pairs of classes by a product of one-hot rows. Scores [N, classes, ...] choose the highest; single
 * scores [N] or [N, 1] are logits, split at 0.
 */
export function confusion(labels?: readonly string[]): Metric<ConfusionMatrix> {
  return {
    name: 'confusion',
    batch: (output, target) => {
      const [chosen, wanted, classes] = decisions(output, target);
      if (labels !== undefined && labels.length !== classes) {
        fail('confusionMatrix', 'needs a label for each class', `${labels.length}`, `${classes}`);
      }
      const numbers = arange(0, classes, 1, 'int32');
      const oneHot = (x: Tensor) =>
        x
          .reshape([x.size, 1])
          .eq(numbers.reshape([1, classes]))
          .to('float32');
      return oneHot(wanted).matmul(oneHot(chosen), { transposeA: true });
    },
    result: (sums) => {
      const classes = Math.round(Math.sqrt(sums.length));
      if (classes * classes !== sums.length)
        fail('confusionMatrix', 'not square', formatShape([sums.length]));
      const counts = Array.from({ length: classes }, (_, i) =>
        Array.from(sums.subarray(i * classes, (i + 1) * classes)),
      );
      return new ConfusionMatrix(counts, labels);
    },
  };
}
