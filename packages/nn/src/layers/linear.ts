/** Fully connected layer. */
import type { DType, Generator, Tensor } from '@hebb/core';
import { linear } from '@hebb/ops';
import { checkCount } from '../check.ts';
import { fanInUniform } from '../init/draw.ts';
import { Module } from '../module/module.ts';
import { Parameter } from '../module/parameter.ts';

export interface LinearOptions {
  /** Default true. */
  readonly bias?: boolean;
  /** Default float32. */
  readonly dtype?: DType;
  /** Where the start values come from; the default generator when left out. */
  readonly generator?: Generator;
}

/**
 * `y = x Wᵀ + b`. Weight [outFeatures, inFeatures], bias [outFeatures], both uniform within
 * ±1/√inFeatures at the start, as in PyTorch.
 * Shape: [..., inFeatures] -> [..., outFeatures].
 */
export class Linear extends Module {
  readonly inFeatures: number;
  readonly outFeatures: number;
  weight: Parameter;
  bias: Parameter | undefined;

  constructor(inFeatures: number, outFeatures: number, options: LinearOptions = {}) {
    super();
    const { bias = true, dtype = 'float32', generator } = options;
    this.inFeatures = checkCount('Linear', 'inFeatures', inFeatures);
    this.outFeatures = checkCount('Linear', 'outFeatures', outFeatures);
    const how = { dtype, ...(generator && { generator }) };
    this.weight = new Parameter(fanInUniform([outFeatures, inFeatures], inFeatures, how));
    this.bias = bias ? new Parameter(fanInUniform([outFeatures], inFeatures, how)) : undefined;
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.weight.value, this.bias?.value);
  }

  override extraRepr(): string {
    return `${this.inFeatures}, ${this.outFeatures}${this.bias === undefined ? ', bias=false' : ''}`;
  }
}
