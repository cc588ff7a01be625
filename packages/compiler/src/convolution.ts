/** Sizes of a convolution, and the classes of positions that a stride makes in its transpose. */
import type { RoutineKernel } from './ir.ts';
import type { ConvAttrs } from '@hebb/core';

export interface ConvGeometry {
  readonly images: number;
  /** Of the input and of the output of the forward convolution. */
  readonly channels: number;
  readonly outChannels: number;
  readonly groups: number;
  readonly size: readonly number[];
  readonly outSize: readonly number[];
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly (readonly [number, number])[];
  readonly dilation: readonly number[];
}

export const product = (list: readonly number[]): number => list.reduce((p, n) => p * n, 1);

/** Of any of the three faces of convolution. */
export function geometryOf({ op, attrs, inputs, results }: RoutineKernel): ConvGeometry {
  // Input, kernels and output of the forward convolution, wherever they stand.
  const [first, second] = [inputs[0]!.shape, inputs[1]!.shape];
  const result = results[0]!.shape;
  const [x, w, y] =
    op === 'conv'
      ? [first, second, result]
      : op === 'convTranspose'
        ? [result, second, first]
        : [first, result, second];
  const { stride, padding, dilation, groups } = attrs as ConvAttrs;
  return {
    images: x[0]!,
    channels: x[1]!,
    outChannels: y[1]!,
    groups,
    size: x.slice(2),
    outSize: y.slice(2),
    kernel: w.slice(2),
    stride,
    padding,
    dilation,
  };
}

/** Only the padding that some tap reads counts: the last rows may be out of every window's reach. */
export function reachedPadding(g: ConvGeometry): [number, number][] {
  return g.size.map((n, i) => {
    const reach = (g.outSize[i]! - 1) * g.stride[i]! + (g.kernel[i]! - 1) * g.dilation[i]! + 1;
    return [g.padding[i]![0], Math.max(0, reach - n - g.padding[i]![0])];
  });
}

/** Positions remainder, remainder + stride, … of one axis and the taps that reach them. */
export interface AxisClass {
  readonly remainder: number;
  readonly count: number;
  /** Taps in the order of the output elements they meet, and the first such element for position 0. */
  readonly taps: readonly number[];
  readonly first: number;
  /** Between the elements of neighbouring taps. */
  readonly step: number;
}

export function classesOf(g: ConvGeometry, axis: number): AxisClass[] {
  const [size, kernel] = [g.size[axis]!, g.kernel[axis]!];
  const [stride, dilation] = [g.stride[axis]!, g.dilation[axis]!];
  const pad = g.padding[axis]![0];
  return Array.from({ length: Math.min(stride, size) }, (_, remainder) => {
    const reaches = (k: number): boolean => (remainder + pad - k * dilation) % stride === 0;
    const element = (k: number): number => (remainder + pad - k * dilation) / stride;
    const taps = Array.from({ length: kernel }, (_, k) => kernel - 1 - k).filter(reaches);
    return {
      remainder,
      count: Math.ceil((size - remainder) / stride),
      taps,
      first: taps.length === 0 ? 0 : element(taps[0]!),
      step: taps.length < 2 ? 1 : element(taps[1]!) - element(taps[0]!),
    };
  });
}

/** Every choice of one class an axis. */
export function combinations(axes: readonly (readonly AxisClass[])[]): AxisClass[][] {
  return axes.reduce<AxisClass[][]>(
    (all, classes) => all.flatMap((chosen) => classes.map((c) => [...chosen, c])),
    [[]],
  );
}
