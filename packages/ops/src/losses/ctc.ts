/** Connectionist temporal classification. Graves et al. 2006. */
import {
  add,
  and,
  cast,
  composite,
  concat,
  div,
  eq,
  expand,
  fail,
  formatShape,
  full,
  gatherElements,
  iota,
  isInteger,
  le,
  lt,
  maximum,
  narrow,
  ne,
  neg,
  pad,
  reshape,
  scan,
  squeeze,
  sum,
  tensor,
  Tensor,
  unsqueeze,
  where,
  withOp,
} from '@hebb/core';
import { logaddexp } from '../math.ts';
import { asIndex, oneOf } from '../operands.ts';
import { mean } from '../reductions.ts';
import type { LossOptions, Reduction } from './reduction.ts';

type CtcAttrs = {
  readonly blank: number;
  readonly reduction: Reduction;
  readonly zeroInfinity: boolean;
};

/** The labels with a blank before, between and after them. Shape: [N, S] -> [N, 2 S + 1]. */
function withBlanks(targets: Tensor, blank: number): Tensor {
  const [n, s] = [targets.shape[0]!, targets.shape[1]!];
  const blanks = full([n, s], blank, 'int32');
  const pairs = reshape(concat([unsqueeze(blanks, 2), unsqueeze(targets, 2)], 2), [n, 2 * s]);
  return concat([pairs, full([n, 1], blank, 'int32')], 1);
}

/** Values moved `by` places along the last axis; -∞ comes in. */
function later(x: Tensor, by: number): Tensor {
  const width = x.shape[1]!;
  if (by >= width) return full(x.shape, -Infinity, x.dtype);
  return pad(narrow(x, 1, 0, width - by), { low: [0, by], high: [0, 0] }, -Infinity);
}

function ctcValues(
  logp: Tensor,
  targetIds: Tensor,
  inputCounts: Tensor,
  targetCounts: Tensor,
  blank: number,
): Tensor {
  // In int32: other integers would meet it in 64 bits, which not every backend has.
  const [targets, inputLengths, targetLengths] = [
    cast(targetIds, 'int32'),
    cast(inputCounts, 'int32'),
    cast(targetCounts, 'int32'),
  ];
  const [steps, n] = [logp.shape[0]!, logp.shape[1]!];
  const labels = withBlanks(targets, blank);
  const width = labels.shape[1]!;
  const at = expand(unsqueeze(labels, 0), [steps, n, width]);
  const scores = gatherElements(logp, at, 2);
  // A label may follow the one before it without a blank, unless both are the same.
  const before = pad(narrow(labels, 1, 0, Math.max(0, width - 2)), {
    low: [0, Math.min(2, width)],
    high: [0, 0],
  });
  const jump = and(and(ne(labels, blank), ne(labels, before)), le(2, iota(width)));
  const inside = le(iota(width), unsqueeze(targetLengths, 1).mul(2));
  const start = and(lt(iota(width), 2), inside);
  const first = where(start, squeeze(narrow(scores, 0, 0, 1), 0), -Infinity);
  const [[last]] = scan(
    ([alpha], [score, step]) => {
      const here = logaddexp(alpha!, later(alpha!, 1));
      const reached = logaddexp(here, where(jump, later(alpha!, 2), -Infinity));
      const next = where(inside, add(reached, score!), -Infinity);
      return [[where(lt(step!, unsqueeze(inputLengths, 1)), next, alpha!)], []];
    },
    [first],
    [narrow(scores, 0, 1, steps - 1), narrow(iota(steps), 0, 1, steps - 1)],
    { length: steps - 1 },
  );
  const end = unsqueeze(targetLengths.mul(2), 1);
  const onBlank = gatherElements(last!, end, 1);
  const onLabel = gatherElements(last!, maximum(end.sub(1), 0), 1);
  const total = logaddexp(onBlank, where(eq(end, 0), -Infinity, onLabel));
  return neg(squeeze(total, 1));
}

const ctcLossOp = composite('ctcLoss', {
  body: (
    logp: Tensor,
    targets: Tensor,
    inputLengths: Tensor,
    targetLengths: Tensor,
    { blank, reduction, zeroInfinity }: CtcAttrs,
  ): Tensor => {
    const values = ctcValues(logp, targets, inputLengths, targetLengths, blank);
    const loss = zeroInfinity ? where(eq(values, Infinity), 0, values) : values;
    if (reduction === 'none') return loss;
    if (reduction === 'sum') return sum(loss);
    return mean(div(loss, cast(maximum(targetLengths, 1), loss.dtype)));
  },
  samples: [
    {
      in: [
        [5, 2, 4],
        { shape: [2, 2], dtype: 'int32', values: [1, 1, 3, 2] },
        { shape: [2], dtype: 'int32', values: [5, 4] },
        { shape: [2], dtype: 'int32', values: [2, 1] },
      ],
      attrs: { blank: 0, reduction: 'mean', zeroInfinity: false },
    },
  ],
});

export interface CtcOptions extends LossOptions {
  /** Class of the blank. */
  readonly blank?: number;
  /** Count a target that does not fit its input as 0 instead of ∞. */
  readonly zeroInfinity?: boolean;
}
type Lengths = Tensor | readonly number[];

/**
 * Negative log-likelihood of label sequences under log-probabilities for each step, summed over all
 * alignments. The mean divides each loss by its target's length first. Shape: logProbs [T, N, C] or
 * [T, C], targets [N, S] (padded), or one after the other [Σ lengths] with `targetLengths` as plain
 * numbers; lengths [N] -> [] or [N].
 */
export const ctcLoss = withOp(
  ctcLossOp.op,
  (
    logProbs: Tensor,
    targets: Tensor,
    inputLengths: Lengths,
    targetLengths: Lengths,
    { blank = 0, zeroInfinity = false, reduction = 'mean' }: CtcOptions = {},
  ): Tensor => {
    const op = 'ctcLoss';
    oneOf(op, 'reduction', reduction, ['none', 'mean', 'sum']);
    if (logProbs.rank === 2) {
      const batch = ctcLoss(
        unsqueeze(logProbs, 1),
        reshape(targets, [1, targets.size]),
        lengths(inputLengths),
        lengths(targetLengths),
        { blank, zeroInfinity, reduction },
      );
      return reshape(batch, []);
    }
    if (logProbs.rank !== 3 || logProbs.shape[0] === 0)
      fail(op, 'logProbs does not fit', formatShape(logProbs.shape), '[T, N, C] or [T, C]');
    const [, n, classes] = logProbs.shape;
    if (!Number.isInteger(blank) || blank < 0 || blank >= classes!)
      fail(op, 'blank is no class', String(blank), `0 to ${classes! - 1}`);
    if (!isInteger(targets.dtype)) fail(op, 'targets are integers', targets.dtype);
    const labels = targets.rank === 1 ? padded(op, targets, targetLengths) : asIndex(op, targets);
    const given = [lengths(inputLengths), lengths(targetLengths)];
    if (labels.rank !== 2 || labels.shape[0] !== n || given.some((x) => x.size !== n)) {
      fail(
        op,
        'targets and lengths do not fit the batch',
        `targets ${formatShape(targets.shape)}, lengths ${given.map((x) => x.size).join(' and ')}`,
        `${n} rows`,
      );
    }
    return ctcLossOp(logProbs, labels, given[0]!, given[1]!, { blank, reduction, zeroInfinity });
  },
);

function lengths(list: Lengths): Tensor {
  if (!(list instanceof Tensor)) return tensor(Int32Array.from(list));
  return reshape(asIndex('ctcLoss', list), [list.size]);
}

/** Sequences that follow each other as rows of equal length. */
function padded(op: string, targets: Tensor, sizes: Lengths): Tensor {
  if (sizes instanceof Tensor)
    fail(op, 'targets in one row need their lengths as plain numbers', 'a tensor', 'a list');
  const total = sizes.reduce((a, b) => a + b, 0);
  if (total !== targets.size)
    fail(op, 'lengths do not add up to the targets', String(total), String(targets.size));
  const most = Math.max(0, ...sizes);
  let start = 0;
  const rows = sizes.map((size) => {
    const row = narrow(asIndex(op, targets), 0, start, size);
    start += size;
    return unsqueeze(pad(row, { low: [0], high: [most - size] }), 0);
  });
  return concat(rows, 0);
}
