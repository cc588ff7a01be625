/** Seeded splits. */

import { DataError } from '../error.ts';
import { permutation } from '../random/permutation.ts';
import { Subset } from './combine.ts';
import type { Dataset, Sample } from './dataset.ts';

export interface SplitOptions {
  /** Decides the split together with the length and the parts. Default 0. */
  readonly seed?: number;
  /**
   * Keeps the share of each class the same in every part: the name of a column with one label a
   * sample, or the labels themselves (then no sample is read).
   */
  readonly stratify?: string | ArrayLike<number | bigint | string>;
}

/** Sizes of the parts: counts that add up to `length`, or fractions that add up to 1. */
function sizesOf(parts: readonly number[], length: number): number[] {
  const total = parts.reduce((sum, part) => sum + part, 0);
  if (parts.length === 0 || parts.some((part) => !(part >= 0))) {
    throw new DataError('randomSplit', 'parts are not numbers of at least 0', {
      got: `[${parts.join(', ')}]`,
    });
  }
  if (parts.every((part) => Number.isInteger(part)) && total === length) return [...parts];
  if (parts.every((part) => part <= 1) && Math.abs(total - 1) < 1e-9) {
    let cumulative = 0;
    let start = 0;
    return parts.map((part, i) => {
      cumulative += part;
      const end = i === parts.length - 1 ? length : Math.round(cumulative * length);
      const size = end - start;
      start = end;
      return size;
    });
  }
  throw new DataError('randomSplit', 'parts add up neither to 1 nor to the number of samples', {
    got: `[${parts.join(', ')}] with ${length} samples`,
  });
}

/** One label for each sample. */
function labelsOf(
  dataset: Dataset,
  stratify: string | ArrayLike<number | bigint | string>,
): string[] {
  if (typeof stratify !== 'string') {
    if (stratify.length !== dataset.length) {
      throw new DataError('randomSplit', 'there is not one label for each sample', {
        got: `${stratify.length} labels`,
        wanted: String(dataset.length),
      });
    }
    return Array.from(stratify, String);
  }
  return Array.from({ length: dataset.length }, (_, index) => {
    const column = dataset.get(index)[stratify];
    const label = column?.data[0];
    if (column === undefined || column.data.length !== 1 || label === undefined) {
      throw new DataError(
        'randomSplit',
        column === undefined
          ? `sample ${index} has no column "${stratify}" to stratify by`
          : `column "${stratify}" of sample ${index} is not one label`,
      );
    }
    return String(label);
  });
}

/** Index lists of the classes, each in the order of `order`; classes in order of their label. */
function groupByLabel(order: Uint32Array, labels: readonly string[]): Map<string, number[]> {
  const groups = new Map<string, number[]>();
  for (const index of order) {
    const label = labels[index] as string;
    const group = groups.get(label);
    if (group === undefined) groups.set(label, [index]);
    else group.push(index);
  }
  return new Map([...groups].sort(([a], [b]) => Number(a) - Number(b) || (a < b ? -1 : 1)));
}

/**
 * Takes `size` of the samples in `groups`, from each class its share. Shares are rounded
 * cumulatively, so they are never off by one or more and always add up to `size`.
 */
function takeShare(groups: Map<string, number[]>, size: number): number[] {
  const total = [...groups.values()].reduce((sum, group) => sum + group.length, 0);
  const taken: number[] = [];
  let seen = 0;
  for (const [label, group] of groups) {
    seen += group.length;
    const upTo = total === 0 ? 0 : Math.round((size * seen) / total);
    const share = upTo - taken.length;
    taken.push(...group.slice(0, share));
    groups.set(label, group.slice(share));
  }
  return taken;
}

function stratified(
  order: Uint32Array,
  sizes: readonly number[],
  labels: readonly string[],
): number[][] {
  const groups = groupByLabel(order, labels);
  const counts = new Map([...groups].map(([label, group]) => [label, group.length]));
  const rank = new Uint32Array(order.length);
  order.forEach((index, position) => (rank[index] = position));
  return sizes.map((size, part) => {
    const taken = takeShare(groups, size);
    const present = new Set(taken.map((index) => labels[index]));
    for (const [label, count] of counts) {
      if (size > 0 && !present.has(label)) {
        throw new DataError(
          'randomSplit',
          `class ${label} (${count} samples) is missing from part ${part + 1} of ${sizes.length}`,
          { wanted: 'larger parts, more samples of the class, or a split without stratify' },
        );
      }
    }
    // Back into the random order: a loader without shuffling must not meet one class after another.
    return taken.sort((a, b) => (rank[a] as number) - (rank[b] as number));
  });
}

/**
 * Splits a data set at random into parts without common samples, as torch.utils.data.random_split.
 *
 * ```ts
 * const [train, validation] = randomSplit(dataset, [0.9, 0.1], { seed: 1, stratify: 'label' });
 * ```
 *
 * @param parts counts that add up to the number of samples, or fractions that add up to 1.
 * @throws DataError when the data set is empty, the parts do not add up, or, with `stratify`, a
 *   class has no sample in one of the parts.
 */
export function randomSplit<S extends Sample, const P extends readonly number[]>(
  dataset: Dataset<S>,
  parts: P,
  options: SplitOptions = {},
): { -readonly [K in keyof P]: Subset<S> } {
  const { seed = 0, stratify } = options;
  if (dataset.length === 0) {
    throw new DataError('randomSplit', 'the data set is empty', { kind: 'missing' });
  }
  const sizes = sizesOf(parts, dataset.length);
  const order = permutation(dataset.length, seed);
  let chosen: ArrayLike<number>[];
  if (stratify !== undefined) {
    chosen = stratified(order, sizes, labelsOf(dataset, stratify));
  } else {
    let start = 0;
    chosen = sizes.map((size) => order.subarray(start, (start += size)));
  }
  return chosen.map((indices) => new Subset(dataset, indices)) as {
    -readonly [K in keyof P]: Subset<S>;
  };
}
