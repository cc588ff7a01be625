/** Reading and writing at positions along one axis, in PyTorch's order of arguments. */
import {
  add,
  cast,
  div,
  expand,
  fail,
  full,
  gather as take,
  gatherElements,
  lt,
  mul,
  narrow,
  normalizeAxis,
  reshape,
  scatter as scatterSlices,
  scatterElements,
  Tensor,
  where,
  zerosLike,
  broadcastShapes,
} from '@hebb/core';
import type { Scalar } from '@hebb/core';
import { asIndex, highest, lowest, oneOf } from '../operands.ts';

/**
 * out[i][j] = x[i][index[i][j]] for dim 1, and so on (`torch.gather`). Shape: that of index.
 * Core's `gather` takes whole slices instead, as `indexSelect` does.
 */
export function gather(x: Tensor, dim: number, index: Tensor): Tensor {
  return gatherElements(x, asIndex('gather', index), dim);
}
/** Slices along `dim` at the positions. Shape: `dim` becomes the length of index (one axis). */
export function indexSelect(x: Tensor, dim: number, index: Tensor): Tensor {
  if (index.rank > 1)
    fail('indexSelect', 'index has one axis', `[${index.shape.join(',')}]`, 'a vector');
  return take(x, asIndex('indexSelect', index.rank === 0 ? reshape(index, [1]) : index), dim);
}
/** Like `gather` with shapes broadcast off the axis; without `dim` in the flattened tensor. */
export function takeAlongDim(x: Tensor, index: Tensor, dim?: number | null): Tensor {
  const at = asIndex('takeAlongDim', index);
  if (dim == null) return gatherElements(reshape(x, [x.size]), reshape(at, [at.size]), 0);
  const axis = normalizeAxis('takeAlongDim', dim, x.rank);
  const off = (shape: readonly number[]): number[] => shape.map((n, i) => (i === axis ? 1 : n));
  const common = broadcastShapes('takeAlongDim', off(x.shape), off(at.shape));
  const sized = (size: number): number[] => common.map((n, i) => (i === axis ? size : n));
  return gatherElements(expand(x, sized(x.shape[axis]!)), expand(at, sized(at.shape[axis]!)), axis);
}
/** Elements of the flattened tensor. Shape: that of index. */
export function takeFlat(x: Tensor, index: Tensor): Tensor {
  return take(reshape(x, [x.size]), asIndex('take', index), 0);
}
export { takeFlat as take };

/** x with `alpha` · source added at slices along `dim`; repeated positions add up. */
export function indexAdd(
  x: Tensor,
  dim: number,
  index: Tensor,
  source: Tensor,
  { alpha = 1 }: { alpha?: number } = {},
): Tensor {
  const scaled = alpha === 1 ? source : mul(source, alpha);
  return scatterSlices(x, asIndex('indexAdd', index), cast(scaled, x.dtype), dim, 'add');
}
/** x with slices along `dim` replaced by those of source. */
export function indexCopy(x: Tensor, dim: number, index: Tensor, source: Tensor): Tensor {
  return scatterSlices(x, asIndex('indexCopy', index), cast(source, x.dtype), dim);
}
/** x with slices along `dim` filled with a value. */
export function indexFill(x: Tensor, dim: number, index: Tensor, value: Scalar): Tensor {
  const axis = normalizeAxis('indexFill', dim, x.rank);
  const shape = x.shape.map((size, i) => (i === axis ? index.size : size));
  return scatterSlices(x, asIndex('indexFill', index), full(shape, value, x.dtype), axis);
}

/** The part of `source` that `index` covers, in x's dtype. */
function covered(op: string, x: Tensor, index: Tensor, source: Tensor | Scalar): Tensor {
  if (!(source instanceof Tensor)) return full(index.shape, source, x.dtype);
  if (source.rank !== index.rank || index.shape.some((size, i) => size > source.shape[i]!)) {
    fail(
      op,
      'source does not cover index',
      `[${source.shape.join(',')}]`,
      `at least [${index.shape.join(',')}]`,
    );
  }
  const part = index.shape.reduce((y, size, axis) => narrow(y, axis, 0, size), source);
  return cast(part, x.dtype);
}

/**
 * x with out[i][index[i][j]] = src[i][j] for dim 1, and so on (`torch.scatter`); with repeated positions
 * the last wins. `src` may be a number. Shape: that of x.
 */
export function scatter(x: Tensor, dim: number, index: Tensor, src: Tensor | Scalar): Tensor {
  const at = asIndex('scatter', index);
  return scatterElements(x, at, covered('scatter', x, at, src), dim);
}
/** Like `scatter`, adding instead of replacing. */
export function scatterAdd(x: Tensor, dim: number, index: Tensor, src: Tensor | Scalar): Tensor {
  const at = asIndex('scatterAdd', index);
  return scatterElements(x, at, covered('scatterAdd', x, at, src), dim, 'add');
}

export type ScatterReduction = 'sum' | 'prod' | 'mean' | 'amax' | 'amin';
/**
 * Like `scatter`, combining all elements that go to one place; the element of x takes part unless
 * `includeSelf` is false. Ties of amax and amin share the gradient.
 */
export function scatterReduce(
  x: Tensor,
  dim: number,
  index: Tensor,
  src: Tensor,
  reduce: ScatterReduction,
  { includeSelf = true }: { includeSelf?: boolean } = {},
): Tensor {
  oneOf('scatterReduce', 'reduction', reduce, ['sum', 'prod', 'mean', 'amax', 'amin']);
  const at = asIndex('scatterReduce', index);
  const source = covered('scatterReduce', x, at, src);
  const count = scatterElements(zerosLike(x), at, full(at.shape, 1, x.dtype), dim, 'add');
  const identity = {
    sum: 0,
    mean: 0,
    prod: 1,
    amax: lowest(x.dtype),
    amin: highest(x.dtype),
  }[reduce];
  const start = includeSelf ? x : where(lt(0, count), full(x.shape, identity, x.dtype), x);
  const kinds = { sum: 'add', mean: 'add', prod: 'mul', amax: 'max', amin: 'min' } as const;
  const y = scatterElements(start, at, source, dim, kinds[reduce]);
  if (reduce !== 'mean') return y;
  const divisor = includeSelf ? add(count, 1) : where(lt(0, count), count, 1);
  return cast(div(y, divisor), x.dtype);
}
