/** How the recurrent ops are written as ONNX `RNN`, `GRU` and `LSTM`. */
import { argumentLayout } from '@hebb/core';
import type { Attrs, Aval, OnnxAttrs, OnnxEmitter } from '@hebb/core';
import { onnxActivations } from './activations.ts';
import type { RecurrentAttrs } from './loop.ts';

/** The inputs of a node put back into the arguments that the op was called with. */
export interface PlacedInputs {
  readonly names: readonly (readonly string[])[];
  readonly avals: readonly (readonly Aval[])[];
}

export function placedInputs(onnx: OnnxEmitter, attrs: Attrs): PlacedInputs {
  const layout = argumentLayout(attrs) ?? onnx.inputs.map(() => 'x');
  const names: string[][] = [];
  const avals: Aval[][] = [];
  let next = 0;
  for (const entry of layout) {
    const count = entry === 'x' ? 1 : entry === '-' ? 0 : Number(entry);
    names.push(onnx.inputs.slice(next, next + count));
    avals.push(onnx.inputAvals.slice(next, next + count));
    next += count;
  }
  return { names, avals };
}

const one = (
  onnx: OnnxEmitter,
  op: string,
  inputs: readonly string[],
  attrs: OnnxAttrs = {},
): string => onnx.node(op, inputs, attrs)[0]!;

/** Rows of gates in another order. `order[k]` is the gate that comes k-th. */
export function reorderGates(
  onnx: OnnxEmitter,
  name: string,
  order: readonly number[],
  hidden: number,
): string {
  if (order.every((from, k) => from === k)) return name;
  const sizes = onnx.int64(order.map(() => hidden));
  const parts = onnx.node('Split', [name, sizes], { axis: 0 }, order.length);
  return one(
    onnx,
    'Concat',
    order.map((from) => parts[from]!),
    { axis: 0 },
  );
}

/** One value a direction on a new leading axis. */
export function stackDirections(onnx: OnnxEmitter, names: readonly string[]): string {
  const rows = names.map((name) => one(onnx, 'Unsqueeze', [name, onnx.int64([0])]));
  return rows.length === 1 ? rows[0]! : one(onnx, 'Concat', rows, { axis: 0 });
}

/** Both biases of each direction as [D, 2·G·H]; undefined where there are none. */
export function stackBiases(
  onnx: OnnxEmitter,
  biasIh: readonly string[],
  biasHh: readonly string[],
  order: readonly number[],
  hidden: number,
): string | undefined {
  if (biasIh.length === 0) return undefined;
  const joined = biasIh.map((name, d) =>
    one(
      onnx,
      'Concat',
      [reorderGates(onnx, name, order, hidden), reorderGates(onnx, biasHh[d]!, order, hidden)],
      { axis: 0 },
    ),
  );
  return stackDirections(onnx, joined);
}

/** Attributes that the three operators share. */
export function recurrentOnnxAttrs(
  attrs: RecurrentAttrs,
  hidden: number,
  directions: number,
  defaults: readonly string[],
): OnnxAttrs {
  const { names, alpha, beta } = onnxActivations(attrs.activations);
  const plain = names.every((name, i) => name === defaults[i % defaults.length]);
  return {
    hidden_size: hidden,
    direction: directions === 2 ? 'bidirectional' : attrs.reverse ? 'reverse' : 'forward',
    ...(plain ? {} : { activations: { strings: names } }),
    ...(alpha === undefined ? {} : { activation_alpha: { float: alpha } }),
    ...(beta === undefined ? {} : { activation_beta: { float: beta } }),
    ...(attrs.clip === 0 ? {} : { clip: { float: attrs.clip } }),
  };
}

/** Y [T, D, N, H] as [T, N, D·H]. */
export function joinDirections(onnx: OnnxEmitter, y: string, directions: number): string {
  if (directions === 1) return one(onnx, 'Squeeze', [y, onnx.int64([1])]);
  const beside = one(onnx, 'Transpose', [y], { perm: [0, 2, 1, 3] });
  return one(onnx, 'Reshape', [beside, onnx.shape(onnx.outputAvals[0]!.shape)]);
}
