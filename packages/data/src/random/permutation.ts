/** Seeded orders. */

import { DataError } from '../error.ts';
import { Philox, checkSeed } from './philox.ts';

/**
 * The numbers 0 to `n` - 1 in random order: Fisher-Yates over Philox, so that `n`, `seed` and
 * `epoch` alone decide the order, on every engine, and nothing else that draws random numbers does.
 *
 * @param epoch gives each pass over the data its own order under one seed.
 */
export function permutation(n: number, seed: number, epoch = 0): Uint32Array<ArrayBuffer> {
  if (!Number.isInteger(n) || n < 0 || n > 0xffffffff) {
    throw new DataError('permutation', 'n is not a whole number from 0 to 2^32 - 1', {
      got: String(n),
    });
  }
  checkSeed('permutation', seed);
  const random = new Philox(seed, epoch);
  const order = new Uint32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  for (let i = n - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const kept = order[i] as number;
    order[i] = order[j] as number;
    order[j] = kept;
  }
  return order;
}
