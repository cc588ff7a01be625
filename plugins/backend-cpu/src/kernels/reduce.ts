/**
 * Reduction loops. Each handles a row of `n` results, and for each of them an r0 x r1 rectangle of
 * operands; accumulators are combined with what they hold, so that further axes are further calls.
 */
import type { BigArray, NumberArray } from './arrays.ts';

export type ReduceRow<Acc, X> = (
  acc: Acc,
  ai: number,
  as: number,
  x: X,
  xi: number,
  xs: number,
  n: number,
  r0: number,
  s0: number,
  r1: number,
  s1: number,
) => void;

/** float32 adds up in float64. */
export const sumFloat32: ReduceRow<Float64Array, Float32Array> = (
  acc,
  ai,
  as,
  x,
  xi,
  xs,
  n,
  r0,
  s0,
  r1,
  s1,
) => {
  for (let i = 0; i < n; i++, ai += as, xi += xs) {
    let total = acc[ai]!;
    for (let j = 0, row = xi; j < r0; j++, row += s0) {
      for (let k = 0, at = row; k < r1; k++, at += s1) total += x[at]!;
    }
    acc[ai] = total;
  }
};

/** Any number type; the accumulator's own store wraps or rounds. */
export function reduceNumbers(
  f: (x: number, y: number) => number,
): ReduceRow<NumberArray, NumberArray> {
  return (acc, ai, as, x, xi, xs, n, r0, s0, r1, s1) => {
    for (let i = 0; i < n; i++, ai += as, xi += xs) {
      let total = acc[ai]!;
      for (let j = 0, row = xi; j < r0; j++, row += s0) {
        for (let k = 0, at = row; k < r1; k++, at += s1) total = f(total, x[at]!);
      }
      acc[ai] = total;
    }
  };
}

export function reduceBigs(f: (x: bigint, y: bigint) => bigint): ReduceRow<BigArray, BigArray> {
  return (acc, ai, as, x, xi, xs, n, r0, s0, r1, s1) => {
    for (let i = 0; i < n; i++, ai += as, xi += xs) {
      let total = acc[ai]!;
      for (let j = 0, row = xi; j < r0; j++, row += s0) {
        for (let k = 0, at = row; k < r1; k++, at += s1) total = f(total, x[at]!);
      }
      acc[ai] = total;
    }
  };
}

/** Position of the first largest (or smallest) of `r` elements; the first NaN wins. */
export function argExtremum(
  o: Int32Array,
  oi: number,
  os: number,
  x: { readonly [i: number]: number | bigint },
  xi: number,
  xs: number,
  n: number,
  r: number,
  rs: number,
  smallest: boolean,
): void {
  for (let i = 0; i < n; i++, oi += os, xi += xs) {
    let best = x[xi]!;
    let at = 0;
    for (let k = 1; k < r && best === best; k++) {
      const value = x[xi + k * rs]!;
      if (value !== value || (smallest ? value < best : value > best)) {
        best = value;
        at = k;
      }
    }
    o[oi] = at;
  }
}

/** The same for float32. */
export function argFloat32(
  o: Int32Array,
  oi: number,
  os: number,
  x: Float32Array,
  xi: number,
  xs: number,
  n: number,
  r: number,
  rs: number,
  smallest: boolean,
): void {
  const sign = smallest ? -1 : 1;
  for (let i = 0; i < n; i++, oi += os, xi += xs) {
    let best = x[xi]! * sign;
    let at = 0;
    for (let k = 1; k < r && best === best; k++) {
      const value = x[xi + k * rs]! * sign;
      // Not "value > best": NaN is to win.
      if (!(value <= best)) {
        best = value;
        at = k;
      }
    }
    o[oi] = at;
  }
}
