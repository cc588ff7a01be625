/** Dynamic loss scaling: keeps small gradients above the smallest float16. */
import { Variable, scalar, where, zeros } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { checkNumber, checkOptions, checkWhole } from '../check.ts';

export interface LossScaleOptions {
  /** Default 65536. */
  readonly initial?: number;
  /** Factor after `interval` sound steps; default 2. */
  readonly growth?: number;
  /** Factor after a step whose gradients overflow; default 0.5. */
  readonly backoff?: number;
  /** Default 2000. */
  readonly interval?: number;
}

/**
 * PyTorch's `GradScaler`, with its defaults (`init_scale`, `growth_factor`, `backoff_factor` and
 * `growth_interval` there): the loss is multiplied before differentiation, gradients are divided after it. A
 * step with a gradient that is not finite is left out and lowers the scale; enough sound steps in a row raise it,
 * as long as it stays finite. Works on every backend; a trainer's checkpoints keep it.
 */
export class LossScaler {
  readonly #options: Required<LossScaleOptions>;
  readonly scale: Variable;
  /** Sound steps since the last change. */
  readonly sound: Variable;
  /** Updates left out so far. */
  readonly skipped: Variable;

  constructor(options: LossScaleOptions = {}) {
    checkOptions('LossScaler', options, ['initial', 'growth', 'backoff', 'interval']);
    this.#options = { initial: 65536, growth: 2, backoff: 0.5, interval: 2000, ...options };
    checkNumber('LossScaler', 'initial', this.#options.initial, { low: 1 });
    checkNumber('LossScaler', 'growth', this.#options.growth, { low: 1 });
    checkNumber('LossScaler', 'backoff', this.#options.backoff, { low: 0, high: 1, open: true });
    checkWhole('LossScaler', 'interval', this.#options.interval);
    this.scale = new Variable(scalar(this.#options.initial, 'float32'));
    this.sound = new Variable(scalar(0, 'int32'));
    this.skipped = new Variable(scalar(0, 'int32'));
  }

  scaled(loss: Tensor): Tensor {
    return loss.mul(this.scale.value.to(loss.dtype));
  }
  unscaled(grads: readonly Tensor[]): Tensor[] {
    return grads.map((g) => g.div(this.scale.value.to(g.dtype)));
  }

  /** Whether all gradients are finite; adapts the scale where `counts`. Shape: [] bool. */
  judge(grads: readonly Tensor[], counts: Tensor): Tensor {
    const { growth, backoff, interval } = this.#options;
    const bad = grads
      .map((g) => where(g.abs().lt(Infinity), zeros(g.shape, 'int32'), 1).sum())
      .reduce((sum, part) => sum.add(part));
    const good = bad.eq(0);
    const run = this.sound.value.add(1);
    const grows = run.ge(interval);
    const scale = this.scale.value;
    const larger = scale.mul(growth);
    // Never to infinity: every later step would be left out.
    const raised = where(grows.and(larger.lt(Infinity)), larger, scale);
    const next = where(good, raised, scale.mul(backoff));
    this.sound.value = where(
      counts,
      where(good.and(grows.not()), run, zeros([], 'int32')),
      this.sound.value,
    );
    this.scale.value = where(counts, next, scale);
    this.skipped.value = this.skipped.value.add(counts.and(good.not()).to('int32'));
    return good;
  }

  get state(): Variable[] {
    return [this.scale, this.sound, this.skipped];
  }
}
