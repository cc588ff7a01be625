/** Trains once for each fold and tells how much the results differ. */
import { fail } from '@hebb/core';
import type { Dataset } from '../data/dataset.ts';
import { subset } from '../data/folds.ts';
import type { Fold } from '../data/folds.ts';
import type { Evaluation, FitOptions } from './options.ts';
import type { Trainer } from './trainer.ts';

export interface CrossValidationOptions {
  readonly data: Dataset;
  /** From `kFold` or `stratifiedKFold`. */
  readonly folds: readonly Fold[];
  /** A trainer with a fresh model for a fold. */
  readonly make: (fold: Fold) => Trainer | Promise<Trainer>;
  readonly fit?: Omit<FitOptions, 'validation'>;
  /** Called after each fold, before its trainer is disposed of. */
  readonly onFold?: (fold: Fold, evaluation: Evaluation, trainer: Trainer) => void | Promise<void>;
}

export interface CrossValidation {
  /** Of each fold's held-out samples. */
  readonly folds: readonly Evaluation[];
  /** Mean over folds and sample standard deviation between them, of `loss` and each metric. */
  readonly mean: Readonly<Record<string, number>>;
  readonly std: Readonly<Record<string, number>>;
}

export async function crossValidate(options: CrossValidationOptions): Promise<CrossValidation> {
  const { data, folds, make, fit = {}, onFold } = options;
  if (folds.length === 0) fail('crossValidate', 'there are no folds');
  const evaluations: Evaluation[] = [];
  for (const fold of folds) {
    const trainer = await make(fold);
    try {
      await trainer.fit(subset(data, fold.train), fit);
      const evaluation = await trainer.evaluate(subset(data, fold.test));
      evaluations.push(evaluation);
      await onFold?.(fold, evaluation, trainer);
    } finally {
      trainer.dispose();
    }
  }
  const mean: Record<string, number> = {};
  const std: Record<string, number> = {};
  for (const name of ['loss', ...Object.keys(evaluations[0]!.metrics)]) {
    const values = evaluations.map(({ loss, metrics }) =>
      name === 'loss' ? loss : metrics[name]!,
    );
    const middle = values.reduce((sum, value) => sum + value, 0) / values.length;
    const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
    mean[name] = middle;
    std[name] = values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0;
  }
  return { folds: evaluations, mean, std };
}
