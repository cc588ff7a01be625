/** A data set held in memory. */

import { DataError } from '../error.ts';
import { allocateLike, copyElements, sizeOf } from '../ndarray.ts';
import type { NDArray } from '../ndarray.ts';
import { checkIndex } from './dataset.ts';
import type { Dataset, Indices, Sample } from './dataset.ts';

/**
 * Columns of equal length in memory, as torch.utils.data.TensorDataset: row `i` of every column is
 * sample `i`.
 *
 * ```ts
 * const train = new ArrayDataset({
 *   image: ndarray(pixels, [60000, 1, 28, 28]),
 *   label: ndarray(labels, [60000]),
 * });
 * ```
 */
export class ArrayDataset<S extends Sample = Sample> implements Dataset<S> {
  readonly length: number;
  readonly columns: S;

  /**
   * @throws DataError when there is no column, a column has no axis, or columns differ in length.
   */
  constructor(columns: S) {
    const entries = Object.entries<NDArray>(columns);
    const first = entries[0];
    if (first === undefined) throw new DataError('ArrayDataset', 'there are no columns');
    for (const [name, { data, shape }] of entries) {
      if (shape.length === 0) {
        throw new DataError('ArrayDataset', `column "${name}" is a scalar`, {
          wanted: 'an axis of samples in front',
        });
      }
      if (sizeOf(shape) !== data.length) {
        throw new DataError('ArrayDataset', `shape and data of column "${name}" differ in size`, {
          got: `${data.length} elements`,
          wanted: `${sizeOf(shape)} for [${shape.join(',')}]`,
        });
      }
      if (shape[0] !== first[1].shape[0]) {
        throw new DataError(
          'ArrayDataset',
          `columns "${first[0]}" and "${name}" differ in length`,
          {
            got: `${first[1].shape[0]} and ${shape[0]}`,
          },
        );
      }
    }
    this.columns = columns;
    this.length = first[1].shape[0] as number;
  }

  /** Sample `index`; its arrays are views of the columns. */
  get(index: number): S {
    checkIndex('ArrayDataset.get', index, this.length);
    const sample: Record<string, NDArray> = {};
    for (const [name, { data, shape, dtype }] of Object.entries<NDArray>(this.columns)) {
      const row = shape.slice(1);
      const size = sizeOf(row);
      sample[name] = { data: data.subarray(index * size, (index + 1) * size), shape: row, dtype };
    }
    return sample as S;
  }

  /** Copies the rows `indices` of every column. */
  batch(indices: Indices): S {
    for (let i = 0; i < indices.length; i++) {
      checkIndex('ArrayDataset.batch', indices[i] as number, this.length);
    }
    const batch: Record<string, NDArray> = {};
    for (const [name, { data, shape, dtype }] of Object.entries<NDArray>(this.columns)) {
      const row = shape.slice(1);
      const size = sizeOf(row);
      const rows = allocateLike(data, size * indices.length);
      if (size === 1) {
        for (let i = 0; i < indices.length; i++) rows[i] = data[indices[i] as number] as never;
      } else {
        for (let i = 0; i < indices.length; i++) {
          copyElements(data, (indices[i] as number) * size, rows, i * size, size);
        }
      }
      batch[name] = { data: rows, shape: [indices.length, ...row], dtype };
    }
    return batch as S;
  }
}
