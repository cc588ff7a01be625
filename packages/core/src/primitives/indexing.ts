/** Reading and writing at computed positions. Indices are integers in [0, size); see `wrapIndex` for negative ones. */
import { apply1, describe, requireKind, requireTensor } from '../apply.ts';
import { isInteger } from '../dtype.ts';
import { fail } from '../error.ts';
import { primitive, withOp } from '../op.ts';
import type { Aval, Op } from '../op.ts';
import { formatShape, normalizeAxis, sameShape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { full, zerosLike } from './constant.ts';
import { add, cast, div, eq, lt, mul, where } from './elementwise.ts';
import { onnxScatter, onnxScatterElements } from './onnx.ts';

type AxisAttrs = { readonly axis: number };

function requireIndex(op: string, index: Aval): void {
  if (!isInteger(index.dtype)) fail(op, 'indices are integers', describe(index), 'an integer type');
}

const gathered = (x: Aval, index: Aval, axis: number): number[] => [
  ...x.shape.slice(0, axis),
  ...index.shape,
  ...x.shape.slice(axis + 1),
];

const gatherOp: Op<AxisAttrs> = primitive<AxisAttrs>('gather', {
  infer: ([x, index], { axis }) => {
    requireIndex('gather', index!);
    return [{ shape: gathered(x!, index!, axis), dtype: x!.dtype }];
  },
  vjp: ({ grads, inputs, attrs }) => [
    scatter(zerosLike(inputs[0]!), inputs[1]!, grads[0]!, attrs.axis, 'add'),
    null,
  ],
  onnx: { op: 'Gather', since: 13, attrs: ({ axis }) => ({ axis: axis as number }) },
  samples: [
    { in: [[4, 3], { shape: [2, 2], dtype: 'int32', values: [3, 0, 0, 1] }], attrs: { axis: 0 } },
    { in: [[2, 5], { shape: [3], dtype: 'int32', values: [4, 4, 1] }], attrs: { axis: 1 } },
    { in: [[4], { shape: [], dtype: 'int32', values: [2] }], attrs: { axis: 0 } },
    { in: [[4, 2], { shape: [0], dtype: 'int32', values: [] }], attrs: { axis: 0 } },
  ],
});
/**
 * Slices along an axis at the indices (NumPy's `take`, ONNX `Gather`, an embedding lookup).
 * Shape: x [A, n, B], index [I] -> [A, I, B]. An index out of range throws on backends that check, and
 * is undefined elsewhere.
 */
export const gather = withOp(gatherOp, (x: Tensor, index: Tensor, axis = 0): Tensor => {
  requireTensor('gather', x);
  requireTensor('gather', index);
  return apply1(gatherOp, [x, index], { axis: normalizeAxis('gather', axis, x.rank) });
});

const gatherElementsOp: Op<AxisAttrs> = primitive<AxisAttrs>('gatherElements', {
  infer: ([x, index], { axis }) => {
    requireIndex('gatherElements', index!);
    const fits =
      x!.shape.length === index!.shape.length &&
      index!.shape.every((dim, i) => i === axis || dim <= x!.shape[i]!);
    if (!fits)
      fail(
        'gatherElements',
        'index does not fit',
        formatShape(index!.shape),
        `rank ${x!.shape.length}, at most ${formatShape(x!.shape)} off axis ${axis}`,
      );
    return [{ shape: index!.shape, dtype: x!.dtype }];
  },
  vjp: ({ grads, inputs, attrs }) => [
    scatterElements(zerosLike(inputs[0]!), inputs[1]!, grads[0]!, attrs.axis, 'add'),
    null,
  ],
  onnx: { op: 'GatherElements', since: 13, attrs: ({ axis }) => ({ axis: axis as number }) },
  samples: [
    {
      in: [[3, 4], { shape: [3, 2], dtype: 'int32', values: [0, 3, 1, 1, 2, 0] }],
      attrs: { axis: 1 },
    },
    {
      in: [[3, 4], { shape: [2, 3], dtype: 'int32', values: [2, 2, 0, 1, 0, 2] }],
      attrs: { axis: 0 },
    },
  ],
});
/** out[i][j] = x[index[i][j]][j] for axis 0, and so on (PyTorch's `gather`). Shape: that of index. */
export const gatherElements = withOp(
  gatherElementsOp,
  (x: Tensor, index: Tensor, axis: number): Tensor => {
    requireTensor('gatherElements', x);
    requireTensor('gatherElements', index);
    return apply1(gatherElementsOp, [x, index], {
      axis: normalizeAxis('gatherElements', axis, x.rank),
    });
  },
);

/** How a scattered element meets what is there. With 'none' the last write wins, in index order. */
export type ScatterReduce = 'none' | 'add' | 'mul' | 'max' | 'min';
type ScatterAttrs = { readonly axis: number; readonly reduce: ScatterReduce };

type Scatter = (
  x: Tensor,
  index: Tensor,
  source: Tensor,
  axis: number,
  reduce?: ScatterReduce,
) => Tensor;
type Take = (x: Tensor, index: Tensor, axis: number) => Tensor;

function scatterGradients(
  g: Tensor,
  [x, index, source]: readonly [Tensor, Tensor, Tensor],
  y: Tensor,
  { axis, reduce }: ScatterAttrs,
  put: Scatter,
  take: Take,
): (Tensor | null)[] {
  switch (reduce) {
    case 'add':
      return [g, null, take(g, index, axis)];
    case 'none':
      return [put(g, index, zerosLike(source), axis), null, take(g, index, axis)];
    case 'mul': {
      const factors = put(full(x.shape, 1, x.dtype), index, source, axis, 'mul');
      // The product of the others: without dividing by a zero, which only the rest of its place outlives.
      const zero = eq(source, full(source.shape, 0, x.dtype));
      const divisor = where(zero, full(source.shape, 1, x.dtype), source);
      const zeros = put(zerosLike(x), index, cast(zero, x.dtype), axis, 'add');
      const rest = take(mul(g, put(x, index, divisor, axis, 'mul')), index, axis);
      const alone = eq(take(zeros, index, axis), cast(zero, x.dtype));
      return [mul(g, factors), null, where(alone, div(rest, divisor), zerosLike(source))];
    }
    default: {
      // Shared equally among all that attain the extremum, the old value included.
      const mine = cast(eq(source, take(y, index, axis)), g.dtype);
      const old = cast(eq(x, y), g.dtype);
      const share = div(g, put(old, index, mine, axis, 'add'));
      return [mul(share, old), null, mul(take(share, index, axis), mine)];
    }
  }
}

/** Adding and multiplying are for numbers; `max` and `min` of bool are or and and. */
function requireReducible(op: string, x: Aval, reduce: ScatterReduce): void {
  if (!['none', 'add', 'mul', 'max', 'min'].includes(reduce)) {
    fail(op, 'unknown reduction', String(reduce), 'none, add, mul, max or min');
  }
  if (reduce === 'add' || reduce === 'mul') requireKind(op, x, 'numeric');
}

const scatterOp: Op<ScatterAttrs> = primitive<ScatterAttrs>('scatter', {
  infer: ([x, index, source], { axis, reduce }) => {
    requireIndex('scatter', index!);
    requireReducible('scatter', x!, reduce);
    const wanted = gathered(x!, index!, axis);
    if (!sameShape(source!.shape, wanted) || source!.dtype !== x!.dtype) {
      fail(
        'scatter',
        'source does not fit',
        describe(source!),
        `${x!.dtype}${formatShape(wanted)}`,
      );
    }
    return [{ shape: x!.shape, dtype: x!.dtype }];
  },
  vjp: ({ grads: [g], inputs: [x, index, source], outputs: [y], attrs }) =>
    scatterGradients(g!, [x!, index!, source!], y!, attrs, scatter, gather),
  onnx: onnxScatter,
  samples: [
    {
      in: [[4, 3], { shape: [2], dtype: 'int32', values: [3, 1] }, [2, 3]],
      attrs: { axis: 0, reduce: 'none' },
    },
    {
      in: [[4, 3], { shape: [3], dtype: 'int32', values: [1, 1, 0] }, [3, 3]],
      attrs: { axis: 0, reduce: 'add' },
    },
    {
      in: [[2, 4], { shape: [2, 2], dtype: 'int32', values: [1, 1, 0, 3] }, [2, 2, 2]],
      attrs: { axis: 1, reduce: 'add' },
    },
    {
      in: [[4], { shape: [2], dtype: 'int32', values: [1, 1] }, [2]],
      attrs: { axis: 0, reduce: 'mul' },
    },
    {
      in: [[4], { shape: [3], dtype: 'int32', values: [1, 1, 2] }, [3]],
      attrs: { axis: 0, reduce: 'max' },
    },
    {
      in: [[4], { shape: [3], dtype: 'int32', values: [1, 1, 2] }, [3]],
      attrs: { axis: 0, reduce: 'min' },
    },
  ],
});
/** A copy of x with slices along the axis written, or combined, at the indices: the counterpart of `gather`. */
export const scatter = withOp(
  scatterOp,
  (x: Tensor, index: Tensor, source: Tensor, axis = 0, reduce: ScatterReduce = 'none'): Tensor => {
    requireTensor('scatter', x);
    return apply1(scatterOp, [x, index, source], {
      axis: normalizeAxis('scatter', axis, x.rank),
      reduce,
    });
  },
);

const scatterElementsOp: Op<ScatterAttrs> = primitive<ScatterAttrs>('scatterElements', {
  infer: ([x, index, source], { axis, reduce }) => {
    requireIndex('scatterElements', index!);
    requireReducible('scatterElements', x!, reduce);
    const fits =
      sameShape(index!.shape, source!.shape) &&
      x!.shape.length === index!.shape.length &&
      index!.shape.every((dim, i) => i === axis || dim <= x!.shape[i]!) &&
      source!.dtype === x!.dtype;
    if (!fits) {
      fail(
        'scatterElements',
        'index and source do not fit',
        `${describe(index!)} and ${describe(source!)}`,
        `equal shapes within ${describe(x!)}`,
      );
    }
    return [{ shape: x!.shape, dtype: x!.dtype }];
  },
  vjp: ({ grads: [g], inputs: [x, index, source], outputs: [y], attrs }) =>
    scatterGradients(g!, [x!, index!, source!], y!, attrs, scatterElements, gatherElements),
  onnx: onnxScatterElements,
  samples: [
    {
      in: [[3, 4], { shape: [3, 2], dtype: 'int32', values: [0, 3, 1, 2, 2, 0] }, [3, 2]],
      attrs: { axis: 1, reduce: 'none' },
    },
    {
      in: [[3, 4], { shape: [2, 4], dtype: 'int32', values: [0, 1, 2, 0, 0, 1, 2, 2] }, [2, 4]],
      attrs: { axis: 0, reduce: 'add' },
    },
    {
      in: [[3], { shape: [3], dtype: 'int32', values: [1, 1, 0] }, [3]],
      attrs: { axis: 0, reduce: 'mul' },
    },
    {
      in: [[3], { shape: [3], dtype: 'int32', values: [1, 1, 0] }, [3]],
      attrs: { axis: 0, reduce: 'max' },
    },
  ],
});
/** A copy of x with single elements written, or combined, at indices along the axis (PyTorch's `scatter`). */
export const scatterElements = withOp(
  scatterElementsOp,
  (
    x: Tensor,
    index: Tensor,
    source: Tensor,
    axis: number,
    reduce: ScatterReduce = 'none',
  ): Tensor => {
    requireTensor('scatterElements', x);
    return apply1(scatterElementsOp, [x, index, source], {
      axis: normalizeAxis('scatterElements', axis, x.rank),
      reduce,
    });
  },
);

/** Indices that may count from the end, made non-negative. */
export function wrapIndex(index: Tensor, size: number): Tensor {
  requireIndex('wrapIndex', index);
  // In int32: narrower types need not hold the size.
  const wide = cast(index, 'int32');
  return where(lt(wide, 0), add(wide, size), wide);
}

export const indexingOps = [gatherOp, gatherElementsOp, scatterOp, scatterElementsOp] as Op[];
