/** Resampling by separable filters. */

import { DataError } from '../error.ts';
import { checkImage } from './image.ts';
import type { Image } from './image.ts';

export type ResizeMethod = 'bilinear' | 'area' | 'nearest';

/** For each output position: the first input position and the weights from there on. */
interface Taps {
  readonly starts: Int32Array;
  readonly weights: readonly Float64Array[];
}

/** Input centres between which an output pixel lies, edges repeated (half-pixel convention). */
function bilinearTaps(from: number, to: number): Taps {
  const starts = new Int32Array(to);
  const weights = Array.from({ length: to }, (_, i) => {
    const centre = Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
    const start = Math.min(Math.floor(centre), Math.max(from - 2, 0));
    const fraction = centre - start;
    starts[i] = start;
    return from === 1 ? Float64Array.of(1) : Float64Array.of(1 - fraction, fraction);
  });
  return { starts, weights };
}

/** The share of every input pixel in the interval that an output pixel covers. */
function areaTaps(from: number, to: number): Taps {
  const starts = new Int32Array(to);
  const weights = Array.from({ length: to }, (_, i) => {
    const low = (i * from) / to;
    const high = ((i + 1) * from) / to;
    const first = Math.floor(low);
    const last = Math.min(Math.ceil(high), from) - 1;
    starts[i] = first;
    return Float64Array.from({ length: last - first + 1 }, (_unused, k) => {
      const at = first + k;
      return (Math.min(high, at + 1) - Math.max(low, at)) / (high - low);
    });
  });
  return { starts, weights };
}

function nearestTaps(from: number, to: number): Taps {
  return {
    starts: Int32Array.from({ length: to }, (_, i) => Math.floor(((i + 0.5) * from) / to)),
    weights: Array.from({ length: to }, () => Float64Array.of(1)),
  };
}

const taps = { bilinear: bilinearTaps, area: areaTaps, nearest: nearestTaps };

/**
 * Resizes an image. Channels are resampled independently: lay transparency on a background first.
 * Only sums and products of doubles, rounded to bytes once: the same bytes in every engine.
 *
 * @param method `bilinear` interpolates, `area` averages what a pixel covers (no aliasing when
 *   shrinking), `nearest` copies. Default: per axis, area to shrink and bilinear to grow.
 * @throws DataError when a size is not a whole number from 1 to 32768 or the method is unknown.
 */
export function resize(image: Image, width: number, height: number, method?: ResizeMethod): Image {
  checkImage('resize', image);
  for (const size of [width, height]) {
    if (!Number.isInteger(size) || size < 1 || size > 32768) {
      throw new DataError('resize', 'a size is not a whole number from 1 to 32768', {
        got: `${width}x${height}`,
      });
    }
  }
  if (method !== undefined && !Object.hasOwn(taps, method)) {
    throw new DataError('resize', 'the method is unknown', {
      got: String(method),
      wanted: Object.keys(taps).join(', '),
    });
  }
  if (width === image.width && height === image.height) return image;
  const { data, channels } = image;
  const across = taps[method ?? (width < image.width ? 'area' : 'bilinear')](image.width, width);
  const down = taps[method ?? (height < image.height ? 'area' : 'bilinear')](image.height, height);

  const inRow = image.width * channels;
  const outRow = width * channels;
  const narrowed = new Float64Array(image.height * outRow);
  for (let y = 0; y < image.height; y++) {
    for (let x = 0; x < width; x++) {
      const weights = across.weights[x] as Float64Array;
      const start = y * inRow + (across.starts[x] as number) * channels;
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        for (let k = 0; k < weights.length; k++) {
          sum += (weights[k] as number) * (data[start + k * channels + c] as number);
        }
        narrowed[y * outRow + x * channels + c] = sum;
      }
    }
  }
  const out = new Uint8Array(height * outRow);
  for (let y = 0; y < height; y++) {
    const weights = down.weights[y] as Float64Array;
    const start = (down.starts[y] as number) * outRow;
    for (let i = 0; i < outRow; i++) {
      let sum = 0;
      for (let k = 0; k < weights.length; k++) {
        sum += (weights[k] as number) * (narrowed[start + k * outRow + i] as number);
      }
      out[y * outRow + i] = Math.floor(sum + 0.5);
    }
  }
  return { data: out, width, height, channels };
}
