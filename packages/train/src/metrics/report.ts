/** Precision, recall and F1 from a confusion matrix, by class and averaged. */
import { fail } from '@hebb/core';
import type { ConfusionMatrix } from './confusion.ts';

/**
 * - `macro`: the mean over the classes that occur, among the wanted or the chosen
 * - `weighted`: the same weighted by how often a class is wanted
 * - `micro`: over all decisions together; with one class a sample that is the accuracy
 */
export type Average = 'macro' | 'micro' | 'weighted';

export interface ClassScores {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** Samples that belong to it. */
  readonly support: number;
}

export interface ClassificationReport {
  readonly classes: readonly (ClassScores & { readonly label: string })[];
  readonly macro: ClassScores;
  readonly micro: ClassScores;
  readonly weighted: ClassScores;
  readonly accuracy: number;
  /** Mean recall over the classes that are wanted somewhere. */
  readonly balancedAccuracy: number;
}

/**
 * What scikit-learn's `classification_report` gives. A ratio without a denominator (a class that was never
 * chosen has no precision) counts as 0. Throws when there are no samples.
 */
export function classificationReport(matrix: ConfusionMatrix): ClassificationReport {
  const { counts, labels, total } = matrix;
  if (total === 0) fail('classificationReport', 'there are no samples');
  const chosen = labels.map((_, i) => counts.reduce((sum, row) => sum + row[i]!, 0));
  const classes = labels.map((label, i) => {
    const support = counts[i]!.reduce((sum, count) => sum + count, 0);
    const hits = counts[i]![i]!;
    return { label, ...scores(hits, chosen[i]!, support), support };
  });
  const occurring = classes.filter(({ support }, i) => support > 0 || chosen[i]! > 0);
  const wanted = classes.filter(({ support }) => support > 0);
  const hits = counts.reduce((sum, row, i) => sum + row[i]!, 0);
  return {
    classes,
    macro: mean(occurring, () => 1, total),
    weighted: mean(occurring, ({ support }) => support, total),
    micro: { ...scores(hits, total, total), support: total },
    accuracy: hits / total,
    balancedAccuracy: mean(wanted, () => 1, total).recall,
  };
}

function scores(hits: number, chosen: number, support: number): Omit<ClassScores, 'support'> {
  const ratio = (a: number, b: number): number => (b === 0 ? 0 : a / b);
  return {
    precision: ratio(hits, chosen),
    recall: ratio(hits, support),
    f1: ratio(2 * hits, chosen + support),
  };
}

function mean(
  classes: readonly ClassScores[],
  weightOf: (scores: ClassScores) => number,
  support: number,
): ClassScores {
  const sum = (value: (scores: ClassScores) => number): number =>
    classes.reduce((total, each) => total + weightOf(each) * value(each), 0);
  const weights = sum(() => 1);
  return {
    precision: sum(({ precision }) => precision) / weights,
    recall: sum(({ recall }) => recall) / weights,
    f1: sum(({ f1 }) => f1) / weights,
    support,
  };
}
