/**
 * Handwritten-looking digits that need no download: drawn from strokes, in the form of MNIST (white
 * ink on black, the digit in a box of 20/28 of the side, its centre of mass in the middle).
 */

import { ArrayDataset } from '../dataset/array-dataset.ts';
import { DataError } from '../error.ts';
import { ndarray } from '../ndarray.ts';
import type { NDArray } from '../ndarray.ts';
import { permutation } from '../random/permutation.ts';
import { Philox, checkSeed } from '../random/philox.ts';
import { drawLines } from './raster.ts';
import { write } from './strokes.ts';
import { digitStyles } from './styles.ts';

// Taken out once: reading the global at every call is slow inside a vm context, as under Jest.
const { floor, imul, max, min } = Math;

export interface DigitsOptions {
  /** Number of images. Default 10,000. */
  readonly count?: number;
  /** Default 0. Different seeds give different images. */
  readonly seed?: number;
  /** Side of the images in pixels, 8 to 512. Default 28. */
  readonly size?: number;
}

/** A sample of digits and of MNIST: image uint8 [1, size, size], label uint8 []. */
export type DigitSample = { readonly image: NDArray; readonly label: NDArray };

/** The streams of images are numbered from 0; those of anything else start above all of them. */
const LABEL_STREAM = 2 ** 40;

function drawDigit(label: number, size: number, random: Philox, out: Uint8Array): void {
  const styles = digitStyles[label] as NonNullable<(typeof digitStyles)[number]>;
  const style = styles[random.below(styles.length)] as NonNullable<(typeof styles)[number]>;
  const unit = size / 28;
  // Mostly medium pens, some fine, some broad.
  const radius = unit * max(0.75, 1.32 + 0.33 * random.bell());
  const lines = write(style, size, radius, random);
  const radii = lines.map(
    () => [radius * random.between(0.85, 1.15), radius * random.between(0.75, 1.1)] as const,
  );
  const ink = new Float32Array(size * size);
  drawLines(ink, size, lines, radii, unit * random.between(0.8, 1.3));

  const strength = random.between(0.95, 1.2);
  const grain = random.between(0, 0.14);
  const specks = random.below(4) === 0 ? random.below(6) : 0;
  // A linear congruential generator (Numerical Recipes) is enough for grain, and cheap a pixel.
  let bits = random.uint32();
  for (let i = 0; i < ink.length; i++) {
    const cover = ink[i] as number;
    if (cover === 0) continue;
    bits = (imul(bits, 1664525) + 1013904223) >>> 0;
    const value = cover * strength - (grain * (bits >>> 24)) / 255;
    out[i] = floor(255 * min(max(value, 0), 1) + 0.5);
  }
  for (let k = 0; k < specks; k++) {
    const at = random.below(out.length);
    out[at] = max(out[at] as number, 20 + random.below(80));
  }
}

/**
 * Draws `count` digits, every ten images one of each in random order. Image `i` depends on the seed
 * and `i` alone: a larger `count` begins with the same images. Uses only exactly rounded arithmetic
 * (+ - * / and square root), so the pixels are the same in every engine.
 *
 * Several styles a digit; random anchors, elastic warp, rotation, shear, aspect, size, position, pen
 * width, pressure, ink, grain and specks.
 *
 * @returns a data set of { image: uint8 [1, size, size], label: uint8 [] }.
 * @throws DataError when an option is out of range.
 */
export function digits(options: DigitsOptions = {}): ArrayDataset<DigitSample> {
  const { count = 10_000, seed = 0, size = 28 } = options;
  if (!Number.isInteger(count) || count < 0 || count * size * size > 2 ** 32) {
    throw new DataError('digits', 'the count is not a whole number from 0 to 4 GiB of pixels', {
      got: String(count),
    });
  }
  if (!Number.isInteger(size) || size < 8 || size > 512) {
    throw new DataError('digits', 'the size is not a whole number from 8 to 512', {
      got: String(size),
    });
  }
  checkSeed('digits', seed);
  const pixels = size * size;
  const images = new Uint8Array(count * pixels);
  const labels = new Uint8Array(count);
  let order = new Uint32Array(10);
  for (let i = 0; i < count; i++) {
    if (i % 10 === 0) order = permutation(10, seed, LABEL_STREAM + i / 10);
    const label = order[i % 10] as number;
    labels[i] = label;
    drawDigit(label, size, new Philox(seed, i), images.subarray(i * pixels, (i + 1) * pixels));
  }
  return new ArrayDataset({
    image: ndarray(images, [count, 1, size, size]),
    label: ndarray(labels, [count]),
  });
}
