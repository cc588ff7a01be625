/** Parts of a picture taken away. */

import { DataError } from '../error.ts';
import { checkChance, checkRange, fillOf, withPixels } from './picture.ts';
import type { Fill, ImageTransform, Picture } from './picture.ts';

function erase(
  picture: Picture,
  [top, left, height, width]: readonly [number, number, number, number],
  fillAt: (channel: number) => number,
): Picture {
  const { data, channels, height: h, width: w } = picture;
  const out = data.slice();
  const [y0, y1] = [Math.max(0, top), Math.min(h, top + height)];
  const [x0, x1] = [Math.max(0, left), Math.min(w, left + width)];
  if (x0 >= x1) return withPixels(picture, out);
  for (let c = 0; c < channels; c++) {
    const fill = fillAt(c);
    for (let y = y0; y < y1; y++) out.fill(fill, (c * h + y) * w + x0, (c * h + y) * w + x1);
  }
  return withPixels(picture, out);
}

export interface RandomErasingOptions {
  /** Default 0.5. */
  readonly p?: number;
  /** Part of the area, default [0.02, 0.33]. */
  readonly scale?: readonly [number, number];
  /** Height to width, default [0.3, 3.3]. */
  readonly ratio?: readonly [number, number];
  /** Default 0; `random` draws each pixel: bytes evenly, floats of mean 0 and variance 1. */
  readonly value?: Fill | 'random';
}

/** A rectangle of random size and place, erased with probability `p`. Zhong et al. 2017, arXiv:1708.04896. */
export function randomErasing(options: RandomErasingOptions = {}): ImageTransform {
  const op = 'randomErasing';
  const { p = 0.5, scale = [0.02, 0.33], ratio = [0.3, 3.3], value = 0 } = options;
  checkChance(op, p);
  checkRange(op, 'scale', scale, 0, 1);
  checkRange(op, 'ratio', ratio, Number.MIN_VALUE);
  return (picture, random) => {
    if (random.uniform() >= p) return picture;
    const { height: h, width: w, channels } = picture;
    for (let attempt = 0; attempt < 10; attempt++) {
      const area = h * w * random.between(...scale);
      const shape = Math.exp(random.between(Math.log(ratio[0]), Math.log(ratio[1])));
      const height = Math.round(Math.sqrt(area * shape));
      const width = Math.round(Math.sqrt(area / shape));
      if (height >= h || width >= w) continue;
      const place = [random.below(h - height + 1), random.below(w - width + 1)] as const;
      const part = [...place, height, width] as const;
      if (value !== 'random') return erase(picture, part, fillOf(op, value, channels));
      const erased = erase(picture, part, () => 0);
      const draw =
        picture.data instanceof Uint8Array ? () => random.below(256) : () => random.bell();
      for (let c = 0; c < channels; c++) {
        for (let y = place[0]; y < place[0] + height; y++) {
          for (let x = place[1]; x < place[1] + width; x++) {
            erased.data[(c * h + y) * w + x] = draw();
          }
        }
      }
      return erased;
    }
    return picture;
  };
}

export interface CutoutOptions {
  /** Default 1. */
  readonly holes?: number;
  /** Default 0. */
  readonly fill?: Fill;
}

/**
 * Squares of side `length` around random pixels, parts of them possibly beyond the edge. DeVries and Taylor
 * 2017, arXiv:1708.04552.
 */
export function cutout(
  length: number,
  { holes = 1, fill = 0 }: CutoutOptions = {},
): ImageTransform {
  for (const [name, value] of Object.entries({ length, holes })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new DataError('cutout', `${name} is a positive whole number`, { got: String(value) });
    }
  }
  const half = Math.floor(length / 2);
  return (picture, random) => {
    const fillAt = fillOf('cutout', fill, picture.channels);
    let result = picture;
    for (let k = 0; k < holes; k++) {
      const top = random.below(picture.height) - half;
      const left = random.below(picture.width) - half;
      result = erase(result, [top, left, length, length], fillAt);
    }
    return result;
  };
}
