/**
 * What a data set must offer: the shape of `@hebb/data`'s `Dataset`, written down here so that anything of
 * that shape will do and training needs no readers.
 */
import { fail, formatShape, sizeOf, dtypeInfo } from '@hebb/core';
import type { DType, HostArray } from '@hebb/core';

/** A dense row-major array on the host, in storage form. */
export interface Column {
  readonly data: HostArray;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** Named columns, such as `{ image, label }`. */
export type Sample = Readonly<Record<string, Column>>;

/** Samples by number, in any order, any number of times. */
export interface Dataset<S extends Sample = Sample> {
  readonly length: number;
  get(index: number): S;
  /**
   * The samples stacked in the order given, where that is faster than one by one. A promise where they are
   * read or made elsewhere, in worker threads say: then a few are asked for ahead. `epoch`, from 0, is for data
   * sets whose samples change with it.
   */
  batch?(indices: ArrayLike<number>, epoch?: number): S | Promise<S>;
  /** How many batches are worth asking for ahead, where they are promises; default 2. */
  readonly ahead?: number;
}

/** Samples by their own `batch`, or one by one with a new axis in front. */
export function collate(
  dataset: Dataset,
  indices: Int32Array,
  epoch = 0,
): Sample | Promise<Sample> {
  if (dataset.batch !== undefined) return dataset.batch(indices, epoch);
  const samples = Array.from(indices, (index) => dataset.get(index));
  const batch: Record<string, Column> = {};
  for (const [name, { dtype, shape }] of Object.entries<Column>(samples[0]!)) {
    const size = sizeOf(shape);
    const data = dtypeInfo(dtype).allocate(size * samples.length);
    samples.forEach((sample, row) => {
      const column = sample[name];
      if (column?.dtype !== dtype || formatShape(column.shape) !== formatShape(shape)) {
        fail(
          'DataLoader',
          `column "${name}" of sample ${indices[row]} differs from that of sample ${indices[0]}`,
          column === undefined ? 'nothing' : `${column.dtype}${formatShape(column.shape)}`,
          `${dtype}${formatShape(shape)}`,
        );
      }
      // One overload of `set` stands for all: both arrays are of the dtype's own class.
      (data as Float64Array).set(column.data as Float64Array, row * size);
    });
    batch[name] = { data, shape: [samples.length, ...shape], dtype };
  }
  return batch;
}
