/** Weight and spectral normalisation. */
import { fail } from '@hebb/core';
import type { Generator, Tensor } from '@hebb/core';
import { norm, normalize, spectralNorm as divideBySigma, weightNorm as scaleTo } from '@hebb/ops';
import { checkCount } from '../check.ts';
import { normal } from '../init/draw.ts';
import type { Module } from '../module/module.ts';
import { ModuleBuffer } from '../module/parameter.ts';
import { Parametrization, parametrize } from './parametrization.ts';

/** Length and direction learned apart: g · v / ‖v‖. Salimans and Kingma 2016, arXiv:1602.07868. */
export class WeightNorm extends Parametrization {
  readonly dim: number | null;

  /** The norm is over all axes but `dim`; null: over all. */
  constructor({ dim = 0 }: { readonly dim?: number | null } = {}) {
    super();
    this.dim = dim;
  }
  override forward(g: Tensor, v: Tensor): Tensor {
    return scaleTo(v, g, this.dim);
  }
  override rightInverse(weight: Tensor): Tensor[] {
    const { dim } = this;
    if (dim === null) return [norm(weight), weight];
    const kept = dim < 0 ? dim + weight.rank : dim;
    const axes = weight.shape.map((_, axis) => axis).filter((axis) => axis !== kept);
    return [norm(weight, 2, axes, true), weight];
  }
  override get olderNames() {
    return { _g: 'original0', _v: 'original1' };
  }
  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

export interface SpectralNormOptions {
  /** Steps of power iteration at each reading in training; default 1. */
  readonly nPowerIterations?: number;
  /** Lower bound of the lengths divided by; default 1e-12. */
  readonly eps?: number;
  /** The weight's axis of outputs: 1 for transposed convolutions, else 0. */
  readonly dim?: number;
  /** Where the first vectors come from; the default generator when left out. */
  readonly generator?: Generator;
}

/** Steps that the start vectors are improved by, so that the first estimate is a good one. */
const warmUp = 15;

/**
 * The weight divided by its largest singular value, which power iteration follows while training. Miyato
 * et al. 2018, arXiv:1802.05957.
 */
export class SpectralNorm extends Parametrization {
  readonly nPowerIterations: number;
  readonly eps: number;
  readonly dim: number;
  /** Estimates of the singular vectors: none for a weight of one axis, whose norm is exact. */
  readonly _u: ModuleBuffer | undefined;
  readonly _v: ModuleBuffer | undefined;

  constructor(
    weight: Tensor,
    { nPowerIterations = 1, eps = 1e-12, dim = 0, generator }: SpectralNormOptions = {},
  ) {
    super();
    this.nPowerIterations = checkCount('SpectralNorm', 'nPowerIterations', nPowerIterations);
    this.eps = eps;
    this.dim = dim < 0 ? dim + weight.rank : dim;
    if (!Number.isInteger(dim) || this.dim < 0 || this.dim >= Math.max(1, weight.rank)) {
      fail('SpectralNorm', 'dim is no axis of the weight', String(dim), `below ${weight.rank}`);
    }
    if (weight.rank < 2) return;
    const rows = weight.shape[this.dim]!;
    const how = { dtype: weight.dtype, ...(generator && { generator }) };
    const [u, v] = [normal([rows], how), normal([weight.size / rows], how)].map((x) =>
      normalize(x, { dim: 0, eps }),
    );
    const start = divideBySigma(weight, u!, v!, { iterations: warmUp, eps, dim: this.dim });
    this._u = new ModuleBuffer(start.u);
    this._v = new ModuleBuffer(start.v);
  }

  override forward(weight: Tensor): Tensor {
    const { _u, _v, eps, dim } = this;
    if (_u === undefined || _v === undefined) return normalize(weight, { dim: 0, eps });
    const iterations = this.training ? this.nPowerIterations : 0;
    const result = divideBySigma(weight, _u.value, _v.value, { iterations, eps, dim });
    if (this.training) {
      _u.value = result.u;
      _v.value = result.v;
    }
    return result.weight;
  }
  override get olderNames() {
    return { _orig: 'original', _u: '0._u', _v: '0._v' };
  }
  override extraRepr(): string {
    return `nPowerIterations=${this.nPowerIterations}, dim=${this.dim}`;
  }
}

/** The axis of a layer's weight that counts its outputs. */
function outputAxis(module: Module): number {
  return 'outputAxis' in module && typeof module.outputAxis === 'number' ? module.outputAxis : 0;
}

export interface WeightNormOptions {
  /** The parameter; default weight. */
  readonly name?: string;
  /** The norm is over all axes but this one, default 0; null: over all. */
  readonly dim?: number | null;
}

/**
 * Weight normalisation of a layer: `weightNorm(new Linear(4, 3))`. State dicts get
 * `parametrizations.weight.original0` (length) and `original1` (direction) instead of `weight`; those of
 * PyTorch's older `weight_norm` (`weight_g`, `weight_v`) load as well. Returns the layer.
 */
export function weightNorm<M extends Module>(
  module: M,
  { name = 'weight', dim = 0 }: WeightNormOptions = {},
): M {
  return parametrize(module, name, new WeightNorm({ dim }));
}

/**
 * Spectral normalisation of a layer: `spectralNorm(new Conv2d(3, 64, 3))`. State dicts get
 * `parametrizations.weight.original`, `.0._u` and `.0._v`; those of PyTorch's older `spectral_norm`
 * (`weight_orig`, `weight_u`, `weight_v`) load as well. Returns the layer.
 */
export function spectralNorm<M extends Module>(
  module: M,
  { name = 'weight', ...options }: SpectralNormOptions & { readonly name?: string } = {},
): M {
  return parametrize(
    module,
    name,
    (weight) => new SpectralNorm(weight, { dim: outputAxis(module), ...options }),
  );
}
