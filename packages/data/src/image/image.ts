/** Pixel images of 8 bits a channel, and plain operations on them. */

import { DataError } from '../error.ts';

/**
 * Pixels row by row, channels interleaved: 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha. Not
 * premultiplied. `data.length` is `width * height * channels`.
 */
export interface Image {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 2 | 3 | 4;
}

/** Throws unless the sizes are whole and the data fits them. */
export function checkImage(op: string, image: Image): void {
  const { data, width, height, channels } = image;
  const whole = Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0;
  if (!whole || ![1, 2, 3, 4].includes(channels)) {
    throw new DataError(op, 'the image has no usable size', {
      got: `${width}x${height} with ${channels} channels`,
    });
  }
  if (data.length !== width * height * channels) {
    throw new DataError(op, 'pixels and size of the image differ', {
      got: `${data.length} bytes`,
      wanted: `${width * height * channels} for ${width}x${height} with ${channels} channels`,
    });
  }
}

/** `a + (b - a) * alpha / 255`, rounded. */
function mix(a: number, b: number, alpha: number): number {
  return Math.round((a * (255 - alpha) + b * alpha) / 255);
}

/**
 * Lays an image with transparency on a plain background; others are returned as they are.
 *
 * @param background grey level 0..255 behind transparent pixels. Default 255, white, as a page.
 * @returns an image of 1 or 3 channels.
 */
export function removeAlpha(image: Image, background = 255): Image {
  checkImage('removeAlpha', image);
  const { data, width, height, channels } = image;
  if (channels === 1 || channels === 3) return image;
  const colours = channels === 2 ? 1 : 3;
  const out = new Uint8Array(width * height * colours);
  for (let from = 0, to = 0; from < data.length; from += channels) {
    const alpha = data[from + colours] as number;
    for (let c = 0; c < colours; c++) out[to++] = mix(background, data[from + c] as number, alpha);
  }
  return { data: out, width, height, channels: colours };
}

/**
 * Grey levels by the luma of ITU-R BT.601, `0.299 R + 0.587 G + 0.114 B`, in 16-bit fixed point as
 * Pillow's `convert('L')`, so that a model trained on its output meets the same bytes.
 *
 * @param background see removeAlpha.
 */
export function toGrayscale(image: Image, background = 255): Image {
  const opaque = removeAlpha(image, background);
  if (opaque.channels === 1) return opaque;
  const { data, width, height } = opaque;
  const out = new Uint8Array(width * height);
  for (let i = 0, at = 0; i < out.length; i++, at += 3) {
    const r = data[at] as number;
    const g = data[at + 1] as number;
    const b = data[at + 2] as number;
    out[i] = (r * 19595 + g * 38470 + b * 7471 + 0x8000) >>> 16;
  }
  return { data: out, width, height, channels: 1 };
}

/** Three colour channels: grey is repeated, transparency laid on the background. */
export function toRgb(image: Image, background = 255): Image {
  const opaque = removeAlpha(image, background);
  if (opaque.channels === 3) return opaque;
  const { data, width, height } = opaque;
  const out = new Uint8Array(width * height * 3);
  data.forEach((v, i) => out.fill(v, i * 3, i * 3 + 3));
  return { data: out, width, height, channels: 3 };
}

/** Dark becomes light and the reverse; alpha stays. */
export function invert(image: Image): Image {
  checkImage('invert', image);
  const { data, channels } = image;
  const colours = channels === 2 ? 1 : channels === 4 ? 3 : channels;
  const out = data.map((v, i) => (i % channels < colours ? 255 - v : v));
  return { ...image, data: out };
}
