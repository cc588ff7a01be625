/** Reading and writing at computed positions; operators whose output shape depends on the data. */
import {
  add,
  broadcastTo,
  cast,
  eq,
  gather,
  gatherElements,
  iota,
  mul,
  narrow,
  normalizeAxis,
  reshape,
  scatter,
  scatterElements,
  sizeOf,
  sub,
  where,
  wrapIndex,
} from '@hebb/core';
import type { ScatterReduce, Tensor } from '@hebb/core';
import { topk, tril, triu } from '@hebb/ops';
import type { Call } from '../call.ts';
import { movement } from '../movement.ts';
import { since } from '../table.ts';
import type { OperatorTable } from '../table.ts';
import { constantBehind, int64, isHost } from '../value.ts';
import type { HostTensor, Value } from '../value.ts';

/** Indices as core wants them: int32, counted from the start. */
export function indices(c: Call, i: number, size: number): Tensor {
  const value = c.value(i);
  if (isHost(value) && (value.dtype === 'int64' || value.dtype === 'int32')) {
    // Known indices are checked and wrapped here, once.
    const data = Int32Array.from(value.data as ArrayLike<number | bigint>, (at) => {
      const index = Number(at);
      const wrapped = index < 0 ? index + size : index;
      if (wrapped < 0 || wrapped >= size) c.invalid(`index ${index} is out of range for ${size}`);
      return wrapped;
    });
    return c.memoTensor(value, size, data);
  }
  const at = c.tensor(i);
  return isWrapped(at, size) ? at : wrapIndex(cast(at, 'int32'), size);
}

/** Whether it is `wrapIndex` of something already, as files have it that were written here. */
function isWrapped(at: Tensor, size: number): boolean {
  const { op, inputs } = at.node;
  if (op?.name === 'expand' || op?.name === 'reshape') return isWrapped(inputs[0]!, size);
  if (at.dtype !== 'int32' || op?.name !== 'where') return false;
  const [negative, moved, plain] = inputs as [Tensor, Tensor, Tensor];
  const is = (x: Tensor, op: string, second: number): boolean => {
    const [a, b] = x.node.inputs;
    return x.node.op?.name === op && a?.node === plain.node && onlyNumber(b) === second;
  };
  return is(negative, 'lt', 0) && is(moved, 'add', size);
}

/** The number that all elements are, where that is plain to see. */
function onlyNumber(x: Tensor | undefined): number | undefined {
  if (x === undefined) return undefined;
  const { op, attrs, inputs } = x.node;
  if (op?.name === 'expand' || op?.name === 'reshape') return onlyNumber(inputs[0]);
  if (op?.name === 'full') return Number(attrs.value);
  const data = constantBehind(x)?.data;
  return data?.length === 1 ? Number(data[0]) : undefined;
}

function gathered(c: Call): Value {
  const axis = normalizeAxis(c.op, c.attr.int('axis', 0), c.shape(0).length);
  const at = indices(c, 1, c.shape(0)[axis]!);
  return movement(c, c.value(0), (x) => gather(x, at, axis));
}

function gatheredElements(c: Call): Value {
  const axis = normalizeAxis(c.op, c.attr.int('axis', 0), c.shape(0).length);
  const at = indices(c, 1, c.shape(0)[axis]!);
  return movement(c, c.value(0), (x) => gatherElements(x, at, axis));
}

/** Rows of an index matrix [..., k] as one linear index into the first `dims` axes. */
function linearIndex(index: Tensor, dims: readonly number[]): Tensor {
  const wide = cast(index, 'int32');
  let linear: Tensor | undefined;
  dims.forEach((size, k) => {
    const part = wrapIndex(
      reshape(narrow(wide, wide.rank - 1, k, 1), wide.shape.slice(0, -1)),
      size,
    );
    linear = linear === undefined ? part : add(mul(linear, size), part);
  });
  return linear ?? cast(reshape(wide.sum(-1), wide.shape.slice(0, -1)), 'int32');
}

function gatherND(c: Call): Value {
  const batch = c.attr.int('batch_dims', 0);
  const index = c.tensor(1);
  const shape = c.shape(0);
  const depth = index.shape[index.rank - 1]!;
  const lead = shape.slice(0, batch);
  const dims = shape.slice(batch, batch + depth);
  const tail = shape.slice(batch + depth);
  let linear = linearIndex(index, dims);
  if (batch > 0) {
    // Each batch entry reads from its own stretch.
    const count = sizeOf(lead);
    const rest = linear.shape.slice(batch);
    const offset = reshape(mul(iota(count), sizeOf(dims)), [...lead, ...rest.map(() => 1)]);
    linear = add(linear, offset);
  }
  return movement(c, c.value(0), (x) =>
    gather(reshape(x, [sizeOf(lead) * sizeOf(dims), ...tail]), linear, 0),
  );
}

const reductions: Readonly<Record<string, ScatterReduce>> = {
  none: 'none',
  add: 'add',
  mul: 'mul',
  max: 'max',
  min: 'min',
};

function reductionOf(c: Call): ScatterReduce {
  const name = c.attr.string('reduction', 'none');
  return Object.hasOwn(reductions, name) ? reductions[name]! : c.unsupported(`reduction ${name}`);
}

function scatterND(c: Call): Tensor {
  const x = c.tensor(0);
  const index = c.tensor(1);
  const depth = index.shape[index.rank - 1]!;
  const dims = x.shape.slice(0, depth);
  const tail = x.shape.slice(depth);
  const linear = linearIndex(index, dims);
  const flat = reshape(x, [sizeOf(dims), ...tail]);
  const rows = reshape(linear, [linear.size]);
  const source = reshape(c.tensor(2), [linear.size, ...tail]);
  return reshape(scatter(flat, rows, source, 0, reductionOf(c)), x.shape);
}

function scatteredElements(c: Call): Tensor {
  const x = c.tensor(0);
  const axis = normalizeAxis(c.op, c.attr.int('axis', 0), x.rank);
  const at = indices(c, 1, x.shape[axis]!);
  return scatterElements(x, at, c.tensor(2), axis, reductionOf(c));
}

function oneHot(c: Call): Tensor {
  const depth = c.number(1);
  const values = c.tensor(2);
  const raw = c.tensor(0);
  const rank = raw.rank + 1;
  const axis = normalizeAxis(c.op, c.attr.int('axis', -1), rank);
  const at = cast(raw, 'int32');
  const wrapped = where(at.lt(0), add(at, depth), at);
  const spread = reshape(wrapped, [...raw.shape.slice(0, axis), 1, ...raw.shape.slice(axis)]);
  const levels = reshape(
    iota(depth),
    Array.from({ length: rank }, (_, i) => (i === axis ? depth : 1)),
  );
  const [off, on] = [values.index(0), values.index(1)];
  return where(eq(spread, levels), on, off);
}

function topK(c: Call): Tensor[] {
  const x = c.tensor(0);
  const k = c.opset < 10 ? c.attr.int('k') : c.number(1);
  const axis = normalizeAxis(c.op, c.attr.int('axis', -1), x.rank);
  if (k > x.shape[axis]!) c.invalid(`k is ${k} for an axis of ${x.shape[axis]}`);
  const [values, at] = topk(x, k, axis, { largest: c.attr.bool('largest', true) });
  return [values, c.index(at)];
}

function trilu(c: Call): Tensor {
  const k = c.has(1) ? c.number(1) : 0;
  return c.attr.bool('upper', true) ? triu(c.tensor(0), k) : tril(c.tensor(0), k);
}

function reverseSequence(c: Call): Tensor {
  const x = c.tensor(0);
  const time = c.attr.int('time_axis', 0);
  const batch = c.attr.int('batch_axis', 1);
  const lengths = cast(c.tensor(1), 'int32');
  const along = (axis: number, v: Tensor) =>
    reshape(
      v,
      x.shape.map((_, i) => (i === axis ? v.size : 1)),
    );
  const steps = along(time, iota(x.shape[time]!));
  const ends = along(batch, lengths);
  const at = where(steps.lt(ends), sub(sub(ends, 1), steps), steps);
  return gatherElements(x, broadcastTo(at, x.shape), time);
}

/** Row-major places of the non-zero elements: the output's shape depends on the data. */
function nonZero(c: Call): HostTensor {
  const x = c.host(0);
  const { shape } = x;
  const places: number[] = [];
  for (let i = 0; i < x.data.length; i++) {
    if (Number(x.data[i]) !== 0) places.push(i);
  }
  const rows = shape.map((size, axis) => {
    const inner = sizeOf(shape.slice(axis + 1));
    return places.map((place) => Math.floor(place / inner) % size);
  });
  return int64(rows.flat(), [shape.length, places.length]);
}

function compress(c: Call): Value {
  const keep = c.host(1);
  const shape = c.shape(0);
  const flat = !c.attr.has('axis');
  const axis = flat ? 0 : normalizeAxis(c.op, c.attr.int('axis'), shape.length);
  const size = flat ? sizeOf(shape) : shape[axis]!;
  const chosen: number[] = [];
  for (let i = 0; i < Math.min(size, keep.data.length); i++) {
    if (Number(keep.data[i]) !== 0) chosen.push(i);
  }
  const at = c.constant(Int32Array.from(chosen));
  return movement(c, c.value(0), (x) => gather(flat ? reshape(x, [x.size]) : x, at, axis));
}

function arrayFeatures(c: Call): Value {
  const shape = c.shape(0);
  const at = indices(c, 1, shape[shape.length - 1]!);
  return movement(c, c.value(0), (x) => gather(x, reshape(at, [at.size]), x.rank - 1));
}

/** Writes rows into a cache at a position of each batch entry. */
function tensorScatter(c: Call): Tensor {
  const past = c.tensor(0);
  const update = c.tensor(1);
  const axis = normalizeAxis(c.op, c.attr.int('axis', -2), past.rank);
  const size = past.shape[axis]!;
  const length = update.shape[axis]!;
  const batch = past.shape[0]!;
  const starts = c.has(2) ? cast(c.tensor(2), 'int32') : undefined;
  const at = (v: Tensor, where: number) =>
    reshape(
      v,
      past.shape.map((_, i) => (i === where ? v.size : 1)),
    );
  let place = at(iota(length), axis);
  if (starts !== undefined) place = add(at(reshape(starts, [batch]), 0), place);
  if (c.attr.string('mode', 'linear') === 'circular') {
    place = where(
      place.ge(size),
      sub(place, mul(cast(place.div(size).floor(), 'int32'), size)),
      place,
    );
  }
  return scatterElements(past, broadcastTo(place, update.shape), update, axis);
}

export const indexingOperators: OperatorTable = {
  Gather: [since(1, gathered)],
  GatherElements: [since(1, gatheredElements)],
  GatherND: [since(1, gatherND)],
  Scatter: [since(1, scatteredElements)],
  ScatterElements: [since(1, scatteredElements)],
  ScatterND: [since(1, scatterND)],
  TensorScatter: [since(1, tensorScatter)],
  OneHot: [since(1, oneHot)],
  TopK: [since(1, topK)],
  Trilu: [since(1, trilu)],
  ReverseSequence: [since(1, reverseSequence)],
  NonZero: [since(1, nonZero)],
  Compress: [since(1, compress)],
};

export const arrayFeatureExtractor = [since(1, arrayFeatures)];
