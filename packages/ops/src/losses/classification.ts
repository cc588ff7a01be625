/** Losses between scores and classes. */
import {
  add,
  cast,
  composite,
  div,
  eq,
  fail,
  formatShape,
  gather,
  gatherElements,
  iota,
  isFloat,
  log,
  maximum,
  mul,
  narrow,
  neg,
  not,
  reshape,
  sameShape,
  squeeze,
  sub,
  sum,
  unsqueeze,
  where,
  withOp,
} from '@hebb/core';
import type { Sample, Tensor } from '@hebb/core';
import { logSigmoid, softplus } from '../activations.ts';
import { asFloat, asIndex, oneOf } from '../operands.ts';
import { mean } from '../reductions.ts';
import { logSoftmax } from '../softmax.ts';
import { reduceLoss, requireSameShape, weighted } from './reduction.ts';
import type { LossOptions, Reduction } from './reduction.ts';

type NllAttrs = { readonly reduction: Reduction; readonly ignoreIndex: number };

/** The class axis: 1 with a batch, the only one without. */
const classAxis = (x: Tensor): number => (x.rank === 1 ? 0 : 1);

function requireTarget(op: string, x: Tensor, target: Tensor): void {
  const axis = classAxis(x);
  const wanted = x.shape.filter((_, i) => i !== axis);
  if (x.rank === 0 || !sameShape(target.shape, wanted)) {
    fail(
      op,
      'target does not fit the input',
      `input ${formatShape(x.shape)}, target ${formatShape(target.shape)}`,
      `class indices ${formatShape(wanted)}`,
    );
  }
}
function requireWeight(op: string, x: Tensor, weight: Tensor | null | undefined): void {
  const classes = x.shape[classAxis(x)];
  if (weight != null && (weight.rank !== 1 || weight.size !== classes))
    fail(op, 'weight does not fit', formatShape(weight.shape), `[${classes}]`);
}

/** Loss, weight and whether it counts, for each position. */
function picked(logp: Tensor, target: Tensor, weight: Tensor | undefined, ignoreIndex: number) {
  const axis = classAxis(logp);
  const index = asIndex('nllLoss', target);
  const ignored = eq(index, ignoreIndex);
  const safe = where(ignored, 0, index);
  const chosen = squeeze(gatherElements(logp, unsqueeze(safe, axis), axis), axis);
  const one = cast(not(ignored), logp.dtype);
  const factor = weight === undefined ? one : mul(one, gather(weight, safe, 0));
  return { loss: neg(mul(where(ignored, 0, chosen), factor)), factor, ignored };
}

const nllSamples: readonly Sample[] = [
  {
    in: [[3, 4], { shape: [3], dtype: 'int32', values: [0, 3, 1] }, null],
    attrs: { reduction: 'mean', ignoreIndex: -100 },
  },
  {
    in: [
      [2, 3, 2],
      { shape: [2, 2], dtype: 'int32', values: [0, 2, 1, 1] },
      { shape: [3], range: [0.5, 2] },
    ],
    attrs: { reduction: 'mean', ignoreIndex: 1 },
  },
];

const nllLossOp = composite('nllLoss', {
  body: (
    logp: Tensor,
    target: Tensor,
    weight: Tensor | undefined,
    { reduction, ignoreIndex }: NllAttrs,
  ): Tensor => {
    const { loss, factor } = picked(logp, target, weight, ignoreIndex);
    return reduction === 'mean'
      ? div(sum(loss), sum(factor))
      : reduceLoss('nllLoss', loss, reduction);
  },
  onnx: {
    op: 'NegativeLogLikelihoodLoss',
    since: 13,
    attrs: ({ reduction, ignoreIndex }) => ({
      reduction: String(reduction),
      ignore_index: ignoreIndex as number,
    }),
  },
  samples: nllSamples,
});

export interface NllOptions extends LossOptions {
  /** A factor for each class. Shape: [C]. */
  readonly weight?: Tensor | null;
  /** Positions with this target do not count. */
  readonly ignoreIndex?: number;
}
/**
 * -w[y] x[y] of log-probabilities x and class indices y. The mean is divided by the summed weights.
 * Shape: x [N, C, ...] or [C], target [N, ...] or [] -> [] (or that of target).
 */
export const nllLoss = withOp(
  nllLossOp.op,
  (
    input: Tensor,
    target: Tensor,
    { weight, ignoreIndex = -100, reduction = 'mean' }: NllOptions = {},
  ): Tensor => {
    oneOf('nllLoss', 'reduction', reduction, ['none', 'mean', 'sum']);
    requireTarget('nllLoss', input, target);
    requireWeight('nllLoss', input, weight);
    return nllLossOp(input, asIndex('nllLoss', target), weight ?? undefined, {
      reduction,
      ignoreIndex,
    });
  },
);

type CrossEntropyAttrs = NllAttrs & { readonly labelSmoothing: number };
const crossEntropyOp = composite('crossEntropy', {
  body: (
    x: Tensor,
    target: Tensor,
    weight: Tensor | undefined,
    { reduction, ignoreIndex, labelSmoothing }: CrossEntropyAttrs,
  ): Tensor => {
    const axis = classAxis(x);
    const logp = logSoftmax(x, axis);
    const { loss, factor, ignored } = picked(logp, target, weight, ignoreIndex);
    const total = (y: Tensor): Tensor =>
      reduction === 'none' ? y : reduction === 'sum' ? sum(y) : div(sum(y), sum(factor));
    if (labelSmoothing === 0) return total(loss);
    const all = weight === undefined ? logp : mul(logp, alongClasses(weight, x));
    const smooth = where(ignored, 0, neg(sum(all, axis)));
    const share = labelSmoothing / x.shape[axis]!;
    return total(add(mul(loss, 1 - labelSmoothing), mul(smooth, share)));
  },
  onnx: {
    op: 'SoftmaxCrossEntropyLoss',
    since: 13,
    emit: (onnx, { reduction, ignoreIndex, labelSmoothing }) =>
      labelSmoothing === 0
        ? onnx.node('SoftmaxCrossEntropyLoss', [...onnx.inputs], {
            reduction: String(reduction),
            ignore_index: ignoreIndex as number,
          })
        : undefined,
  },
  samples: [
    ...nllSamples.map((sample) => ({ ...sample, attrs: { ...sample.attrs, labelSmoothing: 0 } })),
    ...nllSamples.map((sample) => ({ ...sample, attrs: { ...sample.attrs, labelSmoothing: 0.1 } })),
  ],
});
const alongClasses = (weight: Tensor, x: Tensor): Tensor => {
  const axis = classAxis(x);
  return reshape(
    weight,
    x.shape.map((_, i) => (i === axis ? weight.size : 1)),
  );
};

export interface CrossEntropyOptions extends NllOptions {
  /** Share of the target that is spread evenly over all classes. Szegedy et al. 2015, arXiv:1512.00567. */
  readonly labelSmoothing?: number;
}
/**
 * Cross entropy of logits x and class indices, or class probabilities of x's shape. The mean over indices
 * is divided by the summed weights of the targets that count, over probabilities by their number.
 * Shape: x [N, C, ...] or [C], target [N, ...] or [] (indices), or that of x -> [] (or without C).
 */
export const crossEntropy = withOp(
  crossEntropyOp.op,
  (
    input: Tensor,
    target: Tensor,
    {
      weight,
      ignoreIndex = -100,
      labelSmoothing = 0,
      reduction = 'mean',
    }: CrossEntropyOptions = {},
  ): Tensor => {
    const op = 'crossEntropy';
    oneOf(op, 'reduction', reduction, ['none', 'mean', 'sum']);
    if (!(labelSmoothing >= 0 && labelSmoothing <= 1))
      fail(op, 'labelSmoothing is out of range', String(labelSmoothing), '0 to 1');
    const x = asFloat(op, input);
    requireWeight(op, x, weight);
    if (isFloat(target.dtype)) {
      requireSameShape(op, x, target);
      return probabilities(x, target, weight, labelSmoothing, reduction);
    }
    requireTarget(op, x, target);
    return crossEntropyOp(x, asIndex(op, target), weight ?? undefined, {
      reduction,
      ignoreIndex,
      labelSmoothing,
    });
  },
);

function probabilities(
  x: Tensor,
  target: Tensor,
  weight: Tensor | null | undefined,
  labelSmoothing: number,
  reduction: Reduction,
): Tensor {
  const axis = classAxis(x);
  const classes = x.shape[axis]!;
  const wanted =
    labelSmoothing === 0 ? target : add(mul(target, 1 - labelSmoothing), labelSmoothing / classes);
  const logp = logSoftmax(x, axis);
  const scaled = weight == null ? logp : mul(logp, alongClasses(weight, x));
  return reduceLoss('crossEntropy', neg(sum(mul(scaled, wanted), axis)), reduction);
}

export interface BinaryOptions extends LossOptions {
  /** A factor for each element; broadcasts. */
  readonly weight?: Tensor | null;
}
const bceOp = composite('binaryCrossEntropyTerms', {
  body: (x: Tensor, y: Tensor): Tensor => {
    const bounded = (p: Tensor): Tensor => maximum(log(p), -100);
    return neg(add(mul(y, bounded(x)), mul(sub(1, y), bounded(sub(1, x)))));
  },
  // With its own rule the gradient is finite at 0 and 1.
  vjp: ({ grads: [g], inputs: [x, y], needs }) => [
    needs[0] ? div(mul(g!, sub(x!, y!)), maximum(mul(x!, sub(1, x!)), 1e-12)) : null,
    needs[1] ? mul(g!, sub(maximum(log(sub(1, x!)), -100), maximum(log(x!), -100))) : null,
  ],
  samples: [
    {
      in: [
        { shape: [2, 3], range: [0.2, 0.8] },
        { shape: [2, 3], range: [0, 1] },
      ],
    },
  ],
});

/** -(y log x + (1 - y) log(1 - x)) of probabilities x; logarithms are kept above -100, as PyTorch does. */
export const binaryCrossEntropy = withOp(
  bceOp.op,
  (input: Tensor, target: Tensor, { weight, reduction }: BinaryOptions = {}): Tensor => {
    requireSameShape('binaryCrossEntropy', input, target);
    return reduceLoss('binaryCrossEntropy', weighted(bceOp(input, target), weight), reduction);
  },
);

export interface BinaryLogitsOptions extends BinaryOptions {
  /** A factor for the positive term of each class; broadcasts over the last axes. */
  readonly posWeight?: Tensor | null;
}
/** Binary cross entropy of logits, without overflow: (1 - y) x + (1 + (posWeight - 1) y) log(1 + exp(-x)). */
export function binaryCrossEntropyWithLogits(
  input: Tensor,
  target: Tensor,
  { weight, posWeight, reduction }: BinaryLogitsOptions = {},
): Tensor {
  const op = 'binaryCrossEntropyWithLogits';
  requireSameShape(op, input, target);
  const miss = neg(logSigmoid(input));
  const factor = posWeight == null ? undefined : add(mul(sub(posWeight, 1), target), 1);
  const loss = add(mul(sub(1, target), input), factor === undefined ? miss : mul(factor, miss));
  return reduceLoss(op, weighted(loss, weight), reduction);
}

/** log(1 + exp(-y x)) with targets -1 and 1. */
export function softMarginLoss(
  input: Tensor,
  target: Tensor,
  { reduction }: LossOptions = {},
): Tensor {
  requireSameShape('softMarginLoss', input, target);
  const loss = softplus(neg(mul(target, input)), { threshold: Infinity });
  return reduceLoss('softMarginLoss', loss, reduction);
}
/** Binary cross entropy of logits averaged over the classes (last axis). Shape: [N, C] -> [] or [N]. */
export function multilabelSoftMarginLoss(
  input: Tensor,
  target: Tensor,
  { weight, reduction }: BinaryOptions = {},
): Tensor {
  requireSameShape('multilabelSoftMarginLoss', input, target);
  const terms = add(mul(target, logSigmoid(input)), mul(sub(1, target), logSigmoid(neg(input))));
  const loss = mean(weighted(neg(terms), weight), -1);
  return reduceLoss('multilabelSoftMarginLoss', loss, reduction);
}

/**
 * Σ over the other classes of max(0, margin - x[y] + x[i])^p / C, scaled by weight[y].
 * Shape: x [N, C] or [C], target [N] or [].
 */
export function multiMarginLoss(
  input: Tensor,
  target: Tensor,
  {
    p = 1,
    margin = 1,
    weight,
    reduction,
  }: LossOptions & { p?: 1 | 2; margin?: number; weight?: Tensor | null } = {},
): Tensor {
  const op = 'multiMarginLoss';
  if (p !== 1 && p !== 2) fail(op, 'p is 1 or 2', String(p));
  if (input.rank === 0 || input.rank > 2)
    fail(op, 'input does not fit', formatShape(input.shape), '[N, C] or [C]');
  requireTarget(op, input, target);
  requireWeight(op, input, weight);
  const axis = classAxis(input);
  const classes = input.shape[axis]!;
  const index = unsqueeze(asIndex(op, target), axis);
  const right = gatherElements(input, index, axis);
  const gap = add(sub(input, right), margin);
  const positive = where(gap.gt(0), gap, 0);
  const terms = p === 1 ? positive : mul(positive, positive);
  const factor = weight == null ? terms : mul(terms, gather(weight, index, 0));
  const position = reshape(
    iota(classes),
    input.shape.map((_, i) => (i === axis ? classes : 1)),
  );
  const others = where(eq(position, index), 0, factor);
  return reduceLoss(op, div(sum(others, axis), classes), reduction);
}

/** Hinge of every pair of a target class and another one; see `torch.nn.MultiLabelMarginLoss`. */
export function multilabelMarginLoss(
  input: Tensor,
  target: Tensor,
  { reduction }: LossOptions = {},
): Tensor {
  const op = 'multilabelMarginLoss';
  requireSameShape(op, input, target);
  const rows = input.rank === 1 ? unsqueeze(input, 0) : input;
  const index = asIndex(op, input.rank === 1 ? unsqueeze(target, 0) : target);
  const [n, c] = [rows.shape[0]!, rows.shape[1]!];
  // Targets of a row end at the first -1.
  const open = eq(cast(index.lt(0), 'int32').cumsum(1), 0);
  const safe = where(open, index, 0);
  const named = eq(unsqueeze(safe, 2), iota(c)).and(unsqueeze(open, 2));
  const isTarget = sum(cast(named, 'int32'), 1).gt(0);
  const right = gatherElements(rows, safe, 1);
  const gap = add(sub(unsqueeze(rows, 1), unsqueeze(right, 2)), 1);
  const counts = unsqueeze(open, 2).and(unsqueeze(not(isTarget), 1));
  const loss = div(sum(where(counts.and(gap.gt(0)), gap, 0), [1, 2]), c);
  return reduceLoss(op, input.rank === 1 ? reshape(narrow(loss, 0, 0, n), []) : loss, reduction);
}
