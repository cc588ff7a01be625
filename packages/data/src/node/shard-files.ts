/** Files of samples as a data set that is larger than memory. */

import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { ShardedDataset } from '../dataset/shards.ts';
import type { Shard, ShardedDatasetOptions } from '../dataset/shards.ts';
import type { Sample } from '../dataset/dataset.ts';
import { DataError, reasonOf } from '../error.ts';
import type { NDArray } from '../ndarray.ts';
import { readNpz } from '../npz/npz.ts';

export interface ShardFilesOptions<S extends Sample = Sample> extends ShardedDatasetOptions {
  /** The columns in a file's bytes (gunzipped where its name ends in `.gz`). Default `readNpz`. */
  readonly read?: (bytes: Uint8Array, path: string) => S;
  /** Samples of each file, where that is known; else every file is read once at the beginning, one by one. */
  readonly lengths?: readonly number[];
}

/**
 * A data set over files, each of which holds some samples as columns (`.npz` by default, or what `read`
 * makes of the bytes). No more than `maxBytes` of them are in memory.
 *
 * @throws DataError naming the file.
 */
export function shardFiles<S extends Sample = Sample>(
  paths: readonly string[],
  options: ShardFilesOptions<S> = {},
): ShardedDataset<S> {
  const { read = (bytes: Uint8Array) => readNpz(bytes) as Sample as S, lengths } = options;
  if (lengths !== undefined && lengths.length !== paths.length) {
    throw new DataError('shardFiles', 'there is not one length for each file', {
      got: String(lengths.length),
      wanted: String(paths.length),
    });
  }
  const columnsOf = (path: string): S => {
    const bytes = readFileSync(path);
    return read(path.endsWith('.gz') ? gunzipSync(bytes) : bytes, path);
  };
  const lengthOf = (path: string): number => {
    let columns: S;
    try {
      columns = columnsOf(path);
    } catch (cause) {
      throw new DataError('shardFiles', `${path}: ${reasonOf(cause)}`, {
        kind: cause instanceof DataError ? cause.kind : 'missing',
        cause,
      });
    }
    const length = Object.values<NDArray>(columns)[0]?.shape[0];
    if (length !== undefined) return length;
    throw new DataError('shardFiles', `${path} holds no columns of samples`, { kind: 'corrupt' });
  };
  const shards = paths.map((path, i): Shard<S> => ({
    name: path,
    length: lengths?.[i] ?? lengthOf(path),
    read: () => columnsOf(path),
  }));
  return new ShardedDataset(shards, options);
}
