/** Spoken digits: the recordings, the same at other speeds, and the layer that makes features of sound. */
import { add, compile, defaultGenerator, max, maximum, mul, random, sub, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { readSpokenDigits } from '@hebb/data/node';
import type { SpokenDigit } from '@hebb/data/node';
import { Module } from '@hebb/nn';
import { addNoise, logMelSpectrogram, randomShift, resample, specAugment } from '@hebb/ops';
import { dataPath } from './data.ts';

/** Samples a second. */
export const sampleRate = 8000;

/** The Free Spoken Digit Dataset in the order of digits, speakers and takes. */
export const recordings = (): Promise<SpokenDigit[]> =>
  readSpokenDigits(
    dataPath(
      'datasets/fsdd',
      'https://github.com/Jakobovski/free-spoken-digit-dataset (folder recordings)',
    ),
  );

/** The loudest stretch of `length` samples of what is longer; what is shorter stays. */
export function loudest(samples: Float32Array, length: number): Float32Array {
  if (samples.length <= length) return samples;
  let energy = 0;
  let best = 0;
  let most = -1;
  for (let i = 0; i < samples.length; i++) {
    energy += samples[i]! ** 2;
    if (i >= length) energy -= samples[i - length]! ** 2;
    if (i >= length - 1 && energy > most) [most, best] = [energy, i - length + 1];
  }
  return samples.subarray(best, best + length);
}

/** Recordings for one call of `resample`. */
const together = 128;

/**
 * The recordings played `factor` times as fast, and so that much higher: another throat as much as another
 * pace.
 */
export async function atSpeed(
  list: readonly SpokenDigit[],
  factor: number,
): Promise<readonly SpokenDigit[]> {
  if (factor === 1) return list;
  const rate = Math.round(sampleRate / factor / 100) * 100;
  const longest = list.reduce((most, { samples }) => Math.max(most, samples.length), 0);
  const play = compile((x: Tensor) => resample(x, sampleRate, rate));
  const changed: SpokenDigit[] = [];
  for (let from = 0; from < list.length; from += together) {
    // All calls have one shape, so that there is one program.
    const rows = new Float32Array(together * longest);
    const some = list.slice(from, from + together);
    some.forEach(({ samples }, i) => rows.set(samples, i * longest));
    const played = await play(tensor(rows, { shape: [together, longest] }));
    const values = (await played.data()) as Float32Array;
    const width = played.shape[1]!;
    some.forEach((each, i) => {
      const end = Math.ceil((each.samples.length * rate) / sampleRate);
      changed.push({ ...each, samples: values.slice(i * width, i * width + end) });
    });
  }
  return changed;
}

export interface EarOptions {
  readonly mels: number;
  /** Augmentation while training. */
  readonly shift?: number;
  /** Lowest signal-to-noise ratio in decibels. */
  readonly noise?: number;
  /** Largest random slope of the spectrum, in nats from one end to the other. */
  readonly tilt?: number;
  readonly timeMasks?: number;
  readonly timeWidth?: number;
}

/** Nats below the loudest band of a recording at which silence begins. */
const depth = 7;

/**
 * Log-mel features of raw audio, levelled by the loudest point of each recording, so that neither the
 * microphone's gain nor silence before and after counts. While training the sound is moved, mixed with
 * noise, tilted and masked.
 * Shape: [N, T] -> [N, mels, ⌊T / 128⌋ + 1].
 */
export class Ear extends Module {
  readonly settings: EarOptions;

  constructor(settings: EarOptions) {
    super();
    this.settings = settings;
  }

  forward(audio: Tensor): Tensor {
    const { mels, shift = 0, noise, tilt = 0, timeMasks = 1, timeWidth = 8 } = this.settings;
    const batch = audio.shape[0]!;
    const draw = (low: number, high: number): Tensor =>
      random.uniform(defaultGenerator.next(), [batch, 1, 1], { low, high });
    let sound = audio;
    if (this.training && shift > 0) sound = randomShift(sound, shift);
    if (this.training && noise !== undefined) {
      // Between clean and the most noise.
      const part = draw(0, 1).reshape([batch, 1]);
      sound = add(sound, mul(sub(addNoise(sound, noise), sound), mul(part, part)));
    }
    const settings = { sampleRate, nFft: 256, hopLength: 128, mels, low: 80, floor: 1e-9 };
    let x = logMelSpectrogram(sound, settings);
    if (this.training && tilt > 0) {
      const slope = Float32Array.from({ length: mels }, (_, k) => k / (mels - 1) - 0.5);
      x = add(x, mul(draw(-tilt, tilt), tensor(slope, { shape: [mels, 1] })));
    }
    const level = maximum(sub(x, max(x, [1, 2], true)), -depth);
    const y = add(mul(level, 2 / depth), 1);
    if (!this.training) return y;
    return specAugment(y, {
      frequencyMasks: 1,
      frequencyWidth: 6,
      timeMasks,
      timeWidth,
      value: -1,
    });
  }
}
