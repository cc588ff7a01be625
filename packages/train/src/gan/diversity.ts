/** How much samples differ from each other. */
import { fail } from '@hebb/core';
import type { Column } from '../data/dataset.ts';

export interface Samples {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number | bigint>;
}

/**
 * Mean Euclidean distance between two samples; with `groups` (a number for each) only within a group, which also
 * notices that every class has a single picture. NaN without a pair. Shape: [N, ...].
 */
export function meanPairDistance(
  { shape, data }: Samples,
  groups?: ArrayLike<number | bigint>,
): number {
  const count = shape[0] ?? 0;
  if (groups !== undefined && groups.length !== count) {
    fail('meanPairDistance', 'needs a group for each sample', `${groups.length}`, `${count}`);
  }
  const width = data.length / Math.max(1, count);
  let [sum, pairs] = [0, 0];
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < i; j++) {
      if (groups !== undefined && Number(groups[i]) !== Number(groups[j])) continue;
      let squares = 0;
      for (let k = 0; k < width; k++) {
        const difference = Number(data[i * width + k]) - Number(data[j * width + k]);
        squares += difference * difference;
      }
      sum += Math.sqrt(squares);
      pairs += 1;
    }
  }
  return sum / pairs;
}

/**
 * Diversity of drawn samples as a share of that of real ones: 1 is as diverse, 0 is one sample again and again.
 */
export function relativeDiversity(
  drawn: Samples,
  real: Samples,
  groups?: ArrayLike<number | bigint>,
): number {
  return meanPairDistance(drawn, groups) / meanPairDistance(real, groups);
}

/** The class numbers among the conditions of a batch, if there are any with at least one pair in a class. */
export function groupsOf(conditions: readonly Column[]): ArrayLike<number | bigint> | undefined {
  const classes = conditions.find(({ shape, dtype }) => shape.length === 1 && /int/.test(dtype));
  if (classes === undefined) return undefined;
  return new Set(Array.from(classes.data, Number)).size < classes.shape[0]!
    ? classes.data
    : undefined;
}
