/** Reductions over axes, cumulative sum, sorting. */
import { apply, apply1, requireKind, requireTensor } from '../apply.ts';
import { isFloat } from '../dtype.ts';
import { fail } from '../error.ts';
import { primitive, withOp } from '../op.ts';
import type { OnnxMapping, Op, OpFunction, Sample } from '../op.ts';
import { normalizeAxes, normalizeAxis } from '../shape.ts';
import type { Shape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { zerosLike } from './constant.ts';
import { cast, div, eq, mul } from './elementwise.ts';
import { exclusiveProducts } from './products.ts';
import { scatterElements } from './indexing.ts';
import { broadcastTo, reshape } from './movement.ts';
import { onnxArg, onnxReduce, onnxSort } from './onnx.ts';

export type Axes = number | readonly number[] | undefined | null;
type ReduceAttrs = { readonly axes: readonly number[] };

/** The shape with the axes kept at size 1. */
export function keptShape(shape: Shape, axes: readonly number[]): number[] {
  return shape.map((dim, i) => (axes.includes(i) ? 1 : dim));
}

/** Broadcasts a reduced value back over the axes it was reduced over. */
function back(y: Tensor, shape: Shape, axes: readonly number[]): Tensor {
  return broadcastTo(reshape(y, keptShape(shape, axes)), shape);
}

const reduceSamples: readonly Sample[] = [
  { in: [[2, 3, 4]], attrs: { axes: [1] } },
  { in: [[2, 3, 4]], attrs: { axes: [0, 2] } },
  { in: [[5]], attrs: { axes: [0] } },
  { in: [[3]], attrs: { axes: [] } },
];

/** `axes` left out: all. `keepdim` keeps the reduced axes at size 1. */
export type ReduceFunction = OpFunction<(x: Tensor, axes?: Axes, keepdim?: boolean) => Tensor>;

function reduction(
  name: string,
  options: {
    readonly empty: boolean;
    readonly promoteBool?: boolean;
    readonly samples: readonly Sample[];
    readonly onnx: OnnxMapping;
    readonly d: (g: Tensor, x: Tensor, y: Tensor, axes: readonly number[]) => Tensor;
  },
): ReduceFunction {
  const op = primitive<ReduceAttrs>(name, {
    infer: ([x], { axes }) => {
      if (options.promoteBool === true) requireKind(name, x!, 'numeric');
      if (!options.empty && x!.dtype !== 'bool' && axes.some((axis) => x!.shape[axis] === 0)) {
        fail(
          name,
          'nothing to reduce',
          `shape [${x!.shape.join(',')}] over axes [${axes.join(',')}]`,
        );
      }
      return [{ shape: x!.shape.filter((_, i) => !axes.includes(i)), dtype: x!.dtype }];
    },
    vjp: ({ grads, inputs, outputs, attrs }) => [
      options.d(grads[0]!, inputs[0]!, outputs[0]!, attrs.axes),
    ],
    onnx: options.onnx,
    samples: options.samples,
  });
  reduceOps.push(op as Op);
  return withOp(op, (x: Tensor, axes?: Axes, keepdim = false) => {
    requireTensor(name, x);
    const list = normalizeAxes(name, axes, x.rank);
    const source = options.promoteBool === true && x.dtype === 'bool' ? cast(x, 'int32') : x;
    const y = list.length === 0 ? source : apply1(op, [source], { axes: list });
    return keepdim ? reshape(y, keptShape(x.shape, list)) : y;
  });
}

export const reduceOps: Op[] = [];

/** Sum; of nothing 0; of bool an int32 count. */
export const sum: ReduceFunction = reduction('sum', {
  onnx: onnxReduce('ReduceSum', 13),
  empty: true,
  promoteBool: true,
  samples: [...reduceSamples, { in: [[0, 3]], attrs: { axes: [0] } }],
  d: (g, x, _y, axes) => back(g, x.shape, axes),
});

/** Product; of nothing 1. Its gradient is exact where factors are zero. */
export const prod: ReduceFunction = reduction('prod', {
  onnx: onnxReduce('ReduceProd', 18),
  empty: true,
  promoteBool: true,
  samples: [...reduceSamples, { in: [[0, 3]], attrs: { axes: [0] } }],
  d: (g, x, _y, axes) => mul(back(g, x.shape, axes), exclusiveProducts(x, axes)),
});

const extremum = (g: Tensor, x: Tensor, y: Tensor, axes: readonly number[]): Tensor => {
  // Ties share the gradient equally, as in PyTorch's amax and amin.
  const hit = cast(eq(x, back(y, x.shape, axes)), g.dtype);
  return div(mul(hit, back(g, x.shape, axes)), back(sum(hit, axes), x.shape, axes));
};
/** Largest element, NaN if there is one; of bool "any". */
export const max: ReduceFunction = reduction('max', {
  onnx: onnxReduce('ReduceMax', 18),
  empty: false,
  samples: reduceSamples,
  d: extremum,
});
/** Smallest element, NaN if there is one; of bool "all". */
export const min: ReduceFunction = reduction('min', {
  onnx: onnxReduce('ReduceMin', 18),
  empty: false,
  samples: reduceSamples,
  d: extremum,
});

type ArgAttrs = { readonly axis: number };
export type ArgFunction = OpFunction<(x: Tensor, axis?: number, keepdim?: boolean) => Tensor>;

function argReduction(name: string, onnx: OnnxMapping): ArgFunction {
  const op = primitive<ArgAttrs>(name, {
    infer: ([x], { axis }) => {
      if (x!.shape[axis] === 0)
        fail(name, 'nothing to choose from', `axis ${axis} of [${x!.shape.join(',')}]`);
      return [{ shape: x!.shape.filter((_, i) => i !== axis), dtype: 'int32' }];
    },
    vjp: () => [null],
    onnx,
    samples: [
      { in: [[4, 5]], attrs: { axis: 1 }, grad: false },
      { in: [[4, 5]], attrs: { axis: 0 }, grad: false },
    ],
  });
  reduceOps.push(op as Op);
  return withOp(op, (x: Tensor, axis?: number, keepdim = false) => {
    requireTensor(name, x);
    if (axis === undefined) {
      const y = apply1(op, [reshape(x, [x.size])], { axis: 0 });
      return keepdim
        ? reshape(
            y,
            x.shape.map(() => 1),
          )
        : y;
    }
    const at = normalizeAxis(name, axis, x.rank);
    const y = apply1(op, [x], { axis: at });
    return keepdim ? reshape(y, keptShape(x.shape, [at])) : y;
  });
}
/** Position (int32) of the first largest element along the axis, or in the flattened tensor; a NaN wins. */
export const argmax: ArgFunction = argReduction('argmax', onnxArg('ArgMax'));
/** Position (int32) of the first smallest element along the axis, or in the flattened tensor; a NaN wins. */
export const argmin: ArgFunction = argReduction('argmin', onnxArg('ArgMin'));

type CumsumAttrs = {
  readonly axis: number;
  readonly exclusive: boolean;
  readonly reverse: boolean;
};
const cumsumOp: Op<CumsumAttrs> = primitive<CumsumAttrs>('cumsum', {
  infer: ([x]) => {
    requireKind('cumsum', x!, 'numeric');
    return [{ shape: x!.shape, dtype: x!.dtype }];
  },
  vjp: ({ grads, attrs }) => [
    cumsum(grads[0]!, attrs.axis, { exclusive: attrs.exclusive, reverse: !attrs.reverse }),
  ],
  samples: [
    { in: [[3, 4]], attrs: { axis: 1, exclusive: false, reverse: false } },
    { in: [[3, 4]], attrs: { axis: 0, exclusive: true, reverse: true } },
    { in: [[0, 4]], attrs: { axis: 0, exclusive: false, reverse: false } },
  ],
  onnx: {
    op: 'CumSum',
    since: 11,
    emit: (onnx, { axis, exclusive, reverse }) =>
      onnx.node('CumSum', [onnx.inputs[0], onnx.int64([axis as number], [])], {
        exclusive: exclusive === true ? 1 : 0,
        reverse: reverse === true ? 1 : 0,
      }),
  },
});
/** Running sum along the axis; `exclusive` leaves out the element itself, `reverse` runs from the end. */
export const cumsum = withOp(
  cumsumOp,
  (
    x: Tensor,
    axis: number,
    { exclusive = false, reverse = false }: { exclusive?: boolean; reverse?: boolean } = {},
  ): Tensor => {
    requireTensor('cumsum', x);
    return apply1(cumsumOp, [x], {
      axis: normalizeAxis('cumsum', axis, x.rank),
      exclusive,
      reverse,
    });
  },
);

type SortAttrs = { readonly axis: number; readonly descending: boolean };
const sortOp: Op<SortAttrs> = primitive<SortAttrs>('sort', {
  infer: ([x]) => [
    { shape: x!.shape, dtype: x!.dtype },
    { shape: x!.shape, dtype: 'int32' },
  ],
  vjp: ({ grads, inputs, outputs, attrs }) => [
    isFloat(inputs[0]!.dtype)
      ? scatterElements(zerosLike(inputs[0]!), outputs[1]!, grads[0]!, attrs.axis, 'add')
      : null,
  ],
  onnx: onnxSort,
  samples: [
    { in: [[3, 7]], attrs: { axis: 1, descending: false } },
    { in: [[5, 2]], attrs: { axis: 0, descending: true } },
    { in: [[2, 0]], attrs: { axis: 1, descending: false } },
    {
      in: [{ shape: [6], dtype: 'int32', range: [0, 3] }],
      attrs: { axis: 0, descending: true },
      grad: false,
    },
  ],
});
/**
 * Sorts along the axis, stably: equal elements keep their order in both directions; NaN counts as the
 * largest. Returns the values and the int32 positions they came from.
 */
export const sort = withOp(
  sortOp,
  (
    x: Tensor,
    axis = -1,
    { descending = false }: { descending?: boolean } = {},
  ): [Tensor, Tensor] => {
    requireTensor('sort', x);
    const [values, indices] = apply(sortOp, [x], {
      axis: normalizeAxis('sort', axis, x.rank),
      descending,
    });
    return [values!, indices!];
  },
);

export const orderOps = [cumsumOp, sortOp] as Op[];
