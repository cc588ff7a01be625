/** Convolutions: matrix products with the windows of an image as one operand, one image and group at a time. */
import { sizeOf } from '@hebb/core';
import type { ConvAttrs, HostArray } from '@hebb/core';
import { every } from '../kernels/gemm.ts';
import { addWindows, windowsOf } from '../kernels/windows.ts';
import type { Windows } from '../kernels/windows.ts';
import type { NodePlanner, Operand, PlanNode } from '../program.ts';
import { gemmOf } from './contraction.ts';
import { zero } from './movement.ts';

/** Sizes of a convolution, whichever of its three arrays is the unknown. */
interface Conv {
  readonly windows: Windows;
  /** Output channels of one group. */
  readonly filters: number;
  /** Elements of one filter, and output positions. */
  readonly taps: number;
  readonly positions: number;
  /** A group's filters as a matrix, and its outputs. */
  readonly filterRows: Int32Array;
  readonly outputRows: Int32Array;
  readonly tapColumns: Int32Array;
  readonly positionColumns: Int32Array;
  /** Calls `visit` for each image and group with the offsets of its input, filters and output. */
  each(visit: (xi: number, wi: number, yi: number) => void): void;
}

function convOf(
  node: PlanNode,
  x: readonly number[],
  w: readonly number[],
  y: readonly number[],
): Conv {
  const { stride, padding, dilation, groups } = node.attrs as ConvAttrs;
  const channels = w[1]!;
  const filters = w[0]! / groups;
  const taps = channels * sizeOf(w.slice(2));
  const positions = sizeOf(y.slice(2));
  const image = sizeOf(x.slice(2));
  return {
    windows: windowsOf({
      channels,
      input: x.slice(2),
      kernel: w.slice(2),
      output: y.slice(2),
      stride,
      low: padding.map(([low]) => low),
      dilation,
    }),
    filters,
    taps,
    positions,
    filterRows: every(taps, filters),
    outputRows: every(positions, filters),
    tapColumns: every(1, taps),
    positionColumns: every(1, positions),
    each: (visit) => {
      for (let i = 0; i < x[0]! * groups; i++) {
        visit(i * channels * image, (i % groups) * filters * taps, i * filters * positions);
      }
    },
  };
}

/** What windows of the image at `xi` are read from: the image itself or a padded copy in `scratch`. */
function windowed(
  windows: Windows,
  image: HostArray,
  xi: number,
  scratch: HostArray,
): { data: HostArray; at: number } {
  if (windows.direct) return { data: image, at: xi };
  windows.enter(scratch, image, xi);
  return { data: scratch, at: 0 };
}

const conv: NodePlanner = (planner, node) => {
  const [x, w] = node.inputs.map((input) => planner.contiguous(input)) as [Operand, Operand];
  const out = planner.result(node.outputs[0]!);
  const c = convOf(node, x.shape, w.shape, out.shape);
  const padded = planner.temporary(x.dtype, c.windows.direct ? 0 : c.windows.size);
  const gemm = gemmOf(x.dtype);
  planner.step([x, w], [out, padded], (memory) => {
    const [images, weights, o, scratch] = [x.storage, w.storage, out.storage, padded].map(
      (s) => memory[s]!,
    ) as [HostArray, HostArray, HostArray, HostArray];
    zero(scratch);
    c.each((xi, wi, yi) => {
      gemm(
        c.filters,
        c.positions,
        c.taps,
        { data: weights, at: wi, rows: c.filterRows, columns: c.tapColumns },
        {
          ...windowed(c.windows, images, xi, scratch),
          rows: c.windows.taps,
          columns: c.windows.positions,
        },
        o,
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
  const columns = planner.temporary(g.dtype, c.taps * c.positions);
  const padded = planner.temporary(g.dtype, c.windows.size);
  const gemm = gemmOf(g.dtype);
  planner.step([g, w], [out, columns, padded], (memory) => {
    const [outputs, weights, o, spread, scratch] = [
      g.storage,
      w.storage,
      out.storage,
      columns,
      padded,
    ].map((s) => memory[s]!) as [HostArray, HostArray, HostArray, HostArray, HostArray];
    zero(o);
    c.each((xi, wi, yi) => {
      gemm(
        c.taps,
        c.positions,
        c.filters,
        { data: weights, at: wi, rows: c.tapColumns, columns: c.filterRows },
        { data: outputs, at: yi, rows: c.outputRows, columns: c.positionColumns },
        spread,
        0,
        c.positions,
        false,
      );
      zero(scratch);
      addWindows(scratch, c.windows, spread);
      c.windows.leave(scratch, o, xi);
    });
  });
  return [out];
};

const convKernelGrad: NodePlanner = (planner, node) => {
  const [x, g] = node.inputs.map((input) => planner.contiguous(input)) as [Operand, Operand];
  const out = planner.result(node.outputs[0]!);
  const c = convOf(node, x.shape, out.shape, g.shape);
  const padded = planner.temporary(x.dtype, c.windows.direct ? 0 : c.windows.size);
  const gemm = gemmOf(g.dtype);
  planner.step([x, g], [out, padded], (memory) => {
    const [images, outputs, o, scratch] = [x.storage, g.storage, out.storage, padded].map(
      (s) => memory[s]!,
    ) as [HostArray, HostArray, HostArray, HostArray];
    zero(o);
    zero(scratch);
    c.each((xi, wi, yi) => {
      gemm(
        c.filters,
        c.taps,
        c.positions,
        { data: outputs, at: yi, rows: c.outputRows, columns: c.positionColumns },
        {
          ...windowed(c.windows, images, xi, scratch),
          rows: c.windows.positions,
          columns: c.windows.taps,
        },
        o,
        wi,
        c.taps,
        true,
      );
    });
  });
  return [out];
};

export const convolutions: { readonly [op: string]: NodePlanner } = {
  conv,
  convTranspose,
  convKernelGrad,
};
