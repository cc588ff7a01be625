/** Losses between numbers. Input and target have one shape; the result is [] unless reduction is 'none'. */
import {
  abs,
  add,
  and,
  div,
  exp,
  fail,
  le,
  log,
  lt,
  mul,
  neg,
  sameShape,
  sub,
  unsqueeze,
  where,
} from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { clamp } from '../math.ts';
import { reduceLoss, requireSameShape } from './reduction.ts';
import type { LossOptions } from './reduction.ts';

/** (x - y)². */
export function mseLoss(input: Tensor, target: Tensor, { reduction }: LossOptions = {}): Tensor {
  requireSameShape('mseLoss', input, target);
  const d = sub(input, target);
  return reduceLoss('mseLoss', mul(d, d), reduction);
}
/** |x - y|; the gradient where they are equal is 0. */
export function l1Loss(input: Tensor, target: Tensor, { reduction }: LossOptions = {}): Tensor {
  requireSameShape('l1Loss', input, target);
  return reduceLoss('l1Loss', abs(sub(input, target)), reduction);
}
/** (x - y)² / (2 beta) where |x - y| < beta, else |x - y| - beta / 2. Girshick 2015, arXiv:1504.08083. */
export function smoothL1Loss(
  input: Tensor,
  target: Tensor,
  { beta = 1, reduction }: LossOptions & { beta?: number } = {},
): Tensor {
  requireSameShape('smoothL1Loss', input, target);
  if (!(beta >= 0)) fail('smoothL1Loss', 'beta is not negative', String(beta));
  if (beta === 0) return l1Loss(input, target, { ...(reduction && { reduction }) });
  const d = sub(input, target);
  const size = abs(d);
  const loss = where(lt(size, beta), div(mul(mul(d, d), 0.5), beta), sub(size, beta / 2));
  return reduceLoss('smoothL1Loss', loss, reduction);
}
/** (x - y)² / 2 where |x - y| <= delta, else delta (|x - y| - delta / 2). Huber 1964. */
export function huberLoss(
  input: Tensor,
  target: Tensor,
  { delta = 1, reduction }: LossOptions & { delta?: number } = {},
): Tensor {
  requireSameShape('huberLoss', input, target);
  if (!(delta > 0)) fail('huberLoss', 'delta is positive', String(delta));
  const d = sub(input, target);
  const size = abs(d);
  const loss = where(le(size, delta), mul(mul(d, d), 0.5), mul(sub(size, delta / 2), delta));
  return reduceLoss('huberLoss', loss, reduction);
}

/**
 * Negative log-likelihood of counts under a Poisson distribution: exp(x) - y x, or with `logInput` false
 * x - y log(x + eps); `full` adds Stirling's term for targets above 1.
 */
export function poissonNllLoss(
  input: Tensor,
  target: Tensor,
  {
    logInput = true,
    full = false,
    eps = 1e-8,
    reduction,
  }: LossOptions & { logInput?: boolean; full?: boolean; eps?: number } = {},
): Tensor {
  requireSameShape('poissonNllLoss', input, target);
  const loss = logInput
    ? sub(exp(input), mul(target, input))
    : sub(input, mul(target, log(add(input, eps))));
  if (!full) return reduceLoss('poissonNllLoss', loss, reduction);
  const above = lt(1, target);
  const safe = where(above, target, 1);
  const stirling = add(sub(mul(safe, log(safe)), safe), mul(log(mul(safe, 2 * Math.PI)), 0.5));
  return reduceLoss('poissonNllLoss', add(loss, where(above, stirling, 0)), reduction);
}

/**
 * Negative log-likelihood under a normal distribution of the given variance: (log v + (x - y)² / v) / 2,
 * v = max(variance, eps), where the bound is constant to differentiation; `full` adds log(2π) / 2. The
 * variance broadcasts, and may lack the last axis.
 */
export function gaussianNllLoss(
  input: Tensor,
  target: Tensor,
  variance: Tensor,
  { full = false, eps = 1e-6, reduction }: LossOptions & { full?: boolean; eps?: number } = {},
): Tensor {
  requireSameShape('gaussianNllLoss', input, target);
  // One variance a row may come without the last axis.
  const perRow = variance.rank < input.rank && sameShape(variance.shape, input.shape.slice(0, -1));
  const own = perRow ? unsqueeze(variance, -1) : variance;
  // Clamped in value only, so that a variance below the bound still learns.
  const v = add(own, sub(clamp(own, eps), own).detach());
  const d = sub(input, target);
  const loss = mul(add(log(v), div(mul(d, d), v)), 0.5);
  const total = full ? add(loss, 0.5 * Math.log(2 * Math.PI)) : loss;
  return reduceLoss('gaussianNllLoss', total, reduction);
}

/**
 * Kullback-Leibler divergence y (log y - x) of a target distribution from log-probabilities x. 'batchmean'
 * divides the sum by the first axis, as the definition wants; with `logTarget` the target is in log space.
 */
export function klDiv(
  input: Tensor,
  target: Tensor,
  {
    reduction = 'mean',
    logTarget = false,
  }: { reduction?: 'none' | 'mean' | 'sum' | 'batchmean'; logTarget?: boolean } = {},
): Tensor {
  requireSameShape('klDiv', input, target);
  let loss: Tensor;
  if (logTarget) loss = mul(exp(target), sub(target, input));
  else {
    // 0 log 0 counts as 0, and so does its gradient.
    const positive = lt(0, target);
    const logs = where(positive, log(where(positive, target, 1)), 0);
    const nothing = and(le(0, target), le(target, 0));
    loss = where(nothing, neg(mul(target, input)), mul(target, sub(logs, input)));
  }
  if (reduction !== 'batchmean') return reduceLoss('klDiv', loss, reduction);
  if (input.rank === 0) fail('klDiv', "reduction 'batchmean' needs a batch axis", '[]');
  return div(loss.sum(), input.shape[0]!);
}
