/** Elementwise primitives: which inner loop runs over which layouts. */
import type { DType, HostArray } from '@hebb/core';
import { dtypeInfo, isFloat } from '@hebb/core';
import { isBig, widthOf } from '../kernels/arrays.ts';
import type { BigArray, NumberArray } from '../kernels/arrays.ts';
import { bitsOf, extremumLoops, whereBits } from '../kernels/bits32.ts';
import { binaryLoops, compareLoops, unaryLoops } from '../kernels/float32.ts';
import { compare, mapBigs, mapNumbers, zipBigs, zipNumbers } from '../kernels/generic.ts';
import { int32Loops } from '../kernels/int32.ts';
import * as scalar from '../kernels/scalar.ts';
import { forRows, nestOf } from '../layout.ts';
import { failAt } from '../program.ts';
import type { Memory, NodePlanner, Operand, PlanNode, Planner } from '../program.ts';

/** A loop over one row: result, operands, each with first index and step; then the count. */
type Row = (
  o: HostArray,
  oi: number,
  os: number,
  a: HostArray,
  ai: number,
  as: number,
  b: HostArray,
  bi: number,
  bs: number,
  n: number,
) => void;

function pick<T>(node: PlanNode, table: { readonly [op: string]: T }): T {
  if (!Object.hasOwn(table, node.op)) {
    failAt(node, 'has no kernel for this type', node.inputs[0]?.dtype);
  }
  return table[node.op]!;
}

function unaryRow(node: PlanNode, dtype: DType): Row {
  if (dtype === 'float32' && Object.hasOwn(unaryLoops, node.op)) {
    const loop = unaryLoops[node.op]!;
    return (o, oi, os, a, ai, as, _b, _bi, _bs, n) =>
      loop(o as Float32Array, oi, os, a as Float32Array, ai, as, n);
  }
  if (isBig(dtype)) {
    const f = pick(node, scalar.unaryBig);
    return (o, oi, os, a, ai, as, _b, _bi, _bs, n) =>
      mapBigs(f, o as BigArray, oi, os, a as BigArray, ai, as, n);
  }
  const f =
    dtype === 'bool' && node.op === 'not'
      ? (x: number) => (x === 0 ? 1 : 0)
      : pick(node, scalar.unaryNumber);
  return (o, oi, os, a, ai, as, _b, _bi, _bs, n) =>
    mapNumbers(f, o as NumberArray, oi, os, a as NumberArray, ai, as, n);
}

/** bool holds 0 and 1 only, whatever an operation on it gives. */
export function asBool(dtype: DType, f: scalar.NumberBinary): scalar.NumberBinary {
  return dtype === 'bool' ? (x, y) => (f(x, y) === 0 ? 0 : 1) : f;
}

function binaryRow(node: PlanNode, dtype: DType): Row {
  if (dtype === 'float32' && Object.hasOwn(binaryLoops, node.op)) {
    return binaryLoops[node.op]! as Row;
  }
  const byZero = (): never => failAt(node, 'division of an integer by zero', dtype);
  if (dtype === 'int32') {
    const loops = int32Loops(byZero);
    if (Object.hasOwn(loops, node.op)) return loops[node.op]! as Row;
  }
  if (isBig(dtype)) {
    const f = pick(node, scalar.binaryBig(byZero));
    return (o, oi, os, a, ai, as, b, bi, bs, n) =>
      zipBigs(f, o as BigArray, oi, os, a as BigArray, ai, as, b as BigArray, bi, bs, n);
  }
  const f = asBool(
    dtype,
    isFloat(dtype)
      ? pick(node, scalar.binaryFloat)
      : pick(node, scalar.binaryInteger(widthOf(dtype), byZero)),
  );
  return (o, oi, os, a, ai, as, b, bi, bs, n) =>
    zipNumbers(f, o as NumberArray, oi, os, a as NumberArray, ai, as, b as NumberArray, bi, bs, n);
}

function compareRow(node: PlanNode, dtype: DType): Row {
  if (dtype === 'float32') return compareLoops[node.op]! as Row;
  if (isBig(dtype)) {
    const f = pick(node, scalar.compareBig);
    return (o, oi, os, a, ai, as, b, bi, bs, n) =>
      compare(f, o as Uint8Array, oi, os, a as BigArray, ai, as, b as BigArray, bi, bs, n);
  }
  const f = pick(node, scalar.compareNumber);
  return (o, oi, os, a, ai, as, b, bi, bs, n) =>
    compare(f, o as Uint8Array, oi, os, a as NumberArray, ai, as, b as NumberArray, bi, bs, n);
}

const asIs = (array: HostArray): HostArray => array;

/**
 * Adds a step that runs `row` over the result and one or two operands; `seen` says as what it wants to see
 * their arrays.
 */
export function rowsStep(
  planner: Planner,
  out: Operand,
  a: Operand,
  b: Operand,
  row: Row,
  seen: (array: HostArray) => HostArray = asIs,
): void {
  const nest = nestOf(out.shape, [out, a, b]);
  const { n } = nest;
  const [os, as, bs] = nest.inner as [number, number, number];
  const [o, x, y] = [out.storage, a.storage, b.storage];
  const run = (memory: Memory): void => {
    const [out, a, b] = [seen(memory[o]!), seen(memory[x]!), seen(memory[y]!)];
    forRows(nest, (at) => row(out, at[0]!, os, a, at[1]!, as, b, at[2]!, bs, n));
  };
  planner.step([a, b], [out], run, { elementwise: true });
}

const unary: NodePlanner = (planner, node) => {
  const [a] = node.inputs as [Operand];
  const out = planner.result(node.outputs[0]!);
  rowsStep(planner, out, a, a, unaryRow(node, a.dtype));
  return [out];
};

const binary: NodePlanner = (planner, node) => {
  const [a, b] = node.inputs as [Operand, Operand];
  const out = planner.result(node.outputs[0]!);
  if (a.dtype === 'float32' && Object.hasOwn(extremumLoops, node.op)) {
    rowsStep(planner, out, a, b, extremumLoops[node.op]! as Row, bitsOf);
  } else rowsStep(planner, out, a, b, binaryRow(node, a.dtype));
  return [out];
};

const comparison: NodePlanner = (planner, node) => {
  const [a, b] = node.inputs as [Operand, Operand];
  const out = planner.result(node.outputs[0]!);
  rowsStep(planner, out, a, b, compareRow(node, a.dtype));
  return [out];
};

function whereAny(
  o: HostArray,
  oi: number,
  os: number,
  c: Uint8Array,
  ci: number,
  cs: number,
  a: HostArray,
  ai: number,
  as: number,
  b: HostArray,
  bi: number,
  bs: number,
  n: number,
): void {
  for (let i = 0; i < n; i++, oi += os, ci += cs, ai += as, bi += bs) {
    o[oi] = c[ci] !== 0 ? a[ai]! : b[bi]!;
  }
}

const where: NodePlanner = (planner, node) => {
  const [c, a, b] = node.inputs as [Operand, Operand, Operand];
  const out = planner.result(node.outputs[0]!);
  const nest = nestOf(out.shape, [out, c, a, b]);
  const { n } = nest;
  const [os, cs, as, bs] = nest.inner as [number, number, number, number];
  // A row of the same class for every type would be slow: elements of four bytes are chosen by their bits.
  const narrow = dtypeInfo(a.dtype).bytes === 4;
  const row = narrow ? (whereBits as typeof whereAny) : whereAny;
  const seen = narrow ? bitsOf : asIs;
  planner.step(
    [c, a, b],
    [out],
    (memory) => {
      const test = memory[c.storage] as Uint8Array;
      const [o, x, y] = [out, a, b].map((operand) => seen(memory[operand.storage]!)) as [
        HostArray,
        HostArray,
        HostArray,
      ];
      forRows(nest, (at) => row(o, at[0]!, os, test, at[1]!, cs, x, at[2]!, as, y, at[3]!, bs, n));
    },
    { elementwise: true },
  );
  return [out];
};

const each = (names: readonly string[], planner: NodePlanner): [string, NodePlanner][] =>
  names.map((name) => [name, planner]);

export const elementwise: { readonly [op: string]: NodePlanner } = Object.fromEntries([
  ...each(Object.keys(scalar.unaryNumber), unary),
  ...each(
    'add sub mul div pow fmod atan2 maximum minimum and or xor shiftLeft shiftRight'.split(' '),
    binary,
  ),
  ...each(Object.keys(scalar.compareNumber), comparison),
  ['where', where],
]);
