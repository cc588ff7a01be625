/** Changes of colour, with torchvision's names, defaults and numbers. */

import { DataError } from '../error.ts';
import type { Philox } from '../random/philox.ts';
import { boundOf, checkChance, checkRange, pixelsLike, store, withPixels } from './picture.ts';
import type { ImageTransform, Picture, Pixels } from './picture.ts';

const { fround } = Math;

/** `factor * picture + (1 - factor) * other`, within the range of the pixels. */
function blend(picture: Picture, other: (at: number) => number, factor: number): Picture {
  const { data } = picture;
  const bound = boundOf(data);
  const out = pixelsLike(data);
  // In float32, as torchvision: bytes are cut off, and so the last bit decides.
  const [own, rest] = [fround(factor), fround(1 - factor)];
  for (let i = 0; i < data.length; i++) {
    store(out, i, fround(fround(own * data[i]!) + fround(rest * fround(other(i)))), bound);
  }
  return withPixels(picture, out);
}

/** Luminance of each pixel (ITU-R 601-2), in the type of the picture. */
function greyOf({ data, channels, height, width }: Picture): Pixels {
  const plane = height * width;
  if (channels === 1) return data;
  const grey = pixelsLike(data, plane);
  for (let i = 0; i < plane; i++) {
    grey[i] = 0.2989 * data[i]! + 0.587 * data[plane + i]! + 0.114 * data[2 * plane + i]!;
  }
  return grey;
}

function checkColour(op: string, { channels }: Picture): void {
  if (channels === 1 || channels === 3) return;
  throw new DataError(op, 'the picture has another number of channels', {
    got: String(channels),
    wanted: '1 or 3',
  });
}

/** 0: black, 1: as it is, 2: twice as bright. */
export const adjustBrightness = (picture: Picture, factor: number): Picture =>
  blend(picture, () => 0, factor);

/** 0: all of the mean grey, 1: as it is. */
export function adjustContrast(picture: Picture, factor: number): Picture {
  checkColour('adjustContrast', picture);
  const grey = greyOf(picture);
  let sum = 0;
  for (const value of grey) sum += value;
  const mean = sum / grey.length;
  return blend(picture, () => mean, factor);
}

/** 0: grey, 1: as it is. */
export function adjustSaturation(picture: Picture, factor: number): Picture {
  checkColour('adjustSaturation', picture);
  if (picture.channels === 1) return picture;
  const grey = greyOf(picture);
  return blend(picture, (at) => grey[at % grey.length]!, factor);
}

/** Hues turned by `shift` of the full circle, -0.5 to 0.5. */
export function adjustHue(picture: Picture, shift: number): Picture {
  checkColour('adjustHue', picture);
  const { data, channels, height, width } = picture;
  if (channels === 1) return picture;
  const plane = height * width;
  const out = pixelsLike(data);
  const bound = boundOf(data);
  // Back to bytes each 256th of the range is one.
  const scale = bound === 255 ? 256 - 1e-3 : 1;
  for (let i = 0; i < plane; i++) {
    const [r, g, b] = [data[i]! / bound, data[plane + i]! / bound, data[2 * plane + i]! / bound];
    const value = Math.max(r, g, b);
    const range = value - Math.min(r, g, b);
    let hue = 0;
    if (range > 0) {
      if (value === r) hue = (g - b) / range;
      else if (value === g) hue = 2 + (b - r) / range;
      else hue = 4 + (r - g) / range;
    }
    hue = (((hue / 6 + 1) % 1) + shift + 1) % 1;
    const saturation = value === 0 ? 0 : range / value;
    const sector = Math.floor(hue * 6);
    const f = hue * 6 - sector;
    const p = value * (1 - saturation);
    const q = value * (1 - saturation * f);
    const t = value * (1 - saturation * (1 - f));
    const k = ((sector % 6) + 6) % 6;
    out[i] = scale * [value, q, p, p, t, value][k]!;
    out[plane + i] = scale * [t, value, value, q, p, p][k]!;
    out[2 * plane + i] = scale * [p, p, t, value, value, q][k]!;
  }
  return withPixels(picture, out);
}

/** How far a factor may go from 1 (from 0 for hue), or from where to where. */
export type Jitter = number | readonly [number, number];

export interface ColorJitterOptions {
  readonly brightness?: Jitter;
  readonly contrast?: Jitter;
  readonly saturation?: Jitter;
  /** At most 0.5. */
  readonly hue?: Jitter;
}

type Adjust = (picture: Picture, factor: number) => Picture;

/** Brightness, contrast, saturation and hue, each by a random factor, in random order. */
export function colorJitter(options: ColorJitterOptions): ImageTransform {
  const op = 'colorJitter';
  const range = (name: keyof ColorJitterOptions): readonly [number, number] => {
    const given = options[name] ?? 0;
    const hue = name === 'hue';
    if (typeof given !== 'number') {
      return checkRange(op, name, given, hue ? -0.5 : 0, hue ? 0.5 : Infinity);
    }
    if (!(given >= 0) || (hue && given > 0.5)) {
      throw new DataError(op, `${name} is out of range`, { got: String(given) });
    }
    return hue ? [-given, given] : [Math.max(0, 1 - given), 1 + given];
  };
  const steps: readonly (readonly [Adjust, readonly [number, number], number])[] = [
    [adjustBrightness, range('brightness'), 1],
    [adjustContrast, range('contrast'), 1],
    [adjustSaturation, range('saturation'), 1],
    [adjustHue, range('hue'), 0],
  ];
  return (picture, random) => {
    const order = shuffled(steps.length, random);
    const factors = steps.map(([, [low, high]]) => random.between(low, high));
    return order.reduce((result, k) => {
      const [adjust, [low, high], nothing] = steps[k]!;
      return low === nothing && high === nothing ? result : adjust(result, factors[k]!);
    }, picture);
  };
}

function shuffled(n: number, random: Philox): number[] {
  const order = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** Grey with probability `p`, in as many channels as before. */
export function randomGrayscale(p = 0.1): ImageTransform {
  checkChance('randomGrayscale', p);
  return (picture, random) => {
    checkColour('randomGrayscale', picture);
    if (random.uniform() >= p || picture.channels === 1) return picture;
    const grey = greyOf(picture);
    const out = pixelsLike(picture.data);
    for (let c = 0; c < 3; c++) out.set(grey, c * grey.length);
    return withPixels(picture, out);
  };
}

/** 0: blurred, 1: as it is, 2: sharpened. The border stays. */
export function adjustSharpness(picture: Picture, factor: number): Picture {
  const { data, height, width } = picture;
  if (height <= 2 || width <= 2) return picture;
  const bytes = data instanceof Uint8Array;
  const blurred = Float64Array.from(data);
  for (let start = 0; start < data.length; start += height * width) {
    for (let y = 1; y < height - 1; y++) {
      for (let x = 1; x < width - 1; x++) {
        const at = start + y * width + x;
        let sum = 4 * data[at]!;
        for (let dy = -width; dy <= width; dy += width) {
          sum += data[at + dy - 1]! + data[at + dy]! + data[at + dy + 1]!;
        }
        blurred[at] = bytes ? Math.round(sum / 13) : sum / 13;
      }
    }
  }
  return blend(picture, (at) => blurred[at]!, factor);
}

/** Works on bytes; floats become bytes and floats again. */
function onBytes(picture: Picture, change: (bytes: Uint8Array, out: Uint8Array) => void): Picture {
  const { data } = picture;
  const bytes =
    data instanceof Uint8Array ? data : Uint8Array.from(data, (value) => value * (256 - 1e-3));
  const out = new Uint8Array(bytes.length);
  change(bytes, out);
  return withPixels(
    picture,
    data instanceof Uint8Array ? out : Float32Array.from(out, (value) => value / 255),
  );
}

/** Only the upper `bits` of each byte. */
export function posterize(picture: Picture, bits: number): Picture {
  const mask = 256 - 2 ** (8 - bits);
  return onBytes(picture, (bytes, out) => bytes.forEach((value, i) => (out[i] = value & mask)));
}

/** Turns around what is at least `threshold` (0 to 1 of white). */
export function solarize(picture: Picture, threshold: number): Picture {
  const bound = boundOf(picture.data);
  const out = pixelsLike(picture.data);
  picture.data.forEach((value, i) => (out[i] = value >= threshold * bound ? bound - value : value));
  return withPixels(picture, out);
}

/** Each channel stretched from black to white. */
export function autocontrast(picture: Picture): Picture {
  const { data, height, width } = picture;
  const bound = boundOf(data);
  const out = pixelsLike(data);
  const plane = height * width;
  for (let start = 0; start < data.length; start += plane) {
    let [low, high] = [Infinity, -Infinity];
    for (let i = start; i < start + plane; i++) {
      low = Math.min(low, data[i]!);
      high = Math.max(high, data[i]!);
    }
    const [least, scale] = high > low ? [low, bound / (high - low)] : [0, 1];
    for (let i = start; i < start + plane; i++) store(out, i, (data[i]! - least) * scale, bound);
  }
  return withPixels(picture, out);
}

/** Each channel with its values spread evenly, by its histogram. */
export function equalize(picture: Picture): Picture {
  const plane = picture.height * picture.width;
  return onBytes(picture, (bytes, out) => {
    for (let start = 0; start < bytes.length; start += plane) {
      const part = bytes.subarray(start, start + plane);
      const counts = new Uint32Array(256);
      for (const value of part) counts[value]! += 1;
      const last = counts.reduce((a, count) => (count > 0 ? count : a), 0);
      const step = Math.floor((plane - last) / 255);
      if (step === 0) {
        out.set(part, start);
        continue;
      }
      const table = new Uint8Array(256);
      for (let value = 0, below = Math.floor(step / 2); value < 256; value++) {
        table[value] = Math.min(255, Math.floor(below / step));
        below += counts[value]!;
      }
      // torchvision's first entry is 0 whatever half a step is.
      table[0] = 0;
      for (let i = 0; i < plane; i++) out[start + i] = table[part[i]!]!;
    }
  });
}
