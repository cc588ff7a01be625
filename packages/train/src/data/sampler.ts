/** In which order, and how often, samples come up in an epoch. */
import { fail, random, scope, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { checkOptions, checkWhole } from '../check.ts';

/** Numbers of samples for an epoch. The same epoch gives the same ones. */
export interface Sampler {
  /** How many samples an epoch has. */
  readonly length: number;
  order(epoch: number): Int32Array | Promise<Int32Array>;
}

/** Whole batches for an epoch, of any sizes; how many may change from epoch to epoch. */
export interface BatchSampler {
  batches(epoch: number): readonly Int32Array[] | Promise<readonly Int32Array[]>;
}

/** The key of an epoch: the seed, and the epoch on top of the seed's upper bits. */
async function drawn(
  seed: number,
  epoch: number,
  draw: (key: Tensor) => Tensor,
): Promise<Int32Array | Float32Array> {
  const low = seed % 2 ** 32;
  const high = (Math.floor(seed / 2 ** 32) + epoch) % 2 ** 21;
  using key = random.key(high * 2 ** 32 + low);
  return (await scope(() => draw(random.split(key, 1)[0]!).data())) as Int32Array | Float32Array;
}

/** All samples in their order. */
export class SequentialSampler implements Sampler {
  readonly length: number;

  constructor(length: number) {
    this.length = checkWhole('SequentialSampler', 'length', length);
  }
  order(): Int32Array {
    return Int32Array.from({ length: this.length }, (_, i) => i);
  }
}

export interface RandomSamplerOptions {
  /** Default 0. */
  readonly seed?: number;
  /** Draw each sample from all of them, so that some come twice; default false. */
  readonly replacement?: boolean;
  /** Samples an epoch; default all. */
  readonly count?: number;
}

/** All samples in a new order each epoch. */
export class RandomSampler implements Sampler {
  readonly length: number;
  readonly #size: number;
  readonly #seed: number;
  readonly #replacement: boolean;

  constructor(size: number, options: RandomSamplerOptions = {}) {
    checkOptions('RandomSampler', options, ['seed', 'replacement', 'count']);
    const { seed = 0, replacement = false, count = size } = options;
    this.#size = checkWhole('RandomSampler', 'size', size);
    this.#seed = checkWhole('RandomSampler', 'seed', seed, 0);
    this.#replacement = replacement;
    this.length = checkWhole('RandomSampler', 'count', count);
    if (!replacement && count > size) {
      fail(
        'RandomSampler',
        'there are not that many samples without replacement',
        `${count}`,
        `${size}`,
      );
    }
  }

  async order(epoch: number): Promise<Int32Array> {
    const order = await drawn(this.#seed, epoch, (key) =>
      this.#replacement
        ? random.integers(key, [this.length], 0, this.#size)
        : random.permutation(key, this.#size),
    );
    return Int32Array.from(order.subarray(0, this.length));
  }
}

export interface WeightedSamplerOptions {
  /** Samples an epoch; default as many as there are weights. */
  readonly count?: number;
  /** Default 0. */
  readonly seed?: number;
  /** Default true. */
  readonly replacement?: boolean;
}

/**
 * Samples drawn in proportion to weights, which need not add up to 1. Without replacement each comes at
 * most once, by exponential keys (Efraimidis & Spirakis 2006). Throws for weights that are negative or not
 * finite, and where none is positive.
 */
export class WeightedRandomSampler implements Sampler {
  readonly length: number;
  readonly #weights: Float64Array;
  readonly #seed: number;
  readonly #replacement: boolean;

  constructor(weights: ArrayLike<number>, options: WeightedSamplerOptions = {}) {
    const op = 'WeightedRandomSampler';
    checkOptions(op, options, ['count', 'seed', 'replacement']);
    const { count = weights.length, seed = 0, replacement = true } = options;
    this.#weights = Float64Array.from(weights);
    this.#weights.forEach((weight, i) => {
      if (!(weight >= 0 && weight < Infinity)) {
        fail(op, `weight ${i} is not usable`, String(weight), 'a finite number of at least 0');
      }
    });
    const positive = this.#weights.filter((weight) => weight > 0).length;
    if (positive === 0) fail(op, 'no weight is above 0');
    this.length = checkWhole(op, 'count', count);
    this.#seed = checkWhole(op, 'seed', seed, 0);
    this.#replacement = replacement;
    if (!replacement && count > positive) {
      fail(op, 'there are not that many samples without replacement', `${count}`, `${positive}`);
    }
  }

  async order(epoch: number): Promise<Int32Array> {
    const weights = this.#weights;
    if (!this.#replacement) {
      const u = await drawn(this.#seed, epoch, (key) => random.uniform(key, [weights.length]));
      const keys = Float64Array.from(weights, (w, i) =>
        w > 0 ? -Math.log1p(-u[i]!) / w : Infinity,
      );
      const order = Int32Array.from(weights, (_, i) => i);
      return order.sort((a, b) => keys[a]! - keys[b]! || a - b).slice(0, this.length);
    }
    const u = await drawn(this.#seed, epoch, (key) => random.uniform(key, [this.length]));
    let total = 0;
    const bounds = weights.map((weight) => (total += weight));
    return Int32Array.from(u, (value) => firstAbove(bounds, value * total));
  }
}

/** The first position whose bound is above the value; bounds do not fall. */
function firstAbove(bounds: Float64Array, value: number): number {
  let [low, high] = [0, bounds.length - 1];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (bounds[middle]! > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

export interface BalancedSamplerOptions {
  /** Samples an epoch; default as many as there are labels. */
  readonly count?: number;
  /** Default 0. */
  readonly seed?: number;
}

/** Every class equally often, whatever its share of the samples: weights of one over the class's count. */
export class BalancedSampler extends WeightedRandomSampler {
  constructor(labels: ArrayLike<number | bigint>, options: BalancedSamplerOptions = {}) {
    const counts = new Map<number, number>();
    const numbers = Array.from(labels, Number);
    for (const label of numbers) counts.set(label, (counts.get(label) ?? 0) + 1);
    super(
      numbers.map((label) => 1 / counts.get(label)!),
      options,
    );
  }
}

export interface SamplerBatchesOptions {
  readonly batchSize: number;
  readonly dropLast?: boolean;
}

/** PyTorch's `BatchSampler`: a sampler's order cut into batches. */
export class SamplerBatches implements BatchSampler {
  readonly #sampler: Sampler;
  readonly #batchSize: number;
  readonly #dropLast: boolean;

  constructor(sampler: Sampler, { batchSize, dropLast = false }: SamplerBatchesOptions) {
    this.#sampler = sampler;
    this.#batchSize = checkWhole('SamplerBatches', 'batchSize', batchSize);
    this.#dropLast = dropLast;
  }
  async batches(epoch: number): Promise<Int32Array[]> {
    return cut(await this.#sampler.order(epoch), this.#batchSize, this.#dropLast);
  }
}

/** An order in pieces of one size, the last one smaller or left out. */
export function cut(order: Int32Array, size: number, dropLast: boolean): Int32Array[] {
  const batches: Int32Array[] = [];
  for (let start = 0; start < order.length; start += size) {
    const batch = order.slice(start, start + size);
    if (batch.length === size || !dropLast) batches.push(batch);
  }
  return batches;
}

export interface BucketBatchesOptions extends SamplerBatchesOptions {
  /** Default 0. */
  readonly seed?: number;
  /** Batches whose samples are sorted by length together; default 50. */
  readonly window?: number;
}

/**
 * Batches of samples of about the same length, so that little is padded: a random order is cut into
 * windows, each sorted by length and cut into batches, which come in random order.
 */
export class BucketBatches implements BatchSampler {
  readonly #lengths: Float64Array;
  readonly #options: Required<BucketBatchesOptions>;

  constructor(lengths: ArrayLike<number>, options: BucketBatchesOptions) {
    this.#lengths = Float64Array.from(lengths);
    this.#options = { seed: 0, window: 50, dropLast: false, ...options };
    checkWhole('BucketBatches', 'batchSize', options.batchSize);
    checkWhole('BucketBatches', 'window', this.#options.window);
    if (lengths.length === 0) fail('BucketBatches', 'there are no samples');
  }

  async batches(epoch: number): Promise<Int32Array[]> {
    const { batchSize, seed, window, dropLast } = this.#options;
    const lengths = this.#lengths;
    const order = await new RandomSampler(lengths.length, { seed }).order(epoch);
    const sorted = cut(order, batchSize * window, false).map((part) =>
      part.sort((a, b) => lengths[a]! - lengths[b]! || a - b),
    );
    const batches = sorted.flatMap((part) => cut(part, batchSize, dropLast));
    if (batches.length === 0) return [];
    const mixed = await new RandomSampler(batches.length, { seed: seed + 1 }).order(epoch);
    return Array.from(mixed, (i) => batches[i]!);
  }
}

/**
 * A weight for each class, samples / (classes · samples of the class), so that rare classes count as much
 * as frequent ones (scikit-learn's `balanced`): `crossEntropy(y, t, { weight })`. Shape: [classes].
 * `classes` is left out where the highest label tells. Throws for a class without samples, naming it.
 */
export function classWeights(
  labels: ArrayLike<number | bigint>,
  classes = Array.from(labels, Number).reduce((most, label) => Math.max(most, label), -1) + 1,
): Tensor {
  const op = 'classWeights';
  if (labels.length === 0) fail(op, 'there are no labels');
  checkWhole(op, 'classes', classes);
  const counts = new Float64Array(classes);
  Array.from(labels, Number).forEach((label, i) => {
    if (!Number.isInteger(label) || label < 0 || label >= classes) {
      fail(op, `label ${i} is unknown`, String(label), `0 to ${classes - 1}`);
    }
    counts[label]! += 1;
  });
  const missing = Array.from(counts.keys()).filter((label) => counts[label] === 0);
  if (missing.length > 0) fail(op, `class ${missing.join(', ')} has no samples`);
  return tensor(Float32Array.from(counts, (count) => labels.length / (classes * count)));
}
