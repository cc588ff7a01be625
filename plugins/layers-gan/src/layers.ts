import { fail, type Tensor } from '@hebb/core';
import { Module } from '@hebb/nn';
import { squareplus } from './squareplus.ts';

/** Applies {@link squareplus} to every element. Shape: any -> same. */
export class Squareplus extends Module {
  readonly beta: number;

  /** @param options.beta width of the bend at zero, at least 0 */
  constructor({ beta = 4 }: { beta?: number } = {}) {
    super();
    if (!(beta >= 0)) fail('Squareplus', 'beta is out of range', String(beta), 'at least 0');
    this.beta = beta;
  }

  forward(x: Tensor): Tensor {
    return squareplus(x, { beta: this.beta });
  }
}
