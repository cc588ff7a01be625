/** Flips, crops and affine maps, with torchvision's names, defaults and pixel positions. */

import { DataError } from '../error.ts';
import type { Philox } from '../random/philox.ts';
import { boundOf, checkChance, checkRange, fillOf, pixelsLike, withPixels } from './picture.ts';
import type { Fill, ImageTransform, Picture } from './picture.ts';

export function hflip(picture: Picture): Picture {
  const { data, width } = picture;
  const out = pixelsLike(data);
  for (let row = 0; row < data.length; row += width) {
    for (let x = 0; x < width; x++) out[row + x] = data[row + width - 1 - x]!;
  }
  return withPixels(picture, out);
}

export function vflip(picture: Picture): Picture {
  const { data, width, height, channels } = picture;
  const out = pixelsLike(data);
  for (let y = 0; y < height * channels; y++) {
    const within = y % height;
    const from = (y - within + height - 1 - within) * width;
    out.set(data.subarray(from, from + width), y * width);
  }
  return withPixels(picture, out);
}

/** Left and right changed with probability `p`. */
export function randomHorizontalFlip(p = 0.5): ImageTransform {
  checkChance('randomHorizontalFlip', p);
  return (picture, random) => (random.uniform() < p ? hflip(picture) : picture);
}

/** Top and bottom changed with probability `p`. */
export function randomVerticalFlip(p = 0.5): ImageTransform {
  checkChance('randomVerticalFlip', p);
  return (picture, random) => (random.uniform() < p ? vflip(picture) : picture);
}

export type PaddingMode = 'constant' | 'edge' | 'reflect' | 'symmetric';
/** On all sides; left and right, top and bottom; or left, top, right, bottom. */
export type Padding =
  number | readonly [number, number] | readonly [number, number, number, number];

function sidesOf(op: string, padding: Padding): readonly [number, number, number, number] {
  const sides = typeof padding === 'number' ? [padding] : padding;
  const [a = 0, b = a, c = a, d = b] = sides;
  for (const side of [a, b, c, d]) {
    if (!Number.isInteger(side) || side < 0) {
      throw new DataError(op, 'padding is a whole number of pixels', { got: String(side) });
    }
  }
  return [a, b, c, d];
}

/** Where position `at` of a row of `size` comes from; -1: from nowhere. */
function sourceOf(at: number, size: number, mode: PaddingMode): number {
  if (at >= 0 && at < size) return at;
  if (mode === 'constant') return -1;
  if (mode === 'edge') return at < 0 ? 0 : size - 1;
  if (mode === 'symmetric') return at < 0 ? -1 - at : 2 * size - 1 - at;
  return at < 0 ? -at : 2 * size - 2 - at;
}

/** The part of a picture from (top, left); beyond its edges by `mode`. */
export function cropPicture(
  { data, channels, height: h, width: w }: Picture,
  [top, left, height, width]: readonly [number, number, number, number],
  mode: PaddingMode,
  fillAt: (channel: number) => number,
): Picture {
  const out = pixelsLike(data, channels * height * width);
  const columns = Int32Array.from({ length: width }, (_, x) => sourceOf(left + x, w, mode));
  for (let c = 0, to = 0; c < channels; c++) {
    const fill = fillAt(c);
    for (let y = 0; y < height; y++) {
      const from = sourceOf(top + y, h, mode);
      const row = (c * h + from) * w;
      for (let x = 0; x < width; x++, to++) {
        const column = columns[x]!;
        out[to] = from < 0 || column < 0 ? fill : data[row + column]!;
      }
    }
  }
  return { data: out, channels, height, width };
}

export interface RandomCropOptions {
  /** Default none. */
  readonly padding?: Padding;
  /** Pads what is smaller than the crop. Default false: then it is an error. */
  readonly padIfNeeded?: boolean;
  /** Default 0. */
  readonly fill?: Fill;
  /** `reflect` repeats no edge pixel, `symmetric` does. Default `constant`. */
  readonly paddingMode?: PaddingMode;
}

/** A part of `size` (or [height, width]) somewhere in the padded picture. */
export function randomCrop(
  size: number | readonly [number, number],
  options: RandomCropOptions = {},
): ImageTransform {
  const op = 'randomCrop';
  const { padding = 0, padIfNeeded = false, fill = 0, paddingMode = 'constant' } = options;
  const [height, width] = typeof size === 'number' ? [size, size] : size;
  const [left, top, right, bottom] = sidesOf(op, padding);
  if (!Number.isInteger(height) || !Number.isInteger(width) || height < 1 || width < 1) {
    throw new DataError(op, 'a size is a positive whole number', { got: String(size) });
  }
  if (!['constant', 'edge', 'reflect', 'symmetric'].includes(paddingMode)) {
    throw new DataError(op, 'there is no such paddingMode', { got: paddingMode });
  }
  return (picture, random) => {
    let [x0, y0] = [-left, -top];
    let [w, h] = [picture.width + left + right, picture.height + top + bottom];
    if (padIfNeeded && w < width) [x0, w] = [x0 - (width - w), w + 2 * (width - w)];
    if (padIfNeeded && h < height) [y0, h] = [y0 - (height - h), h + 2 * (height - h)];
    if (w < width || h < height) {
      throw new DataError(op, 'the picture is smaller than the crop', {
        got: `${h}x${w}`,
        wanted: `${height}x${width}, or padIfNeeded`,
      });
    }
    const most = paddingMode === 'reflect' ? -1 : paddingMode === 'symmetric' ? 0 : Infinity;
    if (
      Math.max(-x0, x0 + w - picture.width) > picture.width + most ||
      Math.max(-y0, y0 + h - picture.height) > picture.height + most
    ) {
      throw new DataError(op, `padding is wider than the picture, which ${paddingMode} cannot do`);
    }
    const y = y0 + random.below(h - height + 1);
    const x = x0 + random.below(w - width + 1);
    const area = [y, x, height, width] as const;
    return cropPicture(picture, area, paddingMode, fillOf(op, fill, picture.channels));
  };
}

export type Interpolation = 'nearest' | 'bilinear';

/** Six numbers: output position to input position, both from the middle of the picture. */
type Matrix = readonly [number, number, number, number, number, number];

export interface AffineMap {
  /** Degrees, clockwise. */
  readonly angle: number;
  /** Pixels to the right and down. */
  readonly translate: readonly [number, number];
  readonly scale: number;
  /** Degrees along x and y. */
  readonly shear: readonly [number, number];
  /** In pixels from the middle; default [0, 0]. */
  readonly center?: readonly [number, number];
}

/** From output to input: inverse of translation after rotation, scale and shear about the centre. */
export function inverseMatrix({
  angle,
  translate,
  scale,
  shear,
  center = [0, 0],
}: AffineMap): Matrix {
  const [rotation, shearX, shearY] = [angle, ...shear].map((d) => (d * Math.PI) / 180) as [
    number,
    number,
    number,
  ];
  const [cx, cy] = center;
  const [tx, ty] = translate;
  const a = Math.cos(rotation - shearY) / Math.cos(shearY);
  const b = -a * Math.tan(shearX) - Math.sin(rotation);
  const c = Math.sin(rotation - shearY) / Math.cos(shearY);
  const d = -c * Math.tan(shearX) + Math.cos(rotation);
  // The matrix [a b; c d] has determinant 1.
  const [m0, m1, m3, m4] = [d / scale, -b / scale, -c / scale, a / scale];
  return [
    m0,
    m1,
    cx - m0 * (cx + tx) - m1 * (cy + ty),
    m3,
    m4,
    cy - m3 * (cx + tx) - m4 * (cy + ty),
  ];
}

/** The nearest whole number, halves to the even one. */
function nearest(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/** A picture looked at through a matrix; what lies outside is `fill`, and mixes in at bilinear edges. */
export function warp(
  picture: Picture,
  matrix: Matrix,
  interpolation: Interpolation,
  fillAt: (channel: number) => number,
): Picture {
  const { data, channels, height, width } = picture;
  const out = pixelsLike(data);
  const plane = height * width;
  const round = data instanceof Uint8Array ? nearest : (value: number): number => value;
  const fills = Array.from({ length: channels }, (_, c) => fillAt(c));
  const weights = new Float64Array(4);
  const places = new Int32Array(4);
  const [m0, m1, m2, m3, m4, m5] = matrix;
  for (let y = 0, at = 0; y < height; y++) {
    const v = y + 0.5 - height / 2;
    for (let x = 0; x < width; x++, at++) {
      const u = x + 0.5 - width / 2;
      const fromX = m0 * u + m1 * v + m2 + width / 2 - 0.5;
      const fromY = m3 * u + m4 * v + m5 + height / 2 - 0.5;
      if (interpolation === 'nearest') {
        const [nx, ny] = [nearest(fromX), nearest(fromY)];
        const inside = nx >= 0 && nx < width && ny >= 0 && ny < height;
        for (let c = 0; c < channels; c++) {
          out[c * plane + at] = inside ? data[c * plane + ny * width + nx]! : fills[c]!;
        }
        continue;
      }
      const [left, top] = [Math.floor(fromX), Math.floor(fromY)];
      const [fx, fy] = [fromX - left, fromY - top];
      // Positions and weights of the four pixels around; those outside count as zero.
      let covered = 0;
      for (let k = 0; k < 4; k++) {
        const [px, py] = [left + (k & 1), top + (k >> 1)];
        const inside = px >= 0 && px < width && py >= 0 && py < height;
        weights[k] = inside ? (k & 1 ? fx : 1 - fx) * (k >> 1 ? fy : 1 - fy) : 0;
        places[k] = inside ? py * width + px : 0;
        covered += weights[k]!;
      }
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        for (let k = 0; k < 4; k++) sum += weights[k]! * data[c * plane + places[k]!]!;
        // As torchvision has it: what is partly covered counts by its share once more.
        out[c * plane + at] = round(sum * covered + (1 - covered) * fills[c]!);
      }
    }
  }
  return withPixels(picture, out);
}

/** A number means from its negative to itself. */
export type Spread = number | readonly [number, number];

function spreadOf(op: string, name: string, spread: Spread): readonly [number, number] {
  if (typeof spread !== 'number') return checkRange(op, name, spread);
  return checkRange(op, name, [-spread, spread]);
}

export interface RandomRotationOptions {
  /** Default `nearest`. */
  readonly interpolation?: Interpolation;
  /** Position [x, y] in the picture that stays; default its middle. */
  readonly center?: readonly [number, number];
  /** Default 0. */
  readonly fill?: Fill;
}

/** Turned by an angle in `degrees`, counter-clockwise where positive. */
export function randomRotation(
  degrees: Spread,
  options: RandomRotationOptions = {},
): ImageTransform {
  const op = 'randomRotation';
  const range = spreadOf(op, 'degrees', degrees);
  const { interpolation = 'nearest', center, fill = 0 } = options;
  return (picture, random) => {
    const map = { angle: -random.between(...range), translate: [0, 0], scale: 1, shear: [0, 0] };
    const matrix = inverseMatrix({ ...map, ...fromMiddle(picture, center) } as AffineMap);
    return warp(picture, matrix, interpolation, fillOf(op, fill, picture.channels));
  };
}

const fromMiddle = (
  { width, height }: Picture,
  center: readonly [number, number] | undefined,
): Partial<AffineMap> =>
  center === undefined ? {} : { center: [center[0] - width / 2, center[1] - height / 2] };

export interface RandomAffineOptions extends RandomRotationOptions {
  /** Most of a shift as parts of width and height; default none. */
  readonly translate?: readonly [number, number];
  /** Default [1, 1]. */
  readonly scale?: readonly [number, number];
  /** Degrees along x; or from and to along x, and along y. Default none. */
  readonly shear?: number | readonly [number, number] | readonly [number, number, number, number];
}

/** Turned (clockwise where positive), shifted, scaled and sheared about its middle. */
export function randomAffine(degrees: Spread, options: RandomAffineOptions = {}): ImageTransform {
  const op = 'randomAffine';
  const range = spreadOf(op, 'degrees', degrees);
  const { translate = [0, 0], scale = [1, 1], shear = 0, center, fill = 0 } = options;
  const { interpolation = 'nearest' } = options;
  for (const part of translate) checkChance(op, part);
  checkRange(op, 'scale', scale, Number.MIN_VALUE);
  const sides = typeof shear === 'number' ? [-shear, shear] : shear;
  const [x0 = 0, x1 = 0, y0 = 0, y1 = 0] = sides;
  checkRange(op, 'shear', [x0, x1]);
  checkRange(op, 'shear', [y0, y1]);
  const shift = (part: number, size: number, random: Philox): number =>
    part === 0 ? 0 : nearest(random.between(-part * size, part * size));
  return (picture, random) => {
    const matrix = inverseMatrix({
      angle: random.between(...range),
      translate: [
        shift(translate[0], picture.width, random),
        shift(translate[1], picture.height, random),
      ],
      scale: random.between(...scale),
      shear: [random.between(x0, x1), random.between(y0, y1)],
      ...fromMiddle(picture, center),
    });
    return warp(picture, matrix, interpolation, fillOf(op, fill, picture.channels));
  };
}

export interface RandomResizedCropOptions {
  /** Part of the area, default [0.08, 1]. */
  readonly scale?: readonly [number, number];
  /** Width to height, default [3/4, 4/3]. */
  readonly ratio?: readonly [number, number];
}

/**
 * A part of the picture, of random area and shape, as `size` x `size` (or [height, width]): each output pixel
 * is interpolated (bilinear) where it grows, and the mean of what it covers where it shrinks.
 */
export function randomResizedCrop(
  size: number | readonly [number, number],
  options: RandomResizedCropOptions = {},
): ImageTransform {
  const op = 'randomResizedCrop';
  const [height, width] = typeof size === 'number' ? [size, size] : size;
  const { scale = [0.08, 1], ratio = [3 / 4, 4 / 3] } = options;
  checkRange(op, 'scale', scale, Number.MIN_VALUE, 1);
  checkRange(op, 'ratio', ratio, Number.MIN_VALUE);
  return (picture, random) => {
    const area = partOf(picture, scale, ratio, random);
    const part = cropPicture(picture, area, 'edge', () => 0);
    return resizePicture(part, height, width);
  };
}

/** Top, left, height and width of a random part; the middle one of the nearest shape where ten tries miss. */
function partOf(
  { height, width }: Picture,
  scale: readonly [number, number],
  ratio: readonly [number, number],
  random: Philox,
): [number, number, number, number] {
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = height * width * random.between(...scale);
    const shape = Math.exp(random.between(Math.log(ratio[0]), Math.log(ratio[1])));
    const w = nearest(Math.sqrt(area * shape));
    const h = nearest(Math.sqrt(area / shape));
    if (w < 1 || h < 1 || w > width || h > height) continue;
    return [random.below(height - h + 1), random.below(width - w + 1), h, w];
  }
  const whole = width / height;
  const w = whole > ratio[1] ? nearest(height * ratio[1]) : width;
  const h = whole < ratio[0] ? nearest(width / ratio[0]) : height;
  return [Math.floor((height - h) / 2), Math.floor((width - w) / 2), h, w];
}

/** Positions and weights along one axis: triangle filter, as wide as a pixel of the smaller grid. */
function axisTaps(from: number, to: number): { start: number; weights: number[] }[] {
  const step = from / to;
  const reach = Math.max(1, step);
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * step;
    const start = Math.max(0, Math.trunc(centre - reach + 0.5));
    const end = Math.min(from, Math.trunc(centre + reach + 0.5));
    const raw = Array.from({ length: end - start }, (_unused, k) =>
      Math.max(0, 1 - Math.abs((start + k + 0.5 - centre) / reach)),
    );
    const sum = raw.reduce((a, b) => a + b, 0);
    return { start, weights: raw.map((weight) => weight / sum) };
  });
}

/** Bilinear with anti-aliasing, as `torchvision.transforms.functional.resize(..., antialias=True)`. */
export function resizePicture(picture: Picture, height: number, width: number): Picture {
  const { data, channels, height: h, width: w } = picture;
  if (h === height && w === width) return picture;
  const across = axisTaps(w, width);
  const down = axisTaps(h, height);
  const bound = boundOf(data);
  const middle = new Float32Array(channels * h * width);
  for (let row = 0; row < channels * h; row++) {
    for (let x = 0; x < width; x++) {
      const { start, weights } = across[x]!;
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += weights[k]! * data[row * w + start + k]!;
      middle[row * width + x] = sum;
    }
  }
  const out = pixelsLike(data, channels * height * width);
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      const { start, weights } = down[y]!;
      for (let x = 0; x < width; x++) {
        let sum = 0;
        for (let k = 0; k < weights.length; k++) {
          sum += weights[k]! * middle[(c * h + start + k) * width + x]!;
        }
        out[(c * height + y) * width + x] = bound === 255 ? nearest(sum) : sum;
      }
    }
  }
  return { data: out, channels, height, width };
}
