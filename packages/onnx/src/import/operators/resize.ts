/** Resize and Upsample in every mode: each axis is a weighted sum of a few elements, known beforehand. */
import {
  add,
  cast,
  fromBits,
  gather,
  isFloat,
  matmul,
  mul,
  normalizeAxis,
  permute,
  reshape,
  where,
} from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { Call } from '../call.ts';
import { since } from '../table.ts';
import type { OperatorTable } from '../table.ts';

interface Settings {
  readonly mode: string;
  readonly transform: string;
  readonly nearest: string;
  readonly cubic: number;
  readonly excludeOutside: boolean;
  readonly antialias: boolean;
}

/** One axis: where each output element looks, and how much each place counts. */
interface Taps {
  /** [outputs][taps], clamped to the axis. */
  readonly index: number[][];
  readonly weight: number[][];
  /** Output elements that lie outside of the crop region. */
  readonly outside: boolean[] | undefined;
}

/**
 * Place in the input of output element x. With scales of float32 the quotient is one, too: whether a place
 * falls on an element or just before it decides which one is nearest.
 */
function source(
  x: number,
  input: number,
  output: number,
  scale: number,
  transform: string,
  roi: readonly [number, number],
): number {
  const quotient = (a: number): number =>
    Math.fround(scale) === scale ? Math.fround(a / scale) : a / scale;
  // Scales that were given make a width that need not be whole.
  const width = input * scale;
  switch (transform) {
    case 'half_pixel':
      return quotient(x + 0.5) - 0.5;
    case 'half_pixel_symmetric': {
      const centre = input / 2;
      const offset = centre * (1 - output / width);
      return offset + quotient(x + 0.5) - 0.5;
    }
    case 'pytorch_half_pixel':
      return output > 1 ? quotient(x + 0.5) - 0.5 : 0;
    case 'align_corners':
      return width === 1 ? 0 : (x * (input - 1)) / (width - 1);
    case 'tf_crop_and_resize': {
      const [start, end] = roi;
      return output > 1
        ? start * (input - 1) + (x * (end - start) * (input - 1)) / (output - 1)
        : 0.5 * (start + end) * (input - 1);
    }
    default:
      return quotient(x);
  }
}

function nearestIndex(x: number, mode: string): number {
  switch (mode) {
    case 'floor':
      return Math.floor(x);
    case 'ceil':
      return Math.ceil(x);
    case 'round_prefer_ceil':
      return Math.floor(x + 0.5);
    default:
      return Math.ceil(x - 0.5);
  }
}

/** Keys 1981: cubic convolution with the coefficient a. */
function cubicWeight(distance: number, a: number): number {
  const d = Math.abs(distance);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  if (d < 2) return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return 0;
}

function tapsOf(
  input: number,
  output: number,
  scale: number,
  settings: Settings,
  roi: readonly [number, number],
): Taps {
  const { mode, transform, nearest, cubic, excludeOutside, antialias } = settings;
  const index: number[][] = [];
  const weight: number[][] = [];
  const crop = transform === 'tf_crop_and_resize';
  const outside: boolean[] = [];
  // When shrinking, the kernel widens so that every input element is seen.
  const stretch = antialias ? Math.min(scale, 1) : 1;
  const radius = mode === 'cubic' ? 2 : 1;
  const first = Math.floor(-radius / stretch) + 1;
  const clamp = (i: number) => Math.max(0, Math.min(input - 1, i));
  for (let x = 0; x < output; x++) {
    const at = source(x, input, output, scale, transform, roi);
    if (crop) outside.push(at < 0 || at > input - 1);
    if (mode === 'nearest') {
      index.push([clamp(nearestIndex(at, nearest))]);
      weight.push([1]);
      continue;
    }
    // A whole number is seen as the end of the interval before it.
    const base = Math.ceil(at) - 1;
    const places: number[] = [];
    const weights: number[] = [];
    for (let i = first; i < 2 - first; i++) {
      const distance = (base + i - at) * stretch;
      const w =
        mode === 'cubic' ? cubicWeight(distance, cubic) : Math.max(0, 1 - Math.abs(distance));
      const beyond = base + i < 0 || base + i >= input;
      places.push(clamp(base + i));
      weights.push(excludeOutside && beyond ? 0 : w);
    }
    const total = weights.reduce((a, b) => a + b, 0);
    const norm = (antialias || excludeOutside) && total !== 0 ? total : 1;
    index.push(places);
    weight.push(weights.map((w) => w / norm));
  }
  return { index, weight, outside: crop ? outside : undefined };
}

/** More taps than this are cheaper as one matrix product. */
const manyTaps = 4;

function applyTaps(x: Tensor, axis: number, { index, weight }: Taps): Tensor {
  const output = index.length;
  const taps = index[0]?.length ?? 0;
  const single = taps === 1;
  if (taps <= manyTaps) {
    const spread = x.shape.map((_, i) => (i === axis ? output : 1));
    let total: Tensor | undefined;
    for (let t = 0; t < taps; t++) {
      const at = fromBits(
        Int32Array.from(index, (row) => row[t]!),
        [output],
        'int32',
      );
      const part = gather(x, at, axis);
      if (single) return part;
      const w = fromBits(
        Float32Array.from(weight, (row) => row[t]!),
        spread,
        'float32',
      );
      const weighted = mul(part, cast(w, x.dtype));
      total = total === undefined ? weighted : add(total, weighted);
    }
    return total ?? x;
  }
  const input = x.shape[axis]!;
  const matrix = new Float32Array(input * output);
  index.forEach((row, o) => {
    row.forEach((place, t) => (matrix[place * output + o]! += weight[o]![t]!));
  });
  const last = x.rank - 1;
  const swap = x.shape.map((_, i) => (i === axis ? last : i === last ? axis : i));
  const moved = permute(x, swap);
  return permute(matmul(moved, cast(fromBits(matrix, [input, output], 'float32'), x.dtype)), swap);
}

interface Target {
  readonly axes: readonly number[];
  readonly sizes: readonly number[];
  readonly scales: readonly number[];
}

const roundHalfUp = (x: number): number => Math.floor(x + 0.5);

function target(c: Call, shape: readonly number[]): Target {
  const rank = shape.length;
  const axes = (c.attr.ints('axes') ?? Array.from({ length: rank }, (_, i) => i)).map((axis) =>
    normalizeAxis(c.op, axis, rank),
  );
  const given = c.op === 'Upsample' || c.opset < 11 ? upsampleScales(c) : floats(c, 2);
  if (given !== undefined && given.length > 0) {
    if (given.length !== axes.length) c.invalid(`${given.length} scales for ${axes.length} axes`);
    return {
      axes,
      scales: given,
      // In the precision of the scales: 5 · 1.4 is 7.
      sizes: axes.map((axis, k) => Math.floor(Math.fround(shape[axis]! * given[k]!))),
    };
  }
  const sizes = c.maybeInts(3) ?? c.invalid('neither scales nor sizes are given');
  if (sizes.length !== axes.length) c.invalid(`${sizes.length} sizes for ${axes.length} axes`);
  const ratios = sizes.map((size, k) => size / shape[axes[k]!]!);
  const policy = c.attr.string('keep_aspect_ratio_policy', 'stretch');
  if (policy === 'stretch') return { axes, sizes, scales: ratios };
  const ratio = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
  return {
    axes,
    scales: axes.map(() => ratio),
    sizes: axes.map((axis) => roundHalfUp(shape[axis]! * ratio)),
  };
}

function floats(c: Call, i: number): number[] | undefined {
  return c.has(i) ? Array.from(c.host(i).data as ArrayLike<number>, Number) : undefined;
}

function upsampleScales(c: Call): number[] | undefined {
  const list = c.attr.floats('scales');
  if (list !== undefined) return [...list];
  if (c.attr.has('height_scale')) {
    return [1, 1, c.attr.float('height_scale'), c.attr.float('width_scale')];
  }
  return floats(c, 1);
}

function resize(c: Call): Tensor {
  const input = c.tensor(0);
  // Before opset 11 elements were counted from their corners and rounded down.
  const old = c.op === 'Upsample' || c.opset < 11;
  const settings: Settings = {
    mode: c.attr.string('mode', 'nearest').replace('bilinear', 'linear'),
    transform: old ? 'asymmetric' : c.attr.string('coordinate_transformation_mode', 'half_pixel'),
    nearest: old ? 'floor' : c.attr.string('nearest_mode', 'round_prefer_floor'),
    cubic: c.attr.float('cubic_coeff_a', -0.75),
    excludeOutside: c.attr.bool('exclude_outside'),
    antialias: c.attr.bool('antialias'),
  };
  if (!['nearest', 'linear', 'cubic'].includes(settings.mode))
    c.unsupported(`mode ${settings.mode}`);
  const { axes, sizes, scales } = target(c, input.shape);
  axes.forEach((axis, k) => c.sized(sizes[k]! * Math.max(1, input.shape[axis]!)));
  const crop = settings.transform === 'tf_crop_and_resize';
  const roi = crop ? (floats(c, 1) ?? c.invalid('the crop region is missing')) : [];
  const type = isFloat(input.dtype) || settings.mode === 'nearest' ? input.dtype : 'float32';
  let y = cast(input, type);
  let outside: Tensor | undefined;
  axes.forEach((axis, k) => {
    if (input.shape[axis] === sizes[k] && scales[k] === 1 && !crop) return;
    const region = [roi[k] ?? 0, roi[axes.length + k] ?? 1] as const;
    const taps = tapsOf(input.shape[axis]!, sizes[k]!, scales[k]!, settings, region);
    y = applyTaps(y, axis, taps);
    if (taps.outside?.includes(true) === true) {
      const flags = fromBits(Uint8Array.from(taps.outside, Number), [sizes[k]!], 'bool');
      const mask = reshape(
        flags,
        input.shape.map((_, i) => (i === axis ? sizes[k]! : 1)),
      );
      outside = outside === undefined ? mask : outside.or(mask);
    }
  });
  if (outside !== undefined) y = where(outside, c.attr.float('extrapolation_value', 0), y);
  return cast(y, input.dtype);
}

export const resizeOperators: OperatorTable = {
  Resize: [since(1, resize)],
  Upsample: [since(1, resize)],
};
