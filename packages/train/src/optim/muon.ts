/** Muon: momentum whose update is made orthogonal. */
import { Variable, expm1, fail, formatShape, zeros } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { Parameter } from '@hebb/nn';
import { checkNumber, checkWhole } from '../check.ts';
import { Optimizer } from './optimizer.ts';
import type { OptimizerOptions, Slots, StepScalars } from './optimizer.ts';

export interface MuonOptions extends OptimizerOptions {
  /** Decay of the running mean of gradients; default 0.95. */
  readonly momentum?: number;
  /** Look one step ahead; default true. */
  readonly nesterov?: boolean;
  /** Newton-Schulz iterations; default 5. */
  readonly nsSteps?: number;
  /** Coefficients of the quintic iteration; default 3.4445, -4.775, 2.0315. */
  readonly nsCoefficients?: readonly [number, number, number];
  /** Smallest norm that is divided by; default 1e-7. */
  readonly eps?: number;
  /**
   * How the rate grows with the matrix: `original` (default) by sqrt(max(1, rows / columns));
   * `match_rms_adamw` by 0.2 sqrt(max(rows, columns)), so that rates tuned for AdamW fit (Liu et al. 2025,
   * arXiv:2502.16982).
   */
  readonly adjustLr?: 'original' | 'match_rms_adamw';
  /**
   * `auto` (default): Muon for parameters with two or more axes, AdamW for biases and gains. A group says
   * `adamw` for what is a matrix but no map between hidden layers: embeddings and the output layer.
   */
  readonly method?: 'auto' | 'muon' | 'adamw';
  /** Rate of the parameters that AdamW takes; default `lr`. Schedules change it in step with `lr`. */
  readonly adamLr?: number | null;
  /** Default 0.9 and 0.95. */
  readonly adamBetas?: readonly [number, number];
  /** Default 1e-8. */
  readonly adamEps?: number;
}

type Settings = Required<MuonOptions>;

/**
 * The orthogonal matrix nearest to a matrix, roughly: singular values end up between 0.7 and 1.2. Quintic
 * Newton-Schulz iteration X -> aX + (bA + cA²)X with A = XXᵀ. Shape: [m, n] -> same.
 */
export function orthogonalize(
  matrix: Tensor,
  {
    steps = 5,
    coefficients: [a, b, c] = [3.4445, -4.775, 2.0315],
    eps = 1e-7,
  }: {
    readonly steps?: number;
    readonly coefficients?: readonly [number, number, number];
    readonly eps?: number;
  } = {},
): Tensor {
  if (matrix.rank !== 2) fail('orthogonalize', 'not a matrix', formatShape(matrix.shape), '[m, n]');
  // The smaller product: X Xᵀ of the wide form.
  const tall = matrix.shape[0]! > matrix.shape[1]!;
  let x = tall ? matrix.permute([1, 0]) : matrix;
  x = x.div(x.mul(x).sum().sqrt().maximum(eps));
  for (let k = 0; k < steps; k++) {
    const gram = x.matmul(x, { transposeB: true });
    const inner = gram.mul(b).add(gram.matmul(gram).mul(c));
    x = x.mul(a).add(inner.matmul(x));
  }
  return tall ? x.permute([1, 0]) : x;
}

/**
 * Muon, Jordan et al. 2024, with the settings and defaults of PyTorch's: lr 1e-3, weightDecay 0.1,
 * momentum 0.95. Each update of a matrix is replaced by the orthogonal matrix nearest to it; kernels of
 * convolutions count as matrices [out, rest]. Other parameters are updated by AdamW (`method`), where
 * PyTorch's refuses them. The iteration runs in the parameter's dtype, PyTorch's in bfloat16.
 */
export class Muon extends Optimizer<MuonOptions> {
  constructor(options: MuonOptions = {}) {
    super('Muon', options, {
      lr: 1e-3,
      weightDecay: 0.1,
      momentum: 0.95,
      nesterov: true,
      nsSteps: 5,
      nsCoefficients: [3.4445, -4.775, 2.0315],
      eps: 1e-7,
      adjustLr: 'original',
      method: 'auto',
      adamLr: null,
      adamBetas: [0.9, 0.95],
      adamEps: 1e-8,
    });
  }

  protected override validate(options: Settings): void {
    super.validate(options);
    checkNumber('Muon', 'momentum', options.momentum, { low: 0, high: 1, open: true });
    checkWhole('Muon', 'nsSteps', options.nsSteps);
    checkNumber('Muon', 'eps', options.eps, { low: 0 });
    options.nsCoefficients.forEach((c, i) => checkNumber('Muon', `nsCoefficients[${i}]`, c));
    checkChoice('adjustLr', options.adjustLr, ['original', 'match_rms_adamw']);
    checkChoice('method', options.method, ['auto', 'muon', 'adamw']);
    if (options.adamLr !== null) checkNumber('Muon', 'adamLr', options.adamLr, { low: 0 });
    for (const i of [0, 1] as const) {
      checkNumber('Muon', `adamBetas[${i}]`, options.adamBetas[i], { low: 0, high: 1, open: true });
    }
    checkNumber('Muon', 'adamEps', options.adamEps, { low: 0 });
  }
  protected override momentumOf({ momentum }: Settings): number {
    return momentum;
  }
  protected slots(parameter: Parameter, { method }: Settings): Slots {
    const start = () => new Variable(zeros(parameter.shape, parameter.dtype));
    const matrix = parameter.shape.length >= 2;
    if (method === 'muon' && !matrix) {
      fail(
        'Muon',
        'a parameter is no matrix',
        formatShape(parameter.shape),
        'two or more axes, or method auto',
      );
    }
    if (matrix && method !== 'adamw') return { momentum_buffer: start() };
    return { exp_avg: start(), exp_avg_sq: start() };
  }

  protected update(
    value: Tensor,
    gradient: Tensor,
    slots: Slots,
    scalars: StepScalars,
    options: Settings,
  ): Tensor {
    const buffer = slots.momentum_buffer;
    if (buffer === undefined) return adamw(value, gradient, slots, scalars, options);
    const { lr, momentum } = scalars;
    const entering = momentum.neg().add(1);
    const mean = buffer.value.mul(momentum).add(gradient.mul(entering));
    buffer.value = mean;
    const update = options.nesterov ? gradient.mul(entering).add(mean.mul(momentum)) : mean;
    const rows = value.shape[0]!;
    const columns = value.size / Math.max(1, rows);
    const direction = orthogonalize(update.reshape([rows, columns]), {
      steps: options.nsSteps,
      coefficients: options.nsCoefficients,
      eps: options.eps,
    }).reshape(value.shape);
    const factor =
      options.adjustLr === 'original'
        ? Math.sqrt(Math.max(1, rows / columns))
        : 0.2 * Math.sqrt(Math.max(rows, columns));
    return shrink(value, lr, options.weightDecay).sub(direction.mul(lr.mul(factor)));
  }
}

function adamw(
  value: Tensor,
  gradient: Tensor,
  { exp_avg: mean, exp_avg_sq: square }: Slots,
  { lr: groupLr, step }: StepScalars,
  { lr: start, adamLr, adamBetas: [beta1, beta2], adamEps, weightDecay }: Settings,
): Tensor {
  // A multiple of the group's rate, so that a schedule reaches both.
  const lr = adamLr === null ? groupLr : start === 0 ? groupLr.mul(0) : groupLr.mul(adamLr / start);
  const correction = (beta: number): Tensor => expm1(step.mul(Math.log(beta))).neg();
  mean!.value = mean!.value.mul(beta1).add(gradient.mul(1 - beta1));
  square!.value = square!.value.mul(beta2).add(gradient.mul(gradient).mul(1 - beta2));
  const spread = square!.value.sqrt().div(correction(beta2).sqrt()).add(adamEps);
  const moved = mean!.value.mul(lr.div(correction(beta1))).div(spread);
  return shrink(value, lr, weightDecay).sub(moved);
}

const shrink = (value: Tensor, lr: Tensor, weightDecay: number): Tensor =>
  weightDecay === 0 ? value : value.mul(lr.mul(-weightDecay).add(1));

function checkChoice(name: string, value: string, choices: readonly string[]): void {
  if (!choices.includes(value)) {
    fail('Muon', `${name} is not usable`, String(value), choices.join(', '));
  }
}
