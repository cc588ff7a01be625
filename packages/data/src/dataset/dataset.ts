/** What a data set is, and how samples become a batch. */

import { DataError } from '../error.ts';
import { allocateLike, copyElements, sizeOf } from '../ndarray.ts';
import type { NDArray } from '../ndarray.ts';

/** Named columns, such as `{ image, label }`. The names are free. */
export type Sample = Readonly<Record<string, NDArray>>;

/** Row numbers: a plain array or any typed one. */
export type Indices = ArrayLike<number>;

/**
 * A map-style data set, as torch.utils.data.Dataset: samples by number, in any order, any number of
 * times. A batch has the columns of a sample, each with one more axis in front.
 */
export interface Dataset<S extends Sample = Sample> {
  /** Number of samples. */
  readonly length: number;
  /** Sample `index`, 0 to `length` - 1. Its arrays may be views: do not write to them. */
  get(index: number): S;
  /**
   * The samples stacked in the order given, where that is faster than one by one.
   *
   * @param epoch the pass over the data, from 0, for data sets whose samples change with it (augmentation);
   *   `get` gives those of epoch 0.
   */
  batch?(indices: Indices, epoch?: number): S;
}

/** Throws unless `index` numbers a sample. */
export function checkIndex(op: string, index: number, length: number): void {
  if (!Number.isInteger(index) || index < 0 || index >= length) {
    throw new DataError(op, 'there is no such sample', {
      got: `index ${index}`,
      wanted: length === 0 ? 'nothing: the data set is empty' : `0 to ${length - 1}`,
    });
  }
}

/**
 * Stacks samples along a new first axis; the default collation of a loader.
 *
 * @throws DataError when there are no samples, or columns, shapes or dtypes differ between them;
 *   names the sample and the column.
 */
export function stack<S extends Sample>(samples: readonly S[]): S {
  const first = samples[0];
  if (first === undefined) {
    throw new DataError('stack', 'there are no samples to stack', { kind: 'missing' });
  }
  const columns: Record<string, NDArray> = {};
  for (const [name, { data, shape, dtype }] of Object.entries<NDArray>(first)) {
    const size = sizeOf(shape);
    const stacked = allocateLike(data, size * samples.length);
    samples.forEach((sample, row) => {
      const column = sample[name];
      if (column === undefined) {
        throw new DataError('stack', `sample ${row} has no column "${name}"`);
      }
      if (column.dtype !== dtype || column.shape.join() !== shape.join()) {
        throw new DataError('stack', `column "${name}" of sample ${row} differs from sample 0`, {
          got: `${column.dtype} [${column.shape.join(',')}]`,
          wanted: `${dtype} [${shape.join(',')}]`,
        });
      }
      copyElements(column.data, 0, stacked, row * size, size);
    });
    columns[name] = { data: stacked, shape: [samples.length, ...shape], dtype };
  }
  return columns as S;
}

/** Sample `row` of a batch: the first axis taken off, data shared. */
export function unstack<S extends Sample>(batch: S, row: number): S {
  const columns: Record<string, NDArray> = {};
  for (const [name, { data, shape, dtype }] of Object.entries<NDArray>(batch)) {
    const rest = shape.slice(1);
    const size = sizeOf(rest);
    checkIndex('unstack', row, shape[0] ?? 0);
    columns[name] = { data: data.subarray(row * size, (row + 1) * size), shape: rest, dtype };
  }
  return columns as S;
}

/** The samples `indices` as one batch, by the data set's own `batch` where it has one. */
export function fetchBatch<S extends Sample>(dataset: Dataset<S>, indices: Indices, epoch = 0): S {
  if (indices.length === 0) {
    throw new DataError('fetchBatch', 'a batch needs at least one sample', { kind: 'missing' });
  }
  if (dataset.batch !== undefined) return dataset.batch(indices, epoch);
  return stack(Array.from(indices, (index) => dataset.get(index)));
}
