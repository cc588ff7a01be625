/** Family `reductions`. */
import * as core from '@hebb/core';
import type { Tensor } from '@hebb/core';
import * as ops from '@hebb/ops';
import { dims, flag, maybeNum, num, numOrList, word } from '../attrs.ts';
import type { CaseAttrs, CaseFunction, CaseTable, Outputs } from '../case.ts';

type Reduce = (x: Tensor, dim?: number | readonly number[] | null, keepdim?: boolean) => Tensor;
const reduction = (f: Reduce): CaseFunction => {
  return ({ x }, { dim, keepdim }) => f(x!, dims(dim), flag(keepdim));
};

/** Values and positions along one axis, or the plain reduction over all. */
const extremum = (
  one: (x: Tensor, dim: number, keepdim?: boolean) => [Tensor, Tensor],
  all: (x: Tensor) => Tensor,
): CaseFunction => {
  return ({ x }, { dim, keepdim }): Outputs => {
    if (dim == null) return all(x!);
    const [values, indices] = one(x!, num(dim), flag(keepdim));
    return { values, indices };
  };
};
const position = (f: (x: Tensor, dim?: number, keepdim?: boolean) => Tensor): CaseFunction => {
  return ({ x }, { dim, keepdim }) => f(x!, maybeNum(dim), flag(keepdim));
};
const running = (f: (x: Tensor, dim: number) => Tensor | [Tensor, Tensor]): CaseFunction => {
  return ({ x }, { dim }): Outputs => {
    const result = f(x!, num(dim));
    if (!Array.isArray(result)) return result as Tensor;
    const [values, indices] = result as [Tensor, Tensor];
    return { values, indices };
  };
};
const variance = ({ unbiased, correction, keepdim }: CaseAttrs): ops.VarianceOptions => ({
  keepdim: flag(keepdim),
  correction: maybeNum(correction) ?? (unbiased === undefined || flag(unbiased) ? 1 : 0),
});

export const reductions: CaseTable = {
  all: reduction(ops.all),
  amax: reduction(ops.amax),
  amin: reduction(ops.amin),
  any: reduction(ops.any),
  argmax: position(core.argmax),
  argmin: position(core.argmin),
  count_nonzero: ({ x }, { dim }) => ops.countNonzero(x!, dims(dim)),
  cummax: running(ops.cummax),
  cummin: running(ops.cummin),
  cumprod: running(ops.cumprod),
  cumsum: running(core.cumsum),
  logcumsumexp: running(ops.logcumsumexp),
  logsumexp: reduction(ops.logsumexp),
  max: extremum(ops.maxWithIndices, core.max),
  mean: reduction(ops.mean),
  median: extremum(ops.medianWithIndices, ops.median),
  min: extremum(ops.minWithIndices, core.min),
  norm: ({ x }, { p, dim, keepdim }) => ops.norm(x!, num(p ?? 2), dims(dim), flag(keepdim)),
  prod: reduction(core.prod),
  quantile: ({ x }, { q, dim, keepdim, interpolation }) =>
    ops.quantile(x!, numOrList(q), maybeNum(dim), {
      keepdim: flag(keepdim),
      interpolation: word(interpolation ?? 'linear', [
        'linear',
        'lower',
        'higher',
        'midpoint',
        'nearest',
      ]),
    }),
  std: ({ x }, attrs) => ops.std(x!, dims(attrs['dim']), variance(attrs)),
  sum: reduction(core.sum),
  var: ({ x }, attrs) => ops.variance(x!, dims(attrs['dim']), variance(attrs)),
  var_mean: ({ x }, attrs) => {
    const [spread, mean] = ops.varMean(x!, dims(attrs['dim']), variance(attrs));
    return { var: spread, mean };
  },
};
