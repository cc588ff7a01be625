/** Checks of options shared by layers. */
import { fail } from '@hebb/core';
import type { PerAxis } from '@hebb/ops';

/** A positive whole number. */
export function checkCount(layer: string, name: string, value: number): number {
  if (!Number.isInteger(value) || value < 1) {
    fail(layer, `${name} is a positive whole number`, String(value));
  }
  return value;
}

/** One number for each of `spatial` axes, at least `least`; a single one stands for all. */
export function checkAxes(
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
export function showAxes(list: readonly number[]): string {
  return list.every((n) => n === list[0]) ? String(list[0]) : list.join('x');
}

/** A finite number at least `low` (and at most `high`). */
export function checkNumber(
  layer: string,
  name: string,
  value: number,
  low = -Infinity,
  high = Infinity,
): number {
  if (!Number.isFinite(value) || value < low || value > high) {
    const wanted =
      low === -Infinity && high === Infinity
        ? 'a finite number'
        : high === Infinity
          ? `at least ${low}`
          : `${low} to ${high}`;
    fail(layer, `${name} is out of range`, String(value), wanted);
  }
  return value;
}

/** Throws for option names that do not exist: plain JavaScript gets no help from types. */
export function checkOptions(layer: string, options: object, known: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) fail(layer, 'unknown option', name, known.join(', '));
  }
}
