/**
 * Choices among float32 elements, made on their bits. A branch on data is mispredicted every other time and
 * costs several times as much as a few integer operations; `-Number(condition)` is the mask 0 or -1, which
 * engines compile without a branch.
 */
import type { HostArray } from '@hebb/core';
import type { ReduceRow } from './reduce.ts';

/** The same memory as 32-bit integers. */
export function bitsOf(array: HostArray): Int32Array {
  return new Int32Array(array.buffer, array.byteOffset, array.byteLength >> 2);
}

// A float's bits as an integer that is ordered like the float: v ^ ((v >> 31) & magnitude), which is its own
// inverse. -0 comes before 0, as in Math.max. NaN is what exceeds the bits of infinity.
const magnitude = 0x7fffffff;
const infinity = 0x7f800000;

/** Maximum (flip 0) or, with the order reversed, minimum (flip -1); NaN if either operand is. */
function extremum(
  flip: 0 | -1,
  o: Int32Array,
  oi: number,
  os: number,
  a: Int32Array,
  ai: number,
  as: number,
  b: Int32Array,
  bi: number,
  bs: number,
  n: number,
): void {
  for (let i = 0; i < n; i++, oi += os, ai += as, bi += bs) {
    const x = a[ai]!;
    const y = b[bi]!;
    const p = x ^ ((x >> 31) & magnitude) ^ flip;
    const q = y ^ ((y >> 31) & magnitude) ^ flip;
    const first = -Number(p > q);
    const nan = -Number((x & magnitude) > infinity) | -Number((y & magnitude) > infinity);
    o[oi] = (x & first) | (y & ~first) | (nan & magnitude);
  }
}

type BitsLoop = (
  o: Int32Array,
  oi: number,
  os: number,
  a: Int32Array,
  ai: number,
  as: number,
  b: Int32Array,
  bi: number,
  bs: number,
  n: number,
) => void;
export const extremumLoops: { readonly [op: string]: BitsLoop } = {
  maximum: (o, oi, os, a, ai, as, b, bi, bs, n) => extremum(0, o, oi, os, a, ai, as, b, bi, bs, n),
  minimum: (o, oi, os, a, ai, as, b, bi, bs, n) => extremum(-1, o, oi, os, a, ai, as, b, bi, bs, n),
};

/** The larger (or smaller) of what the accumulator holds and an r0 x r1 rectangle; NaN if there is one. */
export function reduceExtremum(flip: 0 | -1): ReduceRow<Int32Array, Int32Array> {
  return (acc, ai, as, x, xi, xs, n, r0, s0, r1, s1) => {
    for (let i = 0; i < n; i++, ai += as, xi += xs) {
      const old = acc[ai]!;
      let best = old ^ ((old >> 31) & magnitude) ^ flip;
      let nan = -Number((old & magnitude) > infinity);
      for (let j = 0, row = xi; j < r0; j++, row += s0) {
        for (let k = 0, at = row; k < r1; k++, at += s1) {
          const value = x[at]!;
          const p = value ^ ((value >> 31) & magnitude) ^ flip;
          const better = -Number(p > best);
          nan |= -Number((value & magnitude) > infinity);
          best = (p & better) | (best & ~better);
        }
      }
      best ^= flip;
      acc[ai] = (best ^ ((best >> 31) & magnitude)) | (nan & magnitude);
    }
  };
}

/** Chooses between elements of four bytes, whatever they are. */
export function whereBits(
  o: Int32Array,
  oi: number,
  os: number,
  c: Uint8Array,
  ci: number,
  cs: number,
  a: Int32Array,
  ai: number,
  as: number,
  b: Int32Array,
  bi: number,
  bs: number,
  n: number,
): void {
  const together = os === 1 && cs === 1 && ci === oi;
  if (together && as === 1 && ai === oi && bs === 0) {
    const y = b[bi]!;
    for (let i = oi, end = oi + n; i < end; i++) {
      const first = -Number(c[i] !== 0);
      o[i] = (a[i]! & first) | (y & ~first);
    }
    return;
  }
  for (let i = 0; i < n; i++, oi += os, ci += cs, ai += as, bi += bs) {
    const first = -Number(c[ci] !== 0);
    o[oi] = (a[ai]! & first) | (b[bi]! & ~first);
  }
}
