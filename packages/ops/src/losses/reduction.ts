/** How a loss becomes one number. */
import { fail, formatShape, mul, sameShape, sum } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { oneOf } from '../operands.ts';
import { mean } from '../reductions.ts';

export type Reduction = 'none' | 'mean' | 'sum';
export interface LossOptions {
  /** 'mean' over all elements (the default), 'sum', or 'none' for the loss of each. */
  readonly reduction?: Reduction;
}

export function reduceLoss(op: string, loss: Tensor, reduction: Reduction = 'mean'): Tensor {
  oneOf(op, 'reduction', reduction, ['none', 'mean', 'sum']);
  if (reduction === 'none') return loss;
  return reduction === 'sum' ? sum(loss) : mean(loss);
}

/** Input and target of a regression must agree: silent broadcasting here hides mistakes. */
export function requireSameShape(op: string, input: Tensor, target: Tensor): void {
  if (!sameShape(input.shape, target.shape)) {
    fail(
      op,
      'input and target differ in shape',
      `${formatShape(input.shape)} and ${formatShape(target.shape)}`,
    );
  }
}

/** Scaled by a weight for each element, when there is one. */
export const weighted = (loss: Tensor, weight: Tensor | null | undefined): Tensor =>
  weight == null ? loss : mul(loss, weight);
