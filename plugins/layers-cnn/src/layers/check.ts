/** Checks of settings, at construction rather than at the first call. */
import { fail } from '@hebb/core';
import type { PerAxis } from '@hebb/ops';

export function positive(layer: string, name: string, value: number): number {
  if (!Number.isInteger(value) || value < 1) {
    fail(layer, `${name} is a positive whole number`, String(value));
  }
  return value;
}

/** One number for each of `spatial` axes; a single one stands for all. */
export function axes(
  layer: string,
  name: string,
  value: PerAxis,
  spatial: number,
  least: number,
): number[] {
  const list = typeof value === 'number' ? new Array<number>(spatial).fill(value) : [...value];
  if (list.length !== spatial || list.some((n) => !Number.isInteger(n) || n < least)) {
    fail(
      layer,
      `${name} does not fit`,
      `[${list.join(',')}]`,
      `${spatial} whole numbers of at least ${least}, or one for all`,
    );
  }
  return list;
}

/** `3` for equal entries, else `3x5`. */
export function show(list: readonly number[]): string {
  return list.every((n) => n === list[0]) ? String(list[0]) : list.join('x');
}
