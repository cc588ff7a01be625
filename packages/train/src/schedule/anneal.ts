/** Ways from one number to another. */
import { fail } from '@hebb/core';

export type Anneal = 'cos' | 'linear';

/** From `start` at 0 to `end` at 1 along half a cosine. */
export function cosine(start: number, end: number, share: number): number {
  return end + ((start - end) * (1 + Math.cos(Math.PI * share))) / 2;
}

/** The way by its name; throws for others. */
export function anneal(
  op: string,
  name: Anneal,
): (start: number, end: number, share: number) => number {
  if (name === 'cos') return cosine;
  if (name === 'linear') return (start, end, share) => start + (end - start) * share;
  return fail(op, 'unknown way to anneal', String(name), 'cos, linear');
}
