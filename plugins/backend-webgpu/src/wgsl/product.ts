/**
 * Matrix products and convolutions in one form: a batch of products whose sides are read by affine indices. A
 * convolution is a product one of whose sides is read from the image where it is needed (implicit GEMM;
 * Chetlur et al. 2014, arXiv:1410.0759); what its windows reach outside of the image counts as zero.
 */
import { geometryOf, product } from '@hebb/compiler';
import type { ConvGeometry, RoutineKernel } from '@hebb/compiler';
import { sizeOf, stridesOf } from '@hebb/core';
import { decode } from './shader.ts';

/** Strides over the batch's names, the dimensions of one side, and those of the depth. */
interface Affine {
  readonly offset: number;
  readonly batch: readonly number[];
  readonly outer: readonly number[];
  readonly depth: readonly number[];
}

/** An index that must lie in 0 … size - 1; elsewhere the operand is zero. */
export interface Window extends Affine {
  readonly size: number;
}

export interface Operand extends Affine {
  readonly buffer: number;
  readonly windows: readonly Window[];
}

export interface Product {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Coordinates of the batch, and what is derived from them: names that `batchCode` defines. */
  readonly batchNames: readonly string[];
  /** From and to, for each of the names. */
  readonly batchRanges: readonly (readonly [number, number])[];
  /** Defines the names from `batch`. */
  readonly batchCode: string;
  /** What the columns and the depth are made of; rows are one dimension. */
  readonly columns: readonly number[];
  readonly depth: readonly number[];
  readonly left: Operand;
  readonly right: Operand;
  /** Coordinates that a column has in the result. */
  readonly place: readonly number[];
  /** Coordinates of a result in terms of the batch's names, `m` and coordinates of the column. */
  result(m: string, column: readonly string[]): readonly string[];
  /** Axes of the result that columns may run beyond. */
  readonly limits: readonly { readonly axis: number; readonly size: number }[];
}

/** Of a kernel that `hasProduct`. */
export function productOf(kernel: RoutineKernel): Product {
  const made = ((): Product => {
    if (kernel.op === 'matmul') return matmulProduct(kernel);
    const g = geometryOf(kernel);
    switch (kernel.op) {
      case 'conv':
        return convProduct(kernel, g);
      case 'convTranspose':
        return transposeProduct(kernel, g);
      default:
        return kernelGradProduct(kernel, g);
    }
  })();
  return simplified(made);
}

/** Strides and dilations together make gaps that are not affine. */
export function hasProduct(kernel: RoutineKernel): boolean {
  if (kernel.op !== 'convTranspose') return true;
  const { stride, dilation } = geometryOf(kernel);
  return stride.every((s, i) => s === 1 || dilation[i] === 1);
}

const names = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`);
const zeros = (count: number): number[] => new Array<number>(count).fill(0);
const at = (count: number, i: number, value: number): number[] =>
  zeros(count).map((zero, j) => (i === j ? value : zero));
const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, x, i) => sum + x * b[i]!, 0);
const ranges = (sizes: readonly number[]): [number, number][] => sizes.map((n) => [0, n - 1]);

function matmulProduct(kernel: RoutineKernel): Product {
  const { shape } = kernel.results[0]!;
  const [a, b] = kernel.inputs as [RoutineKernel['inputs'][0], RoutineKernel['inputs'][0]];
  const lead = shape.slice(0, -2);
  const r = shape.length;
  const [m, n, k] = [shape[r - 2]!, shape[r - 1]!, a.shape[r - 1]!];
  const batchNames = names('z', lead.length);
  return {
    batch: sizeOf(lead),
    m,
    n,
    k,
    batchNames,
    batchRanges: ranges(lead),
    batchCode: decode('batch', batchNames, lead),
    columns: [n],
    depth: [k],
    left: {
      buffer: a.buffer,
      offset: a.offset,
      batch: a.strides.slice(0, -2),
      outer: [a.strides[r - 2]!],
      depth: [a.strides[r - 1]!],
      windows: [],
    },
    right: {
      buffer: b.buffer,
      offset: b.offset,
      batch: b.strides.slice(0, -2),
      outer: [b.strides[r - 1]!],
      depth: [b.strides[r - 2]!],
      windows: [],
    },
    place: [n],
    result: (row, [column]) => [...batchNames, row, column!],
    limits: [],
  };
}

type Inputs = readonly [RoutineKernel['inputs'][0], RoutineKernel['inputs'][0]];

function convProduct({ inputs }: RoutineKernel, g: ConvGeometry): Product {
  const [x, w] = inputs as Inputs;
  const rank = g.size.length;
  const perGroup = g.channels / g.groups;
  const m = g.outChannels / g.groups;
  const taps = product(g.kernel);
  const k = perGroup * taps;
  const plane = product(g.size);
  const along = stridesOf(g.size);
  const before = g.padding.map(([left]) => left);
  const sizes = [g.images, g.groups];
  return {
    batch: g.images * g.groups,
    m,
    n: product(g.outSize),
    k,
    batchNames: ['z0', 'z1'],
    batchRanges: ranges(sizes),
    batchCode: decode('batch', ['z0', 'z1'], sizes),
    columns: g.outSize,
    depth: [perGroup, ...g.kernel],
    left: {
      buffer: w.buffer,
      offset: w.offset,
      batch: [0, m * k],
      outer: [k],
      depth: [taps, ...stridesOf(g.kernel)],
      windows: [],
    },
    right: {
      buffer: x.buffer,
      offset: x.offset - dot(before, along),
      batch: [g.channels * plane, perGroup * plane],
      outer: along.map((stride, i) => stride * g.stride[i]!),
      depth: [plane, ...along.map((stride, i) => stride * g.dilation[i]!)],
      windows: g.size.map((size, i) => ({
        size,
        offset: -before[i]!,
        batch: [0, 0],
        outer: at(rank, i, g.stride[i]!),
        depth: at(rank + 1, i + 1, g.dilation[i]!),
      })),
    },
    place: g.outSize,
    result: (row, column) => ['z0', `z1 * ${m} + ${row}`, ...column],
    limits: [],
  };
}

/**
 * Positions x = o * stride + phase of the image: those of one phase meet the same taps, every stride-th one from
 * (phase + padding) mod stride on. Each phase is one more product of the batch.
 */
function transposeProduct({ inputs }: RoutineKernel, g: ConvGeometry): Product {
  const [y, w] = inputs as Inputs;
  const rank = g.size.length;
  const m = g.channels / g.groups;
  const rows = g.outChannels / g.groups;
  const taps = product(g.kernel);
  const outPlane = product(g.outSize);
  const [along, tapStrides] = [stridesOf(g.outSize), stridesOf(g.kernel)];
  const before = g.padding.map(([left]) => left);
  const phases = g.stride.map((s, i) => Math.min(s, g.size[i]!));
  const sizes = [g.images, g.groups, ...phases];
  const coordinates = names('z', 2 + rank);
  const reached = g.kernel.map((n, i) => Math.ceil(n / g.stride[i]!));
  const derived = g.stride.flatMap((s, i) => [
    `let r${i} = (z${i + 2} + ${before[i]!}) % ${s};`,
    `let f${i} = (z${i + 2} + ${before[i]!}) / ${s};`,
  ]);
  const last = phases.map((n, i) => n - 1 + before[i]!);
  const batchNames = [...coordinates, ...names('r', rank), ...names('f', rank)];
  const count = batchNames.length;
  /** For the names r and f. */
  const derivedStrides = (r: readonly number[], f: readonly number[]): number[] => [
    ...zeros(rank),
    ...r,
    ...f,
  ];
  return {
    batch: product(sizes),
    m,
    n: product(g.size.map((n, i) => Math.ceil(n / g.stride[i]!))),
    k: rows * product(reached),
    batchNames,
    batchRanges: [
      ...ranges(sizes),
      ...g.stride.map((s): [number, number] => [0, s - 1]),
      ...g.stride.map((s, i): [number, number] => [
        Math.floor(before[i]! / s),
        Math.floor(last[i]! / s),
      ]),
    ],
    batchCode: [decode('batch', coordinates, sizes), ...derived].join('\n'),
    columns: g.size.map((n, i) => Math.ceil(n / g.stride[i]!)),
    depth: [rows, ...reached],
    left: {
      buffer: w.buffer,
      offset: w.offset,
      batch: [0, rows * m * taps, ...derivedStrides(tapStrides, zeros(rank))],
      outer: [taps],
      depth: [m * taps, ...tapStrides.map((stride, i) => stride * g.stride[i]!)],
      windows: g.kernel.map((size, i) => ({
        size,
        offset: 0,
        batch: at(count, 2 + rank + i, 1),
        outer: [0],
        depth: at(rank + 1, i + 1, g.stride[i]!),
      })),
    },
    right: {
      buffer: y.buffer,
      offset: y.offset,
      batch: [g.outChannels * outPlane, rows * outPlane, ...derivedStrides(zeros(rank), along)],
      outer: along,
      depth: [outPlane, ...along.map((stride, i) => -stride * g.dilation[i]!)],
      windows: g.outSize.map((size, i) => ({
        size,
        offset: 0,
        batch: at(count, 2 + 2 * rank + i, 1),
        outer: at(rank, i, 1),
        depth: at(rank + 1, i + 1, -g.dilation[i]!),
      })),
    },
    place: g.size.map((n, i) => Math.ceil(n / g.stride[i]!)),
    result: (row, column) => [
      'z0',
      `z1 * ${m} + ${row}`,
      ...column.map((o, i) => (g.stride[i] === 1 ? o : `(${o} * ${g.stride[i]!} + z${i + 2})`)),
    ],
    limits: g.size.flatMap((size, i) => (size % g.stride[i]! === 0 ? [] : [{ axis: i + 2, size }])),
  };
}

function kernelGradProduct({ inputs }: RoutineKernel, g: ConvGeometry): Product {
  const [x, y] = inputs as Inputs;
  const rank = g.size.length;
  const perGroup = g.channels / g.groups;
  const m = g.outChannels / g.groups;
  const [plane, outPlane] = [product(g.size), product(g.outSize)];
  const along = stridesOf(g.size);
  const before = g.padding.map(([left]) => left);
  const columns = [perGroup, ...g.kernel];
  return {
    batch: g.groups,
    m,
    n: product(columns),
    k: g.images * outPlane,
    batchNames: ['z0'],
    batchRanges: ranges([g.groups]),
    batchCode: 'let z0 = batch;',
    columns,
    depth: [g.images, ...g.outSize],
    left: {
      buffer: y.buffer,
      offset: y.offset,
      batch: [m * outPlane],
      outer: [outPlane],
      depth: [g.outChannels * outPlane, ...stridesOf(g.outSize)],
      windows: [],
    },
    right: {
      buffer: x.buffer,
      offset: x.offset - dot(before, along),
      batch: [perGroup * plane],
      outer: [plane, ...along.map((stride, i) => stride * g.dilation[i]!)],
      depth: [g.channels * plane, ...along.map((stride, i) => stride * g.stride[i]!)],
      windows: g.size.map((size, i) => ({
        size,
        offset: -before[i]!,
        batch: [0],
        outer: at(rank + 1, i + 1, g.dilation[i]!),
        depth: at(rank + 1, i + 1, g.stride[i]!),
      })),
    },
    place: columns,
    result: (row, column) => [`z0 * ${m} + ${row}`, ...column],
    limits: [],
  };
}

// --- simplification ---

type Range = readonly [number, number];

/** What an affine form reaches; `without` leaves out one dimension of the depth. */
function reach(p: Product, form: Affine, outer: readonly number[], without = -1): Range {
  let [low, high] = [form.offset, form.offset];
  const add = (stride: number, [from, to]: Range): void => {
    low += Math.min(stride * from, stride * to);
    high += Math.max(stride * from, stride * to);
  };
  form.batch.forEach((stride, i) => add(stride, p.batchRanges[i]!));
  form.outer.forEach((stride, i) => add(stride, [0, outer[i]! - 1]));
  form.depth.forEach((stride, i) => {
    if (i !== without) add(stride, [0, p.depth[i]! - 1]);
  });
  return [low, high];
}

/** Taps that meet padding alone are left out, windows that always hold too, and dimensions become fewer. */
function simplified(p: Product): Product {
  let made = p;
  p.depth.forEach((_, axis) => (made = trimmed(made, axis)));
  const windowsOf = (operand: Operand, outer: readonly number[]): Operand => ({
    ...operand,
    windows: operand.windows.filter((window) => {
      const [low, high] = reach(made, window, outer);
      return low < 0 || high >= window.size;
    }),
  });
  const [left, right] = [windowsOf(made.left, [made.m]), windowsOf(made.right, made.columns)];
  made = { ...made, left, right };
  for (let i = made.depth.length - 1; i > 0; i--) made = depthMerged(made, i);
  for (let i = made.columns.length - 1; i > 0; i--) made = columnsMerged(made, i);
  return { ...made, k: product(made.depth) };
}

/** Without the positions of one dimension of the depth at which a window cannot hold. */
function trimmed(p: Product, axis: number): Product {
  let [from, to] = [0, p.depth[axis]! - 1];
  const look = (operand: Operand, outer: readonly number[]): void => {
    for (const window of operand.windows) {
      const stride = window.depth[axis]!;
      if (stride === 0) continue;
      const [low, high] = reach(p, window, outer, axis);
      const holds = (t: number): boolean =>
        high + stride * t >= 0 && low + stride * t < window.size;
      while (from < to && !holds(from)) from++;
      while (to > from && !holds(to)) to--;
    }
  };
  look(p.left, [p.m]);
  look(p.right, p.columns);
  if (from === 0 && to === p.depth[axis]! - 1) return p;
  const shift = <T extends Affine>(form: T): T => ({
    ...form,
    offset: form.offset + form.depth[axis]! * from,
  });
  const operand = (side: Operand): Operand => ({
    ...shift(side),
    windows: side.windows.map(shift),
  });
  const depth = p.depth.map((n, i) => (i === axis ? to - from + 1 : n));
  return { ...p, depth, left: operand(p.left), right: operand(p.right) };
}

const without = (list: readonly number[], i: number): number[] => list.filter((_, j) => j !== i);

/** Whether dimension i - 1 goes on where i ends: then both are one. */
const isOne = (strides: readonly number[], sizes: readonly number[], i: number): boolean =>
  strides[i - 1] === strides[i]! * sizes[i]!;

/** Dimension i of the depth and the one before as one, where all indices allow it. */
function depthMerged(p: Product, i: number): Product {
  const forms = [p.left, p.right, ...p.left.windows, ...p.right.windows];
  const dropped = p.depth[i] === 1 ? i : p.depth[i - 1] === 1 ? i - 1 : undefined;
  const one = dropped === undefined && forms.every(({ depth }) => isOne(depth, p.depth, i));
  if (dropped === undefined && !one) return p;
  const gone = dropped ?? i - 1;
  const form = <T extends Affine>(f: T): T => ({ ...f, depth: without(f.depth, gone) });
  const operand = (f: Operand): Operand => ({ ...form(f), windows: f.windows.map(form) });
  const depth = one ? [...p.depth] : p.depth;
  const sizes = one ? depth.map((n, j) => (j === i ? n * depth[i - 1]! : n)) : depth;
  return {
    ...p,
    depth: without(sizes, gone),
    left: operand(p.left),
    right: operand(p.right),
  };
}

function columnsMerged(p: Product, i: number): Product {
  const forms = [p.right, ...p.right.windows];
  const dropped = p.columns[i] === 1 ? i : p.columns[i - 1] === 1 ? i - 1 : undefined;
  const one = dropped === undefined && forms.every(({ outer }) => isOne(outer, p.columns, i));
  if (dropped === undefined && !one) return p;
  const gone = dropped ?? i - 1;
  const form = <T extends Affine>(f: T): T => ({ ...f, outer: without(f.outer, gone) });
  const sizes = one ? p.columns.map((n, j) => (j === i ? n * p.columns[i - 1]! : n)) : p.columns;
  return {
    ...p,
    columns: without(sizes, gone),
    right: { ...form(p.right), windows: p.right.windows.map(form) },
  };
}
