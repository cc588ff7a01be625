/** Weights alone in fewer bits; the arithmetic stays in float32. */
import { float16Bits } from '@hebb/core';
import type { TensorData } from '../codec/tensor.ts';
import type { GraphProto } from '../codec/types.ts';
import { GraphEdit, collectReads } from '../convert/edit.ts';
import type { Edited } from './dynamic.ts';
import { productOf } from './products.ts';
import { quantizeInt4 } from './weights.ts';

/** Smaller tensors are not worth a node. */
const fewest = 64;
const largestHalf = 65504;

/**
 * Float initialisers in half precision with a conversion behind each, which runtimes work out when they load
 * the model. Tensors with numbers beyond its range stay.
 */
export function narrowToFloat16(source: GraphProto): Edited {
  const edit = new GraphEdit(source);
  const read = new Set<string>();
  for (const node of source.node) collectReads(node, read);
  const outputs = new Set(source.output.map(({ name }) => name ?? ''));
  const renamed = new Map<string, string>();
  for (const { name = '' } of source.initializer) {
    const tensor = edit.constant(name);
    if (tensor?.dtype !== 'float32' || tensor.data.length < fewest) continue;
    if (!read.has(name) || outputs.has(name)) continue;
    if (tensor.data.some((value) => Math.abs(value) > largestHalf)) continue;
    const data = Uint16Array.from(tensor.data, float16Bits);
    const half = edit.initializer(`${name}_half`, { dtype: 'float16', shape: tensor.shape, data });
    // The old name moves to the result, so that subgraphs find it too.
    renamed.set(name, half);
  }
  for (const [name, half] of renamed) edit.add('Cast', [half], [name], { attributes: { to: 1 } });
  for (const node of source.node) edit.keep(node);
  const graph = edit.result();
  return {
    changed: renamed.size,
    graph: {
      ...graph,
      initializer: graph.initializer.filter(({ name = '' }) => !renamed.has(name)),
    },
  };
}

export interface Int4Options {
  /** Rows of a matrix that share a scale: a power of two from 16; default 32. */
  readonly block?: number;
  readonly exclude?: readonly string[];
}

/** Matrices of MatMul and Gemm as com.microsoft's MatMulNBits, four bits an element. */
export function quantizeWeights4(
  source: GraphProto,
  { block = 32, exclude = [] }: Int4Options = {},
): Edited {
  const edit = new GraphEdit(source);
  let changed = 0;
  for (const node of source.node) {
    const product = exclude.includes(node.name ?? '') ? undefined : productOf(edit, node);
    if (product === undefined || product.kind === 'Conv' || product.weight.data.length < fewest) {
      edit.keep(node);
      continue;
    }
    changed += 1;
    const { weight, weightName, byRow, bias } = product;
    const [rows, columns] = weight.shape as [number, number];
    const [k, n] = byRow ? [columns, rows] : [rows, columns];
    const { codes, scales } = quantizeInt4(weight, block, byRow);
    const store = (part: string, tensor: TensorData): string =>
      edit.initializer(`${weightName}_${part}`, tensor);
    const inputs = [product.input, store('codes', codes), store('scales', scales)];
    const options = {
      domain: 'com.microsoft',
      attributes: { K: k, N: n, bits: 4, block_size: block },
    };
    if (bias === '') edit.add('MatMulNBits', inputs, node.output, options);
    else edit.add('Add', [edit.add('MatMulNBits', inputs, 1, options)[0]!, bias], node.output);
  }
  return { graph: edit.result(), changed };
}
