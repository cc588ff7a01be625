/** Settings of a case read with the type that the op wants; a wrong one is an error, not a wrong number. */
import { fail } from '@hebb/core';
import type { AttrValue } from './case.ts';

type Given = AttrValue | undefined;

function wrong(value: Given, wanted: string): never {
  fail('reference', 'an attribute has another type', JSON.stringify(value), wanted);
}

/** A number; infinities are written as strings. */
export function num(value: Given): number {
  if (typeof value === 'number') return value;
  if (value === 'Infinity' || value === '-Infinity' || value === 'NaN') return Number(value);
  return wrong(value, 'a number');
}
export function maybeNum(value: Given): number | undefined {
  return value == null ? undefined : num(value);
}
export function flag(value: Given): boolean {
  return value === undefined || value === null ? false : Boolean(value);
}
export function text(value: Given): string {
  return typeof value === 'string' ? value : wrong(value, 'a string');
}
export function ints(value: Given): number[] {
  return Array.isArray(value) ? value.map((item: AttrValue) => num(item)) : wrong(value, 'a list');
}
/** A number or a list of them. */
export function numOrList(value: Given): number | number[] {
  return Array.isArray(value) ? ints(value) : num(value);
}
export function maybeNumOrList(value: Given): number | number[] | undefined {
  return value == null ? undefined : numOrList(value);
}
/** Axes: a number, a list, or null (and nothing) for all. */
export const dims = maybeNumOrList;

/** One of the given words. */
export function word<const T extends readonly string[]>(value: Given, allowed: T): T[number] {
  const found = allowed.find((item) => item === value);
  return found ?? wrong(value, allowed.join(', '));
}
