/** Pictures and labels of two samples in one: mixup and CutMix. */

import { checkIndex, fetchBatch, unstack } from '../dataset/dataset.ts';
import type { Dataset, Indices, Sample } from '../dataset/dataset.ts';
import { DataError } from '../error.ts';
import type { NDArray } from '../ndarray.ts';
import { checkSeed } from '../random/philox.ts';
import type { Philox } from '../random/philox.ts';
import { pixelsLike } from './picture.ts';
import { missing, picturesOf, sampleStreams } from './augment.ts';

export interface MixOptions {
  /** Number of classes; labels become their shares, float32 [classes]. */
  readonly classes: number;
  /** Of the Beta distribution that shares are drawn from; default 1. */
  readonly alpha?: number;
  /** Of a sample being mixed at all; default 1. */
  readonly p?: number;
  /** Default 0. */
  readonly seed?: number;
  /** Default `image` and `label`. */
  readonly column?: string;
  readonly label?: string;
}

/** A number of the normal distribution (Box and Muller 1958). */
function normal(random: Philox): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random.uniform()));
  return radius * Math.cos(2 * Math.PI * random.uniform());
}

/** A number of the Gamma distribution. Marsaglia and Tsang 2000. */
function gamma(shape: number, random: Philox): number {
  if (shape < 1) return gamma(shape + 1, random) * (1 - random.uniform()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = normal(random);
    const v = (1 + c * x) ** 3;
    if (v <= 0) continue;
    if (Math.log(1 - random.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** A number of the symmetric Beta distribution. */
export function beta(alpha: number, random: Philox): number {
  if (alpha === 1) return random.uniform();
  const [x, y] = [gamma(alpha, random), gamma(alpha, random)];
  // Both are 0 where alpha is tiny: then it is one side or the other.
  return x + y > 0 ? x / (x + y) : Math.round(random.uniform());
}

/** What a row keeps of itself, of 1, after its part of the pictures has been mixed in place. */
type Mix = (
  row: { readonly own: Float32Array | Uint8Array; readonly other: Float32Array | Uint8Array },
  shape: readonly [number, number, number],
  lambda: number,
  random: Philox,
) => number;

function mixed<S extends Sample>(
  op: string,
  purpose: number,
  dataset: Dataset<S>,
  options: MixOptions,
  mix: Mix,
  whole: boolean,
): Dataset {
  const { classes, alpha = 1, p = 1, seed = 0, column = 'image', label = 'label' } = options;
  checkSeed(op, seed);
  if (!Number.isInteger(classes) || classes < 2) {
    throw new DataError(op, 'classes is a whole number of at least 2', { got: String(classes) });
  }
  if (!(alpha > 0) || !(p >= 0 && p <= 1)) {
    throw new DataError(op, 'alpha is above 0 and p a probability', { got: `${alpha}, ${p}` });
  }
  const read = (indices: Indices, epoch: number): Sample => {
    const batch = fetchBatch(dataset, indices, epoch);
    const streams = sampleStreams(seed, epoch, purpose);
    const randoms = Array.from(indices, streams);
    // Partners come from the whole data set, so that a sample does not depend on those beside it.
    const chosen = randoms.map((random) => (random.uniform() < p ? beta(alpha, random) : 1));
    const partners = randoms.map((random) => random.below(dataset.length));
    const others = fetchBatch(dataset, partners, epoch);
    const pictures = batch[column] ?? missing(op, column, batch);
    const pixels = picturesOf(op, pictures);
    const otherPixels = picturesOf(op, others[column]!);
    const own = whole ? Float32Array.from(pixels) : pixelsLike(pixels);
    if (!whole) own.set(pixels);
    const [, ...shape] = pictures.shape as [number, number, number, number];
    const size = shape.reduce((a, b) => a * b, 1);
    const shares = new Float32Array(indices.length * classes);
    const labels = [batch, others].map((each) =>
      labelsOf(op, each[label] ?? missing(op, label, each), label, classes),
    );
    for (let row = 0; row < indices.length; row++) {
      const [from, to] = [row * size, (row + 1) * size];
      const pair = { own: own.subarray(from, to), other: otherPixels.subarray(from, to) };
      const kept = chosen[row] === 1 ? 1 : mix(pair, shape, chosen[row]!, randoms[row]!);
      for (let k = 0; k < classes; k++) {
        const at = row * classes + k;
        shares[at] = kept * labels[0]![at]! + (1 - kept) * labels[1]![at]!;
      }
    }
    const dtype = own instanceof Float32Array ? 'float32' : 'uint8';
    return {
      ...batch,
      [column]: { data: own, shape: pictures.shape, dtype },
      [label]: { data: shares, shape: [indices.length, classes], dtype: 'float32' },
    };
  };
  return {
    length: dataset.length,
    get(index) {
      checkIndex(op, index, dataset.length);
      return unstack(read([index], 0), 0);
    },
    batch: (indices, epoch = 0) => read(indices, epoch),
  };
}

/** Shares of the classes: those that are there already, or a one for each label. */
function labelsOf(
  op: string,
  { data, shape }: NDArray,
  name: string,
  classes: number,
): Float32Array {
  if (shape.length === 2 && shape[1] === classes && data instanceof Float32Array) return data;
  if (shape.length !== 1) {
    throw new DataError(op, `column "${name}" holds no labels`, { got: `[${shape.join(',')}]` });
  }
  const shares = new Float32Array(data.length * classes);
  for (let row = 0; row < data.length; row++) {
    const value = Number(data[row]);
    if (!Number.isInteger(value) || value < 0 || value >= classes) {
      throw new DataError(op, `column "${name}" holds no class`, {
        got: String(value),
        wanted: `0 to ${classes - 1}`,
      });
    }
    shares[row * classes + value] = 1;
  }
  return shares;
}

/**
 * Each picture with a share of another one, and so its label. Zhang et al. 2018, arXiv:1710.09412. Pictures
 * become float32 in the unit that they had. Train with `crossEntropy`, which takes shares of classes.
 */
export function mixup<S extends Sample>(dataset: Dataset<S>, options: MixOptions): Dataset {
  return mixed(
    'mixup',
    1,
    dataset,
    options,
    ({ own, other }, _shape, lambda) => {
      for (let i = 0; i < own.length; i++) own[i] = lambda * own[i]! + (1 - lambda) * other[i]!;
      return lambda;
    },
    true,
  );
}

/** Each picture with a rectangle of another one, and so its label. Yun et al. 2019, arXiv:1905.04899. */
export function cutmix<S extends Sample>(dataset: Dataset<S>, options: MixOptions): Dataset {
  return mixed(
    'cutmix',
    2,
    dataset,
    options,
    ({ own, other }, [channels, height, width], lambda, random) => {
      const part = Math.sqrt(1 - lambda) / 2;
      const [x, y] = [random.below(width), random.below(height)];
      const [halfX, halfY] = [Math.trunc(part * width), Math.trunc(part * height)];
      const [x0, x1] = [Math.max(0, x - halfX), Math.min(width, x + halfX)];
      const [y0, y1] = [Math.max(0, y - halfY), Math.min(height, y + halfY)];
      for (let c = 0; c < channels; c++) {
        for (let row = y0; row < y1; row++) {
          const at = (c * height + row) * width;
          own.set(other.subarray(at + x0, at + x1), at + x0);
        }
      }
      return 1 - ((x1 - x0) * (y1 - y0)) / (width * height);
    },
    false,
  );
}
