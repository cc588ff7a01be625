/** Pooling, by sliding windows. */
import {
  argmax,
  callOp,
  cast,
  dtypeInfo,
  div,
  full,
  gatherElements,
  isFloat,
  max,
  pad,
  pow,
  reshape,
  scatterElements,
  sizeOf,
  sum,
  tensor,
  window,
} from '@hebb/core';
import type { Tensor } from '@hebb/core';
import {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  avgPool1d,
  avgPool2d,
  avgPool3d,
  maxPool1d,
  maxPool2d,
  maxPool3d,
} from '@hebb/ops';
import type { Call } from '../call.ts';
import { since } from '../table.ts';
import type { OperatorTable } from '../table.ts';
import { ceilExtra, geometry } from './spatial.ts';
import type { Geometry } from './spatial.ts';

interface Pooling extends Geometry {
  /** Padding including what `ceil_mode` adds. */
  readonly low: readonly number[];
  readonly high: readonly number[];
  readonly extra: readonly number[];
  readonly ceil: boolean;
}

function pooling(c: Call): Pooling {
  const sizes = c.shape(0).slice(2);
  const kernel = c.attr.ints('kernel_shape') ?? c.invalid('kernel_shape is missing');
  const g = geometry(c, sizes, kernel);
  const extra = c.attr.bool('ceil_mode') ? ceilExtra(sizes, g) : sizes.map(() => 0);
  return {
    ...g,
    low: g.padding.map(([low]) => low),
    high: g.padding.map(([, high], i) => high + extra[i]!),
    extra,
    ceil: c.attr.bool('ceil_mode'),
  };
}

/** [N, C, ...D] -> [N, C, ...out, ...kernel], padded with `fill`. */
function windows(x: Tensor, p: Pooling, fill: number | bigint): Tensor {
  const padded = pad(x, { low: [0, 0, ...p.low], high: [0, 0, ...p.high] }, fill);
  return window(padded, { size: p.kernel, stride: p.stride, dilation: p.dilation });
}

const last = (x: Tensor, n: number): number[] =>
  Array.from({ length: n }, (_, i) => x.rank - n + i);

function lowest(x: Tensor): number | bigint {
  return isFloat(x.dtype) ? -Infinity : dtypeInfo(x.dtype).min;
}

type PoolSettings = {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly ceilMode: boolean;
};

/** Settings of the pooling ops, which pad both sides alike; undefined where the model does not. */
function settings(p: Pooling): PoolSettings | undefined {
  if (p.padding.some(([low, high], i) => low !== high || 2 * low > p.kernel[i]!)) return undefined;
  const { kernel, stride, dilation } = p;
  return { kernel, stride, dilation, padding: p.low, ceilMode: p.ceil };
}

const maxPools = [maxPool1d.op, maxPool2d.op, maxPool3d.op];
const averagePools = [avgPool1d.op, avgPool2d.op, avgPool3d.op];

function maxPool(c: Call): Tensor[] {
  const op = maxPools[c.shape(0).length - 3];
  const plain = settings(pooling(c));
  if (!c.wants(1) && op !== undefined && plain !== undefined) {
    return callOp(op, [c.tensor(0)], plain);
  }
  const x = c.tensor(0);
  const p = pooling(c);
  const seen = windows(x, p, lowest(x));
  const axes = last(seen, p.kernel.length);
  const y = max(seen, axes);
  if (!c.wants(1)) return [y];
  // Position of each maximum in the flattened input.
  const sizes = x.shape.slice(2);
  const order = c.attr.bool('storage_order') ? [...sizes].reverse() : sizes;
  const lead = x.shape[0]! * x.shape[1]!;
  const linear = positions(sizes, order !== sizes);
  const area = sizeOf(sizes);
  const base = Int32Array.from({ length: lead * area }, (_, i) => {
    return Math.floor(i / area) * area + linear[i % area]!;
  });
  const places = windows(tensor(base, { shape: x.shape, dtype: 'int32' }), p, 0);
  const flat = [...y.shape, sizeOf(p.kernel)];
  const best = argmax(reshape(seen, flat), -1, true);
  const at = gatherElements(reshape(places, flat), best, y.rank);
  return [y, c.index(reshape(at, y.shape))];
}

/** Number of each element within its plane, counted row- or column-major. */
function positions(sizes: readonly number[], columnMajor: boolean): number[] {
  const area = sizeOf(sizes);
  if (!columnMajor) return Array.from({ length: area }, (_, i) => i);
  return Array.from({ length: area }, (_, i) => {
    let rest = i;
    let place = 0;
    let step = area;
    for (let axis = sizes.length - 1; axis >= 0; axis--) {
      step /= sizes[axis]!;
      place += (rest % sizes[axis]!) * step;
      rest = Math.floor(rest / sizes[axis]!);
    }
    return place;
  });
}

function averagePool(c: Call): Tensor {
  const op = averagePools[c.shape(0).length - 3];
  const plain = settings(pooling(c));
  const undilated = plain?.dilation.every((n) => n === 1) ?? false;
  if (op !== undefined && plain !== undefined && undilated && !plain.ceilMode) {
    const countIncludePad = c.attr.bool('count_include_pad');
    return callOp(op, [c.tensor(0)], { ...plain, countIncludePad, divisor: null })[0]!;
  }
  const x = c.tensor(0);
  const p = pooling(c);
  const total = sumOver(windows(x, p, 0), p);
  const withPadding = c.attr.bool('count_include_pad');
  const whole = p.extra.every((n) => n === 0);
  if (whole && (withPadding || [...p.low, ...p.high].every((n) => n === 0))) {
    return div(total, sizeOf(p.kernel));
  }
  // Elements that count: those of the input, and of the padding if asked, never those of ceil_mode.
  const sizes = x.shape.slice(2);
  const inside = withPadding
    ? full([1, 1, ...sizes.map((n, i) => n + p.low[i]! + p.high[i]! - p.extra[i]!)], 1, x.dtype)
    : full([1, 1, ...sizes], 1, x.dtype);
  const reach = withPadding ? { ...p, low: sizes.map(() => 0), high: p.extra } : p;
  return div(total, sumOver(windows(inside, reach, 0), p));
}

const sumOver = (seen: Tensor, p: Pooling): Tensor => sum(seen, last(seen, p.kernel.length));

function lpPool(c: Call): Tensor {
  const p = pooling(c);
  const order = c.attr.int('p', 2);
  return root(sumOver(windows(pow(c.tensor(0).abs(), order), p, 0), p), order);
}

const root = (x: Tensor, order: number): Tensor => pow(x, 1 / order);

const spatialAxes = (x: Tensor): number[] => x.shape.map((_, i) => i).slice(2);

/** The transpose of max pooling: values go where their maxima came from. */
function maxUnpool(c: Call): Tensor {
  const x = c.tensor(0);
  const at = c.tensor(1);
  const kernel = c.attr.ints('kernel_shape') ?? c.invalid('kernel_shape is missing');
  const n = kernel.length;
  const stride = c.attr.ints('strides') ?? new Array<number>(n).fill(1);
  const pads = c.attr.ints('pads') ?? new Array<number>(2 * n).fill(0);
  const natural = kernel.map(
    (k, i) => (x.shape[2 + i]! - 1) * stride[i]! - pads[i]! - pads[n + i]! + k,
  );
  const shape = [...x.shape.slice(0, 2), ...natural];
  const target = c.maybeInts(2) ?? shape;
  const flat = full([sizeOf(shape)], 0, x.dtype);
  const put = scatterElements(flat, reshape(cast(at, 'int32'), [at.size]), reshape(x, [x.size]), 0);
  const y = reshape(put, shape);
  const high = target.map((dim, i) => dim - shape[i]!);
  return high.some((d) => d > 0) ? pad(y, { low: high.map(() => 0), high }) : y;
}

const globalPools = [adaptiveAvgPool1d.op, adaptiveAvgPool2d.op, adaptiveAvgPool3d.op];

function globalAverage(c: Call): Tensor {
  const x = c.tensor(0);
  const op = globalPools[x.rank - 3];
  if (op === undefined) return x.mean(spatialAxes(x), true);
  return callOp(op, [x], { size: spatialAxes(x).map(() => 1) })[0]!;
}

export const poolOperators: OperatorTable = {
  MaxPool: [since(1, maxPool)],
  AveragePool: [since(1, averagePool)],
  LpPool: [since(1, lpPool)],
  MaxUnpool: [since(1, maxUnpool)],
  GlobalMaxPool: [since(1, (c) => max(c.tensor(0), spatialAxes(c.tensor(0)), true))],
  GlobalAveragePool: [since(1, globalAverage)],
  GlobalLpPool: [
    since(1, (c) => {
      const x = c.tensor(0);
      const order = c.attr.int('p', 2);
      return root(sum(pow(x.abs(), order), spatialAxes(x), true), order);
    }),
  ],
};
