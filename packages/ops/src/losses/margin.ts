/** Losses on distances and rankings. */
import { add, eq, fail, formatShape, minimum, mul, neg, sub, sum, where } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { pairwiseDistance } from '../linalg.ts';
import { reduceLoss, requireSameShape } from './reduction.ts';
import type { LossOptions } from './reduction.ts';

/** max(x, 0) whose gradient at 0 is 1, as clamp's. */
const hinge = (x: Tensor): Tensor => where(x.lt(0), 0, x);

/** max(0, -y (a - b) + margin) with targets -1 and 1. */
export function marginRankingLoss(
  a: Tensor,
  b: Tensor,
  target: Tensor,
  { margin = 0, reduction }: LossOptions & { margin?: number } = {},
): Tensor {
  const loss = hinge(add(neg(mul(target, sub(a, b))), margin));
  return reduceLoss('marginRankingLoss', loss, reduction);
}
/** x where y = 1, max(0, margin - x) where y = -1. */
export function hingeEmbeddingLoss(
  input: Tensor,
  target: Tensor,
  { margin = 1, reduction }: LossOptions & { margin?: number } = {},
): Tensor {
  requireSameShape('hingeEmbeddingLoss', input, target);
  const far = where(eq(target, 1), 0, hinge(sub(margin, input)));
  const near = where(eq(target, -1), 0, input);
  return reduceLoss('hingeEmbeddingLoss', add(far, near), reduction);
}
/**
 * 1 - cos(a, b) where y = 1, max(0, cos(a, b) - margin) where y = -1. Shape: a, b [N, D] or [D], target [N]
 * or [].
 */
export function cosineEmbeddingLoss(
  a: Tensor,
  b: Tensor,
  target: Tensor,
  { margin = 0, reduction }: LossOptions & { margin?: number } = {},
): Tensor {
  const op = 'cosineEmbeddingLoss';
  requireSameShape(op, a, b);
  if (target.rank !== a.rank - 1)
    fail(op, 'target does not fit', formatShape(target.shape), 'one value a row');
  // PyTorch adds a small number to the squared norms here instead of bounding the norms.
  const eps = 1e-12;
  const dim = a.rank - 1;
  const squared = (x: Tensor): Tensor => add(sum(mul(x, x), dim), eps);
  const cosine = sum(mul(a, b), dim).div(mul(squared(a), squared(b)).sqrt());
  const near = where(eq(target, 1), sub(1, cosine), 0);
  const far = where(eq(target, -1), hinge(sub(cosine, margin)), 0);
  return reduceLoss(op, add(near, far), reduction);
}

export interface TripletOptions extends LossOptions {
  readonly margin?: number;
  readonly p?: number;
  readonly eps?: number;
  /** Use the distance of positive and negative where it is smaller. Balntas et al. 2016. */
  readonly swap?: boolean;
}
/** max(0, d(anchor, positive) - d(anchor, negative) + margin), d(a, b) = ‖a - b + eps‖. Shape: [N, D] -> [] or [N]. */
export function tripletMarginLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  { p = 2, eps = 1e-6, ...options }: TripletOptions = {},
): Tensor {
  return triplet('tripletMarginLoss', anchor, positive, negative, {
    ...options,
    distanceFunction: (a, b) => pairwiseDistance(a, b, { p, eps }),
  });
}

export interface TripletWithDistanceOptions extends LossOptions {
  /** Distances [N] of two tensors [N, ...]; default `pairwiseDistance`. */
  readonly distanceFunction?: (a: Tensor, b: Tensor) => Tensor;
  readonly margin?: number;
  /** Use the distance of positive and negative where it is smaller. Balntas et al. 2016. */
  readonly swap?: boolean;
}
/** max(0, d(anchor, positive) - d(anchor, negative) + margin) with a distance of your own. Shape: [N, ...] -> [] or [N]. */
export function tripletMarginWithDistanceLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options: TripletWithDistanceOptions = {},
): Tensor {
  return triplet('tripletMarginWithDistanceLoss', anchor, positive, negative, options);
}

function triplet(
  op: string,
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options: TripletWithDistanceOptions,
): Tensor {
  const { distanceFunction: d = pairwiseDistance, margin = 1, swap = false, reduction } = options;
  const near = d(anchor, positive);
  let far = d(anchor, negative);
  if (swap) far = minimum(far, d(positive, negative));
  return reduceLoss(op, hinge(add(sub(near, far), margin)), reduction);
}
