/** Values that come from nowhere. */
import { bfloat16Bits, dtypeInfo, float16Bits } from '@hebb/core';
import type { DType } from '@hebb/core';
import { isBig } from '../kernels/arrays.ts';
import { philox } from '../kernels/philox.ts';
import type { NodePlanner, Operand } from '../program.ts';

/** A number in storage form. */
export function encodeScalar(value: number | bigint, dtype: DType): number | bigint {
  if (dtype === 'float16') return float16Bits(Number(value));
  if (dtype === 'bfloat16') return bfloat16Bits(Number(value));
  return isBig(dtype) ? BigInt(value) : value;
}

/** One element, seen at every position. */
const full: NodePlanner = (planner, node) => {
  const { shape, dtype } = node.outputs[0]!;
  const data = dtypeInfo(dtype).allocate(1);
  data[0] = encodeScalar(node.attrs['value'] as number | bigint, dtype);
  return [planner.constant(data, { shape, dtype, strides: shape.map(() => 0), offset: 0 })];
};

const iota: NodePlanner = (planner, node) => {
  const out = planner.result(node.outputs[0]!);
  planner.step([], [out], (memory) => {
    const o = memory[out.storage]!;
    for (let i = 0; i < o.length; i++) o[i] = encodeScalar(i, out.dtype);
  });
  return [out];
};

const randomBits: NodePlanner = (planner, node) => {
  const key = planner.contiguous(node.inputs[0] as Operand);
  const out = planner.result(node.outputs[0]!);
  planner.step([key], [out], (memory) => {
    const [k0, k1] = memory[key.storage] as Uint32Array;
    philox(memory[out.storage] as Uint32Array, k0!, k1!);
  });
  return [out];
};

export const constants: { readonly [op: string]: NodePlanner } = { full, iota, randomBits };
