/** The nodes that quantisation is about: products of a computed value and a constant matrix or kernel. */
import type { TensorData } from '../codec/tensor.ts';
import type { NodeProto } from '../codec/types.ts';
import { Attributes } from '../import/attributes.ts';
import type { GraphEdit } from '../convert/edit.ts';

export interface Product {
  readonly node: NodeProto;
  readonly kind: 'MatMul' | 'Gemm' | 'Conv';
  readonly input: string;
  readonly weight: TensorData;
  readonly weightName: string;
  readonly bias: string;
  /** The axis of the weight that the output's channels run along. */
  readonly axis: number;
  /** A matrix [N, K] instead of [K, N]. */
  readonly byRow: boolean;
}

/** What the node multiplies, where it is a product that can be quantised. */
export function productOf(edit: GraphEdit, node: NodeProto): Product | undefined {
  const { opType: kind, domain = '' } = node;
  if (domain !== '' || (kind !== 'MatMul' && kind !== 'Gemm' && kind !== 'Conv')) return undefined;
  const [input, weightName, bias = ''] = node.input;
  if (input === undefined || weightName === undefined) return undefined;
  const weight = edit.constant(weightName);
  if (weight?.dtype !== 'float32' || edit.constant(input) !== undefined) return undefined;
  const rank = weight.shape.length;
  if (kind === 'Conv' ? rank < 3 : rank !== 2) return undefined;
  const attr = new Attributes(kind, node.attribute);
  const byRow = kind === 'Gemm' && attr.bool('transB');
  if (kind === 'Gemm') {
    const plain = attr.float('alpha', 1) === 1 && (bias === '' || attr.float('beta', 1) === 1);
    if (!plain || attr.bool('transA')) return undefined;
  }
  const axis = kind === 'Conv' || byRow ? 0 : 1;
  return { node, kind, input, weight, weightName, bias, axis, byRow };
}

/** A matrix [N, K] as [K, N]. */
export function transposed(weight: TensorData): TensorData {
  const [rows, columns] = weight.shape as [number, number];
  const from = weight.data as Float32Array;
  const data = new Float32Array(from.length);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) data[c * rows + r] = from[r * columns + c]!;
  }
  return { dtype: 'float32', shape: [columns, rows], data };
}
