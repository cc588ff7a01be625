/** Data sets larger than memory: parts of them are read when they are wanted, and few are kept. */

import { DataError, reasonOf } from '../error.ts';
import { allocateLike, copyElements, sizeOf } from '../ndarray.ts';
import type { NDArray } from '../ndarray.ts';
import { permutation } from '../random/permutation.ts';
import { checkSeed } from '../random/philox.ts';
import { checkIndex, unstack } from './dataset.ts';
import type { Dataset, Indices, Sample } from './dataset.ts';

/** A part of a data set, such as a file. */
export interface Shard<S extends Sample = Sample> {
  /** Stands in messages. */
  readonly name: string;
  /** Number of samples. */
  readonly length: number;
  /** All of its samples as columns, an axis of samples in front. */
  read(): S;
}

export interface ShardedDatasetOptions {
  /** Most bytes of shards kept in memory. Default 256 MiB. One shard may not be larger. */
  readonly maxBytes?: number;
}

export interface ShardOrderOptions {
  /** Default 0. */
  readonly seed?: number;
  /**
   * Shards whose samples are mixed with each other, so that they have to be in memory together; default 2. More
   * mix better.
   */
  readonly together?: number;
}

const bytesOf = (columns: Sample): number =>
  Object.values<NDArray>(columns).reduce((sum, { data }) => sum + data.byteLength, 0);

/**
 * Shards end to end. Any order of samples works; `sampler` gives one that reads each shard once an epoch.
 *
 * ```ts no-run
 * const data = new ShardedDataset(shards, { maxBytes: 2 ** 28 });
 * await trainer.fit(data, { sampler: data.sampler({ seed: 1, together: 4 }), batchSize: 64 });
 * ```
 *
 * The order depends on seed and epoch alone, so a run that is resumed in the middle of an epoch goes on with
 * the sample that would have been next.
 */
export class ShardedDataset<S extends Sample = Sample> implements Dataset<S> {
  readonly shards: readonly Shard<S>[];
  readonly length: number;
  readonly #starts: readonly number[];
  readonly #maxBytes: number;
  /** In the order of their last use. */
  readonly #kept = new Map<number, { readonly columns: S; readonly bytes: number }>();
  /** Known once a shard has been read. */
  readonly #sizes = new Map<number, number>();
  #bytes = 0;
  #reads = 0;

  /** @throws DataError when there are no shards or no samples. */
  constructor(shards: readonly Shard<S>[], { maxBytes = 2 ** 28 }: ShardedDatasetOptions = {}) {
    let end = 0;
    this.shards = [...shards];
    this.#starts = shards.map(({ name, length }) => {
      if (!Number.isInteger(length) || length < 0) {
        throw new DataError('ShardedDataset', `shard ${name} has no length`, {
          got: String(length),
        });
      }
      return (end += length) - length;
    });
    this.length = end;
    this.#maxBytes = maxBytes;
    if (end === 0)
      throw new DataError('ShardedDataset', 'there are no samples', { kind: 'missing' });
  }

  /** Bytes of the shards in memory now. */
  get bytesKept(): number {
    return this.#bytes;
  }
  /** How often a shard has been read. */
  get reads(): number {
    return this.#reads;
  }

  get(index: number): S {
    checkIndex('ShardedDataset.get', index, this.length);
    const shard = this.#shardOf(index);
    return unstack(this.#columns(shard), index - this.#starts[shard]!);
  }

  /** @throws DataError naming the shard that cannot be read, is larger than `maxBytes` or unlike the others. */
  batch(indices: Indices): S {
    const rows = new Map<number, number[]>();
    for (let i = 0; i < indices.length; i++) {
      const index = indices[i]!;
      checkIndex('ShardedDataset.batch', index, this.length);
      const shard = this.#shardOf(index);
      const list = rows.get(shard);
      if (list === undefined) rows.set(shard, [i]);
      else list.push(i);
    }
    const out: Record<string, NDArray> = {};
    for (const [shard, places] of rows) {
      const columns = this.#columns(shard);
      for (const [name, { data, shape, dtype }] of Object.entries<NDArray>(columns)) {
        const rest = shape.slice(1);
        const size = sizeOf(rest);
        out[name] ??= {
          data: allocateLike(data, indices.length * size),
          shape: [indices.length, ...rest],
          dtype,
        };
        const target = out[name];
        if (target.dtype !== dtype || String(target.shape.slice(1)) !== String(rest)) {
          throw this.#unlike(shard, name);
        }
        for (const i of places) {
          copyElements(
            data,
            (indices[i]! - this.#starts[shard]!) * size,
            target.data,
            i * size,
            size,
          );
        }
      }
      const lacking = Object.keys(out).find((name) => !(name in columns));
      if (lacking !== undefined) throw this.#unlike(shard, lacking);
    }
    return out as S;
  }

  #unlike(shard: number, column: string): DataError {
    return new DataError(
      'ShardedDataset',
      `column "${column}" of shard ${this.shards[shard]!.name} differs from that of other shards`,
      { kind: 'corrupt' },
    );
  }

  #shardOf(index: number): number {
    let [low, high] = [0, this.#starts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#starts[middle]! <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #columns(shard: number): S {
    const kept = this.#kept.get(shard);
    if (kept !== undefined) {
      this.#kept.delete(shard);
      this.#kept.set(shard, kept);
      return kept.columns;
    }
    // Room is made first where it is known how much is wanted.
    this.#makeRoom(this.#sizes.get(shard) ?? Math.max(0, ...this.#sizes.values()));
    const { name, length } = this.shards[shard]!;
    let columns: S;
    try {
      columns = this.shards[shard]!.read();
    } catch (cause) {
      throw new DataError('ShardedDataset', `shard ${name}: ${reasonOf(cause)}`, {
        kind: cause instanceof DataError ? cause.kind : 'missing',
        cause,
      });
    }
    this.#reads += 1;
    for (const [column, { shape }] of Object.entries<NDArray>(columns)) {
      if (shape[0] === length) continue;
      throw new DataError('ShardedDataset', `column "${column}" of shard ${name} has changed`, {
        kind: 'corrupt',
        got: `${shape[0]} samples`,
        wanted: String(length),
      });
    }
    const bytes = bytesOf(columns);
    if (bytes > this.#maxBytes) {
      throw new DataError('ShardedDataset', `shard ${name} is larger than what may be kept`, {
        kind: 'too-large',
        got: `${bytes} bytes`,
        wanted: `at most ${this.#maxBytes}: a larger maxBytes, or smaller shards`,
      });
    }
    this.#sizes.set(shard, bytes);
    this.#makeRoom(bytes);
    this.#kept.set(shard, { columns, bytes });
    this.#bytes += bytes;
    return columns;
  }

  #makeRoom(bytes: number): void {
    for (const [shard, kept] of this.#kept) {
      if (this.#bytes + bytes <= this.#maxBytes) return;
      this.#kept.delete(shard);
      this.#bytes -= kept.bytes;
    }
  }

  /**
   * A sampler for a loader or `fit`: shards in random order, and samples in random order among those of
   * `together` shards.
   */
  sampler({ seed = 0, together = 2 }: ShardOrderOptions = {}): {
    readonly length: number;
    order(epoch: number): Int32Array;
  } {
    checkSeed('ShardedDataset.sampler', seed);
    if (!Number.isInteger(together) || together < 1) {
      throw new DataError('ShardedDataset.sampler', 'together is a positive whole number', {
        got: String(together),
      });
    }
    return { length: this.length, order: (epoch) => this.#order(seed, epoch, together) };
  }

  #order(seed: number, epoch: number, together: number): Int32Array {
    const shards = permutation(this.shards.length, seed, 2 * epoch);
    const order = new Int32Array(this.length);
    let at = 0;
    for (let first = 0; first < shards.length; first += together) {
      const group: number[] = [];
      for (const shard of shards.subarray(first, first + together)) {
        for (let i = 0; i < this.shards[shard]!.length; i++) group.push(this.#starts[shard]! + i);
      }
      // A stream of its own for each group of each epoch.
      const mixed = permutation(group.length, seed, 2 * (epoch * shards.length + first) + 1);
      for (const i of mixed) order[at++] = group[i]!;
    }
    return order;
  }
}
