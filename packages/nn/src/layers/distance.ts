/** Distances and similarities of pairs. */
import type { Tensor } from '@hebb/core';
import { cosineSimilarity, pairwiseDistance } from '@hebb/ops';
import { checkNumber } from '../check.ts';
import { Module } from '../module/module.ts';

/** Cosine of the angle between vectors along `dim`. Shape: two of [..., D, ...] -> without that axis. */
export class CosineSimilarity extends Module {
  readonly dim: number;
  readonly eps: number;

  /** `eps` bounds the lengths from below. */
  constructor({ dim = 1, eps = 1e-8 }: { readonly dim?: number; readonly eps?: number } = {}) {
    super();
    this.dim = dim;
    this.eps = checkNumber('CosineSimilarity', 'eps', eps, 0);
  }
  forward(a: Tensor, b: Tensor): Tensor {
    return cosineSimilarity(a, b, { dim: this.dim, eps: this.eps });
  }
  override extraRepr(): string {
    return `dim=${this.dim}, eps=${this.eps}`;
  }
}

/** ‖a - b + eps‖ in the p-norm along the last axis. Shape: two of [..., D] -> [...], or [..., 1] with keepdim. */
export class PairwiseDistance extends Module {
  readonly p: number;
  readonly eps: number;
  readonly keepdim: boolean;

  constructor({
    p = 2,
    eps = 1e-6,
    keepdim = false,
  }: { readonly p?: number; readonly eps?: number; readonly keepdim?: boolean } = {}) {
    super();
    this.p = p;
    this.eps = checkNumber('PairwiseDistance', 'eps', eps);
    this.keepdim = keepdim;
  }
  forward(a: Tensor, b: Tensor): Tensor {
    return pairwiseDistance(a, b, { p: this.p, eps: this.eps, keepdim: this.keepdim });
  }
  override extraRepr(): string {
    return `p=${this.p}, eps=${this.eps}`;
  }
}
