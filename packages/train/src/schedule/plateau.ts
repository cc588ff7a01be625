/** A schedule that follows a metric instead of time. */
import { fail } from '@hebb/core';
import { checkNumber, checkOptions, checkWhole } from '../check.ts';
import { Monitor } from '../callbacks/monitor.ts';
import type { Json } from '../checkpoint/json.ts';
import type { EpochRecord } from '../progress/progress.ts';
import { Scheduler } from './scheduler.ts';

export interface PlateauOptions {
  /** Whether lower (`min`, default) or higher values are better. */
  readonly mode?: 'min' | 'max';
  /** Default 0.1. */
  readonly factor?: number;
  /** Epochs without improvement that are let pass; default 10. */
  readonly patience?: number;
  /** What counts as improvement, relative (default) or absolute; default 1e-4. */
  readonly threshold?: number;
  readonly thresholdMode?: 'rel' | 'abs';
  /** Epochs after a reduction in which none is counted; default 0. */
  readonly cooldown?: number;
  readonly minLr?: number;
  /** Smaller changes of the rate are left out; default 1e-8. */
  readonly eps?: number;
  /** What to watch in a `Trainer`: `loss` (default) or a metric; of the validation where there is one. */
  readonly monitor?: string;
}

/** Times `factor` when a metric has stopped improving. */
export class ReduceLROnPlateau extends Scheduler {
  readonly #options: Required<PlateauOptions>;
  #best: number;
  #bad = 0;
  #cooling = 0;
  #rates: number[] | undefined;

  constructor(options: PlateauOptions = {}) {
    super({ interval: 'epoch' });
    const defaults = {
      mode: 'min',
      factor: 0.1,
      patience: 10,
      threshold: 1e-4,
      thresholdMode: 'rel',
      cooldown: 0,
      minLr: 0,
      eps: 1e-8,
      monitor: 'loss',
    } as const;
    checkOptions('ReduceLROnPlateau', options, Object.keys(defaults));
    this.#options = { ...defaults, ...options };
    checkNumber('ReduceLROnPlateau', 'factor', this.#options.factor, {
      low: 0,
      high: 1,
      open: true,
    });
    checkWhole('ReduceLROnPlateau', 'patience', this.#options.patience, 0);
    this.#best = this.#options.mode === 'min' ? Infinity : -Infinity;
  }

  rate(_count: number, initial: number): number {
    return initial;
  }
  protected override apply(release: boolean): void {
    this.optimizer.groups.forEach((group, i) => {
      const lr = this.#rates?.[i];
      if (lr !== undefined) group.set({ lr }, release);
    });
  }

  override save(): Json {
    return {
      ...(super.save() as object),
      best: this.#best,
      bad: this.#bad,
      cooling: this.#cooling,
      rates: this.#rates ?? null,
    };
  }
  override load(state: Json): void {
    const saved = state as {
      readonly best: number;
      readonly bad: number;
      readonly cooling: number;
      readonly rates: readonly number[] | null;
    };
    this.#best = saved.best;
    this.#bad = saved.bad;
    this.#cooling = saved.cooling;
    this.#rates = saved.rates === null ? undefined : [...saved.rates];
    super.load(state);
  }

  override step(metric?: number): void {
    if (metric === undefined) fail('ReduceLROnPlateau', 'step needs the metric');
    this.#observe(metric);
    super.step();
  }
  override epochEnded(record: EpochRecord): void {
    const { monitor, mode } = this.#options;
    this.#observe(new Monitor('ReduceLROnPlateau', { monitor, mode }).valueOf(record));
    super.epochEnded(record);
  }

  #observe(value: number): void {
    const { mode, factor, patience, threshold, thresholdMode, cooldown, minLr, eps } =
      this.#options;
    const margin = thresholdMode === 'rel' ? Math.abs(this.#best) * threshold : threshold;
    const bound = !Number.isFinite(this.#best)
      ? this.#best
      : mode === 'min'
        ? this.#best - margin
        : this.#best + margin;
    if (mode === 'min' ? value < bound : value > bound) {
      this.#best = value;
      this.#bad = 0;
    } else {
      this.#bad += 1;
    }
    if (this.#cooling > 0) {
      this.#cooling -= 1;
      this.#bad = 0;
    }
    if (this.#bad <= patience) return;
    this.#rates = this.optimizer.groups.map(({ lr }) => {
      const next = Math.max(lr * factor, minLr);
      return lr - next > eps ? next : lr;
    });
    this.#cooling = cooldown;
    this.#bad = 0;
  }
}
