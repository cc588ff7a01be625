/** Mixed precision: products in 16 bits, everything else as it is. */
import { apply, currentBackend, fail, traceGraph, withPath } from '@hebb/core';
import type { Tensor } from '@hebb/core';

/** Element types of the fast products. */
export type HalfType = 'float16' | 'bfloat16';

/** Ops that gain from 16 bits and add up enough terms for it to be safe: PyTorch's autocast list in short. */
export const halfOps: readonly string[] = ['matmul', 'linear', 'conv', 'convTranspose'];

export interface AutocastOptions {
  readonly dtype: HalfType;
  /** Names of the ops that run in 16 bits; default `halfOps`. */
  readonly ops?: Iterable<string>;
}

/**
 * The same tensors with every listed op computed in 16 bits: its float32 inputs are cast down, what it gives
 * is cast back, so that sums, normalisations and losses stay in float32 and so do parameters and their
 * gradients. Differentiate the result: the products of the backward pass are in 16 bits too. Works on
 * values not computed yet, as in a compiled function. Micikevicius et al. 2018, arXiv:1710.03740.
 */
export function autocast(
  outputs: readonly Tensor[],
  { dtype, ops = halfOps }: AutocastOptions,
): Tensor[] {
  const chosen = new Set(ops);
  const { graph, captures } = traceGraph(outputs, []);
  const values: Tensor[] = [];
  graph.inputs.forEach((id, i) => (values[id] = captures[i]!));
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((id) => values[id]!);
    const half = chosen.has(node.op.name) && inputs.some((x) => x.dtype === 'float32');
    withPath(node.path, () => {
      const given = half ? inputs.map((x) => (x.dtype === 'float32' ? x.to(dtype) : x)) : inputs;
      const made = apply(node.op, given, node.attrs);
      node.outputs.forEach((id, i) => {
        const output = made[i]!;
        values[id] = half && output.dtype === dtype ? output.to('float32') : output;
      });
    });
  }
  return graph.outputs.map((id) => values[id]!);
}

/** Throws where the current backend does not compute with the type. */
export function requireHalf(op: string, dtype: HalfType): void {
  const { name, capabilities } = currentBackend(op);
  if (!capabilities.dtypes.has(dtype)) {
    fail(op, `backend ${name} does not compute in ${dtype}`, [...capabilities.dtypes].join(', '));
  }
}
