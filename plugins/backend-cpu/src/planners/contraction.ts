/** Matrix products and convolutions, both by the same matrix kernels. */
import { isFloat, sizeOf } from '@hebb/core';
import type { ConvAttrs, DType, HostArray } from '@hebb/core';
import { isBig } from '../kernels/arrays.ts';
import { floatMultiplyAdd, gemmAny, gemmFloat32, integerMultiplyAdd } from '../kernels/gemm.ts';
import type { Matrix, MultiplyAdd } from '../kernels/gemm.ts';
import { col2im, im2col, runTable } from '../kernels/im2col.ts';
import type { ConvGeometry } from '../kernels/im2col.ts';
import type { NodePlanner, Operand, PlanNode, Planner } from '../program.ts';
import { expandLayout } from '../layout.ts';
import { zero } from './movement.ts';

type Gemm = (
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

function gemmOf(dtype: DType): Gemm {
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

const matmul: NodePlanner = (planner, node) => {
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
  planner.step([a, b], [out], (memory) => {
    const [x, y, o] = [memory[a.storage]!, memory[b.storage]!, memory[out.storage]!];
    for (let i = 0; i < count; i++) {
      gemm(
        m,
        n,
        k,
        { data: x, at: as[i]!, row: arow, column: acolumn },
        { data: y, at: bs[i]!, row: brow, column: bcolumn },
        o,
        i * m * n,
        n,
        false,
      );
    }
  });
  return [out];
};

/** Sizes of a convolution, whichever of its three arrays is the unknown. */
interface Conv extends ConvGeometry {
  readonly batch: number;
  readonly groups: number;
  /** Channels a group, of input and output. */
  readonly channels: number;
  readonly filters: number;
  /** Elements: taps of one filter over a group's channels, output positions, input positions. */
  readonly taps: number;
  readonly positions: number;
  readonly image: number;
  readonly runs: Int32Array;
}

function convOf(
  node: PlanNode,
  x: readonly number[],
  w: readonly number[],
  y: readonly number[],
): Conv {
  const { stride, padding, dilation, groups } = node.attrs as ConvAttrs;
  const geometry: ConvGeometry = {
    input: x.slice(2),
    kernel: w.slice(2),
    output: y.slice(2),
    stride,
    low: padding.map(([low]) => low),
    dilation,
  };
  return {
    ...geometry,
    batch: x[0]!,
    groups,
    channels: w[1]!,
    filters: w[0]! / groups,
    taps: w[1]! * sizeOf(w.slice(2)),
    positions: sizeOf(y.slice(2)),
    image: sizeOf(x.slice(2)),
    runs: runTable(geometry),
  };
}

/** Calls `visit` for each image and group with the offsets of its input channels, filters and outputs. */
function forImages(conv: Conv, visit: (xi: number, wi: number, yi: number) => void): void {
  const { batch, groups, channels, filters, taps, positions, image } = conv;
  for (let i = 0; i < batch * groups; i++) {
    visit(i * channels * image, (i % groups) * filters * taps, i * filters * positions);
  }
}

function columnsFor(planner: Planner, conv: Conv, dtype: DType): number {
  return planner.temporary(dtype, conv.taps * conv.positions);
}

const rows = (data: HostArray, at: number, width: number): Matrix<HostArray> => ({
  data,
  at,
  row: width,
  column: 1,
});
const transposed = (data: HostArray, at: number, width: number): Matrix<HostArray> => ({
  data,
  at,
  row: 1,
  column: width,
});

const conv: NodePlanner = (planner, node) => {
  const [x, w] = node.inputs.map((input) => planner.contiguous(input)) as [Operand, Operand];
  const out = planner.result(node.outputs[0]!);
  const c = convOf(node, x.shape, w.shape, out.shape);
  const columns = columnsFor(planner, c, x.dtype);
  const gemm = gemmOf(x.dtype);
  planner.step([x, w], [out, columns], (memory) => {
    const [a, b, o, col] = [x.storage, w.storage, out.storage, columns].map((s) => memory[s]!);
    forImages(c, (xi, wi, yi) => {
      im2col(col!, a!, xi, c.channels, c.runs, c);
      gemm(
        c.filters,
        c.positions,
        c.taps,
        rows(b!, wi, c.taps),
        rows(col!, 0, c.positions),
        o!,
        yi,
        c.positions,
        false,
      );
    });
  });
  return [out];
};

const convTranspose: NodePlanner = (planner, node) => {
  const [g, w] = node.inputs.map((input) => planner.contiguous(input)) as [Operand, Operand];
  const out = planner.result(node.outputs[0]!);
  const c = convOf(node, out.shape, w.shape, g.shape);
  const columns = columnsFor(planner, c, g.dtype);
  const gemm = gemmOf(g.dtype);
  planner.step([g, w], [out, columns], (memory) => {
    const [y, b, o, col] = [g.storage, w.storage, out.storage, columns].map((s) => memory[s]!);
    zero(o!);
    forImages(c, (xi, wi, yi) => {
      gemm(
        c.taps,
        c.positions,
        c.filters,
        transposed(b!, wi, c.taps),
        rows(y!, yi, c.positions),
        col!,
        0,
        c.positions,
        false,
      );
      col2im(col!, o!, xi, c.channels, c.runs, c);
    });
  });
  return [out];
};

const convKernelGrad: NodePlanner = (planner, node) => {
  const [x, g] = node.inputs.map((input) => planner.contiguous(input)) as [Operand, Operand];
  const out = planner.result(node.outputs[0]!);
  const c = convOf(node, x.shape, out.shape, g.shape);
  const columns = columnsFor(planner, c, g.dtype);
  const gemm = gemmOf(g.dtype);
  planner.step([x, g], [out, columns], (memory) => {
    const [a, y, o, col] = [x.storage, g.storage, out.storage, columns].map((s) => memory[s]!);
    zero(o!);
    forImages(c, (xi, wi, yi) => {
      im2col(col!, a!, xi, c.channels, c.runs, c);
      gemm(
        c.filters,
        c.taps,
        c.positions,
        rows(y!, yi, c.positions),
        transposed(col!, 0, c.positions),
        o!,
        wi,
        c.taps,
        true,
      );
    });
  });
  return [out];
};

export const contractions: { readonly [op: string]: NodePlanner } = {
  matmul,
  conv,
  convTranspose,
  convKernelGrad,
};
