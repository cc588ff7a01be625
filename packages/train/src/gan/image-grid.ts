/** Batches of images as one picture. */
import { fail, formatShape } from '@hebb/core';
import type { LoggedImage } from '../callbacks/logger.ts';
import { checkWhole } from '../check.ts';

export interface ImageGridOptions {
  /** Default 10. */
  readonly columns?: number;
  /** The values that are black and white; default -1 and 1. */
  readonly low?: number;
  readonly high?: number;
  /** Pixels between images; default 2. */
  readonly gap?: number;
}

/**
 * Images row by row in one picture, on white ground; values beyond black and white are cut off there.
 * Shape: [N, 1 or 3, H, W], `data` row-major as `tensor.data()` gives it.
 */
export function imageGrid(
  images: { readonly shape: readonly number[]; readonly data: ArrayLike<number | bigint> },
  { columns = 10, low = -1, high = 1, gap = 2 }: ImageGridOptions = {},
): LoggedImage {
  const op = 'imageGrid';
  const { shape, data } = images;
  const [count, channels, h, w] = shape as [number, number, number, number];
  if (shape.length !== 4 || (channels !== 1 && channels !== 3) || count < 1) {
    fail(op, 'not a batch of images', formatShape(shape), '[N,1,H,W] or [N,3,H,W]');
  }
  if (!(low < high)) fail(op, 'black is not below white', `${low}, ${high}`);
  checkWhole(op, 'columns', columns);
  checkWhole(op, 'gap', gap, 0);
  const across = Math.min(columns, count);
  const down = Math.ceil(count / across);
  const [width, height] = [across * (w + gap) - gap, down * (h + gap) - gap];
  const out = new Uint8Array(width * height * channels).fill(255);
  const scale = 255 / (high - low);
  for (let i = 0; i < count; i++) {
    const [left, top] = [(i % across) * (w + gap), Math.floor(i / across) * (h + gap)];
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < h; y++) {
        for (let x = 0; x < w; x++) {
          const value = (Number(data[((i * channels + c) * h + y) * w + x]) - low) * scale;
          const at = ((top + y) * width + left + x) * channels + c;
          out[at] = Math.round(Math.min(255, Math.max(0, value)));
        }
      }
    }
  }
  return { width, height, channels, data: out };
}
