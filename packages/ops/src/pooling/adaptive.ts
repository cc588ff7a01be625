/** Pooling to a given size: window i of an axis runs from ⌊i·in/out⌋ to ⌈(i + 1)·in/out⌉. */
import {
  add,
  argmax,
  cast,
  composite,
  div,
  divTrunc,
  fail,
  gather,
  gatherElements,
  iota,
  le,
  lt,
  matmul,
  minimum,
  mul,
  permute,
  reshape,
  sizeOf,
  sub,
  unsqueeze,
  withOp,
} from '@hebb/core';
import type { OpFunction, Sample, Tensor } from '@hebb/core';
import { movedim } from '../arrange.ts';
import { asFloat } from '../operands.ts';
import { mean } from '../reductions.ts';
import { avgPool1d, avgPool2d, avgPool3d } from './average.ts';
import { batched, flatSpatial } from './windows.ts';

/** Sizes of the result, one for all axes or one each; null keeps the input's. */
export type OutputSize = number | readonly (number | null)[];

type AdaptiveAttrs = { readonly size: readonly number[] };
const poolers = [avgPool1d, avgPool2d, avgPool3d] as const;

/** First and one past the last position of each window, as int32[out]. */
function bounds(size: number, out: number): { start: Tensor; end: Tensor } {
  const k = iota(out);
  const end = divTrunc(add(mul(add(k, 1), size), out - 1), out);
  return { start: divTrunc(mul(k, size), out), end };
}

/** Averages one axis by a matrix of weights. */
function averageAxis(x: Tensor, axis: number, out: number): Tensor {
  const size = x.shape[axis]!;
  const { start, end } = bounds(size, out);
  const [from, to] = [unsqueeze(start, 0), unsqueeze(end, 0)];
  const position = unsqueeze(iota(size), 1);
  const inside = cast(le(from, position).and(lt(position, to)), x.dtype);
  const weights = div(inside, cast(sub(to, from), x.dtype));
  return movedim(matmul(movedim(x, axis, -1), weights), -1, axis);
}

function samples(spatial: number): readonly Sample[] {
  const each = <T>(value: T): T[] => new Array<T>(spatial).fill(value);
  return [
    { in: [[2, 2, ...each(4)]], attrs: { size: each(2) } },
    { in: [[1, 2, ...each(5)]], attrs: { size: each(3) } },
    { in: [[1, 2, ...each(3)]], attrs: { size: each(1) } },
  ];
}

type AdaptiveBody = (x: Tensor, attrs: AdaptiveAttrs) => Tensor;
function adaptiveAvgOp(spatial: number): OpFunction<AdaptiveBody> {
  return composite<AdaptiveBody>(`adaptiveAvgPool${spatial}d`, {
    body: (x, { size }) => {
      const sizes = x.shape.slice(2);
      if (size.every((out) => out === 1))
        return mean(
          x,
          sizes.map((_, i) => i + 2),
          true,
        );
      if (size.every((out, i) => sizes[i]! % out === 0))
        return poolers[spatial - 1]!(
          x,
          size.map((out, i) => sizes[i]! / out),
        );
      return size.reduce((y, out, i) => averageAxis(y, i + 2, out), x);
    },
    onnx: {
      op: 'GlobalAveragePool',
      since: 1,
      emit: (onnx, { size }) =>
        (size as number[]).every((out) => out === 1)
          ? onnx.node('GlobalAveragePool', [onnx.inputs[0]])
          : undefined,
    },
    samples: samples(spatial),
  });
}

/** Windows of different lengths along one axis, the shorter ones filled up with their last element. */
function unevenWindows(size: number, out: number): { index: Tensor; width: number } {
  let width = 1;
  for (let k = 0; k < out; k++) {
    const length = Math.ceil(((k + 1) * size) / out) - Math.floor((k * size) / out);
    width = Math.max(width, length);
  }
  const { start, end } = bounds(size, out);
  const index = minimum(add(unsqueeze(start, 1), iota(width)), sub(unsqueeze(end, 1), 1));
  return { index, width };
}

type AdaptiveMaxBody = (x: Tensor, attrs: AdaptiveAttrs) => [Tensor, Tensor];
function adaptiveMaxOp(spatial: number): OpFunction<AdaptiveMaxBody> {
  return composite<AdaptiveMaxBody>(`adaptiveMaxPool${spatial}d`, {
    body: (x, { size }) => {
      const sizes = x.shape.slice(2);
      // [N, C, out, width, out, width, ...] -> [N, C, ...out, widths flattened]
      let view = x;
      let position: Tensor | undefined;
      const widths: number[] = [];
      size.forEach((out, i) => {
        const { index, width } = unevenWindows(sizes[i]!, out);
        widths.push(width);
        view = gather(view, index, 2 + 2 * i);
        const unit = sizeOf(sizes.slice(i + 1));
        const shape = size.flatMap((_, k) => (k === i ? [out, width] : [1, 1]));
        const along = reshape(mul(index, unit), shape);
        position = position === undefined ? along : add(position, along);
      });
      const order = [...size.map((_, i) => 2 * i), ...size.map((_, i) => 2 * i + 1)];
      const count = sizeOf(widths);
      const candidates = reshape(permute(view, [0, 1, ...order.map((axis) => axis + 2)]), [
        x.shape[0]!,
        x.shape[1]!,
        sizeOf(size),
        count,
      ]);
      const where = reshape(permute(position!, order), [1, 1, sizeOf(size), count]);
      const best = unsqueeze(argmax(candidates, 3), 3);
      const at = gatherElements(where.expand([x.shape[0]!, x.shape[1]!, -1, -1]), best, 3);
      const flatAt = reshape(at, [x.shape[0]!, x.shape[1]!, sizeOf(size)]);
      const shape = [x.shape[0]!, x.shape[1]!, ...size];
      return [reshape(gatherElements(flatSpatial(x), flatAt, 2), shape), reshape(flatAt, shape)];
    },
    samples: samples(spatial),
  });
}

function resolveSize(op: string, size: OutputSize, x: Tensor, spatial: number): number[] {
  const list = typeof size === 'number' ? new Array<number>(spatial).fill(size) : size;
  const resolved = list.map((out, i) => out ?? x.shape[2 + i]!);
  const bad = resolved.some((out) => !Number.isInteger(out) || out < 1);
  if (resolved.length !== spatial || bad)
    fail(op, 'output size does not fit', `[${resolved.join(',')}]`, `${spatial} positive integers`);
  if (x.shape.slice(2).includes(0)) fail(op, 'input is empty', `[${x.shape.join(',')}]`);
  return resolved;
}

type AdaptivePool = OpFunction<(x: Tensor, outputSize: OutputSize) => Tensor>;
function adaptiveAvgPool(spatial: number): AdaptivePool {
  const op = adaptiveAvgOp(spatial);
  return withOp(op.op, (x: Tensor, outputSize: OutputSize): Tensor =>
    batched(op.op.name, asFloat(op.op.name, x), spatial, (batch) =>
      op(batch, { size: resolveSize(op.op.name, outputSize, batch, spatial) }),
    ),
  );
}
type AdaptiveMaxPool = OpFunction<(x: Tensor, outputSize: OutputSize) => [Tensor, Tensor]>;
function adaptiveMaxPoolWithIndices(spatial: number): AdaptiveMaxPool {
  const op = adaptiveMaxOp(spatial);
  return withOp(op.op, (x: Tensor, outputSize: OutputSize): [Tensor, Tensor] =>
    batched(op.op.name, x, spatial, (batch) =>
      op(batch, { size: resolveSize(op.op.name, outputSize, batch, spatial) }),
    ),
  );
}

/** Means of the windows that divide the axis. Shape: [N, C, L] -> [N, C, outputSize]. */
export const adaptiveAvgPool1d: AdaptivePool = adaptiveAvgPool(1);
/** See `adaptiveAvgPool1d`. Shape: [N, C, H, W] -> [N, C, ...outputSize]. */
export const adaptiveAvgPool2d: AdaptivePool = adaptiveAvgPool(2);
/** See `adaptiveAvgPool1d`. Shape: [N, C, D, H, W] -> [N, C, ...outputSize]. */
export const adaptiveAvgPool3d: AdaptivePool = adaptiveAvgPool(3);
/** Maxima of the windows that divide the axis, and the position (int32) of each, spatial axes flattened. */
export const adaptiveMaxPool1dWithIndices: AdaptiveMaxPool = adaptiveMaxPoolWithIndices(1);
/** See `adaptiveMaxPool1dWithIndices`. */
export const adaptiveMaxPool2dWithIndices: AdaptiveMaxPool = adaptiveMaxPoolWithIndices(2);
/** See `adaptiveMaxPool1dWithIndices`. */
export const adaptiveMaxPool3dWithIndices: AdaptiveMaxPool = adaptiveMaxPoolWithIndices(3);
/** Maxima of the windows that divide the axis. Shape: [N, C, L] -> [N, C, outputSize]. */
export const adaptiveMaxPool1d = (x: Tensor, outputSize: OutputSize): Tensor =>
  adaptiveMaxPool1dWithIndices(x, outputSize)[0];
/** See `adaptiveMaxPool1d`. */
export const adaptiveMaxPool2d = (x: Tensor, outputSize: OutputSize): Tensor =>
  adaptiveMaxPool2dWithIndices(x, outputSize)[0];
/** See `adaptiveMaxPool1d`. */
export const adaptiveMaxPool3d = (x: Tensor, outputSize: OutputSize): Tensor =>
  adaptiveMaxPool3dWithIndices(x, outputSize)[0];
