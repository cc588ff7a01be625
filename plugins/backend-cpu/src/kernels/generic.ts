/** Elementwise loops for the types without loops of their own: one call an element. */
import type { BigArray, NumberArray } from './arrays.ts';
import type { BigBinary, BigUnary, NumberBinary, NumberUnary } from './scalar.ts';

export function mapNumbers(
  f: NumberUnary,
  o: NumberArray,
  oi: number,
  os: number,
  a: NumberArray,
  ai: number,
  as: number,
  n: number,
): void {
  for (let i = 0; i < n; i++, oi += os, ai += as) o[oi] = f(a[ai]!);
}

export function mapBigs(
  f: BigUnary,
  o: BigArray,
  oi: number,
  os: number,
  a: BigArray,
  ai: number,
  as: number,
  n: number,
): void {
  for (let i = 0; i < n; i++, oi += os, ai += as) o[oi] = f(a[ai]!);
}

export function zipNumbers(
  f: NumberBinary,
  o: NumberArray,
  oi: number,
  os: number,
  a: NumberArray,
  ai: number,
  as: number,
  b: NumberArray,
  bi: number,
  bs: number,
  n: number,
): void {
  for (let i = 0; i < n; i++, oi += os, ai += as, bi += bs) o[oi] = f(a[ai]!, b[bi]!);
}

export function zipBigs(
  f: BigBinary,
  o: BigArray,
  oi: number,
  os: number,
  a: BigArray,
  ai: number,
  as: number,
  b: BigArray,
  bi: number,
  bs: number,
  n: number,
): void {
  for (let i = 0; i < n; i++, oi += os, ai += as, bi += bs) o[oi] = f(a[ai]!, b[bi]!);
}

export function compare<T extends number | bigint>(
  f: (x: T, y: T) => boolean,
  o: Uint8Array,
  oi: number,
  os: number,
  a: { readonly [i: number]: T },
  ai: number,
  as: number,
  b: { readonly [i: number]: T },
  bi: number,
  bs: number,
  n: number,
): void {
  for (let i = 0; i < n; i++, oi += os, ai += as, bi += bs) o[oi] = f(a[ai]!, b[bi]!) ? 1 : 0;
}
