/** Maximum pooling over windows at random distances. Graham 2014, arXiv:1412.6071. */
import {
  add,
  argmax,
  cast,
  concat,
  defaultGenerator,
  fail,
  floor,
  formatShape,
  full,
  gatherElements,
  iota,
  mul,
  random,
  reshape,
  sizeOf,
  sub,
  unsqueeze,
} from '@hebb/core';
import type { Generator, Tensor } from '@hebb/core';
import { perAxis } from '../operands.ts';
import type { PerAxis } from '../operands.ts';
import { batched, flatSpatial } from './windows.ts';

export interface FractionalMaxPoolOptions {
  /** Sizes of the result; this or `outputRatio`. */
  readonly outputSize?: PerAxis;
  /** Sizes of the result as parts of the input's, between 0 and 1. */
  readonly outputRatio?: PerAxis;
  /**
   * Where the windows begin: numbers of [0, 1), [N, C, axes] or, the same for all samples, [1, C, axes]; the last
   * axis first in two dimensions.
   */
  readonly randomSamples?: Tensor;
  /** Source of the samples otherwise; the default generator when left out. */
  readonly generator?: Generator;
}

interface Plan {
  readonly kernel: readonly number[];
  readonly size: readonly number[];
}

function planOf(
  op: string,
  x: Tensor,
  kernelSize: PerAxis,
  { outputSize, outputRatio }: FractionalMaxPoolOptions,
): Plan {
  const sizes = x.shape.slice(2);
  const spatial = sizes.length;
  const kernel = perAxis(op, 'kernelSize', kernelSize, spatial, 1);
  if ((outputSize === undefined) === (outputRatio === undefined)) {
    fail(op, 'give either outputSize or outputRatio');
  }
  const ratios = typeof outputRatio === 'number' ? sizes.map(() => outputRatio) : outputRatio;
  if (ratios?.some((ratio) => !(ratio > 0 && ratio < 1)) || (ratios ?? sizes).length !== spatial) {
    fail(op, 'outputRatio does not fit', String(ratios), `${spatial} numbers between 0 and 1`);
  }
  const size =
    outputSize === undefined
      ? sizes.map((n, i) => Math.floor(n * ratios![i]!))
      : perAxis(op, 'outputSize', outputSize, spatial, 1);
  size.forEach((out, i) => {
    // Windows that overlap as little as they can still have to fit in.
    if (out >= 1 && out + kernel[i]! - 1 <= sizes[i]!) return;
    fail(
      op,
      `the result does not fit axis ${i + 2}`,
      `${out} windows of ${kernel[i]} in ${sizes[i]}`,
      `at most ${sizes[i]! - kernel[i]! + 1} windows`,
    );
  });
  return { kernel, size };
}

/** First element of each window along an axis; the last window ends where the axis does. Shape: [N, C] -> [N, C, out]. */
function starts(sample: Tensor, size: number, kernel: number, out: number): Tensor {
  const last = full([...sample.shape, 1], size - kernel, 'int32');
  if (out === 1) return last;
  const alpha = (size - kernel) / (out - 1);
  const u = unsqueeze(sample, 2);
  const whole = (y: Tensor): Tensor => cast(floor(mul(y, alpha)), 'int32');
  const first = sub(whole(add(u, cast(iota(out - 1), sample.dtype))), whole(u));
  return concat([first, last], 2);
}

function pool(
  op: string,
  spatial: number,
  input: Tensor,
  kernelSize: PerAxis,
  options: FractionalMaxPoolOptions,
): [Tensor, Tensor] {
  return batched(op, input, spatial, (x) => {
    const { kernel, size } = planOf(op, x, kernelSize, options);
    const [batch, channels] = x.shape as [number, number];
    const wanted = [batch, channels, spatial];
    const given =
      options.randomSamples ??
      random.uniform((options.generator ?? defaultGenerator).next(), wanted);
    if (
      given.shape.join() !== wanted.join() &&
      given.shape.join() !== [1, channels, spatial].join()
    ) {
      fail(op, 'randomSamples does not fit', formatShape(given.shape), formatShape(wanted));
    }
    const samples = given.expand(wanted);
    const sizes = x.shape.slice(2);
    let position: Tensor | undefined;
    sizes.forEach((length, i) => {
      // PyTorch reads the samples of two axes backwards, those of three forwards.
      const which = spatial === 2 ? 1 - i : i;
      const sample = samples.narrow(2, which, 1).squeeze(2);
      const from = starts(sample, length, kernel[i]!, size[i]!);
      const shape = (n: number, at: number): number[] => {
        const axes = new Array<number>(2 * spatial).fill(1);
        axes[at] = n;
        return axes;
      };
      const along = add(
        reshape(from, [batch, channels, ...shape(size[i]!, i)]),
        reshape(iota(kernel[i]!), [1, 1, ...shape(kernel[i]!, spatial + i)]),
      );
      const unit = sizeOf(sizes.slice(i + 1));
      position = position === undefined ? mul(along, unit) : add(position, mul(along, unit));
    });
    const windows = sizeOf(size);
    const inside = sizeOf(kernel);
    const places = reshape(position!, [batch, channels, windows * inside]);
    const values = gatherElements(flatSpatial(x), places, 2);
    const best = argmax(reshape(values, [batch, channels, windows, inside]), -1);
    const at = gatherElements(
      reshape(places, [batch, channels, windows, inside]),
      unsqueeze(best, 3),
      3,
    ).squeeze(3);
    const out = [batch, channels, ...size];
    return [reshape(gatherElements(flatSpatial(x), at, 2), out), reshape(at, out)];
  });
}

type Fractional<Out> = (x: Tensor, kernelSize: PerAxis, options: FractionalMaxPoolOptions) => Out;

/** Maxima and where they stand in the flattened spatial axes. Shape: [N, C, H, W] -> two of [N, C, EH, EW]. */
export const fractionalMaxPool2dWithIndices: Fractional<[Tensor, Tensor]> = (x, kernel, options) =>
  pool('fractionalMaxPool2d', 2, x, kernel, options);
/** Shape: [N, C, D, H, W] -> two of [N, C, ED, EH, EW]. */
export const fractionalMaxPool3dWithIndices: Fractional<[Tensor, Tensor]> = (x, kernel, options) =>
  pool('fractionalMaxPool3d', 3, x, kernel, options);
/** Shape: [N, C, H, W] -> [N, C, EH, EW]. */
export const fractionalMaxPool2d: Fractional<Tensor> = (x, kernel, options) =>
  fractionalMaxPool2dWithIndices(x, kernel, options)[0];
/** Shape: [N, C, D, H, W] -> [N, C, ED, EH, EW]. */
export const fractionalMaxPool3d: Fractional<Tensor> = (x, kernel, options) =>
  fractionalMaxPool3dWithIndices(x, kernel, options)[0];
