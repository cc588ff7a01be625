/** Movement primitives. Most only change the layout; copies happen where a reader needs one. */
import { stridesOf } from '@hebb/core';
import type { HostArray, Shape } from '@hebb/core';
import { copyLoop } from '../kernels/float32.ts';
import {
  expandLayout,
  flipLayout,
  forRows,
  nestOf,
  permuteLayout,
  reshapeLayout,
  rowMajor,
  sliceLayout,
  windowLayout,
} from '../layout.ts';
import type { Layout } from '../layout.ts';
import { setCopyStep } from '../program.ts';
import type { Kernel, NodePlanner, Operand, Planner } from '../program.ts';
import { encodeScalar } from './constant.ts';

type Ints = readonly number[];

function copyAny(
  o: HostArray,
  oi: number,
  os: number,
  a: HostArray,
  ai: number,
  as: number,
  n: number,
): void {
  for (let i = 0; i < n; i++, oi += os, ai += as) o[oi] = a[ai]!;
}

/** Shorter rows are copied element by element: making the two array views costs more. */
const longRow = 48;

/** Adds a step that writes `x` into a part (or all) of the storage that `target` describes. */
function writeInto(target: Operand, x: Operand): Kernel {
  const nest = nestOf(x.shape, [target, x]);
  const { n } = nest;
  const [os, as] = nest.inner as [number, number];
  const row = x.dtype === 'float32' ? (copyLoop as typeof copyAny) : copyAny;
  return (memory) => {
    const o = memory[target.storage]!;
    const a = memory[x.storage]!;
    if (os === 1 && as === 1 && n >= longRow) {
      forRows(nest, (at) => {
        // Same class on both sides: the dtypes are equal.
        (o as Float32Array).set((a as Float32Array).subarray(at[1]!, at[1]! + n), at[0]!);
      });
    } else forRows(nest, (at) => row(o, at[0]!, os, a, at[1]!, as, n));
  };
}

function copy(planner: Planner, x: Operand): Operand {
  const out = planner.result(x);
  planner.step([x], [out], writeInto(out, x));
  return out;
}
setCopyStep(copy);

const view = (x: Operand, layout: Layout): Operand => ({ ...layout, storage: x.storage });

const reshape: NodePlanner = (planner, node) => {
  const [x] = node.inputs as [Operand];
  const { shape } = node.outputs[0]!;
  const layout = reshapeLayout(x, shape);
  if (layout !== undefined) return [view(x, layout)];
  return [view(planner.copy(x), rowMajor(shape, x.dtype))];
};

const permute: NodePlanner = (_planner, { inputs: [x], attrs }) => [
  view(x!, permuteLayout(x!, attrs['axes'] as Ints)),
];

const expand: NodePlanner = (_planner, { inputs: [x], attrs }) => [
  view(x!, expandLayout(x!, attrs['shape'] as Shape)),
];

const slice: NodePlanner = (_planner, { inputs: [x], attrs }) => [
  view(
    x!,
    sliceLayout(x!, attrs['starts'] as Ints, attrs['sizes'] as Ints, attrs['steps'] as Ints),
  ),
];

const flip: NodePlanner = (_planner, { inputs: [x], attrs }) => [
  view(x!, flipLayout(x!, attrs['axes'] as Ints)),
];

const window: NodePlanner = (_planner, { inputs: [x], outputs: [out], attrs }) => [
  view(x!, windowLayout(x!, out!.shape, attrs['stride'] as Ints, attrs['dilation'] as Ints)),
];

const alias: NodePlanner = (_planner, { inputs }) => [inputs[0]!];

const pad: NodePlanner = (planner, node) => {
  const [x] = node.inputs as [Operand];
  const { low, interior } = node.attrs as { low: Ints; interior: Ints };
  const value = encodeScalar(node.attrs['value'] as number | bigint, x.dtype);
  const out = planner.result(node.outputs[0]!);
  const strides = stridesOf(out.shape);
  const inner = {
    ...out,
    shape: x.shape,
    strides: strides.map((s, i) => s * (interior[i]! + 1)),
    offset: low.reduce((sum, n, i) => sum + n * strides[i]!, 0),
  };
  const write = writeInto(inner, x);
  planner.step([x], [out], (memory) => {
    // The value has the array's element type.
    (memory[out.storage] as Float32Array).fill(value as number);
    write(memory);
  });
  return [out];
};

const concat: NodePlanner = (planner, node) => {
  const axis = node.attrs['axis'] as number;
  const out = planner.result(node.outputs[0]!);
  let start = 0;
  const writes = node.inputs.map((x) => {
    const part = { ...out, shape: x.shape, offset: start * out.strides[axis]! };
    start += x.shape[axis]!;
    return writeInto(part, x);
  });
  planner.step(node.inputs, [out], (memory) => {
    for (const write of writes) write(memory);
  });
  return [out];
};

function addLoop(
  o: Float32Array,
  oi: number,
  os: number,
  a: Float32Array,
  ai: number,
  as: number,
  n: number,
): void {
  for (let i = 0; i < n; i++, oi += os, ai += as) o[oi] = o[oi]! + a[ai]!;
}

function addAny(
  o: HostArray,
  oi: number,
  os: number,
  a: HostArray,
  ai: number,
  as: number,
  n: number,
): void {
  for (let i = 0; i < n; i++, oi += os, ai += as) {
    // Both are numbers or both are BigInts.
    o[oi] = (o[oi] as number) + (a[ai] as number);
  }
}

function orAny(
  o: HostArray,
  oi: number,
  os: number,
  a: HostArray,
  ai: number,
  as: number,
  n: number,
): void {
  for (let i = 0; i < n; i++, oi += os, ai += as) if (a[ai] !== 0) o[oi] = 1;
}

const addRows: { readonly [dtype: string]: typeof addAny } = {
  float32: addLoop as typeof addAny,
  bool: orAny,
};

/** Adds windows up through the window view of the result. */
export const fold: NodePlanner = (planner, node) => {
  const [x] = node.inputs as [Operand];
  const { stride, dilation } = node.attrs as { stride: Ints; dilation: Ints };
  const out = planner.result(node.outputs[0]!);
  const target = windowLayout(out, x.shape, stride, dilation);
  const nest = nestOf(x.shape, [target, x]);
  const { n } = nest;
  const [os, as] = nest.inner as [number, number];
  const row = addRows[x.dtype] ?? addAny;
  planner.step([x], [out], (memory) => {
    const o = memory[out.storage]!;
    const a = memory[x.storage]!;
    zero(o);
    forRows(nest, (at) => row(o, at[0]!, os, a, at[1]!, as, n));
  });
  return [out];
};

/** Every element 0, whatever the element type. */
export function zero(array: HostArray): void {
  if (array instanceof BigInt64Array || array instanceof BigUint64Array) array.fill(0n);
  else array.fill(0);
}

export const movement: { readonly [op: string]: NodePlanner } = {
  reshape,
  permute,
  expand,
  slice,
  flip,
  window,
  alias,
  stopGradient: alias,
  pad,
  concat,
};
