/**
 * PNG through fast-png (plain JavaScript, so it runs in workers), with what a server needs around
 * it: limits before any allocation, a checked structure, and one error class.
 * Source: PNG Specification, Third Edition (W3C), sections 5, 10, 11.
 */

import { decode, encode } from 'fast-png';
import type { DecodedPng } from 'fast-png';
import { DataError, reasonOf } from '../error.ts';
import { checkImage } from './image.ts';
import type { Image } from './image.ts';
import { scanPng } from './png-structure.ts';

export interface DecodePngOptions {
  /** Most pixels accepted. Default 16,777,216 (4096 x 4096). */
  readonly maxPixels?: number;
  /** What errors call the image. Default `PNG`. */
  readonly name?: string;
}

/** Samples of `depth` bits, packed row by row, as bytes of one sample each; values as they are. */
function unpack({ data, width, height, depth }: DecodedPng): Uint8Array {
  const out = new Uint8Array(width * height);
  const rowBytes = Math.ceil((width * depth) / 8);
  const mask = (1 << depth) - 1;
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bit = x * depth;
      const byte = data[y * rowBytes + (bit >> 3)] as number;
      out[to++] = (byte >> (8 - depth - (bit & 7))) & mask;
    }
  }
  return out;
}

function fromPalette(
  png: DecodedPng,
  palette: readonly (readonly number[])[],
  name: string,
): Image {
  const { width, height } = png;
  const samples = png.depth < 8 ? unpack(png) : png.data;
  const channels = palette.some((colour) => colour.length === 4) ? 4 : 3;
  const out = new Uint8Array(width * height * channels);
  for (let i = 0; i < samples.length; i++) {
    const colour = palette[samples[i] as number];
    if (colour === undefined) {
      throw new DataError('decodePng', `${name} uses a colour that its palette lacks`, {
        kind: 'corrupt',
        got: `index ${samples[i]}`,
        wanted: `0 to ${palette.length - 1}`,
      });
    }
    for (let c = 0; c < channels; c++) out[i * channels + c] = colour[c] ?? 255;
  }
  return { data: out, width, height, channels };
}

/** Adds an alpha channel: 0 where all samples of a pixel equal the transparent colour. */
function withTransparentColour(image: Image, isTransparent: (pixel: number) => boolean): Image {
  const { data, width, height } = image;
  const colours = image.channels;
  const channels = colours === 1 ? 2 : 4;
  const out = new Uint8Array(width * height * channels);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < colours; c++) out[i * channels + c] = data[i * colours + c] as number;
    out[i * channels + colours] = isTransparent(i) ? 0 : 255;
  }
  return { data: out, width, height, channels };
}

/** Whatever depth and colour type, as bytes of 1 to 4 channels. */
function toImage(png: DecodedPng, name: string): Image {
  const { width, height, depth, palette, transparency } = png;
  if (palette !== undefined && png.channels === 1) return fromPalette(png, palette, name);
  const channels = png.channels as Image['channels'];
  const samples = depth < 8 ? unpack(png) : png.data;
  const highest = 2 ** depth - 1;
  const data = new Uint8Array(width * height * channels);
  for (let i = 0; i < data.length; i++) {
    data[i] =
      depth === 8 ? (samples[i] as number) : Math.round(((samples[i] as number) * 255) / highest);
  }
  const image: Image = { data, width, height, channels };
  if (transparency === undefined || transparency.length !== channels) return image;
  return withTransparentColour(image, (pixel) => {
    for (let c = 0; c < channels; c++) {
      if (samples[pixel * channels + c] !== transparency[c]) return false;
    }
    return true;
  });
}

/**
 * Decodes a PNG of any colour type and depth (1 to 16 bits; 16 are rounded to 8). Palettes become
 * RGB or RGBA, a transparent colour becomes an alpha channel. Colour profiles and gamma are ignored.
 *
 * Size and structure are checked first, checksums included, and the compressed data may not expand
 * beyond what the header announces, so a small file cannot ask for a large allocation.
 *
 * @throws DataError: `corrupt` when it is no PNG or damaged, `too-large` beyond `maxPixels`,
 *   `unsupported` for interlaced images of less than 8 bits.
 */
export function decodePng(bytes: Uint8Array, options: DecodePngOptions = {}): Image {
  const { maxPixels = 4096 * 4096, name = 'PNG' } = options;
  const essential = scanPng(bytes, name, maxPixels);
  let png: DecodedPng;
  try {
    png = decode(essential);
  } catch (cause) {
    throw new DataError('decodePng', `${name} cannot be decoded: ${reasonOf(cause)}`, {
      kind: 'corrupt',
      cause,
    });
  }
  return toImage(png, name);
}

/** Encodes an image as PNG, 8 bits a channel. */
export function encodePng(image: Image): Uint8Array {
  checkImage('encodePng', image);
  const { data, width, height, channels } = image;
  return encode({ data, width, height, channels, depth: 8 });
}
