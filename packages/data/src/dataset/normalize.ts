/** Bytes to normalised floats: one table of 256 values, the same for training and for serving. */

import { DataError } from '../error.ts';
import type { NDArray } from '../ndarray.ts';
import type { Sample } from './dataset.ts';

export interface Normalization {
  /** Subtracted after scaling to 0..1; one value, or one for each channel. Default 0. */
  readonly mean?: number | readonly number[];
  /** Divides the difference; one value, or one for each channel. Default 1. */
  readonly std?: number | readonly number[];
}

/** Mean and standard deviation of the 60,000 MNIST training images, pixels scaled to 0..1. */
export const MNIST_NORMALIZATION = { mean: 0.1307, std: 0.3081 } as const;

/** `fround((v / 255 - mean) / std)` for each byte v, one table a channel. */
export function byteTables(
  op: string,
  channels: number,
  { mean = 0, std = 1 }: Normalization = {},
): Float32Array[] {
  const valueOf = (name: string, value: number | readonly number[], channel: number): number => {
    const chosen = typeof value === 'number' ? value : value[channel];
    if (typeof value !== 'number' && value.length !== channels) {
      throw new DataError(op, `${name} does not have one value for each channel`, {
        got: `${value.length} values`,
        wanted: String(channels),
      });
    }
    if (chosen === undefined || !Number.isFinite(chosen) || (name === 'std' && chosen === 0)) {
      throw new DataError(op, `${name} is not usable`, { got: String(chosen) });
    }
    return chosen;
  };
  return Array.from({ length: channels }, (_, channel) => {
    const m = valueOf('mean', mean, channel);
    const s = valueOf('std', std, channel);
    return Float32Array.from({ length: 256 }, (_unused, v) => (v / 255 - m) / s);
  });
}

/**
 * Turns uint8 images into float32: `(v / 255 - mean) / std` per channel.
 *
 * @param images shape [N, C, H, W] or [C, H, W], uint8.
 * @returns the same shape, float32.
 * @throws DataError for another dtype or rank, or statistics that do not fit the channels.
 */
export function normalizeImages(images: NDArray, normalization: Normalization = {}): NDArray {
  const { data, shape, dtype } = images;
  if (!(data instanceof Uint8Array) || dtype !== 'uint8' || shape.length < 3 || shape.length > 4) {
    throw new DataError('normalizeImages', 'images are not bytes of shape [N,C,H,W] or [C,H,W]', {
      got: `${dtype} [${shape.join(',')}]`,
    });
  }
  const [channels, height, width] = shape.slice(-3) as [number, number, number];
  const tables = byteTables('normalizeImages', channels, normalization);
  const plane = height * width;
  const out = new Float32Array(data.length);
  for (let start = 0, channel = 0; start < data.length; start += plane) {
    const table = tables[channel] as Float32Array;
    for (let i = start; i < start + plane; i++) out[i] = table[data[i] as number] as number;
    channel = channel + 1 === channels ? 0 : channel + 1;
  }
  return { data: out, shape, dtype: 'float32' };
}

/** For mapBatches: normalises one column of a batch and passes the others on. */
export function normalizeColumn(
  column: string,
  normalization: Normalization = {},
): <S extends Sample>(batch: S) => S {
  return (batch) => {
    const images = batch[column];
    if (images === undefined) {
      throw new DataError('normalizeColumn', `there is no column "${column}"`, {
        wanted: Object.keys(batch).join(', '),
      });
    }
    return { ...batch, [column]: normalizeImages(images, normalization) };
  };
}
