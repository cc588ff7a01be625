/** Batches of a data set, in order or shuffled, as tensors. */
import { fail, formatShape, fromBits, random, scope } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { checkOptions, checkWhole } from '../check.ts';
import { findNonFinite } from './check-columns.ts';
import { collate } from './dataset.ts';
import type { Dataset, Sample } from './dataset.ts';

export interface DataLoaderOptions {
  /** Default 32. */
  readonly batchSize?: number;
  /** A new order each epoch; default false. */
  readonly shuffle?: boolean;
  /** Decides the order together with the epoch; default 0. */
  readonly seed?: number;
  /** Leave out a last batch that is smaller than the others; default false. */
  readonly dropLast?: boolean;
  /** Throw when a batch holds NaN or infinities, naming sample and column; default true. */
  readonly checkFinite?: boolean;
}

export interface Batch {
  /** The columns, batch axis first. They are the receiver's: pass them on to be consumed, or dispose. */
  readonly tensors: Readonly<Record<string, Tensor>>;
  /** The same on the host. */
  readonly host: Sample;
  /** Numbers of the samples in the data set. */
  readonly indices: Int32Array;
  /** Position within the epoch, from 0. */
  readonly index: number;
  readonly size: number;
}

const optionNames = ['batchSize', 'shuffle', 'seed', 'dropLast', 'checkFinite'];

/**
 * Cuts a data set into batches:
 *
 * ```ts
 * const loader = new DataLoader(train, { batchSize: 64, shuffle: true });
 * for await (const { tensors } of loader.epoch(0)) await step(tensors.image!, tensors.label!);
 * ```
 *
 * Throws when the data set is empty or too small for a single batch with `dropLast`.
 */
export class DataLoader<S extends Sample = Sample> {
  readonly dataset: Dataset<S>;
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly seed: number;
  readonly dropLast: boolean;
  readonly #checkFinite: boolean;

  constructor(dataset: Dataset<S>, options: DataLoaderOptions = {}) {
    checkOptions('DataLoader', options, optionNames);
    const { batchSize = 32, shuffle = false, seed = 0, dropLast = false } = options;
    this.dataset = dataset;
    this.batchSize = checkWhole('DataLoader', 'batchSize', batchSize);
    this.shuffle = shuffle;
    this.seed = checkWhole('DataLoader', 'seed', seed, 0);
    this.dropLast = dropLast;
    this.#checkFinite = options.checkFinite ?? true;
    if (!Number.isInteger(dataset?.length)) fail('DataLoader', 'not a data set: it has no length');
    if (dataset.length < 1) fail('DataLoader', 'the data set is empty');
    if (this.length === 0) {
      fail(
        'DataLoader',
        'no batch is full, and dropLast leaves it out',
        `${dataset.length} samples, batchSize ${batchSize}`,
      );
    }
  }

  /** Number of batches in an epoch. */
  get length(): number {
    const batches = this.dataset.length / this.batchSize;
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }
  /** Number of samples in an epoch. */
  get samples(): number {
    return this.dropLast ? this.length * this.batchSize : this.dataset.length;
  }

  /** The order of an epoch: the same for the same seed, length and epoch, on every backend. */
  async order(epoch: number): Promise<Int32Array> {
    const count = this.dataset.length;
    if (!this.shuffle) return Int32Array.from({ length: count }, (_, i) => i);
    // Two words of a Philox key: the seed, and the epoch on top of the seed's upper bits.
    const low = this.seed % 2 ** 32;
    const high = (Math.floor(this.seed / 2 ** 32) + epoch) % 2 ** 21;
    using key = random.key(high * 2 ** 32 + low);
    const order = await scope(() => random.permutation(random.split(key, 1)[0]!, count).data());
    return Int32Array.from(order as Int32Array);
  }

  /** One batch of an order. */
  batch(order: Int32Array, index: number): Batch {
    const start = index * this.batchSize;
    const indices = order.slice(start, start + this.batchSize);
    const host = collate(this.dataset, indices);
    const tensors: Record<string, Tensor> = {};
    for (const [name, column] of Object.entries(host)) {
      if (column.shape[0] !== indices.length) {
        fail(
          'DataLoader',
          `column "${name}" does not have one row for each sample`,
          formatShape(column.shape),
          `[${indices.length}, ...]`,
        );
      }
      if (this.#checkFinite) {
        const row = findNonFinite(column);
        if (row !== undefined) {
          fail('DataLoader', `column "${name}" of sample ${indices[row.row]} holds ${row.value}`);
        }
      }
      tensors[name] = fromBits(column.data, column.shape, column.dtype);
    }
    return { tensors, host, indices, index, size: indices.length };
  }

  /** The batches of an epoch. */
  async *epoch(epoch = 0): AsyncGenerator<Batch, void, undefined> {
    const order = await this.order(epoch);
    for (let i = 0; i < this.length; i++) yield this.batch(order, i);
  }

  [Symbol.asyncIterator](): AsyncGenerator<Batch, void, undefined> {
    return this.epoch(0);
  }
}
