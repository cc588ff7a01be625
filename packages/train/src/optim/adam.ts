/** Adam and AdamW. */
import { Variable, expm1, zeros } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { Parameter } from '@hebb/nn';
import { checkNumber } from '../check.ts';
import { Optimizer } from './optimizer.ts';
import type { OptimizerOptions, Slots, StepScalars } from './optimizer.ts';

export interface AdamOptions extends OptimizerOptions {
  /** Decay of the running mean of gradients and of their squares; default 0.9 and 0.999. */
  readonly betas?: readonly [number, number];
  /** Added to the denominator; default 1e-8. */
  readonly eps?: number;
  /** Use the largest second moment so far. Reddi et al. 2018. */
  readonly amsgrad?: boolean;
}

/** 1 - beta^step without the cancellation that float32 would suffer near beta = 1. */
function correction(logBeta: number | Tensor, step: Tensor): Tensor {
  return expm1(step.mul(logBeta)).neg();
}

abstract class AdamBase extends Optimizer<AdamOptions> {
  readonly #decoupled: boolean;

  protected constructor(
    name: string,
    decoupled: boolean,
    options: AdamOptions,
    weightDecay: number,
  ) {
    super(name, options, {
      lr: 1e-3,
      betas: [0.9, 0.999],
      eps: 1e-8,
      weightDecay,
      amsgrad: false,
    });
    this.#decoupled = decoupled;
  }

  protected override validate(options: Required<AdamOptions>): void {
    super.validate(options);
    checkNumber('Adam', 'betas[0]', options.betas[0], { low: 0, high: 1, open: true });
    checkNumber('Adam', 'betas[1]', options.betas[1], { low: 0, high: 1, open: true });
    checkNumber('Adam', 'eps', options.eps, { low: 0 });
  }
  protected override momentumOf({ betas }: Required<AdamOptions>): number {
    return betas[0];
  }
  protected slots(parameter: Parameter, { amsgrad }: Required<AdamOptions>): Slots {
    const start = () => new Variable(zeros(parameter.shape, parameter.dtype));
    return {
      exp_avg: start(),
      exp_avg_sq: start(),
      ...(amsgrad ? { max_exp_avg_sq: start() } : {}),
    };
  }
  protected update(
    value: Tensor,
    gradient: Tensor,
    slots: Slots,
    { lr, momentum: beta1, step }: StepScalars,
    { betas, eps, weightDecay }: Required<AdamOptions>,
  ): Tensor {
    const beta2 = betas[1];
    const [mean, square, highest] = [slots.exp_avg!, slots.exp_avg_sq!, slots.max_exp_avg_sq];
    let p = value;
    let g = gradient;
    if (weightDecay !== 0) {
      if (this.#decoupled) p = p.mul(lr.mul(-weightDecay).add(1));
      else g = g.add(p.mul(weightDecay));
    }
    const m = mean.value.mul(beta1).add(g.mul(beta1.neg().add(1)));
    const v = square.value.mul(beta2).add(g.mul(g).mul(1 - beta2));
    mean.value = m;
    square.value = v;
    let second = v;
    if (highest !== undefined) highest.value = second = highest.value.maximum(v);
    const rate = lr.div(correction(beta1.log(), step));
    const scale = correction(Math.log(beta2), step).sqrt();
    return p.sub(m.mul(rate).div(second.sqrt().div(scale).add(eps)));
  }
}

/**
 * Adam, Kingma & Ba 2015, arXiv:1412.6980, as PyTorch's; weight decay is added to the gradient.
 * Defaults: lr 1e-3, betas 0.9 and 0.999, eps 1e-8, weightDecay 0.
 */
export class Adam extends AdamBase {
  constructor(options: AdamOptions = {}) {
    super('Adam', false, options, 0);
  }
}

/**
 * Adam with decoupled weight decay, Loshchilov & Hutter 2019, arXiv:1711.05101: parameters shrink by
 * lr · weightDecay before the step. Defaults as Adam's, weightDecay 0.01.
 */
export class AdamW extends AdamBase {
  constructor(options: AdamOptions = {}) {
    super('AdamW', true, options, 1e-2);
  }
}
