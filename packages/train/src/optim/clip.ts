/** Gradient clipping: on gradients as tensors, between `gradients` and `step`. */
import { concat, fail } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { checkNumber } from '../check.ts';

/** The norm of all gradients together (`normType` 2 by default, Infinity for the largest entry). Shape: []. */
export function gradNorm(grads: readonly Tensor[], normType = 2): Tensor {
  if (grads.length === 0) fail('gradNorm', 'there are no gradients');
  if (!(normType > 0)) fail('gradNorm', 'not a norm', String(normType), 'above 0');
  if (normType === Infinity) {
    const parts = grads.filter((g) => g.size > 0).map((g) => g.abs().max().reshape([1]));
    return parts.length === 0 ? grads[0]!.sum() : concat(parts, 0).max();
  }
  const total = grads
    .map((g) => (normType === 2 ? g.mul(g).sum() : g.abs().pow(normType).sum()))
    .reduce((sum, part) => sum.add(part));
  return normType === 2 ? total.sqrt() : total.pow(1 / normType);
}

/**
 * Scales all gradients by min(1, maxNorm / (norm + 1e-6)), as PyTorch's `clip_grad_norm_`. Pascanu et al.
 * 2013, arXiv:1211.5063. Returns them with the norm before.
 */
export function clipGradNorm(
  grads: readonly Tensor[],
  maxNorm: number,
  { normType = 2 }: { readonly normType?: number } = {},
): { grads: Tensor[]; norm: Tensor } {
  checkNumber('clipGradNorm', 'maxNorm', maxNorm, { low: 0 });
  const norm = gradNorm(grads, normType);
  const factor = norm.add(1e-6).pow(-1).mul(maxNorm).minimum(1);
  return { grads: grads.map((g) => g.mul(factor.to(g.dtype))), norm };
}

/** Each entry kept within ±clipValue. */
export function clipGradValue(grads: readonly Tensor[], clipValue: number): Tensor[] {
  checkNumber('clipGradValue', 'clipValue', clipValue, { low: 0 });
  return grads.map((g) => g.maximum(-clipValue).minimum(clipValue));
}
