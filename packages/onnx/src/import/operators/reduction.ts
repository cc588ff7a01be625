/** Reductions, softmax and its kin, cumulative sums, positions of extrema. */
import {
  type Tensor,
  abs,
  argmax,
  argmin,
  cast,
  cumprod,
  cumsum,
  divTrunc,
  dtypeInfo,
  eq,
  exp,
  flip,
  full,
  isFloat,
  iota,
  log,
  max,
  min,
  mul,
  normalizeAxes,
  normalizeAxis,
  prod,
  reshape,
  sizeOf,
  sqrt,
  sub,
  sum,
} from '@hebb/core';
import { logSoftmax, logsumexp, mean, softmax } from '@hebb/ops';
import type { Call } from '../call.ts';
import { since } from '../table.ts';
import type { OperatorEntry, OperatorTable } from '../table.ts';

type Reduce = (x: Tensor, axes: readonly number[], keepdim: boolean) => Tensor;

/**
 * Axes moved from attribute to input at 13 (ReduceSum) and 18 (the others); no axes means all, or none
 * with `noop_with_empty_axes`.
 */
function reducer(
  reduce: Reduce,
  { noop = (x: Tensor) => x }: { noop?: (x: Tensor) => Tensor } = {},
): readonly OperatorEntry[] {
  return [
    since(1, (c) => {
      const x = c.tensor(0);
      const axes = c.listFrom(1, 'axes');
      const keepdims = c.attr.bool('keepdims', true);
      if (axes === undefined || axes.length === 0) {
        if (c.attr.bool('noop_with_empty_axes')) return noop(x);
        return reduce(x, normalizeAxes(c.op, undefined, x.rank), keepdims);
      }
      return reduce(x, normalizeAxes(c.op, axes, x.rank), keepdims);
    }),
  ];
}

/** Extremum; of nothing the value that loses against every other. */
function extremum(
  pick: (x: Tensor, axes: readonly number[], keep: boolean) => Tensor,
  of: 'max' | 'min',
): Reduce {
  return (x, axes, keep) => {
    if (!axes.some((axis) => x.shape[axis] === 0) || x.dtype === 'bool') return pick(x, axes, keep);
    const shape = keep
      ? x.shape.map((dim, i) => (axes.includes(i) ? 1 : dim))
      : x.shape.filter((_, i) => !axes.includes(i));
    return full(shape, extreme(x, of), x.dtype);
  };
}

function extreme(x: Tensor, of: 'max' | 'min'): number | bigint {
  if (isFloat(x.dtype)) return of === 'max' ? -Infinity : Infinity;
  const { min: low, max: high } = dtypeInfo(x.dtype);
  return of === 'max' ? low : high;
}

/** Integers are averaged in their own type, cut towards zero. */
const average: Reduce = (x, axes, keep) => {
  if (isFloat(x.dtype)) return mean(x, axes, keep);
  const count = sizeOf(axes.map((axis) => x.shape[axis]!));
  return divTrunc(sum(x, axes, keep), count);
};

/** log Σ exp(x), also of nothing. Integers are taken as floats and cut back. */
const logSumExp: Reduce = (x, axes, keep) => {
  const empty = axes.some((axis) => x.shape[axis] === 0);
  return cast(empty ? log(sum(exp(x), axes, keep)) : logsumexp(x, axes, keep), x.dtype);
};

const logSum: Reduce = (x, axes, keep) => cast(log(sum(x, axes, keep)), x.dtype);

function hardmax(x: Tensor, axis: number): Tensor {
  const at = argmax(x, axis, true);
  const shape = x.shape.map((dim, i) => (i === axis ? dim : 1));
  return cast(eq(at, reshape(iota(x.shape[axis]!), shape)), x.dtype);
}

/** Before opset 13 these saw the input as a matrix: all axes from `axis` on are one. */
function overAxis(fn: (x: Tensor, axis: number) => Tensor): readonly OperatorEntry[] {
  return [
    since(1, (c) => {
      const x = c.tensor(0);
      const axis = normalizeAxis(c.op, c.attr.int('axis', 1), Math.max(1, x.rank));
      if (axis === x.rank - 1) return fn(x, axis);
      const matrix = [sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis))];
      return reshape(fn(reshape(x, matrix), 1), x.shape);
    }),
    since(13, (c) => {
      const x = c.tensor(0);
      return fn(x, normalizeAxis(c.op, c.attr.int('axis', -1), x.rank));
    }),
  ];
}

function position(pick: (x: Tensor, axis: number, keep: boolean) => Tensor): OperatorEntry {
  return since(1, (c) => {
    const x = c.tensor(0);
    const axis = normalizeAxis(c.op, c.attr.int('axis', 0), x.rank);
    const keep = c.attr.bool('keepdims', true);
    if (!c.attr.bool('select_last_index')) return c.index(pick(x, axis, keep));
    return c.index(sub(x.shape[axis]! - 1, pick(flip(x, axis), axis, keep)));
  });
}

function cumulative(
  c: Call,
  fn: (x: Tensor, axis: number, o: { exclusive: boolean; reverse: boolean }) => Tensor,
): Tensor {
  const x = c.tensor(0);
  const axis = normalizeAxis(c.op, c.number(1), x.rank);
  return fn(x, axis, { exclusive: c.attr.bool('exclusive'), reverse: c.attr.bool('reverse') });
}

export const reductionOperators: OperatorTable = {
  ReduceSum: reducer(sum),
  ReduceProd: reducer(prod),
  ReduceMax: reducer(extremum(max, 'max')),
  ReduceMin: reducer(extremum(min, 'min')),
  ReduceMean: reducer(average),
  ReduceL1: reducer((x, axes, keep) => sum(abs(x), axes, keep), { noop: abs }),
  ReduceL2: reducer((x, axes, keep) => sqrtAs(x, sum(mul(x, x), axes, keep)), { noop: abs }),
  ReduceSumSquare: reducer((x, axes, keep) => sum(mul(x, x), axes, keep), {
    noop: (x) => mul(x, x),
  }),
  ReduceLogSum: reducer(logSum, { noop: (x) => cast(log(x), x.dtype) }),
  ReduceLogSumExp: reducer(logSumExp),
  Softmax: overAxis((x, axis) => (x.size === 0 ? x : softmax(x, axis))),
  LogSoftmax: overAxis((x, axis) => (x.size === 0 ? x : logSoftmax(x, axis))),
  Hardmax: overAxis(hardmax),
  ArgMax: [position(argmax)],
  ArgMin: [position(argmin)],
  CumSum: [since(1, (c) => cumulative(c, cumsum))],
  CumProd: [since(1, (c) => cumulative(c, cumprod))],
};

/** Roots of integers are taken as floats and cut back. */
function sqrtAs(x: Tensor, total: Tensor): Tensor {
  return cast(sqrt(total), x.dtype);
}
