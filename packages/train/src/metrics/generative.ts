/** How good samples are that a network drew. */
import { fail } from '@hebb/core';
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { classLabels, matrixOf } from './scores.ts';
import type { Numbers, Rows } from './scores.ts';

/** Mean and covariance (with N - 1) of the rows. */
function momentsOf(op: string, rows: Rows): { mean: Float64Array; covariance: Matrix } {
  const { data, rows: count, columns } = matrixOf(op, rows);
  if (count < 2 || columns < 1) {
    fail(op, 'needs at least two samples with a feature', `[${count},${columns}]`);
  }
  const mean = new Float64Array(columns);
  data.forEach((value, i) => {
    if (!Number.isFinite(value)) fail(op, `feature ${i % columns} of a sample is ${value}`);
    mean[i % columns]! += value / count;
  });
  const covariance = Matrix.zeros(columns, columns);
  for (let row = 0; row < count; row++) {
    for (let i = 0; i < columns; i++) {
      const left = data[row * columns + i]! - mean[i]!;
      for (let j = 0; j <= i; j++) {
        const product = (left * (data[row * columns + j]! - mean[j]!)) / (count - 1);
        covariance.set(i, j, covariance.get(i, j) + product);
      }
    }
  }
  for (let i = 0; i < columns; i++) {
    for (let j = 0; j < i; j++) covariance.set(j, i, covariance.get(i, j));
  }
  return { mean, covariance };
}

/** Of a symmetric matrix; what rounding made negative counts as zero. */
function symmetric(matrix: Matrix): { values: number[]; vectors: Matrix } {
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(matrix, {
    assumeSymmetric: true,
  });
  return { values: realEigenvalues.map((x) => Math.max(0, x)), vectors: eigenvectorMatrix };
}

/**
 * The Fréchet distance between two sets of features as normal distributions:
 * ‖μ₁ - μ₂‖² + tr(Σ₁ + Σ₂ - 2 (Σ₁ Σ₂)^½). Heusel et al. 2017, arXiv:1706.08500, where the features are those of
 * Inception; distances of other features are numbers of their own. Shape: [N, D], [M, D] with at least two rows.
 */
export function frechetDistance(real: Rows, drawn: Rows): number {
  const op = 'frechetDistance';
  const [a, b] = [momentsOf(op, real), momentsOf(op, drawn)];
  if (a.mean.length !== b.mean.length) {
    fail(op, 'both have the same features', `${b.mean.length}`, `${a.mean.length}`);
  }
  let between = 0;
  a.mean.forEach((value, i) => (between += (value - b.mean[i]!) ** 2));
  // The root of Σ₁ Σ₂ has the trace of the root of Σ₁^½ Σ₂ Σ₁^½, which is symmetric.
  const { values, vectors } = symmetric(a.covariance);
  const root = vectors.mmul(Matrix.diag(values.map(Math.sqrt))).mmul(vectors.transpose());
  const inner = root.mmul(b.covariance).mmul(root);
  const trace = symmetric(inner.add(inner.transpose()).mul(0.5)).values.reduce(
    (sum, value) => sum + Math.sqrt(value),
    0,
  );
  return Math.max(0, between + a.covariance.trace() + b.covariance.trace() - 2 * trace);
}

export interface ClassQuality {
  /** Share of samples that are recognised as the class that was asked for. */
  readonly recognised: number;
  /** The same for each class; NaN where none was asked for. */
  readonly byClass: readonly number[];
  /** Classes that make up at least a quarter of their even share. */
  readonly covered: number;
  /** Entropy of the recognised classes over that of an even spread: 1 is even, 0 one class only. */
  readonly evenness: number;
}

/** What a classifier says of samples that were drawn for given classes. Shape: two of [N], class numbers. */
export function classQuality(asked: Numbers, recognised: Numbers, classes: number): ClassQuality {
  const op = 'classQuality';
  if (asked.length !== recognised.length || asked.length === 0) {
    fail(
      op,
      'needs a recognised class for each one asked',
      `${recognised.length}`,
      `${asked.length}`,
    );
  }
  const wanted = classLabels(op, asked, classes);
  const given = classLabels(op, recognised, classes);
  const [right, all, counts] = [0, 1, 2].map(() => new Float64Array(classes)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  wanted.forEach((label, i) => {
    all[label]! += 1;
    counts[given[i]!]! += 1;
    if (given[i] === label) right[label]! += 1;
  });
  const shares = Array.from(counts, (count) => count / wanted.length);
  const entropy = shares.reduce((sum, p) => sum - (p > 0 ? p * Math.log(p) : 0), 0);
  return {
    recognised: right.reduce((sum, count) => sum + count, 0) / wanted.length,
    byClass: Array.from(right, (count, label) => count / all[label]!),
    covered: shares.filter((share) => share >= 0.25 / classes).length,
    evenness: classes > 1 ? entropy / Math.log(classes) : 1,
  };
}
