/** Family `losses`. */
import * as ops from '@hebb/ops';
import { flag, maybeNum, num, word } from '../attrs.ts';
import type { AttrValue, CaseTable } from '../case.ts';

const reduction = (value: AttrValue | undefined): ops.Reduction =>
  word(value ?? 'mean', ['none', 'mean', 'sum']);

export const losses: CaseTable = {
  bce: ({ x, target, weight }, attrs) =>
    ops.binaryCrossEntropy(x!, target!, {
      weight: weight ?? null,
      reduction: reduction(attrs['reduction']),
    }),
  bce_with_logits: ({ x, target, weight, pos_weight: posWeight }, attrs) =>
    ops.binaryCrossEntropyWithLogits(x!, target!, {
      weight: weight ?? null,
      posWeight: posWeight ?? null,
      reduction: reduction(attrs['reduction']),
    }),
  cosine_embedding: ({ a, b, target }, { margin, reduction: how }) =>
    ops.cosineEmbeddingLoss(a!, b!, target!, {
      margin: num(margin ?? 0),
      reduction: reduction(how),
    }),
  cross_entropy: ({ x, target, weight }, attrs) =>
    ops.crossEntropy(x!, target!, {
      weight: weight ?? null,
      ignoreIndex: maybeNum(attrs['ignore_index']) ?? -100,
      labelSmoothing: maybeNum(attrs['label_smoothing']) ?? 0,
      reduction: reduction(attrs['reduction']),
    }),
  ctc: ({ x, targets, input_lengths: steps, target_lengths: sizes }, attrs, { inputs }) =>
    ops.ctcLoss(
      ops.logSoftmax(x!, -1),
      targets!,
      steps!,
      targets!.rank === 1 ? (inputs['target_lengths']?.data ?? []).map(Number) : sizes!,
      {
        blank: maybeNum(attrs['blank']) ?? 0,
        zeroInfinity: flag(attrs['zero_infinity']),
        reduction: reduction(attrs['reduction']),
      },
    ),
  gaussian_nll: ({ x, target, var: spread }, { full, eps, reduction: how }) =>
    ops.gaussianNllLoss(x!, target!, spread!, {
      full: flag(full),
      eps: maybeNum(eps) ?? 1e-6,
      reduction: reduction(how),
    }),
  hinge_embedding: ({ x, target }, { margin, reduction: how }) =>
    ops.hingeEmbeddingLoss(x!, target!, { margin: num(margin ?? 1), reduction: reduction(how) }),
  huber: ({ x, target }, { delta, reduction: how }) =>
    ops.huberLoss(x!, target!, { delta: num(delta ?? 1), reduction: reduction(how) }),
  kl_div: ({ x, target }, { log_target: logTarget, reduction: how }) =>
    ops.klDiv(x!, target!, {
      logTarget: flag(logTarget),
      reduction: word(how ?? 'mean', ['none', 'mean', 'sum', 'batchmean']),
    }),
  l1: ({ x, target }, attrs) =>
    ops.l1Loss(x!, target!, { reduction: reduction(attrs['reduction']) }),
  margin_ranking: ({ a, b, target }, { margin, reduction: how }) =>
    ops.marginRankingLoss(a!, b!, target!, {
      margin: num(margin ?? 0),
      reduction: reduction(how),
    }),
  mse: ({ x, target }, attrs) =>
    ops.mseLoss(x!, target!, { reduction: reduction(attrs['reduction']) }),
  multi_margin: ({ x, target, weight }, { p, margin, reduction: how }) =>
    ops.multiMarginLoss(x!, target!, {
      p: p === 2 ? 2 : 1,
      margin: num(margin ?? 1),
      weight: weight ?? null,
      reduction: reduction(how),
    }),
  multilabel_soft_margin: ({ x, target, weight }, attrs) =>
    ops.multilabelSoftMarginLoss(x!, target!, {
      weight: weight ?? null,
      reduction: reduction(attrs['reduction']),
    }),
  nll: ({ x, target, weight }, attrs) =>
    ops.nllLoss(x!, target!, {
      weight: weight ?? null,
      ignoreIndex: maybeNum(attrs['ignore_index']) ?? -100,
      reduction: reduction(attrs['reduction']),
    }),
  poisson_nll: ({ x, target }, { log_input: logInput, full, eps, reduction: how }) =>
    ops.poissonNllLoss(x!, target!, {
      logInput: logInput === undefined || flag(logInput),
      full: flag(full),
      eps: maybeNum(eps) ?? 1e-8,
      reduction: reduction(how),
    }),
  smooth_l1: ({ x, target }, { beta, reduction: how }) =>
    ops.smoothL1Loss(x!, target!, { beta: num(beta ?? 1), reduction: reduction(how) }),
  soft_margin: ({ x, target }, attrs) =>
    ops.softMarginLoss(x!, target!, { reduction: reduction(attrs['reduction']) }),
  triplet_margin: ({ anchor, positive, negative }, { margin, p, eps, swap, reduction: how }) =>
    ops.tripletMarginLoss(anchor!, positive!, negative!, {
      margin: num(margin ?? 1),
      p: num(p ?? 2),
      eps: num(eps ?? 1e-6),
      swap: flag(swap),
      reduction: reduction(how),
    }),
};
