/** Sorting and everything that ranks values along an axis. Positions are int32. */
import {
  and,
  composite,
  div,
  eq,
  fail,
  gather,
  gatherElements,
  isFloat,
  le,
  lt,
  mul,
  narrow,
  ne,
  normalizeAxis,
  or,
  reshape,
  sameShape,
  scatterElements,
  sort,
  stack,
  sum,
  tensor,
  Tensor,
  where,
  withOp,
  zerosLike,
} from '@hebb/core';
import { oneOf } from './operands.ts';

/** Positions that would sort x along `dim`, stably. Shape: any -> same. */
export function argsort(
  x: Tensor,
  dim = -1,
  { descending = false }: { descending?: boolean } = {},
): Tensor {
  return sort(x, dim, { descending })[1];
}

type TopkAttrs = { readonly k: number; readonly dim: number; readonly largest: boolean };

const topkOp = composite('topk', {
  body: (x: Tensor, { k, dim, largest }: TopkAttrs): [Tensor, Tensor] => {
    const [values, indices] = sort(x, dim, { descending: largest });
    return [narrow(values, dim, 0, k), narrow(indices, dim, 0, k)];
  },
  vjp: ({ grads: [g], inputs: [x], outputs: [, at], attrs }) => [
    isFloat(x!.dtype)
      ? scatterElements(zerosLike(x!), at!, g!, (attrs as TopkAttrs).dim, 'add')
      : null,
  ],
  onnx: {
    op: 'TopK',
    since: 11,
    emit: (onnx, { k, dim, largest }) => {
      const [values, indices] = onnx.node(
        'TopK',
        [onnx.inputs[0], onnx.int64([k as number])],
        { axis: dim as number, largest: largest === false ? 0 : 1, sorted: 1 },
        2,
      );
      return [values!, onnx.cast(indices!, 'int32')];
    },
  },
  samples: [
    { in: [[3, 5]], attrs: { k: 2, dim: 1, largest: true } },
    { in: [[7]], attrs: { k: 3, dim: 0, largest: false } },
  ],
});
/** The k largest (or smallest) elements along `dim`, in order, and their positions. */
export const topk = withOp(
  topkOp.op,
  (x: Tensor, k: number, dim = -1, { largest = true }: { largest?: boolean } = {}) => {
    const axis = normalizeAxis('topk', dim, x.rank);
    if (!Number.isInteger(k) || k < 0 || k > x.shape[axis]!)
      fail('topk', `k does not fit axis ${axis}`, String(k), `0 to ${x.shape[axis]}`);
    return topkOp(x, { k, dim: axis, largest });
  },
);

/** The element at sorted position `at` (a number, or computed with size 1 along the axis). */
function ranked(
  x: Tensor,
  axis: number,
  at: (sorted: Tensor) => Tensor | number,
  keepdim: boolean,
): [Tensor, Tensor] {
  const [sorted, positions] = sort(x, axis);
  const where_ = at(sorted);
  const take = (from: Tensor): Tensor =>
    where_ instanceof Tensor ? gatherElements(from, where_, axis) : narrow(from, axis, where_, 1);
  const short = x.shape.filter((_, i) => i !== axis);
  const shape = keepdim ? x.shape.map((size, i) => (i === axis ? 1 : size)) : short;
  return [reshape(take(sorted), shape), reshape(take(positions), shape)];
}

/** The k-th smallest element along `dim` (k counts from 1) and its position. */
export function kthvalue(x: Tensor, k: number, dim = -1, keepdim = false): [Tensor, Tensor] {
  const axis = normalizeAxis('kthvalue', dim, x.rank);
  const size = x.shape[axis]!;
  if (!Number.isInteger(k) || k < 1 || k > size)
    fail('kthvalue', `k does not fit axis ${axis}`, String(k), `1 to ${size}`);
  return ranked(x, axis, () => k - 1, keepdim);
}

/** NaN along the axis, counted; they are sorted to the end. */
const nanCount = (x: Tensor, axis: number): Tensor => sum(ne(x, x), axis, true);

/**
 * The middle element along `dim`, the lower one of two, and its position; NaN when there is one.
 * See `median` for the whole tensor.
 */
export function medianWithIndices(x: Tensor, dim = -1, keepdim = false): [Tensor, Tensor] {
  const axis = normalizeAxis('median', dim, x.rank);
  const size = x.shape[axis]!;
  if (size === 0) fail('median', `axis ${axis} is empty`);
  const middle = Math.floor((size - 1) / 2);
  if (!isFloat(x.dtype)) return ranked(x, axis, () => middle, keepdim);
  const at = (sorted: Tensor): Tensor => {
    const count = nanCount(sorted, axis);
    return where(eq(count, 0), middle, count.neg().add(size)).to('int32');
  };
  return ranked(x, axis, at, keepdim);
}
/**
 * The middle element of all, the lower one of two; NaN when there is one. Elements equal to it share the
 * gradient. Shape: any -> [].
 */
export const median = composite('median', {
  body: (x: Tensor): Tensor => medianWithIndices(reshape(x, [x.size]), 0)[0],
  vjp: ({ grads: [g], inputs: [x], outputs: [y] }) => {
    if (!isFloat(x!.dtype)) return [null];
    const hit = or(eq(x!, y!), and(ne(x!, x!), ne(y!, y!))).to(x!.dtype);
    return [mul(hit, div(g!, sum(hit)))];
  },
  samples: [{ in: [[5]] }, { in: [[2, 3]] }, { in: [[]] }],
});

export type Interpolation = 'linear' | 'lower' | 'higher' | 'midpoint' | 'nearest';
/**
 * Quantiles along `dim` (left out: of all elements). With a list of q the result has a leading axis for
 * them. q lies in [0, 1]; NaN among the elements gives NaN.
 */
export function quantile(
  x: Tensor,
  q: number | readonly number[],
  dim?: number | null,
  {
    keepdim = false,
    interpolation = 'linear',
  }: { keepdim?: boolean; interpolation?: Interpolation } = {},
): Tensor {
  oneOf('quantile', 'interpolation', interpolation, [
    'linear',
    'lower',
    'higher',
    'midpoint',
    'nearest',
  ]);
  const list = typeof q === 'number' ? [q] : q;
  if (list.some((p) => !(p >= 0 && p <= 1)))
    fail('quantile', 'q lies in [0, 1]', `[${list.join(',')}]`);
  if (!isFloat(x.dtype)) fail('quantile', 'wrong dtype', x.dtype, 'a float type');
  const flat = dim == null ? reshape(x, [x.size]) : x;
  const axis = normalizeAxis('quantile', dim ?? 0, flat.rank);
  const size = flat.shape[axis]!;
  if (size === 0) fail('quantile', `axis ${axis} is empty`);
  const [sorted] = sort(flat, axis);
  const missing = nanCount(flat, axis);
  const at = (k: number): Tensor => narrow(sorted, axis, k, 1);
  const results = list.map((p) => {
    const position = p * (size - 1);
    const low = Math.floor(position);
    const high = Math.ceil(position);
    const weight = {
      linear: position - low,
      lower: 0,
      higher: 1,
      midpoint: 0.5,
      nearest: halfToEven(position) - low,
    }[interpolation];
    const value =
      weight === 0 || low === high
        ? at(low)
        : weight === 1
          ? at(high)
          : at(low).add(mul(at(high).sub(at(low)), weight));
    const result = where(eq(missing, 0), value, Number.NaN);
    if (!keepdim)
      return reshape(
        result,
        result.shape.filter((_, i) => i !== axis),
      );
    return dim == null
      ? reshape(
          result,
          x.shape.map(() => 1),
        )
      : result;
  });
  return typeof q === 'number' ? results[0]! : stack(results, 0);
}

function halfToEven(x: number): number {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}

/**
 * Where each value would be inserted into the sorted rows to keep them sorted: before equal elements, or
 * after them with `right`. Shape: sorted [..., n], values [..., m] (any shape when sorted has one axis)
 * -> that of values.
 */
export function searchsorted(
  sorted: Tensor,
  values: Tensor | number,
  { right = false }: { right?: boolean } = {},
): Tensor {
  const wanted = values instanceof Tensor ? values : tensor(values, { dtype: sorted.dtype });
  const shared = sorted.rank === 1;
  if (!shared && !sameShape(sorted.shape.slice(0, -1), wanted.shape.slice(0, -1))) {
    fail(
      'searchsorted',
      'leading axes differ',
      `[${sorted.shape.join(',')}] and [${wanted.shape.join(',')}]`,
    );
  }
  const size = sorted.shape[sorted.rank - 1]!;
  const before = right ? le : lt;
  if (size === 0) return zerosLike({ shape: wanted.shape, dtype: 'int32' });
  // Binary search for all values at once: the count of elements before each, built from its high bit down.
  let count = zerosLike({ shape: wanted.shape, dtype: 'int32' });
  for (let step = 2 ** Math.floor(Math.log2(size)); step >= 1; step /= 2) {
    const next = count.add(step);
    const last = next.sub(1).minimum(size - 1);
    const element = shared
      ? gather(sorted, last, 0)
      : gatherElements(sorted, last, sorted.rank - 1);
    count = where(le(next, size).and(before(element, wanted)), next, count);
  }
  return count;
}

/** The bucket of each value between sorted boundaries: `searchsorted` with its arguments swapped. */
export function bucketize(
  values: Tensor,
  boundaries: Tensor,
  options: { right?: boolean } = {},
): Tensor {
  return searchsorted(boundaries, values, options);
}
