/** Cross-validation: splits in which every sample is tested once. */
import { fail } from '@hebb/core';
import { checkOptions, checkWhole } from '../check.ts';
import type { Dataset } from './dataset.ts';
import { RandomSampler } from './sampler.ts';

/** Numbers of the samples to train on, and of those held out. */
export interface Fold {
  /** From 0. */
  readonly index: number;
  readonly train: Int32Array;
  readonly test: Int32Array;
}

export interface KFoldOptions {
  /** Default 5. */
  readonly folds?: number;
  /** Mix samples first; default true. */
  readonly shuffle?: boolean;
  /** Default 0. */
  readonly seed?: number;
}

async function prepare(op: string, count: number, options: KFoldOptions) {
  checkOptions(op, options, ['folds', 'shuffle', 'seed']);
  const { folds = 5, shuffle = true, seed = 0 } = options;
  checkWhole(op, 'folds', folds, 2);
  checkWhole(op, 'samples', count);
  if (folds > count) fail(op, 'there are more folds than samples', `${folds}`, `${count}`);
  const order = shuffle
    ? await new RandomSampler(count, { seed }).order(0)
    : Int32Array.from({ length: count }, (_, i) => i);
  return { folds, order };
}

/** Folds by the number of each sample's fold; samples stay in their order. */
function gather(foldOf: Int32Array, folds: number): Fold[] {
  const numbers = Int32Array.from(foldOf, (_, i) => i);
  return Array.from({ length: folds }, (_, index) => ({
    index,
    train: numbers.filter((i) => foldOf[i] !== index),
    test: numbers.filter((i) => foldOf[i] === index),
  }));
}

/**
 * Cuts `count` samples into folds whose sizes differ by at most 1. Throws where there are fewer samples than
 * folds.
 */
export async function kFold(count: number, options: KFoldOptions = {}): Promise<Fold[]> {
  const { folds, order } = await prepare('kFold', count, options);
  const foldOf = new Int32Array(count);
  order.forEach((sample, i) => (foldOf[sample] = Math.floor((i * folds) / count)));
  return gather(foldOf, folds);
}

/**
 * Folds in which every class has its share: counts of a class differ by at most 1 between folds. Throws,
 * naming the class, where one has fewer samples than there are folds.
 */
export async function stratifiedKFold(
  labels: ArrayLike<number | bigint | string>,
  options: KFoldOptions = {},
): Promise<Fold[]> {
  const op = 'stratifiedKFold';
  const { folds, order } = await prepare(op, labels.length, options);
  const classes = new Map<string, number[]>();
  for (const sample of order) {
    const label = String(labels[sample]);
    const members = classes.get(label);
    if (members === undefined) classes.set(label, [sample]);
    else members.push(sample);
  }
  const foldOf = new Int32Array(labels.length);
  // Classes go on where the one before ended, so that the folds' sizes differ by at most 1 as well.
  let next = 0;
  for (const [label, members] of classes) {
    if (members.length < folds) {
      fail(
        op,
        `class ${label} would be missing from a fold`,
        `${members.length} samples`,
        `at least ${folds}`,
      );
    }
    for (const sample of members) foldOf[sample] = next++ % folds;
  }
  return gather(foldOf, folds);
}

/** Some samples of a data set, by number. */
export function subset(dataset: Dataset, indices: Int32Array): Dataset {
  const { batch, ahead } = dataset;
  return {
    length: indices.length,
    get: (i) => dataset.get(indices[i]!),
    ...(ahead !== undefined && { ahead }),
    ...(batch !== undefined && {
      batch: (wanted: ArrayLike<number>, epoch?: number) =>
        batch.call(
          dataset,
          Int32Array.from(wanted, (i) => indices[i]!),
          epoch,
        ),
    }),
  };
}
