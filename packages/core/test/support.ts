/** What the specs share. */
import { cpu } from '@hebb/backend-cpu';
import { init } from '../src/index.ts';
import type { Backend, HostArray, Tensor } from '../src/index.ts';

/** A fresh backend, made current. */
export const start = (): Promise<Backend> => init(cpu());

/** A small seeded generator for test data (mulberry32), so that a failure can be repeated. */
export function seeded(seed: number) {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    /** An integer from low to high, both included. */
    int: (low: number, high: number) => low + Math.floor(next() * (high - low + 1)),
    numbers: (count: number, low = -2, high = 2) =>
      Array.from({ length: count }, () => low + next() * (high - low)),
  };
}

export const numbers = async (x: Tensor): Promise<number[]> =>
  Array.from<number | bigint, number>((await x.data()) as HostArray, Number);

/** Compares each number; the tolerance is absolute plus relative to the expected one. */
export async function expectClose(
  x: Tensor,
  expected: readonly number[],
  tolerance = 1e-6,
): Promise<void> {
  const got = await numbers(x);
  expect(got).toHaveLength(expected.length);
  expected.forEach((want, i) => {
    const error = Math.abs(got[i]! - want);
    if (!(error <= tolerance * (1 + Math.abs(want)))) {
      throw new Error(`element ${i}: got ${got[i]}, expected ${want}`);
    }
  });
}
