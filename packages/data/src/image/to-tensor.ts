/** From an image to what a model takes: the one function for training, evaluation and serving. */

import { byteTables } from '../dataset/normalize.ts';
import type { Normalization } from '../dataset/normalize.ts';
import { DataError } from '../error.ts';
import type { NDArray } from '../ndarray.ts';
import { invert, toGrayscale, toRgb } from './image.ts';
import type { Image } from './image.ts';
import { decodePng } from './png.ts';
import type { DecodePngOptions } from './png.ts';
import { resize } from './resize.ts';
import type { ResizeMethod } from './resize.ts';

export interface ImageToTensorOptions extends Normalization {
  /** Height and width of the result; one number for both. Default: the image's own. */
  readonly size?: number | readonly [height: number, width: number];
  /** 1 for grey, 3 for RGB. Default 1. */
  readonly channels?: 1 | 3;
  /**
   * Turns dark ink on light paper into light on dark. `auto` does so when the border of the image
   * is lighter than half. Default false.
   */
  readonly invert?: boolean | 'auto';
  /** Grey level behind transparent pixels. Default 255. */
  readonly background?: number;
  /** How to resize; see resize. */
  readonly method?: ResizeMethod;
}

/** Whether the outermost pixels are lighter than half on average. */
function hasLightBorder({ data, width, height, channels }: Image): boolean {
  let sum = 0;
  let count = 0;
  for (let y = 0; y < height; y++) {
    const step = y === 0 || y === height - 1 ? 1 : Math.max(1, width - 1);
    for (let x = 0; x < width; x += step) {
      for (let c = 0; c < channels; c++) sum += data[(y * width + x) * channels + c] as number;
      count += channels;
    }
  }
  return sum > 127.5 * count;
}

/**
 * Grey or RGB, inverted on request, resized, scaled to 0..1, normalised per channel:
 * `(v / 255 - mean) / std`. The same bytes in give the same float32 bits out in every engine.
 *
 * @returns float32 of shape [1, channels, height, width].
 * @throws DataError for sizes, statistics or options that cannot be used.
 */
export function imageToTensorArray(
  image: Image,
  options: ImageToTensorOptions = {},
): NDArray & { readonly data: Float32Array<ArrayBuffer> } {
  const op = 'imageToTensorArray';
  const { size, channels = 1, background, method } = options;
  if (channels !== 1 && channels !== 3) {
    throw new DataError(op, 'channels is neither 1 nor 3', { got: String(channels) });
  }
  if (options.invert !== undefined && ![true, false, 'auto'].includes(options.invert)) {
    throw new DataError(op, 'invert is neither true, false nor "auto"', {
      got: String(options.invert),
    });
  }
  const tables = byteTables(op, channels, options);
  let pixels = channels === 1 ? toGrayscale(image, background) : toRgb(image, background);
  const flip = options.invert === 'auto' ? hasLightBorder(pixels) : options.invert === true;
  if (flip) pixels = invert(pixels);
  const [height, width] =
    size === undefined
      ? [image.height, image.width]
      : typeof size === 'number'
        ? [size, size]
        : size;
  pixels = resize(pixels, width, height, method);

  const plane = height * width;
  const data = new Float32Array(channels * plane);
  for (let c = 0; c < channels; c++) {
    const table = tables[c] as Float32Array;
    for (let i = 0; i < plane; i++) {
      data[c * plane + i] = table[pixels.data[i * channels + c] as number] as number;
    }
  }
  return { data, shape: [1, channels, height, width], dtype: 'float32' };
}

/** decodePng and imageToTensorArray in one: the bytes of a request to the input of a model. */
export function pngToTensorArray(
  bytes: Uint8Array,
  options: ImageToTensorOptions & DecodePngOptions = {},
): NDArray & { readonly data: Float32Array<ArrayBuffer> } {
  return imageToTensorArray(decodePng(bytes, options), options);
}

export interface TensorToImageOptions {
  /** The values that are black and white; default 0 and 1. */
  readonly low?: number;
  readonly high?: number;
}

/**
 * The way back, for what a network draws: values beyond black and white are cut off there. Shape: [C, H, W] or
 * [1, C, H, W] with 1 or 3 channels.
 *
 * @throws DataError for other shapes, and for values that are no numbers.
 */
export function tensorArrayToImage(
  tensor: { readonly shape: readonly number[]; readonly data: ArrayLike<number> },
  { low = 0, high = 1 }: TensorToImageOptions = {},
): Image {
  const op = 'tensorArrayToImage';
  const { data } = tensor;
  const shape = tensor.shape.length === 4 ? tensor.shape.slice(1) : tensor.shape;
  const [channels, height, width] = shape as [number, number, number];
  const single = tensor.shape.length < 4 || tensor.shape[0] === 1;
  if (shape.length !== 3 || !single || (channels !== 1 && channels !== 3)) {
    throw new DataError(op, 'not one image', {
      got: `[${tensor.shape.join(',')}]`,
      wanted: '[1,C,H,W] with 1 or 3 channels',
    });
  }
  if (!(low < high)) {
    throw new DataError(op, 'black is not below white', { got: `${low}, ${high}` });
  }
  const pixels = height * width;
  const out = new Uint8Array(pixels * channels);
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < pixels; i++) {
      const value = ((data[c * pixels + i]! - low) / (high - low)) * 255;
      if (Number.isNaN(value)) throw new DataError(op, `value ${c * pixels + i} is no number`);
      out[i * channels + c] = Math.round(Math.min(255, Math.max(0, value)));
    }
  }
  return { data: out, width, height, channels };
}
