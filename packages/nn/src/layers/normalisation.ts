/** Normalisation over the last axes. Over channels: BatchNorm and its kin in `@hebb/layers-cnn`. */
import { fail, ones, zeros } from '@hebb/core';
import type { DType, Shape, Tensor } from '@hebb/core';
import { layerNorm, rmsNorm } from '@hebb/ops';
import { checkCount } from '../check.ts';
import { Module } from '../module/module.ts';
import { Parameter } from '../module/parameter.ts';

export interface LayerNormOptions {
  /** Added to the variance; default 1e-5. */
  readonly eps?: number;
  /** Learned scale and shift; default true. */
  readonly elementwiseAffine?: boolean;
  /** Whether there is a shift beside the scale; default true. */
  readonly bias?: boolean;
  /** Default float32. */
  readonly dtype?: DType;
}

function shapeOf(layer: string, normalizedShape: number | Shape): number[] {
  const shape = typeof normalizedShape === 'number' ? [normalizedShape] : [...normalizedShape];
  if (shape.length === 0) fail(layer, 'normalizedShape has no axis');
  return shape.map((size) => checkCount(layer, 'normalizedShape', size));
}
function checkEps(layer: string, eps: number): number {
  if (!(eps >= 0 && Number.isFinite(eps))) fail(layer, 'eps is at least 0', String(eps));
  return eps;
}

/**
 * Normalises over the last axes, which have the shape given. Ba et al. 2016, arXiv:1607.06450. Weight (ones
 * at the start) and bias (zeros) have that shape. Shape: [..., ...normalizedShape] -> same.
 */
export class LayerNorm extends Module {
  readonly normalizedShape: readonly number[];
  readonly eps: number;
  weight: Parameter | undefined;
  bias: Parameter | undefined;

  constructor(
    normalizedShape: number | Shape,
    { eps = 1e-5, elementwiseAffine = true, bias = true, dtype = 'float32' }: LayerNormOptions = {},
  ) {
    super();
    this.normalizedShape = shapeOf('LayerNorm', normalizedShape);
    this.eps = checkEps('LayerNorm', eps);
    const shape = this.normalizedShape;
    this.weight = elementwiseAffine ? new Parameter(ones(shape, dtype)) : undefined;
    this.bias = elementwiseAffine && bias ? new Parameter(zeros(shape, dtype)) : undefined;
  }
  forward(x: Tensor): Tensor {
    const { normalizedShape, eps } = this;
    return layerNorm(x, normalizedShape, this.weight?.value, this.bias?.value, { eps });
  }
  override extraRepr(): string {
    const affine = this.weight === undefined ? ', elementwiseAffine=false' : '';
    return `${this.normalizedShape.join('x')}, eps=${this.eps}${affine}`;
  }
}

export interface RMSNormOptions {
  /** Added to the mean square; default (null): the spacing of the input's type at 1, as in PyTorch. */
  readonly eps?: number | null;
  /** Learned scale; default true. */
  readonly elementwiseAffine?: boolean;
  /** Default float32. */
  readonly dtype?: DType;
}

/**
 * x / √(mean(x²) + eps) · weight over the last axes. Zhang and Sennrich 2019, arXiv:1910.07467.
 * Shape: [..., ...normalizedShape] -> same.
 */
export class RMSNorm extends Module {
  readonly normalizedShape: readonly number[];
  readonly eps: number | null;
  weight: Parameter | undefined;

  constructor(
    normalizedShape: number | Shape,
    { eps = null, elementwiseAffine = true, dtype = 'float32' }: RMSNormOptions = {},
  ) {
    super();
    this.normalizedShape = shapeOf('RMSNorm', normalizedShape);
    this.eps = eps === null ? null : checkEps('RMSNorm', eps);
    this.weight = elementwiseAffine ? new Parameter(ones(this.normalizedShape, dtype)) : undefined;
  }
  forward(x: Tensor): Tensor {
    const eps = this.eps ?? spacing(x.dtype);
    return rmsNorm(x, this.normalizedShape, this.weight?.value, { eps });
  }
  override extraRepr(): string {
    const affine = this.weight === undefined ? ', elementwiseAffine=false' : '';
    return `${this.normalizedShape.join('x')}, eps=${this.eps}${affine}`;
  }
}

/** Distance of 1 to the next number of a float type. */
function spacing(dtype: DType): number {
  const digits: Partial<Record<DType, number>> = {
    float64: 52,
    float32: 23,
    float16: 10,
    bfloat16: 7,
  };
  const bits = digits[dtype];
  return bits === undefined
    ? fail('RMSNorm', 'input is not real', dtype, Object.keys(digits).join(', '))
    : 2 ** -bits;
}
