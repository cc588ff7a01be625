/** Data sets made from other data sets; nothing is copied until samples are read. */

import { DataError } from '../error.ts';
import { checkIndex, fetchBatch, stack, unstack } from './dataset.ts';
import type { Dataset, Indices, Sample } from './dataset.ts';

/** The samples `indices` of another data set, in that order, as torch.utils.data.Subset. */
export class Subset<S extends Sample = Sample> implements Dataset<S> {
  readonly length: number;
  readonly dataset: Dataset<S>;
  readonly indices: Uint32Array;

  /** @throws DataError when an index numbers no sample. */
  constructor(dataset: Dataset<S>, indices: Indices) {
    for (let i = 0; i < indices.length; i++) {
      checkIndex('Subset', indices[i] as number, dataset.length);
    }
    this.dataset = dataset;
    this.indices = Uint32Array.from(indices);
    this.length = this.indices.length;
  }

  get(index: number): S {
    checkIndex('Subset.get', index, this.length);
    return this.dataset.get(this.indices[index] as number);
  }

  batch(indices: Indices, epoch = 0): S {
    const chosen = new Uint32Array(indices.length);
    for (let i = 0; i < indices.length; i++) {
      const index = indices[i] as number;
      checkIndex('Subset.batch', index, this.length);
      chosen[i] = this.indices[index] as number;
    }
    return fetchBatch(this.dataset, chosen, epoch);
  }
}

/** The first `count` samples, or all where there are fewer. */
export function take<S extends Sample>(dataset: Dataset<S>, count: number): Subset<S> {
  if (!Number.isInteger(count) || count < 0) {
    throw new DataError('take', 'the count is not a whole number of at least 0', {
      got: String(count),
    });
  }
  return new Subset(
    dataset,
    Array.from({ length: Math.min(count, dataset.length) }, (_, i) => i),
  );
}

/** Several data sets end to end, as torch.utils.data.ConcatDataset. */
export class ConcatDataset<S extends Sample = Sample> implements Dataset<S> {
  readonly length: number;
  readonly datasets: readonly Dataset<S>[];
  /** Where each data set ends. */
  readonly #ends: readonly number[];

  constructor(datasets: readonly Dataset<S>[]) {
    if (datasets.length === 0) throw new DataError('ConcatDataset', 'there are no data sets');
    let end = 0;
    this.datasets = [...datasets];
    this.#ends = datasets.map((dataset) => (end += dataset.length));
    this.length = end;
  }

  get(index: number): S {
    checkIndex('ConcatDataset.get', index, this.length);
    const [dataset, row] = this.#locate(index);
    return dataset.get(row);
  }

  batch(indices: Indices, epoch = 0): S {
    const samples = Array.from(indices, (index) => {
      checkIndex('ConcatDataset.batch', index, this.length);
      const [dataset, row] = this.#locate(index);
      return dataset.batch === undefined
        ? dataset.get(row)
        : unstack(dataset.batch([row], epoch), 0);
    });
    return stack(samples);
  }

  #locate(index: number): readonly [Dataset<S>, number] {
    const at = this.#ends.findIndex((end) => index < end);
    return [
      this.datasets[at] as Dataset<S>,
      index - (at === 0 ? 0 : (this.#ends[at - 1] as number)),
    ];
  }
}

/** A data set whose samples pass through `transform` one by one when they are read. */
export function mapSamples<S extends Sample, T extends Sample>(
  dataset: Dataset<S>,
  transform: (sample: S, index: number) => T,
): Dataset<T> {
  return {
    length: dataset.length,
    get(index) {
      checkIndex('mapSamples', index, dataset.length);
      return transform(dataset.get(index), index);
    },
  };
}

/**
 * A data set whose batches pass through `transform` whole; the fast form where the work is the same
 * for every row. `transform` must treat rows independently: a single sample is read as a batch of one.
 */
export function mapBatches<S extends Sample, T extends Sample>(
  dataset: Dataset<S>,
  transform: (batch: S, indices: Indices, epoch: number) => T,
): Dataset<T> {
  return {
    length: dataset.length,
    get(index) {
      checkIndex('mapBatches', index, dataset.length);
      return unstack(transform(fetchBatch(dataset, [index]), [index], 0), 0);
    },
    batch(indices, epoch = 0) {
      return transform(fetchBatch(dataset, indices, epoch), indices, epoch);
    },
  };
}
