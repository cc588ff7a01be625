/**
 * Activations as modules, for `Sequential`. Each is the function of the same name in `@hebb/ops`, where the
 * sources stand. Shape: any -> same, unless it says otherwise.
 */
import { defaultGenerator, fail, formatShape, full, mul, random, tanh, where } from '@hebb/core';
import type { DType, Generator, Tensor } from '@hebb/core';
import {
  celu,
  elu,
  gelu,
  glu,
  hardshrink,
  hardsigmoid,
  hardswish,
  hardtanh,
  leakyRelu,
  logSigmoid,
  logSoftmax,
  mish,
  prelu,
  relu,
  relu6,
  selu,
  sigmoid,
  silu,
  softmax,
  softmin,
  softplus,
  softshrink,
  softsign,
  tanhshrink,
  threshold,
} from '@hebb/ops';
import { checkCount } from '../check.ts';
import { Module } from '../module/module.ts';
import { Parameter } from '../module/parameter.ts';

/** max(x, 0). */
export class ReLU extends Module {
  forward(x: Tensor): Tensor {
    return relu(x);
  }
}

/** min(max(x, 0), 6). */
export class ReLU6 extends Module {
  forward(x: Tensor): Tensor {
    return relu6(x);
  }
}

/** 1 / (1 + exp(-x)). */
export class Sigmoid extends Module {
  forward(x: Tensor): Tensor {
    return sigmoid(x);
  }
}

/** Hyperbolic tangent. */
export class Tanh extends Module {
  forward(x: Tensor): Tensor {
    return tanh(x);
  }
}

/** x · sigmoid(x), also called swish. */
export class SiLU extends Module {
  forward(x: Tensor): Tensor {
    return silu(x);
  }
}

/** x · tanh(softplus(x)). */
export class Mish extends Module {
  forward(x: Tensor): Tensor {
    return mish(x);
  }
}

/** Self-normalising: scaled ELU with the constants of Klambauer et al. 2017. */
export class SELU extends Module {
  forward(x: Tensor): Tensor {
    return selu(x);
  }
}

/** x · hardsigmoid(x). */
export class Hardswish extends Module {
  forward(x: Tensor): Tensor {
    return hardswish(x);
  }
}

/** x / 6 + 1/2 kept within [0, 1]. */
export class Hardsigmoid extends Module {
  forward(x: Tensor): Tensor {
    return hardsigmoid(x);
  }
}

/** log(sigmoid(x)). */
export class LogSigmoid extends Module {
  forward(x: Tensor): Tensor {
    return logSigmoid(x);
  }
}

/** x / (1 + |x|). */
export class Softsign extends Module {
  forward(x: Tensor): Tensor {
    return softsign(x);
  }
}

/** x - tanh(x). */
export class Tanhshrink extends Module {
  forward(x: Tensor): Tensor {
    return tanhshrink(x);
  }
}

/** x where positive, else negativeSlope · x. */
export class LeakyReLU extends Module {
  readonly negativeSlope: number;

  constructor(negativeSlope = 0.01) {
    super();
    this.negativeSlope = negativeSlope;
  }
  forward(x: Tensor): Tensor {
    return leakyRelu(x, { negativeSlope: this.negativeSlope });
  }
  override extraRepr(): string {
    return `negativeSlope=${this.negativeSlope}`;
  }
}

/**
 * x where positive, else slope · x, with a slope drawn for each element from [lower, upper) in training
 * and their mean in evaluation. Xu et al. 2015, arXiv:1505.00853.
 */
export class RReLU extends Module {
  readonly lower: number;
  readonly upper: number;
  readonly #generator: Generator | undefined;

  constructor({
    lower = 1 / 8,
    upper = 1 / 3,
    generator,
  }: {
    readonly lower?: number;
    readonly upper?: number;
    readonly generator?: Generator;
  } = {}) {
    super();
    if (!(lower <= upper)) fail('RReLU', 'lower is above upper', `${lower} and ${upper}`);
    this.lower = lower;
    this.upper = upper;
    this.#generator = generator;
  }
  forward(x: Tensor): Tensor {
    const { lower, upper } = this;
    if (!this.training) return leakyRelu(x, { negativeSlope: (lower + upper) / 2 });
    const key = (this.#generator ?? defaultGenerator).next();
    const slope = random.uniform(key, x.shape, { low: lower, high: upper, dtype: x.dtype });
    return where(x.gt(0), x, mul(x, slope));
  }
  override extraRepr(): string {
    return `lower=${this.lower}, upper=${this.upper}`;
  }
}

/** x where positive, else α(exp(x) - 1). */
export class ELU extends Module {
  readonly alpha: number;

  constructor(alpha = 1) {
    super();
    this.alpha = alpha;
  }
  forward(x: Tensor): Tensor {
    return elu(x, { alpha: this.alpha });
  }
  override extraRepr(): string {
    return `alpha=${this.alpha}`;
  }
}

/** max(0, x) + min(0, α(exp(x/α) - 1)). */
export class CELU extends Module {
  readonly alpha: number;

  constructor(alpha = 1) {
    super();
    this.alpha = alpha;
  }
  forward(x: Tensor): Tensor {
    return celu(x, { alpha: this.alpha });
  }
  override extraRepr(): string {
    return `alpha=${this.alpha}`;
  }
}

/** x kept within [minVal, maxVal]. */
export class Hardtanh extends Module {
  readonly minVal: number;
  readonly maxVal: number;

  constructor(minVal = -1, maxVal = 1) {
    super();
    this.minVal = minVal;
    this.maxVal = maxVal;
  }
  forward(x: Tensor): Tensor {
    return hardtanh(x, { minVal: this.minVal, maxVal: this.maxVal });
  }
  override extraRepr(): string {
    return `minVal=${this.minVal}, maxVal=${this.maxVal}`;
  }
}

/** log(1 + exp(βx)) / β, linear where βx > threshold. */
export class Softplus extends Module {
  readonly beta: number;
  readonly threshold: number;

  constructor(beta = 1, threshold = 20) {
    super();
    this.beta = beta;
    this.threshold = threshold;
  }
  forward(x: Tensor): Tensor {
    return softplus(x, { beta: this.beta, threshold: this.threshold });
  }
  override extraRepr(): string {
    return `beta=${this.beta}, threshold=${this.threshold}`;
  }
}

/** x where |x| > lambd, else 0. */
export class Hardshrink extends Module {
  readonly lambd: number;

  constructor(lambd = 0.5) {
    super();
    this.lambd = lambd;
  }
  forward(x: Tensor): Tensor {
    return hardshrink(x, { lambd: this.lambd });
  }
  override extraRepr(): string {
    return `lambd=${this.lambd}`;
  }
}

/** x moved towards 0 by lambd. */
export class Softshrink extends Module {
  readonly lambd: number;

  constructor(lambd = 0.5) {
    super();
    this.lambd = lambd;
  }
  forward(x: Tensor): Tensor {
    return softshrink(x, { lambd: this.lambd });
  }
  override extraRepr(): string {
    return `lambd=${this.lambd}`;
  }
}

/** x above the threshold, else the value. */
export class Threshold extends Module {
  readonly threshold: number;
  readonly value: number;

  constructor(threshold: number, value: number) {
    super();
    this.threshold = threshold;
    this.value = value;
  }
  forward(x: Tensor): Tensor {
    return threshold(x, this.threshold, this.value);
  }
  override extraRepr(): string {
    return `threshold=${this.threshold}, value=${this.value}`;
  }
}

/** exp(x) / Σ exp(x) along `dim`. */
export class Softmax extends Module {
  readonly dim: number;

  constructor(dim = -1) {
    super();
    this.dim = dim;
  }
  forward(x: Tensor): Tensor {
    return softmax(x, this.dim);
  }
  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/** softmax(-x) along `dim`. */
export class Softmin extends Module {
  readonly dim: number;

  constructor(dim = -1) {
    super();
    this.dim = dim;
  }
  forward(x: Tensor): Tensor {
    return softmin(x, this.dim);
  }
  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/** Softmax over the channels at each place of an image. Shape: [N, C, H, W] or [C, H, W] -> same. */
export class Softmax2d extends Module {
  forward(x: Tensor): Tensor {
    if (x.rank !== 3 && x.rank !== 4) {
      fail('softmax2d', 'input does not fit', formatShape(x.shape), '[N, C, H, W] or [C, H, W]');
    }
    return softmax(x, -3);
  }
}

/** log(softmax(x)) along `dim`. */
export class LogSoftmax extends Module {
  readonly dim: number;

  constructor(dim = -1) {
    super();
    this.dim = dim;
  }
  forward(x: Tensor): Tensor {
    return logSoftmax(x, this.dim);
  }
  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/** a · sigmoid(b) of the two halves a, b along `dim`. */
export class GLU extends Module {
  readonly dim: number;

  constructor(dim = -1) {
    super();
    this.dim = dim;
  }
  forward(x: Tensor): Tensor {
    return glu(x, this.dim);
  }
  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/** x Φ(x), or its approximation by tanh. */
export class GELU extends Module {
  readonly approximate: 'none' | 'tanh';

  constructor({ approximate = 'none' }: { readonly approximate?: 'none' | 'tanh' } = {}) {
    super();
    this.approximate = approximate;
  }
  forward(x: Tensor): Tensor {
    return gelu(x, { approximate: this.approximate });
  }
  override extraRepr(): string {
    return `approximate=${this.approximate}`;
  }
}

/** x where positive, else weight · x with a learned weight, one or one for each channel (axis 1). */
export class PReLU extends Module {
  weight: Parameter;

  constructor(
    numParameters = 1,
    { init = 0.25, dtype = 'float32' }: { readonly init?: number; readonly dtype?: DType } = {},
  ) {
    super();
    this.weight = new Parameter(
      full([checkCount('PReLU', 'numParameters', numParameters)], init, dtype),
    );
  }
  forward(x: Tensor): Tensor {
    return prelu(x, this.weight.value);
  }
  override extraRepr(): string {
    return `numParameters=${this.weight.shape[0]}`;
  }
}
