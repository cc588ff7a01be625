/** Reparametrisations of weights. */
import {
  div,
  fail,
  formatShape,
  matmul,
  mul,
  normalizeAxis,
  reshape,
  stopGradient,
} from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { clamp } from '../math.ts';
import { norm } from '../reductions.ts';

/**
 * g · v / ‖v‖ with the norm over all axes but `dim` (null: over all). Salimans and Kingma 2016,
 * arXiv:1602.07868. Shape: v any, g of size 1 but for `dim` -> that of v.
 */
export function weightNorm(v: Tensor, g: Tensor, dim: number | null = 0): Tensor {
  const kept = dim === null ? -1 : normalizeAxis('weightNorm', dim, v.rank);
  const axes = v.shape.map((_, i) => i).filter((i) => i !== kept);
  return mul(v, div(g, norm(v, 2, axes, true)));
}

export interface SpectralNormResult {
  /** The weight divided by its largest singular value. */
  readonly weight: Tensor;
  /** Estimates of the singular vectors, to be kept for the next call. */
  readonly u: Tensor;
  readonly v: Tensor;
}
/**
 * Divides a weight, seen as a matrix [out, rest], by its largest singular value u · (W v), whose vectors
 * are improved by `iterations` steps of power iteration (0 in evaluation) and are constant to
 * differentiation. Miyato et al. 2018, arXiv:1802.05957. Shape: weight [out, ...], u [out], v [rest].
 */
export function spectralNorm(
  weight: Tensor,
  u: Tensor,
  v: Tensor,
  {
    iterations = 1,
    eps = 1e-12,
    dim = 0,
  }: { iterations?: number; eps?: number; dim?: number } = {},
): SpectralNormResult {
  const axis = normalizeAxis('spectralNorm', dim, weight.rank);
  const order = [axis, ...weight.shape.map((_, i) => i).filter((i) => i !== axis)];
  const rows = weight.shape[axis]!;
  const matrix = reshape(weight.permute(order), [rows, rows === 0 ? 0 : weight.size / rows]);
  if (u.size !== rows || v.size !== matrix.shape[1]) {
    fail(
      'spectralNorm',
      'vectors do not fit',
      `${formatShape(u.shape)} and ${formatShape(v.shape)}`,
      `[${rows}] and [${matrix.shape[1]}]`,
    );
  }
  const fixed = stopGradient(matrix);
  const unit = (x: Tensor): Tensor => div(x, clamp(norm(x), eps));
  let [left, right] = [stopGradient(u), stopGradient(v)];
  for (let k = 0; k < iterations; k++) {
    right = unit(matmul(fixed, left, { transposeA: true }));
    left = unit(matmul(fixed, right));
  }
  const sigma = matmul(left, matmul(matrix, right));
  return { weight: div(weight, sigma), u: left, v: right };
}
