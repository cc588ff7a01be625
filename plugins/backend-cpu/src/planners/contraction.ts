/** Matrix products. */
import { isFloat, sizeOf } from '@hebb/core';
import type { DType, HostArray } from '@hebb/core';
import { isBig } from '../kernels/arrays.ts';
import {
  every,
  floatMultiplyAdd,
  gemmAny,
  gemmFloat32,
  integerMultiplyAdd,
} from '../kernels/gemm.ts';
import type { Matrix, MultiplyAdd } from '../kernels/gemm.ts';
import type { NodePlanner, Operand } from '../program.ts';
import { expandLayout } from '../layout.ts';

export type Gemm = (
  m: number,
  n: number,
  k: number,
  a: Matrix<HostArray>,
  b: Matrix<HostArray>,
  c: HostArray,
  ci: number,
  width: number,
  add: boolean,
) => void;

export function gemmOf(dtype: DType): Gemm {
  if (dtype === 'float32') return gemmFloat32 as Gemm;
  const big = isBig(dtype);
  const multiplyAdd: MultiplyAdd = big
    ? // The operands are BigInts, as the array types are; wrapped so that sums stay small.
      (total, x, y) => BigInt.asIntN(64, (total + x * y) as never) as never
    : isFloat(dtype)
      ? floatMultiplyAdd
      : integerMultiplyAdd;
  const start = big ? 0n : 0;
  return (m, n, k, a, b, c, ci, width, add) =>
    gemmAny(m, n, k, a, b, c, ci, width, add, multiplyAdd, start);
}

export const matmul: NodePlanner = (planner, node) => {
  const [a, b] = node.inputs as [Operand, Operand];
  const { transposeA, transposeB } = node.attrs as { transposeA: boolean; transposeB: boolean };
  const out = planner.result(node.outputs[0]!);
  const gemm = gemmOf(a.dtype);
  const rank = out.shape.length;
  let m = out.shape[rank - 2]!;
  const n = out.shape[rank - 1]!;
  const [ra, rb] = [a.shape.length, b.shape.length];
  const k = a.shape[transposeA ? ra - 2 : ra - 1]!;
  const [arow, acolumn] = transposeA
    ? [a.strides[ra - 1]!, a.strides[ra - 2]!]
    : [a.strides[ra - 2]!, a.strides[ra - 1]!];
  const [brow, bcolumn] = transposeB
    ? [b.strides[rb - 1]!, b.strides[rb - 2]!]
    : [b.strides[rb - 2]!, b.strides[rb - 1]!];

  let batch = out.shape.slice(0, -2);
  const left = [
    ...expandLayout({ ...a, shape: a.shape.slice(0, -2), strides: a.strides.slice(0, -2) }, batch)
      .strides,
  ];
  const right = [
    ...expandLayout({ ...b, shape: b.shape.slice(0, -2), strides: b.strides.slice(0, -2) }, batch)
      .strides,
  ];
  // A batch axis along which b stays put and a's rows go on is just more rows.
  while (
    batch.length > 0 &&
    (right.at(-1) === 0 || batch.at(-1) === 1) &&
    (left.at(-1) === arow * m || batch.at(-1) === 1)
  ) {
    m *= batch.at(-1)!;
    batch = batch.slice(0, -1);
    left.pop();
    right.pop();
  }
  const count = sizeOf(batch);
  const offsets = (strides: readonly number[], base: number): Int32Array => {
    const list = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      let at = base;
      let rest = i;
      for (let axis = batch.length - 1; axis >= 0; axis--) {
        at += (rest % batch[axis]!) * strides[axis]!;
        rest = Math.floor(rest / batch[axis]!);
      }
      list[i] = at;
    }
    return list;
  };
  const [as, bs] = [offsets(left, a.offset), offsets(right, b.offset)];
  const [arows, acolumns] = [every(arow, m), every(acolumn, k)];
  const [brows, bcolumns] = [every(brow, k), every(bcolumn, n)];
  planner.step([a, b], [out], (memory) => {
    const [x, y, o] = [memory[a.storage]!, memory[b.storage]!, memory[out.storage]!];
    for (let i = 0; i < count; i++) {
      gemm(
        m,
        n,
        k,
        { data: x, at: as[i]!, rows: arows, columns: acolumns },
        { data: y, at: bs[i]!, rows: brows, columns: bcolumns },
        o,
        i * m * n,
        n,
        false,
      );
    }
  });
  return [out];
};
