/** Batches of a data set, in order or shuffled, as tensors. */
import { fail, formatShape, fromBits } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { checkOptions, checkWhole } from '../check.ts';
import { findNonFinite } from './check-columns.ts';
import { collate } from './dataset.ts';
import type { Dataset, Sample } from './dataset.ts';
import { RandomSampler, SequentialSampler, cut } from './sampler.ts';
import type { BatchSampler, Sampler } from './sampler.ts';

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
  /** Which samples an epoch has and in which order, instead of `shuffle`. */
  readonly sampler?: Sampler;
  /** Whole batches, instead of `batchSize`, `shuffle`, `dropLast` and `sampler`. */
  readonly batchSampler?: BatchSampler;
  /** Batches asked for ahead from a data set that gives promises; default its `ahead`, or 2. */
  readonly prefetch?: number;
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

const optionNames = [
  'batchSize',
  'shuffle',
  'seed',
  'dropLast',
  'checkFinite',
  'sampler',
  'batchSampler',
  'prefetch',
];

/**
 * Cuts a data set into batches:
 *
 * ```ts
 * const loader = new DataLoader(train, { batchSize: 64, shuffle: true });
 * for await (const { tensors } of loader.epoch(0)) await step(tensors.image!, tensors.label!);
 * ```
 *
 * The same seed and epoch give the same batches. Throws when the data set is empty or too small for a
 * single batch with `dropLast`.
 */
export class DataLoader<S extends Sample = Sample> {
  readonly dataset: Dataset<S>;
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly seed: number;
  readonly dropLast: boolean;
  readonly #checkFinite: boolean;
  readonly #prefetch: number;
  readonly #sampler: Sampler;
  readonly #batchSampler: BatchSampler | undefined;

  constructor(dataset: Dataset<S>, options: DataLoaderOptions = {}) {
    checkOptions('DataLoader', options, optionNames);
    const { batchSize = 32, shuffle = false, seed = 0, dropLast = false } = options;
    const { prefetch = dataset?.ahead ?? 2 } = options;
    this.dataset = dataset;
    this.batchSize = checkWhole('DataLoader', 'batchSize', batchSize);
    this.shuffle = shuffle;
    this.seed = checkWhole('DataLoader', 'seed', seed, 0);
    this.dropLast = dropLast;
    this.#checkFinite = options.checkFinite ?? true;
    this.#prefetch = checkWhole('DataLoader', 'prefetch', prefetch, 0);
    this.#batchSampler = options.batchSampler;
    if (!Number.isInteger(dataset?.length)) fail('DataLoader', 'not a data set: it has no length');
    if (dataset.length < 1) fail('DataLoader', 'the data set is empty');
    if (options.sampler !== undefined && (shuffle || options.batchSampler !== undefined)) {
      fail('DataLoader', 'a sampler decides the order: leave out shuffle and batchSampler');
    }
    if (options.batchSampler !== undefined && (shuffle || dropLast)) {
      fail('DataLoader', 'a batchSampler decides the batches: leave out shuffle and dropLast');
    }
    this.#sampler =
      options.sampler ??
      (shuffle
        ? new RandomSampler(dataset.length, { seed })
        : new SequentialSampler(dataset.length));
    if (this.#batchSampler === undefined && this.length === 0) {
      fail(
        'DataLoader',
        'no batch is full, and dropLast leaves it out',
        `${this.#sampler.length} samples, batchSize ${batchSize}`,
      );
    }
  }

  /** Number of batches in an epoch; with a `batchSampler` only `plan` tells. */
  get length(): number {
    const batches = this.#fixed('length').length / this.batchSize;
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }
  /** Number of samples in an epoch; with a `batchSampler` only `plan` tells. */
  get samples(): number {
    const { length } = this.#fixed('samples');
    return this.dropLast ? this.length * this.batchSize : length;
  }
  #fixed(what: string): Sampler {
    if (this.#batchSampler === undefined) return this.#sampler;
    return fail('DataLoader', `${what} is not known with a batchSampler: see plan`);
  }

  /** The order of an epoch: the same for the same seed, length and epoch, on every backend. */
  async order(epoch: number): Promise<Int32Array> {
    return this.#fixed('order').order(epoch);
  }

  /** The batches of an epoch as numbers of samples. Throws for numbers that no sample has. */
  async plan(epoch: number): Promise<readonly Int32Array[]> {
    const plan =
      this.#batchSampler === undefined
        ? cut(await this.#sampler.order(epoch), this.batchSize, this.dropLast)
        : await this.#batchSampler.batches(epoch);
    if (plan.length === 0) fail('DataLoader', 'the sampler gives no batches');
    for (const batch of plan) {
      if (batch.length === 0) fail('DataLoader', 'the sampler gives an empty batch');
      for (const i of batch) {
        if (!(i >= 0 && i < this.dataset.length)) {
          fail(
            'DataLoader',
            'there is no such sample',
            String(i),
            `0 to ${this.dataset.length - 1}`,
          );
        }
      }
    }
    return plan;
  }

  /** The batch of some samples, as they are in an epoch. */
  async batch(indices: Int32Array, index = 0, epoch = 0): Promise<Batch> {
    return this.#assemble(await collate(this.dataset, indices, epoch), indices, index);
  }

  #assemble(host: Sample, indices: Int32Array, index: number): Batch {
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

  /** The batches of an epoch's plan from one on, some of them asked for ahead. */
  async *stream(
    plan: readonly Int32Array[],
    start = 0,
    epoch = 0,
  ): AsyncGenerator<Batch, void, undefined> {
    const ahead: (Sample | Promise<Sample>)[] = [];
    let asked = start;
    // Only promises are worth asking for early: anything else is made while the caller waits.
    let depth = 0;
    for (let index = start; index < plan.length; index++) {
      while (asked < plan.length && asked <= index + depth) {
        const host = collate(this.dataset, plan[asked]!, epoch);
        if (host instanceof Promise) {
          depth = this.#prefetch;
          // It is awaited later; until then its failure is nobody's.
          host.catch(() => undefined);
        }
        ahead.push(host);
        asked += 1;
      }
      yield this.#assemble(await ahead.shift()!, plan[index]!, index);
    }
  }

  /** The batches of an epoch. */
  async *epoch(epoch = 0): AsyncGenerator<Batch, void, undefined> {
    yield* this.stream(await this.plan(epoch), 0, epoch);
  }

  [Symbol.asyncIterator](): AsyncGenerator<Batch, void, undefined> {
    return this.epoch(0);
  }
}
