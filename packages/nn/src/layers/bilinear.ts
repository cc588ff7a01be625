/** A product of two inputs. */
import type { Tensor } from '@hebb/core';
import { bilinear } from '@hebb/ops';
import { checkCount } from '../check.ts';
import { fanInUniform } from '../init/draw.ts';
import { Module } from '../module/module.ts';
import { Parameter } from '../module/parameter.ts';
import type { LinearOptions } from './linear.ts';

/**
 * `y = aᵀ W b + bias`. Weight [outFeatures, in1Features, in2Features], bias [outFeatures], both uniform
 * within ±1/√in1Features at the start, as in PyTorch.
 * Shape: [..., in1Features], [..., in2Features] -> [..., outFeatures].
 */
export class Bilinear extends Module {
  readonly in1Features: number;
  readonly in2Features: number;
  readonly outFeatures: number;
  weight: Parameter;
  bias: Parameter | undefined;

  constructor(
    in1Features: number,
    in2Features: number,
    outFeatures: number,
    { bias = true, dtype = 'float32', generator }: LinearOptions = {},
  ) {
    super();
    this.in1Features = checkCount('Bilinear', 'in1Features', in1Features);
    this.in2Features = checkCount('Bilinear', 'in2Features', in2Features);
    this.outFeatures = checkCount('Bilinear', 'outFeatures', outFeatures);
    const how = { dtype, ...(generator && { generator }) };
    this.weight = new Parameter(
      fanInUniform([outFeatures, in1Features, in2Features], in1Features, how),
    );
    this.bias = bias ? new Parameter(fanInUniform([outFeatures], in1Features, how)) : undefined;
  }

  forward(a: Tensor, b: Tensor): Tensor {
    return bilinear(a, b, this.weight.value, this.bias?.value);
  }

  override extraRepr(): string {
    const sizes = [this.in1Features, this.in2Features, this.outFeatures].join(', ');
    return `${sizes}${this.bias === undefined ? ', bias=false' : ''}`;
  }
}
