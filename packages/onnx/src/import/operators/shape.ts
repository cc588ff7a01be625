/** Shapes and movement: the same elements elsewhere. Most of these also run on the host (see ../host). */
import {
  bfloat16Value,
  broadcastShapes,
  broadcastTo,
  cast,
  concat,
  flip,
  float16Value,
  narrow,
  normalizeAxes,
  normalizeAxis,
  pad,
  permute,
  reshape,
  resolveShape,
  resolveSlice,
  sizeOf,
  slice,
  tensor,
} from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { pixelShuffle } from '@hebb/ops';
import { DataType } from '../../codec/dtypes.ts';
import type { OnnxDtype } from '../../codec/dtypes.ts';
import type { Call } from '../call.ts';
import { movement, moveStrings } from '../movement.ts';
import type { EncodeOptions } from '../narrow.ts';
import { since } from '../table.ts';
import type { OperatorEntry, OperatorTable } from '../table.ts';
import { float32, int64, isHost, strings } from '../value.ts';
import type { HostTensor, Value } from '../value.ts';
import { permuted } from '../undo.ts';
import { bitCast, castTo } from './cast.ts';
import { padded } from './pad.ts';

const moving = (version: number, fn: (c: Call, x: Tensor) => Tensor): OperatorEntry =>
  since(version, (c) => movement(c, c.value(0), (x) => fn(c, x)));

/** In a Reshape target 0 keeps the input's size (unless `allowzero`) and -1 is worked out. */
export function reshapeTarget(
  c: Call,
  shape: readonly number[],
  target: readonly number[],
): number[] {
  const allowZero = c.attr.bool('allowzero');
  const dims = target.map((dim, i) => {
    if (dim !== 0 || allowZero) return dim;
    return (
      shape[i] ?? c.invalid(`target [${target.join(',')}] copies axis ${i} of [${shape.join(',')}]`)
    );
  });
  return resolveShape(c.op, dims, sizeOf(shape));
}

export function unsqueezedShape(c: Call, shape: readonly number[]): number[] {
  const axes = c.listFrom(1, 'axes') ?? c.invalid('axes are missing');
  const rank = shape.length + axes.length;
  const at = normalizeAxes(c.op, axes, rank);
  let next = 0;
  return Array.from({ length: rank }, (_, i) => (at.includes(i) ? 1 : shape[next++]!));
}

export function squeezedShape(c: Call, shape: readonly number[]): number[] {
  const axes = c.listFrom(1, 'axes');
  if (axes === undefined) return shape.filter((dim) => dim !== 1);
  const at = normalizeAxes(c.op, axes, shape.length);
  for (const axis of at) {
    if (shape[axis] !== 1) c.invalid(`axis ${axis} of [${shape.join(',')}] is not 1`);
  }
  return shape.filter((_, i) => !at.includes(i));
}

function sliced(c: Call, x: Tensor): Tensor {
  const inputs = c.opset >= 10;
  const starts = inputs ? c.ints(1) : (c.attr.ints('starts') ?? []);
  const ends = inputs ? c.ints(2) : (c.attr.ints('ends') ?? []);
  const axes = (inputs ? c.maybeInts(3) : c.attr.ints('axes')) ?? starts.map((_, i) => i);
  const steps = (inputs ? c.maybeInts(4) : undefined) ?? starts.map(() => 1);
  if (
    ends.length !== starts.length ||
    axes.length !== starts.length ||
    steps.length !== starts.length
  ) {
    c.invalid('starts, ends, axes and steps differ in length');
  }
  const from = x.shape.map(() => 0);
  const sizes = [...x.shape];
  const by = x.shape.map(() => 1);
  const flips: number[] = [];
  axes.forEach((axisIn, k) => {
    const axis = normalizeAxis(c.op, axisIn, x.rank);
    // Backwards, a start before the first element is the first element, unlike in NumPy.
    const size = x.shape[axis]!;
    const begin = steps[k]! < 0 ? Math.max(starts[k]!, -size) : starts[k]!;
    const { start, count, step } = resolveSlice(size, [begin, ends[k]!, steps[k]!]);
    if (step < 0) flips.push(axis);
    from[axis] = count === 0 ? 0 : step > 0 ? start : start + (count - 1) * step;
    sizes[axis] = count;
    by[axis] = Math.abs(step);
  });
  const y = slice(x, { starts: from, sizes, steps: by });
  return flips.length === 0 ? y : flip(y, flips);
}

/** Part sizes of a Split along an axis of `size`. */
export function splitSizes(c: Call, size: number): number[] {
  const given = c.opset >= 13 || c.has(1) ? c.maybeInts(1) : c.attr.ints('split');
  if (given !== undefined) {
    const total = given.reduce((a, b) => a + b, 0);
    if (total !== size) c.invalid(`parts [${given.join(',')}] add up to ${total}, not ${size}`);
    return given;
  }
  const parts = c.opset >= 18 ? c.attr.int('num_outputs', c.outputs) : c.outputs;
  // The last part is smaller where the size does not divide.
  if (!(parts >= 1 && parts <= Math.max(1, c.outputs))) {
    c.invalid(`${parts} parts, but ${c.outputs} outputs`);
  }
  const each = Math.ceil(size / parts);
  return Array.from({ length: parts }, (_, i) => Math.max(0, Math.min(each, size - i * each)));
}

function split(c: Call): Value[] {
  const value = c.value(0);
  const { length: rank } = c.shape(0);
  const axis = normalizeAxis(c.op, c.attr.int('axis', 0), rank);
  const sizes = splitSizes(c, c.shape(0)[axis]!);
  let start = 0;
  return sizes.map((size) => {
    const from = start;
    start += size;
    return movement(c, value, (x) => narrow(x, axis, from, size), `part ${from}`);
  });
}

/** A constant of any kind that the Constant operator may hold. */
function constant(c: Call): Value {
  const value = c.attr.tensor('value');
  if (value !== undefined) return value;
  if (c.attr.has('value_float')) return float32([c.attr.float('value_float')], []);
  if (c.attr.has('value_floats')) return float32(c.attr.floats('value_floats') ?? []);
  const exact = c.attr.value('value_int') ?? c.attr.value('value_ints');
  if (exact?.type === 'int') return int64([exact.value], []);
  if (exact?.type === 'ints') return int64(exact.value);
  if (c.attr.has('value_string')) return strings([c.attr.string('value_string')], []);
  if (c.attr.has('value_strings')) return strings(c.attr.strings('value_strings') ?? []);
  return c.unsupported(`a constant given as ${c.attr.names.join(', ') || 'nothing'}`);
}

function constantOfShape(c: Call): Value {
  const shape = c.ints(0);
  if (shape.some((dim) => dim < 0)) c.invalid(`shape is [${shape.join(',')}]`);
  const value = c.attr.tensor('value') ?? float32([0]);
  if (value.data.length !== 1) c.invalid('value is not one element');
  return movement(c, { ...value, shape: [] } as HostTensor, (one) => broadcastTo(one, shape));
}

function range(c: Call): Value {
  const [start, limit, delta] = [c.host(0), c.host(1), c.host(2)];
  const { dtype } = start;
  const list = [start, limit, delta].map((x) => toNumber(c, x));
  const [from, to, by] = list as [number, number, number];
  if (by === 0) c.invalid('the step is 0');
  const count = Math.max(0, Math.ceil((to - from) / by));
  if (!Number.isFinite(count)) c.invalid('the range is not finite');
  c.sized(count);
  const target = c.coreDType(dtype);
  const values = Float64Array.from({ length: count }, (_, i) => from + i * by);
  if (target === 'int64' || target === 'uint64') {
    return {
      dtype,
      shape: [count],
      data: BigInt64Array.from(values, (x) => BigInt(x)),
    } as HostTensor;
  }
  return hostOf(tensor(values, { dtype: target }), dtype);
}

/** The bits of a tensor that was just made from host data. */
function hostOf(x: Tensor, dtype: OnnxDtype): HostTensor {
  const storage = x.node.storage[0];
  if (storage?.kind !== 'host') throw new TypeError('not a host tensor');
  return { dtype, shape: x.shape, data: storage.data } as HostTensor;
}

function toNumber(c: Call, host: HostTensor): number {
  if (host.data.length !== 1 || host.dtype === 'string') c.invalid('a bound is not one number');
  if (host.dtype === 'float16' || host.dtype === 'bfloat16') {
    const [bits] = host.data;
    return host.dtype === 'float16' ? float16Value(bits!) : bfloat16Value(bits!);
  }
  return Number(host.data[0]);
}

function tile(x: Tensor, repeats: readonly number[]): Tensor {
  const grown = reshape(
    x,
    x.shape.flatMap((dim) => [1, dim]),
  );
  const wide = broadcastTo(
    grown,
    x.shape.flatMap((dim, i) => [repeats[i]!, dim]),
  );
  return reshape(
    wide,
    x.shape.map((dim, i) => dim * repeats[i]!),
  );
}

function joined(c: Call, axis: number, values: readonly (Value | undefined)[]): Value {
  const given = values.filter((value) => value !== undefined);
  const texts = given.filter(isHost).filter((host) => host.dtype === 'string');
  if (texts.length > 0) return moveStrings(c, texts, (parts) => concat(parts, axis));
  const parts = given.map((value) => c.asTensor(value));
  const odd = parts.find((x) => x.dtype !== parts[0]!.dtype);
  if (odd !== undefined) c.invalid(`inputs are ${parts[0]!.dtype} and ${odd.dtype}`);
  return concat(parts, axis);
}

function shapeOperator(c: Call): HostTensor {
  const shape = c.shape(0);
  const clamp = (value: number): number =>
    Math.max(0, Math.min(shape.length, value < 0 ? value + shape.length : value));
  const start = clamp(c.attr.int('start', 0));
  return int64(shape.slice(start, clamp(c.attr.int('end', shape.length))));
}

function transposeAxes(c: Call, rank: number): number[] {
  return c.attr.ints('perm') ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
}

function transposed(c: Call, x: Tensor): Tensor {
  const axes = transposeAxes(c, x.rank);
  const each = [...axes].sort((a, b) => a - b).every((axis, i) => axis === i);
  if (!each || axes.length !== x.rank) c.invalid(`perm is [${axes.join(',')}] for rank ${x.rank}`);
  return permuted(x, axes);
}

function depthToSpace(c: Call, x: Tensor): Tensor {
  const [n, channels, h, w] = x.shape as [number, number, number, number];
  const b = c.attr.int('blocksize');
  const depth = channels / (b * b);
  if (c.attr.string('mode', 'DCR') === 'CRD') return pixelShuffle(x, b);
  const parts = permute(reshape(x, [n, b, b, depth, h, w]), [0, 3, 4, 1, 5, 2]);
  return reshape(parts, [n, depth, h * b, w * b]);
}

function spaceToDepth(c: Call, x: Tensor): Tensor {
  const [n, channels, h, w] = x.shape as [number, number, number, number];
  const b = c.attr.int('blocksize');
  const parts = permute(reshape(x, [n, channels, h / b, b, w / b, b]), [0, 3, 5, 1, 2, 4]);
  return reshape(parts, [n, channels * b * b, h / b, w / b]);
}

/** Crops or pads around the centre; an odd rest goes to the end when padding and is kept at the start. */
function centerCropPad(c: Call, x: Tensor): Tensor {
  const axes = normalizeEach(c, c.attr.ints('axes'), x.rank);
  const target = c.ints(1);
  let y = x;
  axes.forEach((axis, k) => {
    const size = y.shape[axis]!;
    const wanted = target[k]!;
    if (wanted <= size) {
      y = narrow(y, axis, Math.floor((size - wanted) / 2), wanted);
    } else {
      const low = Math.floor((wanted - size) / 2);
      const widths = (n: number) => y.shape.map((_, i) => (i === axis ? n : 0));
      y = pad(y, { low: widths(low), high: widths(wanted - size - low) });
    }
  });
  return y;
}

/** Axes in the order given, which need not be ascending. */
export function normalizeEach(
  c: Call,
  axes: readonly number[] | undefined,
  rank: number,
): number[] {
  return (axes ?? Array.from({ length: rank }, (_, i) => i)).map((axis) =>
    normalizeAxis(c.op, axis, rank),
  );
}

function flattened(c: Call, shape: readonly number[]): number[] {
  const given = c.attr.int('axis', 1);
  const axis = given < 0 ? given + shape.length : given;
  if (axis < 0 || axis > shape.length) c.invalid(`axis ${given} is out of range`);
  return [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis))];
}

function eyeLike(c: Call): Tensor {
  const [rows, columns] = c.shape(0) as [number, number];
  const dtype = c.coreDType(c.dtypeAttribute('dtype', c.dtype(0)));
  const k = c.attr.int('k', 0);
  const data = new Uint8Array(c.sized(rows * columns));
  for (let i = 0; i < rows; i++) {
    if (i + k >= 0 && i + k < columns) data[i * columns + i + k] = 1;
  }
  return cast(tensor(data, { shape: [rows, columns] }), dtype);
}

/** The shape of the target with the broadcast of both. */
function expanded(c: Call, x: Tensor): Tensor {
  return broadcastTo(x, broadcastShapes(c.op, x.shape, c.ints(1)));
}

const encoding = (c: Call): EncodeOptions => ({
  saturate: c.attr.bool('saturate', true),
  roundMode: c.attr.string('round_mode', 'up'),
});

export const shapeOperators: OperatorTable = {
  Identity: [since(1, (c) => c.value(0))],
  Constant: [since(1, constant)],
  ConstantOfShape: [since(1, constantOfShape)],
  Shape: [since(1, shapeOperator)],
  Size: [since(1, (c) => int64([sizeOf(c.shape(0))], []))],
  Range: [since(1, range)],
  Cast: [
    since(1, (c) => castTo(c, c.value(0), oldCastType(c))),
    since(6, (c) => castTo(c, c.value(0), c.dtypeAttribute('to'), encoding(c))),
  ],
  CastLike: [since(1, (c) => castTo(c, c.value(0), c.dtype(1), encoding(c)))],
  BitCast: [since(1, (c) => bitCast(c, c.dtypeAttribute('to')))],
  Reshape: [
    moving(1, (c, x) => reshape(x, reshapeTarget(c, x.shape, c.attr.ints('shape', [])))),
    moving(5, (c, x) => reshape(x, reshapeTarget(c, x.shape, c.ints(1)))),
  ],
  Flatten: [moving(1, (c, x) => reshape(x, flattened(c, x.shape)))],
  Squeeze: [moving(1, (c, x) => reshape(x, squeezedShape(c, x.shape)))],
  Unsqueeze: [moving(1, (c, x) => reshape(x, unsqueezedShape(c, x.shape)))],
  Transpose: [moving(1, transposed)],
  Expand: [moving(1, expanded)],
  Tile: [
    moving(1, (c, x) => {
      const axis = c.number(2);
      return tile(
        x,
        x.shape.map((_, i) => (i === axis ? c.number(1) : 1)),
      );
    }),
    moving(6, (c, x) => tile(x, c.ints(1))),
  ],
  Slice: [moving(1, sliced)],
  Split: [since(1, split)],
  Concat: [
    since(1, (c) => {
      const axis = c.attr.int('axis', c.opset < 4 ? 1 : undefined);
      return joined(c, normalizeAxis(c.op, axis, c.shape(0).length), c.values());
    }),
  ],
  Pad: [since(1, padded)],
  DepthToSpace: [moving(1, depthToSpace)],
  SpaceToDepth: [moving(1, spaceToDepth)],
  CenterCropPad: [moving(1, centerCropPad)],
  EyeLike: [since(1, eyeLike)],
};

/** Before opset 6 the type was given by name. */
function oldCastType(c: Call): OnnxDtype {
  const name = c.attr.value('to');
  if (name?.type === 'int') return c.dtypeAttribute('to');
  const wanted = c.attr.string('to').toLowerCase();
  const alias: Readonly<Record<string, string>> = { float: 'float32', double: 'float64' };
  const dtype = alias[wanted] ?? wanted;
  if (!Object.hasOwn(DataType, dtype)) c.invalid(`unknown element type ${wanted}`);
  return dtype as OnnxDtype;
}
