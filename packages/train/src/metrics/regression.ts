/** How far real predictions are off. */
import { fail } from '@hebb/core';
import { columnOf, tableOf } from './scores.ts';
import type { Matrix, Numbers, Rows } from './scores.ts';

export interface RegressionReport {
  /** Mean absolute error. */
  readonly mae: number;
  readonly mse: number;
  readonly rmse: number;
  /**
   * Coefficient of determination, mean over the outputs. Where an output is constant it is 1 for a perfect
   * prediction and 0 for any other; NaN for a single sample.
   */
  readonly r2: number;
  readonly samples: number;
}

/** Errors over all samples and outputs: [N] or [N, outputs]. Throws for empty input and other shapes. */
export function regressionReport(wanted: Numbers | Rows, given: Numbers | Rows): RegressionReport {
  const op = 'regressionReport';
  const [y, p] = [tableOf(op, wanted), tableOf(op, given)];
  if (y.rows !== p.rows || y.columns !== p.columns) {
    fail(op, 'shapes differ', `[${p.rows},${p.columns}]`, `[${y.rows},${y.columns}]`);
  }
  if (y.data.length === 0) fail(op, 'there are no samples');
  let [absolute, squared] = [0, 0];
  y.data.forEach((value, i) => {
    const error = p.data[i]! - value;
    absolute += Math.abs(error);
    squared += error * error;
  });
  const mse = squared / y.data.length;
  return {
    mae: absolute / y.data.length,
    mse,
    rmse: Math.sqrt(mse),
    r2: determination(y, p),
    samples: y.rows,
  };
}

/** Mean of R² over columns. */
export function determination(y: Matrix, p: Matrix): number {
  if (y.rows < 2) return NaN;
  let sum = 0;
  for (let k = 0; k < y.columns; k++) {
    const [wanted, given] = [columnOf(y, k), columnOf(p, k)];
    const mean = wanted.reduce((total, value) => total + value, 0) / wanted.length;
    const spread = wanted.reduce((total, value) => total + (value - mean) ** 2, 0);
    const error = wanted.reduce((total, value, i) => total + (given[i]! - value) ** 2, 0);
    sum += spread === 0 ? (error === 0 ? 1 : 0) : 1 - error / spread;
  }
  return sum / y.columns;
}
