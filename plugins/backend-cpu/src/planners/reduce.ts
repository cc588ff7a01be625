/** Reductions, cumulative sums and sorting. */
import { dtypeInfo, isFloat, sizeOf } from '@hebb/core';
import type { DType, HostArray } from '@hebb/core';
import { isBig } from '../kernels/arrays.ts';
import { bitsOf, reduceExtremum } from '../kernels/bits32.ts';
import {
  argExtremum,
  argFloat32,
  reduceBigs,
  reduceNumbers,
  sumFloat32,
} from '../kernels/reduce.ts';
import type { ReduceRow } from '../kernels/reduce.ts';
import { cumulate, mergeSort } from '../kernels/order.ts';
import { forRows, nestOf, nestOfStrides } from '../layout.ts';
import type { Nest } from '../layout.ts';
import type { NodePlanner, Operand } from '../program.ts';

interface Reduction {
  /** Type of the accumulators; the result's own where equal. */
  readonly accumulator: DType;
  readonly start: number | bigint;
  readonly row: ReduceRow<HostArray, HostArray>;
}

function reductionOf(op: string, dtype: DType): Reduction {
  const info = dtypeInfo(dtype);
  const float = isFloat(dtype);
  const of = (
    accumulator: DType,
    start: number,
    special: unknown,
    numbers: (x: number, y: number) => number,
    bigs: (x: bigint, y: bigint) => bigint,
    bigStart: number | bigint = BigInt(start),
  ): Reduction =>
    info.big
      ? {
          accumulator: dtype,
          start: bigStart,
          row: reduceBigs(bigs) as ReduceRow<HostArray, HostArray>,
        }
      : {
          accumulator,
          start,
          row: (special ?? reduceNumbers(numbers)) as ReduceRow<HostArray, HostArray>,
        };
  const single = dtype === 'float32';
  // Sums of integers up to 32 bits wrap at 32 bits, and at their own width when they are stored.
  const wide: DType = float ? 'float64' : 'int32';
  switch (op) {
    case 'sum':
      return of(
        wide,
        0,
        single ? sumFloat32 : undefined,
        float ? (x, y) => x + y : (x, y) => (x + y) | 0,
        (x, y) => BigInt.asIntN(64, x + y),
      );
    case 'prod':
      return of(wide, 1, undefined, float ? (x, y) => x * y : Math.imul, (x, y) =>
        BigInt.asIntN(64, x * y),
      );
    case 'max':
      return of(
        dtype,
        float ? -Infinity : info.big ? 0 : Number(info.min),
        single ? reduceExtremum(0) : undefined,
        Math.max,
        (x, y) => (x > y ? x : y),
        info.min,
      );
    default:
      return of(
        dtype,
        float ? Infinity : info.big ? 0 : Number(info.max),
        single ? reduceExtremum(-1) : undefined,
        Math.min,
        (x, y) => (x < y ? x : y),
        info.max,
      );
  }
}

interface Axis {
  readonly size: number;
  readonly stride: number;
  /** In the result; 0 for a reduced axis. */
  readonly out: number;
}

/** Neighbours that are one stretch in both operands become one axis. */
function merged(axes: readonly Axis[]): Axis[] {
  const result: Axis[] = [];
  for (const axis of axes) {
    const last = result.at(-1);
    if (axis.size === 1) continue;
    if (
      last !== undefined &&
      last.stride === axis.stride * axis.size &&
      last.out === axis.out * axis.size
    ) {
      result[result.length - 1] = { ...axis, size: last.size * axis.size };
    } else result.push(axis);
  }
  return result;
}

const reduce: NodePlanner = (planner, node) => {
  const [x] = node.inputs as [Operand];
  const axes = new Set(node.attrs['axes'] as readonly number[]);
  const out = planner.result(node.outputs[0]!);
  const { accumulator, start, row } = reductionOf(node.op, x.dtype);
  const separate = accumulator !== x.dtype;
  const byBits = x.dtype === 'float32' && (node.op === 'max' || node.op === 'min');
  const acc = separate ? planner.temporary(accumulator, sizeOf(out.shape)) : out.storage;

  const kept: Axis[] = [];
  const reduced: Axis[] = [];
  let next = 0;
  x.shape.forEach((size, axis) => {
    const stride = x.strides[axis]!;
    if (axes.has(axis)) reduced.push({ size, stride, out: 0 });
    else kept.push({ size, stride, out: out.strides[next++]! });
  });
  const keptAxes = merged(kept);
  let rest = merged(reduced);
  const empty = x.shape.includes(0);

  // Where the elements of one result lie close together they are summed in a register; otherwise whole
  // rows of results are swept, once for each reduced position.
  const closest = (list: readonly Axis[]): number =>
    Math.min(...list.map((axis) => Math.abs(axis.stride)), Infinity);
  let inside: Axis[] = [];
  if (closest(rest) <= closest(keptAxes) || sizeOf(keptAxes.map((axis) => axis.size)) === 1) {
    const order = [...rest].sort((a, b) => Math.abs(b.stride) - Math.abs(a.stride));
    inside = order.slice(-2);
    rest = rest.filter((axis) => !inside.includes(axis));
  }
  const one: Axis = { size: 1, stride: 0, out: 0 };
  const r1 = inside.at(-1) ?? one;
  const r0 = inside.length > 1 ? inside[0]! : one;
  const loops = [...rest, ...keptAxes];
  // The row must be an axis of results: appended with size 1 when there is none.
  const nest: Nest =
    keptAxes.length === 0
      ? {
          outer: rest.map((axis) => axis.size),
          outerStrides: [rest.map(() => 0), rest.map((axis) => axis.stride)],
          n: 1,
          inner: [0, 0],
          offsets: [0, x.offset],
        }
      : rowsOf(loops, x.offset);
  const [as, xs] = nest.inner as [number, number];
  const { n } = nest;
  planner.step([x], separate ? [out, acc] : [out], (memory) => {
    const a = memory[acc]!;
    // `start` has the accumulator's element type.
    (a as Float64Array).fill(start as number);
    if (!empty) {
      const [total, data] = byBits
        ? [bitsOf(a), bitsOf(memory[x.storage]!)]
        : [a, memory[x.storage]!];
      forRows(nest, (at) =>
        row(total, at[0]!, as, data, at[1]!, xs, n, r0.size, r0.stride, r1.size, r1.stride),
      );
    }
    if (separate) (memory[out.storage] as Float32Array).set(a as Float64Array);
  });
  return [out];
};

/** All but the last axis outside, the last one the row. */
function rowsOf(axes: readonly Axis[], offset: number): Nest {
  const outer = axes.slice(0, -1);
  const row = axes.at(-1)!;
  return {
    outer: outer.map((axis) => axis.size),
    outerStrides: [outer.map((axis) => axis.out), outer.map((axis) => axis.stride)],
    n: row.size,
    inner: [row.out, row.stride],
    offsets: [0, offset],
  };
}

const without = <T>(list: readonly T[], axis: number): T[] => list.filter((_, i) => i !== axis);

const argReduce: NodePlanner = (planner, node) => {
  const [x] = node.inputs as [Operand];
  const axis = node.attrs['axis'] as number;
  const out = planner.result(node.outputs[0]!);
  const nest = nestOfStrides(
    out.shape,
    [out.strides, without(x.strides, axis)],
    [out.offset, x.offset],
  );
  const [os, xs] = nest.inner as [number, number];
  const size = x.shape[axis]!;
  const stride = x.strides[axis]!;
  const row = x.dtype === 'float32' ? (argFloat32 as typeof argExtremum) : argExtremum;
  planner.step([x], [out], (memory) => {
    const o = memory[out.storage] as Int32Array;
    const data = memory[x.storage]!;
    forRows(nest, (at) =>
      row(o, at[0]!, os, data, at[1]!, xs, nest.n, size, stride, node.op === 'argmin'),
    );
  });
  return [out];
};

const cumsum: NodePlanner = (planner, node) => {
  const [x] = node.inputs as [Operand];
  const { axis, exclusive, reverse } = node.attrs as {
    axis: number;
    exclusive: boolean;
    reverse: boolean;
  };
  const out = planner.result(node.outputs[0]!);
  const size = x.shape[axis]!;
  const nest = nestOfStrides(
    without(x.shape, axis),
    [without(out.strides, axis), without(x.strides, axis)],
    [out.offset, x.offset],
  );
  const [os, xs] = nest.inner as [number, number];
  const steps = [out.strides[axis]!, x.strides[axis]!] as const;
  planner.step([x], [out], (memory) => {
    const o = memory[out.storage]!;
    const data = memory[x.storage]!;
    if (size === 0) return;
    forRows(nest, (at) => {
      for (let i = 0; i < nest.n; i++) {
        cumulate(
          o,
          at[0]! + i * os,
          steps[0],
          data,
          at[1]! + i * xs,
          steps[1],
          size,
          exclusive,
          reverse,
        );
      }
    });
  });
  return [out];
};

const sort: NodePlanner = (planner, node) => {
  const [x] = node.inputs as [Operand];
  const { axis, descending } = node.attrs as { axis: number; descending: boolean };
  const values = planner.result(node.outputs[0]!);
  const indices = planner.result(node.outputs[1]!);
  const size = x.shape[axis]!;
  const nest = nestOf(without(x.shape, axis), [
    { ...values, shape: without(x.shape, axis), strides: without(values.strides, axis) },
    { ...x, shape: without(x.shape, axis), strides: without(x.strides, axis) },
  ]);
  const [os, xs] = nest.inner as [number, number];
  const [step, xStep] = [values.strides[axis]!, x.strides[axis]!];
  planner.step([x], [values, indices], (memory) => {
    const [v, order, data] = [
      memory[values.storage]!,
      memory[indices.storage] as Int32Array,
      memory[x.storage]!,
    ];
    if (size === 0) return;
    const keys = isBig(x.dtype) ? new Array<bigint>(size) : new Float64Array(size);
    forRows(nest, (at) => {
      for (let i = 0; i < nest.n; i++) {
        const from = at[1]! + i * xs;
        const to = at[0]! + i * os;
        for (let k = 0; k < size; k++) keys[k] = data[from + k * xStep]!;
        const sorted = mergeSort(keys, size, descending);
        for (let k = 0; k < size; k++) {
          v[to + k * step] = keys[sorted[k]!]!;
          order[to + k * step] = sorted[k]!;
        }
      }
    });
  });
  return [values, indices];
};

export const reductions: { readonly [op: string]: NodePlanner } = {
  sum: reduce,
  prod: reduce,
  max: reduce,
  min: reduce,
  argmax: argReduce,
  argmin: argReduce,
  cumsum,
  sort,
};
