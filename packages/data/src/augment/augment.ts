/** Random changes of a data set's pictures, decided by seed, epoch and sample alone. */

import { checkIndex, fetchBatch, stack, unstack } from '../dataset/dataset.ts';
import type { Dataset, Indices, Sample } from '../dataset/dataset.ts';
import { DataError } from '../error.ts';
import { allocateLike, sizeOf } from '../ndarray.ts';
import type { NDArray } from '../ndarray.ts';
import { Philox, checkSeed } from '../random/philox.ts';
import { compose } from './picture.ts';
import type { ImageTransform, Pixels } from './picture.ts';

export interface AugmentOptions {
  /** Default 0. */
  readonly seed?: number;
  /** The column of pictures, default `image`: bytes, or floats 0 to 1, [C, H, W]. */
  readonly column?: string;
}

/** One stream of random numbers for each sample of an epoch; `purpose` keeps several users apart. */
export function sampleStreams(seed: number, epoch: number, purpose: number): (i: number) => Philox {
  // 53 bits of the epoch's own as the key below.
  const keys = new Philox(seed, epoch * 8 + purpose);
  const key = (keys.uint32() >>> 11) * 0x100000000 + keys.uint32();
  return (index) => new Philox(key, index);
}

/**
 * A data set whose pictures pass through random transforms. What a sample becomes depends on seed, epoch and
 * its number, not on the batch it is in, the order or the thread that reads it. The epoch is the loader's;
 * `get` and a batch read without one give epoch 0.
 *
 * ```ts
 * const train = augment(cifar.train, [randomCrop(32, { padding: 4 }), randomHorizontalFlip()], { seed: 1 });
 * ```
 *
 * @throws DataError where the column is missing or holds no pictures, and pictures of one batch come out in
 *   different sizes; see each transform for what it wants.
 */
export function augment<S extends Sample>(
  dataset: Dataset<S>,
  transforms: ImageTransform | readonly ImageTransform[],
  { seed = 0, column = 'image' }: AugmentOptions = {},
): Dataset<S> {
  checkSeed('augment', seed);
  const transform = typeof transforms === 'function' ? transforms : compose(...transforms);
  return {
    length: dataset.length,
    get(index) {
      checkIndex('augment', index, dataset.length);
      return unstack(this.batch!([index]), 0);
    },
    batch(indices, epoch = 0) {
      const streams = sampleStreams(seed, epoch, 0);
      // Pictures of many sizes have no batch before they have been transformed.
      if (dataset.batch === undefined) {
        return stack(
          Array.from(indices, (index) => {
            const sample = dataset.get(index);
            const picture = sample[column] ?? missing('augment', column, sample);
            const row = { ...picture, shape: [1, ...picture.shape] };
            const changed = transformRows(row, [index], streams, transform);
            return { ...sample, [column]: { ...changed, shape: changed.shape.slice(1) } };
          }),
        );
      }
      const batch = fetchBatch(dataset, indices, epoch);
      const pictures = batch[column] ?? missing('augment', column, batch);
      return { ...batch, [column]: transformRows(pictures, indices, streams, transform) };
    },
  };
}

export function missing(op: string, column: string, batch: Sample): never {
  throw new DataError(op, `there is no column "${column}"`, {
    wanted: Object.keys(batch).join(', '),
  });
}

/** Throws unless these are pictures [N, C, H, W] of bytes or floats. */
export function picturesOf(op: string, { data, shape, dtype }: NDArray): Pixels {
  const fits = data instanceof Uint8Array ? dtype === 'uint8' : data instanceof Float32Array;
  if (shape.length === 4 && fits) return data as Pixels;
  throw new DataError(op, 'the column holds no pictures', {
    got: `${dtype} [${shape.slice(1).join(',')}]`,
    wanted: 'uint8 or float32 [C,H,W]',
  });
}

function transformRows(
  pictures: NDArray,
  indices: Indices,
  streams: (index: number) => Philox,
  transform: ImageTransform,
): NDArray {
  const pixels = picturesOf('augment', pictures);
  const [, channels, height, width] = pictures.shape as [number, number, number, number];
  const size = channels * height * width;
  let out: Pixels | undefined;
  let shape: readonly number[] = [];
  for (let row = 0; row < indices.length; row++) {
    const index = indices[row]!;
    const data = pixels.subarray(row * size, (row + 1) * size);
    const result = transform({ data, channels, height, width }, streams(index));
    const got = [result.channels, result.height, result.width];
    if (out === undefined) {
      shape = got;
      out = allocateLike(result.data, indices.length * sizeOf(got)) as Pixels;
    } else if (String(got) !== String(shape)) {
      throw new DataError('augment', `the picture of sample ${index} has another size`, {
        got: `[${got.join(',')}]`,
        wanted: `[${shape.join(',')}]`,
      });
    }
    out.set(result.data, row * sizeOf(shape));
  }
  return {
    data: out ?? pixels,
    shape: [indices.length, ...shape],
    dtype: out instanceof Float32Array ? 'float32' : 'uint8',
  };
}
