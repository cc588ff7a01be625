/** Augmentation of sound while training. */
import {
  add,
  and,
  defaultGenerator,
  div,
  fail,
  floor,
  formatShape,
  ge,
  gt,
  iota,
  lt,
  mul,
  or,
  random,
  reshape,
  sqrt,
  where,
  cast,
  gather,
} from '@hebb/core';
import type { Generator, Tensor } from '@hebb/core';
import { mean } from '../reductions.ts';

interface AugmentOptions {
  /** Where keys come from. */
  readonly generator?: Generator;
}

export interface SpecAugmentOptions extends AugmentOptions {
  /** Bands masked, default 1, and the widest of them in channels, default 27. */
  readonly frequencyMasks?: number;
  readonly frequencyWidth?: number;
  /** Spans masked, default 1, and the longest of them in frames, default 100. */
  readonly timeMasks?: number;
  readonly timeWidth?: number;
  /** Put in place of what is masked, default 0. */
  readonly value?: number;
}

/** Random spans of an axis for each row: true inside. Shape: [batch, size]. */
function spans(
  batch: number,
  size: number,
  width: number,
  count: number,
  generator: Generator,
): Tensor | undefined {
  let hidden: Tensor | undefined;
  for (let k = 0; k < count; k++) {
    const draw = random.uniform(generator.next(), [2, batch, 1]);
    const long = mul(draw.index(0), Math.min(width, size));
    const start = floor(mul(draw.index(1), add(mul(long, -1), size)));
    const at = reshape(cast(iota(size), 'float32'), [1, size]);
    const inside = and(ge(at, start), lt(at, add(start, floor(long))));
    hidden = hidden === undefined ? inside : or(hidden, inside);
  }
  return hidden;
}

/**
 * Masks bands of frequency and spans of time, others for each spectrogram of the batch. Park et al. 2019,
 * arXiv:1904.08779, without warping. Shape: [N, F, T] -> same.
 */
export function specAugment(x: Tensor, options: SpecAugmentOptions = {}): Tensor {
  const { frequencyMasks = 1, frequencyWidth = 27, timeMasks = 1, timeWidth = 100 } = options;
  const { value = 0, generator = defaultGenerator } = options;
  if (x.rank !== 3) fail('specAugment', 'input does not fit', formatShape(x.shape), '[N, F, T]');
  for (const [name, n] of Object.entries({
    frequencyMasks,
    frequencyWidth,
    timeMasks,
    timeWidth,
  })) {
    if (!Number.isInteger(n) || n < 0) {
      fail('specAugment', `${name} is a whole number`, String(n), '0 or more');
    }
  }
  const [batch, bands, frames] = x.shape as [number, number, number];
  const rows = spans(batch, bands, frequencyWidth, frequencyMasks, generator);
  const columns = spans(batch, frames, timeWidth, timeMasks, generator);
  let y = x;
  if (rows !== undefined) y = where(reshape(rows, [batch, bands, 1]), value, y);
  if (columns !== undefined) y = where(reshape(columns, [batch, 1, frames]), value, y);
  return y;
}

export interface NoiseOptions extends AugmentOptions {
  /** Recorded noise of the signals' shape, or one that spreads to it; default Gaussian. */
  readonly noise?: Tensor;
}

/**
 * Noise at a signal-to-noise ratio in decibels, for each signal by its own power and that of its noise.
 * Shape: [..., T] -> same.
 */
export function addNoise(
  x: Tensor,
  decibels: number,
  { generator = defaultGenerator, noise }: NoiseOptions = {},
): Tensor {
  if (!Number.isFinite(decibels)) fail('addNoise', 'decibels is a number', String(decibels));
  const powerOf = (sound: Tensor): Tensor => mean(mul(sound, sound), sound.rank - 1, true);
  const wanted = mul(powerOf(x), 10 ** (-decibels / 10));
  if (noise === undefined) {
    const drawn = random.normal(generator.next(), x.shape, { dtype: x.dtype });
    return add(x, mul(drawn, sqrt(wanted)));
  }
  if (noise.shape.at(-1) !== x.shape.at(-1)) {
    fail(
      'addNoise',
      'noise and signal differ in length',
      formatShape(noise.shape),
      formatShape(x.shape),
    );
  }
  const level = powerOf(noise);
  // Silence stays silence, however loud the noise should be.
  const safe = where(gt(level, 0), level, 1);
  return add(x, mul(noise, sqrt(div(wanted, safe))));
}

/** Each signal moved by up to `most` samples to either side, zeros coming in. Shape: [N, T] -> same. */
export function randomShift(
  x: Tensor,
  most: number,
  { generator = defaultGenerator }: AugmentOptions = {},
): Tensor {
  if (x.rank !== 2) fail('randomShift', 'input does not fit', formatShape(x.shape), '[N, T]');
  if (!Number.isInteger(most) || most < 0) {
    fail('randomShift', 'most is a whole number of samples', String(most), '0 or more');
  }
  const [batch, samples] = x.shape as [number, number];
  const draw = random.uniform(generator.next(), [batch, 1], { low: -most, high: most + 1 });
  const from = add(reshape(iota(samples), [1, samples]), cast(floor(draw), 'int32'));
  const inside = and(ge(from, 0), lt(from, samples));
  const safe = where(inside, from, 0);
  const rows = mul(reshape(iota(batch), [batch, 1]), samples);
  const flat = gather(
    reshape(x, [batch * samples]),
    reshape(add(safe, rows), [batch * samples]),
    0,
  );
  return where(inside, reshape(flat, [batch, samples]), 0);
}
