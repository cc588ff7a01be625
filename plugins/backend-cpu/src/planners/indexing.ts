/** Reading and writing at computed positions. Every index is checked. */
import { sizeOf } from '@hebb/core';
import type { HostArray, ScatterReduce } from '@hebb/core';
import { forRows, nestOf } from '../layout.ts';
import { failAt } from '../program.ts';
import type { NodePlanner, Operand, PlanNode } from '../program.ts';
import { widened } from './cast.ts';
import { asBool } from './elementwise.ts';

/** Index values as numbers; throws unless all lie in [0, size). */
function checked(node: PlanNode, index: HostArray, count: number, size: number): ArrayLike<number> {
  const numbers =
    index instanceof BigInt64Array || index instanceof BigUint64Array
      ? Float64Array.from(index, Number)
      : index;
  for (let i = 0; i < count; i++) {
    const value = numbers[i]!;
    if (value < 0 || value >= size) {
      failAt(
        node,
        `index ${value} is out of range for axis ${node.attrs['axis'] as number} of size ${size}`,
        String(value),
        `0 to ${size - 1}`,
      );
    }
  }
  return numbers;
}

const gather: NodePlanner = (planner, node) => {
  const axis = node.attrs['axis'] as number;
  const x = planner.contiguous(node.inputs[0]!);
  const index = planner.contiguous(node.inputs[1]!);
  const out = planner.result(node.outputs[0]!);
  const size = x.shape[axis]!;
  const lead = sizeOf(x.shape.slice(0, axis));
  const block = sizeOf(x.shape.slice(axis + 1));
  const count = sizeOf(index.shape);
  planner.step([x, index], [out], (memory) => {
    const data = memory[x.storage]!;
    const o = memory[out.storage]!;
    const at = checked(node, memory[index.storage]!, count, size);
    for (let a = 0, to = 0; a < lead; a++) {
      for (let i = 0; i < count; i++, to += block) {
        const from = (a * size + at[i]!) * block;
        if (block >= 48) {
          // Equal classes.
          (o as Float32Array).set((data as Float32Array).subarray(from, from + block), to);
        } else for (let k = 0; k < block; k++) o[to + k] = data[from + k]!;
      }
    }
  });
  return [out];
};

const gatherElements: NodePlanner = (planner, node) => {
  const axis = node.attrs['axis'] as number;
  const x = node.inputs[0]!;
  const index = planner.contiguous(node.inputs[1]!);
  const out = planner.result(node.outputs[0]!);
  // x is walked off the axis only; the index adds the rest.
  const nest = nestOf(out.shape, [
    out,
    { ...x, strides: x.strides.map((s, i) => (i === axis ? 0 : s)) },
  ]);
  const [os, xs] = nest.inner as [number, number];
  const step = x.strides[axis]!;
  planner.step([x, index], [out], (memory) => {
    const data = memory[x.storage]!;
    const o = memory[out.storage]!;
    const at = checked(node, memory[index.storage]!, sizeOf(index.shape), x.shape[axis]!);
    forRows(nest, ([to, from]) => {
      for (let i = 0; i < nest.n; i++) {
        const where = to! + i * os;
        o[where] = data[from! + i * xs + at[where]! * step]!;
      }
    });
  });
  return [out];
};

/** Numbers and BigInts share these operators; an array holds one kind. */
const combine: { readonly [reduce in ScatterReduce]: (old: number, x: number) => number } = {
  none: (_old, x) => x,
  add: (old, x) => old + x,
  mul: (old, x) => old * x,
  max: (old, x) => (old !== old || old > x ? old : x),
  min: (old, x) => (old !== old || old < x ? old : x),
};

function combiner(node: PlanNode, x: Operand): (old: number, x: number) => number {
  const reduce = node.attrs['reduce'] as ScatterReduce;
  // A product of 32-bit integers does not fit a float64.
  const wide = reduce === 'mul' && (x.dtype === 'int32' || x.dtype === 'uint32');
  return asBool(x.dtype, wide ? Math.imul : combine[reduce]);
}

const scatter: NodePlanner = (planner, node) => {
  const axis = node.attrs['axis'] as number;
  const [x] = node.inputs as [Operand];
  const index = planner.contiguous(node.inputs[1]!);
  const source = planner.contiguous(node.inputs[2]!);
  const out = planner.fresh(x);
  const size = x.shape[axis]!;
  const lead = sizeOf(x.shape.slice(0, axis));
  const block = sizeOf(x.shape.slice(axis + 1));
  const count = sizeOf(index.shape);
  const f = combiner(node, x);
  planner.step([index, source, out], [], (memory) => {
    const data = memory[source.storage]!;
    const o = memory[out.storage]!;
    const at = checked(node, memory[index.storage]!, count, size);
    for (let a = 0, from = 0; a < lead; a++) {
      for (let i = 0; i < count; i++) {
        const to = (a * size + at[i]!) * block;
        for (let k = 0; k < block; k++, from++) {
          o[to + k] = f(o[to + k] as number, data[from] as number);
        }
      }
    }
  });
  return [out];
};

const scatterElements: NodePlanner = (planner, node) => {
  const axis = node.attrs['axis'] as number;
  const [x] = node.inputs as [Operand];
  const index = planner.contiguous(node.inputs[1]!);
  const source = planner.contiguous(node.inputs[2]!);
  const out = planner.fresh(x);
  const nest = nestOf(index.shape, [
    index,
    { ...out, strides: out.strides.map((s, i) => (i === axis ? 0 : s)) },
  ]);
  const [is, os] = nest.inner as [number, number];
  const step = out.strides[axis]!;
  const f = combiner(node, x);
  planner.step([index, source, out], [], (memory) => {
    const data = memory[source.storage]!;
    const o = memory[out.storage]!;
    const at = checked(node, memory[index.storage]!, sizeOf(index.shape), x.shape[axis]!);
    forRows(nest, ([from, base]) => {
      for (let i = 0; i < nest.n; i++) {
        const j = from! + i * is;
        const to = base! + i * os + at[j]! * step;
        o[to] = f(o[to] as number, data[j] as number);
      }
    });
  });
  return [out];
};

/** Plain writes move bits; combining 16-bit floats needs their numbers. */
function combining(planner: NodePlanner): NodePlanner {
  const wide = widened(planner, 'float64');
  return (p, node) => (node.attrs['reduce'] === 'none' ? planner(p, node) : wide(p, node));
}

export const indexing: { readonly [op: string]: NodePlanner } = {
  gather,
  gatherElements,
  scatter: combining(scatter),
  scatterElements: combining(scatterElements),
};
