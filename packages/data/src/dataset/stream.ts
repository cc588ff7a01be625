/** Samples that come one after the other and cannot be asked for by number. */

import { DataError } from '../error.ts';
import { Philox, checkSeed } from '../random/philox.ts';
import { stack } from './dataset.ts';
import type { Sample } from './dataset.ts';

export type Stream<T> = AsyncIterable<T> | Iterable<T>;

export interface ShuffleOptions {
  /** Samples held back to draw from. */
  readonly buffer: number;
  /** Default 0. */
  readonly seed?: number;
  /** Default 0; another one gives another order. */
  readonly epoch?: number;
}

/**
 * A stream mixed within a buffer: each sample that comes takes the place of one that goes. The order depends on
 * the stream, buffer, seed and epoch alone.
 */
export async function* shuffled<T>(
  stream: Stream<T>,
  { buffer, seed = 0, epoch = 0 }: ShuffleOptions,
): AsyncGenerator<T, void, undefined> {
  checkSeed('shuffled', seed);
  if (!Number.isInteger(buffer) || buffer < 1) {
    throw new DataError('shuffled', 'buffer is a positive whole number', { got: String(buffer) });
  }
  const random = new Philox(seed, epoch);
  const held: T[] = [];
  for await (const sample of stream) {
    if (held.length < buffer) {
      held.push(sample);
      continue;
    }
    const at = random.below(buffer);
    const next = held[at]!;
    held[at] = sample;
    yield next;
  }
  while (held.length > 0) {
    const at = random.below(held.length);
    const next = held[at]!;
    held[at] = held.at(-1)!;
    held.pop();
    yield next;
  }
}

export interface BatchedOptions {
  readonly batchSize: number;
  /** Leave out a last batch that is smaller. Default false. */
  readonly dropLast?: boolean;
  /** Batches to pass over, when a run goes on in the middle of an epoch. Default 0. */
  readonly skip?: number;
}

/** Samples of a stream stacked, as many as `batchSize` at a time. */
export async function* batched<S extends Sample>(
  stream: Stream<S>,
  { batchSize, dropLast = false, skip = 0 }: BatchedOptions,
): AsyncGenerator<S, void, undefined> {
  if (!Number.isInteger(batchSize) || batchSize < 1 || !Number.isInteger(skip) || skip < 0) {
    throw new DataError('batched', 'batchSize is a positive whole number, skip one from 0 on', {
      got: `${batchSize}, ${skip}`,
    });
  }
  let count = 0;
  let samples: S[] = [];
  for await (const sample of stream) {
    samples.push(sample);
    if (samples.length < batchSize) continue;
    if (count++ >= skip) yield stack(samples);
    samples = [];
  }
  if (samples.length > 0 && !dropLast && count >= skip) yield stack(samples);
}
