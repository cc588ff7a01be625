/** Movement primitives: the same elements in other places. Backends that know strides copy nothing. */
import { apply1, describe, requireKind, requireTensor } from '../apply.ts';
import type { Scalar } from '../apply.ts';
import { commonDType } from '../apply.ts';
import { fail } from '../error.ts';
import { primitive, withOp } from '../op.ts';
import type { Op } from '../op.ts';
import {
  broadcastShapes,
  checkShape,
  formatShape,
  normalizeAxes,
  normalizeAxis,
  resolveShape,
  sameShape,
  sizeOf,
} from '../shape.ts';
import type { Shape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { scalarValue } from './constant.ts';
import { cast } from './elementwise.ts';
import { sum } from './reduce.ts';
import { onnxFlip, onnxFold, onnxPad, onnxReshape, onnxSlice, onnxWindow } from './onnx.ts';

const reshapeOp: Op<{ readonly shape: Shape }> = primitive<{ readonly shape: Shape }>('reshape', {
  infer: ([x], { shape }) => {
    if (sizeOf(shape) !== sizeOf(x!.shape)) {
      fail('reshape', 'sizes differ', formatShape(x!.shape), formatShape(shape));
    }
    return [{ shape, dtype: x!.dtype }];
  },
  vjp: ({ grads, inputs }) => [reshape(grads[0]!, inputs[0]!.shape)],
  onnx: onnxReshape,
  samples: [
    { in: [[2, 3]], attrs: { shape: [3, 2] } },
    { in: [[1]], attrs: { shape: [] } },
    { in: [[0, 3]], attrs: { shape: [3, 0] } },
  ],
});
/** The same elements, row-major, in another shape; one size may be -1. */
export const reshape = withOp(reshapeOp, (x: Tensor, shape: Shape): Tensor => {
  requireTensor('reshape', x);
  const target = resolveShape('reshape', shape, x.size);
  checkShape('reshape', target);
  return sameShape(target, x.shape) ? x : apply1(reshapeOp, [x], { shape: target });
});

const permuteOp: Op<{ readonly axes: readonly number[] }> = primitive<{
  readonly axes: readonly number[];
}>('permute', {
  infer: ([x], { axes }) => {
    const rank = x!.shape.length;
    if (
      axes.length !== rank ||
      normalizeAxes('permute', axes, rank).some((axis, i) => axis !== i)
    ) {
      fail('permute', 'not a permutation of the axes', `[${axes.join(',')}]`, `rank ${rank}`);
    }
    return [{ shape: axes.map((axis) => x!.shape[axis]!), dtype: x!.dtype }];
  },
  vjp: ({ grads, attrs }) => {
    const inverse = new Array<number>(attrs.axes.length);
    attrs.axes.forEach((axis, i) => (inverse[axis] = i));
    return [permute(grads[0]!, inverse)];
  },
  onnx: { op: 'Transpose', since: 1, attrs: ({ axes }) => ({ perm: axes as readonly number[] }) },
  samples: [
    { in: [[2, 3, 4]], attrs: { axes: [2, 0, 1] } },
    { in: [[3, 5]], attrs: { axes: [1, 0] } },
  ],
});
/** Axes in another order. Shape: output axis i is input axis `axes[i]`. */
export const permute = withOp(permuteOp, (x: Tensor, axes: readonly number[]): Tensor => {
  requireTensor('permute', x);
  const order = axes.map((axis) => normalizeAxis('permute', axis, x.rank));
  if (order.length === x.rank && order.every((axis, i) => axis === i)) return x;
  return apply1(permuteOp, [x], { axes: order });
});

const expandOp: Op<{ readonly shape: Shape }> = primitive<{ readonly shape: Shape }>('expand', {
  infer: ([x], { shape }) => {
    const result = broadcastShapes('expand', x!.shape, shape);
    if (!sameShape(result, shape)) {
      fail('expand', 'shape does not broadcast', formatShape(x!.shape), formatShape(shape));
    }
    return [{ shape, dtype: x!.dtype }];
  },
  vjp: ({ grads, inputs }) => [sumToShape(grads[0]!, inputs[0]!.shape)],
  samples: [
    { in: [[3, 1]], attrs: { shape: [2, 3, 4] } },
    { in: [[]], attrs: { shape: [2, 2] } },
    { in: [[1, 3]], attrs: { shape: [0, 3] } },
  ],
});
/** NumPy broadcasting to a shape. */
export function broadcastTo(x: Tensor, shape: Shape, name = 'expand'): Tensor {
  requireTensor(name, x);
  return sameShape(x.shape, shape) ? x : apply1(expandOp, [x], { shape: [...shape] });
}
/** Broadcasts to a shape in which -1 keeps a size, as PyTorch's `expand`. */
export const expand = withOp(expandOp, (x: Tensor, shape: Shape): Tensor => {
  const lead = shape.length - x.rank;
  const target = shape.map((dim, i) => (dim === -1 && i >= lead ? x.shape[i - lead]! : dim));
  checkShape('expand', target);
  return broadcastTo(x, target);
});

/** Sums over the axes along which `shape` was broadcast to x's shape: the transpose of `broadcastTo`. */
export function sumToShape(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const lead = x.rank - shape.length;
  const axes: number[] = [];
  x.shape.forEach((dim, i) => {
    if (i < lead || (shape[i - lead] === 1 && dim !== 1)) axes.push(i);
  });
  return reshape(sum(x, axes), shape);
}

type SliceAttrs = {
  readonly starts: readonly number[];
  readonly sizes: readonly number[];
  readonly steps: readonly number[];
};
const sliceOp: Op<SliceAttrs> = primitive<SliceAttrs>('slice', {
  infer: ([x], { starts, sizes, steps }) => {
    const lists = [starts, sizes, steps];
    if (lists.some((list) => list.length !== x!.shape.length || !list.every(Number.isInteger))) {
      fail(
        'slice',
        'starts, sizes and steps are integers, one an axis',
        lists.map(formatShape).join(', '),
        `rank ${x!.shape.length}`,
      );
    }
    x!.shape.forEach((dim, i) => {
      const last = starts[i]! + (sizes[i]! - 1) * steps[i]!;
      if (sizes[i]! < 0 || steps[i]! < 1 || starts[i]! < 0 || (sizes[i]! > 0 && last >= dim)) {
        fail(
          'slice',
          `axis ${i} runs outside`,
          `start ${starts[i]}, size ${sizes[i]}, step ${steps[i]}`,
          `within ${dim}`,
        );
      }
    });
    return [{ shape: sizes, dtype: x!.dtype }];
  },
  vjp: ({ grads: [g], inputs: [x], attrs: { starts, sizes, steps } }) => {
    const spread = sizes.map((size, i) => (size === 0 ? 0 : (size - 1) * steps[i]! + 1));
    const high = x!.shape.map((dim, i) => dim - starts[i]! - spread[i]!);
    // An empty axis has nothing to spread: its gradient is all zeros.
    return [pad(g!, { low: starts, high, interior: steps.map((step) => step - 1) }, 0)];
  },
  onnx: onnxSlice,
  samples: [
    { in: [[5, 6]], attrs: { starts: [1, 0], sizes: [2, 3], steps: [2, 2] } },
    { in: [[4]], attrs: { starts: [1], sizes: [0], steps: [1] } },
  ],
});
/**
 * A strided part: element i of an axis is element `start + i * step` of the input. Every axis is given;
 * steps are positive (see `flip` for the other direction).
 */
export const slice = withOp(sliceOp, (x: Tensor, attrs: SliceAttrs): Tensor => {
  const { starts, sizes, steps } = attrs;
  if (starts.every((s) => s === 0) && steps.every((s) => s === 1) && sameShape(sizes, x.shape))
    return x;
  return apply1(sliceOp, [x], { starts: [...starts], sizes: [...sizes], steps: [...steps] });
});

/** Elements start … start + length - 1 of one axis. */
export function narrow(x: Tensor, axis: number, start: number, length: number): Tensor {
  const at = normalizeAxis('narrow', axis, x.rank);
  const from = start < 0 ? start + x.shape[at]! : start;
  if (from < 0 || length < 0 || from + length > x.shape[at]!) {
    fail(
      'narrow',
      `axis ${at} runs outside`,
      `start ${start}, length ${length}`,
      `within ${x.shape[at]}`,
    );
  }
  return slice(x, {
    starts: x.shape.map((_, i) => (i === at ? from : 0)),
    sizes: x.shape.map((dim, i) => (i === at ? length : dim)),
    steps: x.shape.map(() => 1),
  });
}

const flipOp: Op<{ readonly axes: readonly number[] }> = primitive<{
  readonly axes: readonly number[];
}>('flip', {
  infer: ([x]) => [{ shape: x!.shape, dtype: x!.dtype }],
  vjp: ({ grads, attrs }) => [flip(grads[0]!, attrs.axes)],
  onnx: onnxFlip,
  samples: [
    { in: [[3, 4]], attrs: { axes: [1] } },
    { in: [[2, 0, 3]], attrs: { axes: [0, 2] } },
  ],
});
/** The order along the axes reversed; all axes when none are given. */
export const flip = withOp(flipOp, (x: Tensor, axes?: number | readonly number[]): Tensor => {
  const list = normalizeAxes('flip', axes, x.rank);
  return list.length === 0 ? x : apply1(flipOp, [x], { axes: list });
});

export interface PadWidths {
  readonly low: readonly number[];
  readonly high: readonly number[];
  /** Elements put between neighbours. */
  readonly interior?: readonly number[];
}
type PadAttrs = {
  readonly low: readonly number[];
  readonly high: readonly number[];
  readonly interior: readonly number[];
  readonly value: number | bigint;
};
const padOp: Op<PadAttrs> = primitive<PadAttrs>('pad', {
  infer: ([x], { low, high, interior }) => {
    const rank = x!.shape.length;
    const wrong = [low, high, interior].some(
      (w) => w.length !== rank || w.some((n) => !Number.isInteger(n) || n < 0),
    );
    if (wrong)
      fail(
        'pad',
        'widths are non-negative integers, one an axis',
        `low [${low.join(',')}], high [${high.join(',')}]`,
        `rank ${rank}`,
      );
    const shape = x!.shape.map(
      (dim, i) => low[i]! + high[i]! + dim + Math.max(0, dim - 1) * interior[i]!,
    );
    checkShape('pad', shape);
    return [{ shape, dtype: x!.dtype }];
  },
  vjp: ({ grads: [g], inputs: [x], attrs: { low, interior } }) => [
    slice(g!, {
      // The offset of an empty axis would lie outside; nothing is read there.
      starts: low.map((n, i) => (x!.shape[i] === 0 ? 0 : n)),
      sizes: x!.shape,
      steps: interior.map((n) => n + 1),
    }),
  ],
  onnx: onnxPad,
  samples: [
    { in: [[2, 3]], attrs: { low: [1, 0], high: [0, 2], interior: [0, 0], value: 0 } },
    { in: [[3]], attrs: { low: [1], high: [1], interior: [2], value: 1.5 } },
    { in: [[0, 2]], attrs: { low: [1, 1], high: [1, 0], interior: [1, 0], value: 0 } },
  ],
});
/** Surrounds (and with `interior` spaces out) the elements with a constant. Widths are not negative. */
export const pad = withOp(padOp, (x: Tensor, widths: PadWidths, value: Scalar = 0): Tensor => {
  const interior = widths.interior ?? widths.low.map(() => 0);
  const attrs = { low: [...widths.low], high: [...widths.high], interior: [...interior] };
  if ([...attrs.low, ...attrs.high, ...interior].every((n) => n === 0)) return x;
  return apply1(padOp, [x], { ...attrs, value: scalarValue('pad', value, x.dtype) });
});

const concatOp: Op<{ readonly axis: number }> = primitive<{ readonly axis: number }>('concat', {
  infer: (inputs, { axis }) => {
    const first = inputs[0]!;
    let total = 0;
    inputs.forEach((x, k) => {
      const fits =
        x.dtype === first.dtype &&
        x.shape.length === first.shape.length &&
        x.shape.every((dim, i) => i === axis || dim === first.shape[i]);
      if (!fits)
        fail('concat', `input ${k} does not fit along axis ${axis}`, describe(x), describe(first));
      total += x.shape[axis]!;
    });
    return [{ shape: first.shape.map((dim, i) => (i === axis ? total : dim)), dtype: first.dtype }];
  },
  vjp: ({ grads, inputs, attrs }) => {
    let start = 0;
    return inputs.map((x) => {
      const length = x.shape[attrs.axis]!;
      start += length;
      return narrow(grads[0]!, attrs.axis, start - length, length);
    });
  },
  onnx: { op: 'Concat', since: 4, attrs: ({ axis }) => ({ axis: axis as number }) },
  samples: [
    {
      in: [
        [2, 3],
        [2, 1],
        [2, 2],
      ],
      attrs: { axis: 1 },
    },
    { in: [[0], [3]], attrs: { axis: 0 } },
  ],
});
/** Joins along an axis; dtypes are promoted. */
export const concat = withOp(concatOp, (tensors: readonly Tensor[], axis = 0): Tensor => {
  const [first] = tensors;
  if (first === undefined) fail('concat', 'needs at least one tensor');
  for (const x of tensors) requireTensor('concat', x);
  const at = normalizeAxis('concat', axis, first.rank);
  const dtype = commonDType(tensors);
  const parts = tensors.map((x) => cast(x, dtype));
  return parts.length === 1 ? parts[0]! : apply1(concatOp, parts, { axis: at });
});

/** Joins along a new axis. */
export function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  const rank = (tensors[0]?.rank ?? 0) + 1;
  const at = normalizeAxis('stack', axis, rank);
  return concat(
    tensors.map((x) => unsqueeze(x, at)),
    at,
  );
}

/** A new axis of size 1 at the position. */
export function unsqueeze(x: Tensor, axis: number): Tensor {
  const at = normalizeAxis('unsqueeze', axis, x.rank + 1);
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
}

/** Without the given axes of size 1 (all of them when none are named). Axes of another size stay. */
export function squeeze(x: Tensor, axes?: number | readonly number[]): Tensor {
  const list = normalizeAxes('squeeze', axes, x.rank);
  return reshape(
    x,
    x.shape.filter((dim, i) => dim !== 1 || !list.includes(i)),
  );
}

type WindowAttrs = {
  readonly size: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
};
function checkWindow(op: string, { size, stride, dilation }: WindowAttrs): void {
  const lists = [size, stride, dilation];
  if (lists.some((list) => list.length !== size.length || !list.every(Number.isInteger))) {
    fail(
      op,
      'size, stride and dilation are lists of integers of one length',
      lists.map(formatShape).join(', '),
    );
  }
}
const reach = (attrs: WindowAttrs, k: number): number =>
  (attrs.size[k]! - 1) * attrs.dilation[k]! + 1;

const windowOp: Op<WindowAttrs> = primitive<WindowAttrs>('window', {
  infer: ([x], attrs) => {
    checkWindow('window', attrs);
    const lead = x!.shape.length - attrs.size.length;
    if (lead < 0)
      fail(
        'window',
        'more windows than axes',
        formatShape(x!.shape),
        `rank >= ${attrs.size.length}`,
      );
    const counts = attrs.size.map((size, k) => {
      const dim = x!.shape[lead + k]!;
      if (size < 1 || attrs.stride[k]! < 1 || attrs.dilation[k]! < 1 || reach(attrs, k) > dim) {
        fail(
          'window',
          `window ${k} does not fit`,
          `size ${size}, stride ${attrs.stride[k]}, dilation ${attrs.dilation[k]}`,
          `at most ${dim}`,
        );
      }
      return Math.floor((dim - reach(attrs, k)) / attrs.stride[k]!) + 1;
    });
    return [{ shape: [...x!.shape.slice(0, lead), ...counts, ...attrs.size], dtype: x!.dtype }];
  },
  vjp: ({ grads, inputs, attrs }) => [
    fold(grads[0]!, { ...attrs, spatial: inputs[0]!.shape.slice(-attrs.size.length) }),
  ],
  onnx: onnxWindow,
  samples: [
    { in: [[2, 5, 6]], attrs: { size: [2, 3], stride: [1, 2], dilation: [1, 1] } },
    { in: [[7]], attrs: { size: [3], stride: [2], dilation: [2] } },
  ],
});
/**
 * Sliding windows over the trailing axes, as a view: [..., d1, d2] -> [..., n1, n2, size1, size2] where
 * n = ⌊(d - (size - 1)·dilation - 1) / stride⌋ + 1. Pooling and `unfold` are reductions and reshapes of it.
 */
export const window = withOp(windowOp, (x: Tensor, attrs: WindowAttrs): Tensor =>
  apply1(windowOp, [x], {
    size: [...attrs.size],
    stride: [...attrs.stride],
    dilation: [...attrs.dilation],
  }),
);

type FoldAttrs = WindowAttrs & { readonly spatial: readonly number[] };
const foldOp: Op<FoldAttrs> = primitive<FoldAttrs>('fold', {
  infer: ([x], attrs) => {
    checkWindow('fold', attrs);
    requireKind('fold', x!, 'numeric');
    const n = attrs.size.length;
    const lead = x!.shape.length - 2 * n;
    attrs.size.forEach((size, k) => {
      const count = Math.floor((attrs.spatial[k]! - reach(attrs, k)) / attrs.stride[k]!) + 1;
      if (lead < 0 || x!.shape[lead + k] !== count || x!.shape[lead + n + k] !== size) {
        fail(
          'fold',
          'shape is not that of windows',
          formatShape(x!.shape),
          `[..., ${attrs.spatial.join(',')}] seen through ${attrs.size.join('x')} windows`,
        );
      }
    });
    return [{ shape: [...x!.shape.slice(0, lead), ...attrs.spatial], dtype: x!.dtype }];
  },
  vjp: ({ grads, attrs }) => [
    window(grads[0]!, { size: attrs.size, stride: attrs.stride, dilation: attrs.dilation }),
  ],
  onnx: onnxFold,
  samples: [
    {
      in: [[2, 4, 2, 2, 3]],
      attrs: { size: [2, 3], stride: [1, 2], dilation: [1, 1], spatial: [5, 6] },
    },
    { in: [[2, 3]], attrs: { size: [3], stride: [2], dilation: [2], spatial: [7] } },
  ],
});
/** The transpose of `window`: overlapping windows are added up into an array of size `spatial`. */
export const fold = withOp(foldOp, (x: Tensor, attrs: FoldAttrs): Tensor =>
  apply1(foldOp, [x], {
    size: [...attrs.size],
    stride: [...attrs.stride],
    dilation: [...attrs.dilation],
    spatial: [...attrs.spatial],
  }),
);

export const movementOps = [
  reshapeOp,
  permuteOp,
  expandOp,
  sliceOp,
  flipOp,
  padOp,
  concatOp,
  windowOp,
  foldOp,
] as Op[];
