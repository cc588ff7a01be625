/** Pictures as models take them, plane by plane, and what changes them at random. */

import { DataError } from '../error.ts';
import type { Philox } from '../random/philox.ts';

/** Bytes 0 to 255, or floats 0 to 1. */
export type Pixels = Uint8Array | Float32Array;

/** One picture [C, H, W]. */
export interface Picture {
  readonly data: Pixels;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/**
 * A picture from a picture, by chance. It draws from `random` alone and does not write to what it is given,
 * so that the result depends on nothing but seed, epoch and sample.
 */
export type ImageTransform = (picture: Picture, random: Philox) => Picture;

/** White: 255 or 1. */
export const boundOf = (data: Pixels): number => (data instanceof Uint8Array ? 255 : 1);

export function pixelsLike(data: Pixels, length = data.length): Pixels {
  return data instanceof Uint8Array ? new Uint8Array(length) : new Float32Array(length);
}

export const withPixels = (picture: Picture, data: Pixels): Picture => ({ ...picture, data });

/** Into 0 to white; bytes are cut off below the point, as torchvision does. */
export function store(out: Pixels, at: number, value: number, bound: number): void {
  out[at] = value < 0 ? 0 : value > bound ? bound : value;
}

/** Throws for a chance outside 0 to 1. */
export function checkChance(op: string, p: number): number {
  if (p >= 0 && p <= 1) return p;
  throw new DataError(op, 'p is a probability', { got: String(p), wanted: '0 to 1' });
}

export function checkRange(
  op: string,
  name: string,
  range: readonly [number, number],
  low = -Infinity,
  high = Infinity,
): readonly [number, number] {
  const [a, b] = range;
  if (a <= b && a >= low && b <= high && Number.isFinite(a) && Number.isFinite(b)) return range;
  throw new DataError(op, `${name} is no range`, {
    got: `${a} to ${b}`,
    wanted: `within ${low} to ${high}`,
  });
}

/** What is put where there is no picture: one value, or one for each channel, in the picture's own unit. */
export type Fill = number | readonly number[];

export function fillOf(op: string, fill: Fill, channels: number): (channel: number) => number {
  if (typeof fill === 'number') return () => fill;
  if (fill.length === channels) return (channel) => fill[channel]!;
  throw new DataError(op, 'fill does not have one value for each channel', {
    got: `${fill.length} values`,
    wanted: String(channels),
  });
}

/** Transforms one after the other. */
export function compose(...transforms: readonly ImageTransform[]): ImageTransform {
  return (picture, random) =>
    transforms.reduce((result, transform) => transform(result, random), picture);
}

/** Applies a transform with probability `p`. */
export function randomApply(transform: ImageTransform, p = 0.5): ImageTransform {
  checkChance('randomApply', p);
  return (picture, random) => (random.uniform() < p ? transform(picture, random) : picture);
}
