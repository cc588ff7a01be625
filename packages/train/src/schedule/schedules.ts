/** The schedules of PyTorch's `torch.optim.lr_scheduler` in closed form; `t` counts steps or epochs from 0. */
import { fail } from '@hebb/core';
import { checkNumber, checkWhole } from '../check.ts';
import { Scheduler } from './scheduler.ts';
import type { SchedulerOptions } from './scheduler.ts';

/** `initial · factor(t)`. */
export class LambdaLR extends Scheduler {
  readonly #factor: (t: number) => number;

  constructor(factor: (t: number) => number, options: SchedulerOptions = {}) {
    super(options);
    if (typeof factor !== 'function') fail('LambdaLR', 'factor is not a function', typeof factor);
    this.#factor = factor;
  }
  rate(t: number, initial: number): number {
    return initial * this.#factor(t);
  }
}

/** `initial · factor` for the first `totalIters` steps, then `initial`. */
export class ConstantLR extends LambdaLR {
  constructor({
    factor = 1 / 3,
    totalIters = 5,
    ...rest
  }: SchedulerOptions & { readonly factor?: number; readonly totalIters?: number } = {}) {
    checkNumber('ConstantLR', 'factor', factor, { low: 0 });
    super((t) => (t < totalIters ? factor : 1), rest);
  }
}

/** From `initial · startFactor` in a straight line to `initial · endFactor` at `totalIters`: warm-up. */
export class LinearLR extends LambdaLR {
  constructor({
    startFactor = 1 / 3,
    endFactor = 1,
    totalIters = 5,
    ...rest
  }: SchedulerOptions & {
    readonly startFactor?: number;
    readonly endFactor?: number;
    readonly totalIters?: number;
  } = {}) {
    checkWhole('LinearLR', 'totalIters', totalIters);
    super(
      (t) => startFactor + ((endFactor - startFactor) * Math.min(t, totalIters)) / totalIters,
      rest,
    );
  }
}

/** `initial · gammaᵗ`. */
export class ExponentialLR extends LambdaLR {
  constructor({ gamma, ...rest }: SchedulerOptions & { readonly gamma: number }) {
    checkNumber('ExponentialLR', 'gamma', gamma, { low: 0 });
    super((t) => gamma ** t, rest);
  }
}

/** Times `gamma` every `stepSize` steps. */
export class StepLR extends LambdaLR {
  constructor({
    stepSize,
    gamma = 0.1,
    ...rest
  }: SchedulerOptions & { readonly stepSize: number; readonly gamma?: number }) {
    checkWhole('StepLR', 'stepSize', stepSize);
    super((t) => gamma ** Math.floor(t / stepSize), rest);
  }
}

/** Times `gamma` at each milestone. */
export class MultiStepLR extends LambdaLR {
  constructor({
    milestones,
    gamma = 0.1,
    ...rest
  }: SchedulerOptions & { readonly milestones: readonly number[]; readonly gamma?: number }) {
    super((t) => gamma ** milestones.filter((at) => at <= t).length, rest);
  }
}

/** `initial · (1 - t / totalIters)^power`, 0 from there on. */
export class PolynomialLR extends LambdaLR {
  constructor({
    totalIters = 5,
    power = 1,
    ...rest
  }: SchedulerOptions & { readonly totalIters?: number; readonly power?: number } = {}) {
    checkWhole('PolynomialLR', 'totalIters', totalIters);
    super((t) => (1 - Math.min(t, totalIters) / totalIters) ** power, rest);
  }
}

/** Half a cosine from `initial` to `etaMin` over `tMax` steps. Loshchilov & Hutter 2017, arXiv:1608.03983. */
export class CosineAnnealingLR extends Scheduler {
  readonly tMax: number;
  readonly etaMin: number;

  constructor({
    tMax,
    etaMin = 0,
    ...rest
  }: SchedulerOptions & { readonly tMax: number; readonly etaMin?: number }) {
    super(rest);
    this.tMax = checkWhole('CosineAnnealingLR', 'tMax', tMax);
    this.etaMin = checkNumber('CosineAnnealingLR', 'etaMin', etaMin, { low: 0 });
  }
  rate(t: number, initial: number): number {
    return cosine(initial, this.etaMin, t / this.tMax);
  }
}

/** From `start` at 0 to `end` at 1 along half a cosine. */
function cosine(start: number, end: number, share: number): number {
  return end + ((start - end) * (1 + Math.cos(Math.PI * share))) / 2;
}

/** Cosine annealing that starts over after `t0` steps, each round `tMult` times as long. The same paper. */
export class CosineAnnealingWarmRestarts extends Scheduler {
  readonly t0: number;
  readonly tMult: number;
  readonly etaMin: number;

  constructor({
    t0,
    tMult = 1,
    etaMin = 0,
    ...rest
  }: SchedulerOptions & {
    readonly t0: number;
    readonly tMult?: number;
    readonly etaMin?: number;
  }) {
    super(rest);
    this.t0 = checkWhole('CosineAnnealingWarmRestarts', 't0', t0);
    this.tMult = checkWhole('CosineAnnealingWarmRestarts', 'tMult', tMult);
    this.etaMin = checkNumber('CosineAnnealingWarmRestarts', 'etaMin', etaMin, { low: 0 });
  }
  rate(t: number, initial: number): number {
    let [start, length] = [0, this.t0];
    while (this.tMult > 1 && t >= start + length)
      [start, length] = [start + length, length * this.tMult];
    const at = this.tMult > 1 ? t - start : t % length;
    return cosine(initial, this.etaMin, at / length);
  }
}

/** Up and down between `initial` and `maxLr` in straight lines. Smith 2017, arXiv:1506.01186. */
export class CyclicLR extends Scheduler {
  readonly maxLr: number;
  readonly stepSizeUp: number;
  readonly stepSizeDown: number;
  readonly #scale: (cycle: number, t: number) => number;

  constructor({
    maxLr,
    stepSizeUp = 2000,
    stepSizeDown = stepSizeUp,
    mode = 'triangular',
    gamma = 1,
    interval = 'step',
  }: SchedulerOptions & {
    readonly maxLr: number;
    readonly stepSizeUp?: number;
    readonly stepSizeDown?: number;
    /** The peaks stay, halve each cycle, or fall by `gamma` a step. */
    readonly mode?: 'triangular' | 'triangular2' | 'exp_range';
    readonly gamma?: number;
  }) {
    super({ interval });
    this.maxLr = checkNumber('CyclicLR', 'maxLr', maxLr, { low: 0 });
    this.stepSizeUp = checkWhole('CyclicLR', 'stepSizeUp', stepSizeUp);
    this.stepSizeDown = checkWhole('CyclicLR', 'stepSizeDown', stepSizeDown);
    const scales: Readonly<Record<string, (cycle: number, t: number) => number>> = {
      triangular: () => 1,
      triangular2: (cycle) => 1 / 2 ** (cycle - 1),
      exp_range: (_cycle, t) => gamma ** t,
    };
    this.#scale =
      scales[mode] ??
      fail('CyclicLR', 'unknown mode', String(mode), Object.keys(scales).join(', '));
  }
  rate(t: number, initial: number): number {
    const total = this.stepSizeUp + this.stepSizeDown;
    const cycle = Math.floor(1 + t / total);
    const x = 1 + t / total - cycle;
    const up = this.stepSizeUp / total;
    const height = x <= up ? x / up : (x - 1) / (up - 1);
    return initial + (this.maxLr - initial) * height * this.#scale(cycle, t);
  }
}

export interface OneCycleOptions extends SchedulerOptions {
  readonly maxLr: number;
  /** Steps of the whole run. */
  readonly totalSteps: number;
  /** Share of the steps that rise; default 0.3. */
  readonly pctStart?: number;
  /** Default `cos`. */
  readonly anneal?: 'cos' | 'linear';
  /** The start is maxLr / divFactor; default 25. */
  readonly divFactor?: number;
  /** The end is the start / finalDivFactor; default 1e4. */
  readonly finalDivFactor?: number;
  /** Momentum (Adam: the first beta) runs the other way; default true. */
  readonly cycleMomentum?: boolean;
  /** Default 0.85 and 0.95. */
  readonly baseMomentum?: number;
  readonly maxMomentum?: number;
}

/** One rise and one long fall of the rate. Smith & Topin 2018, arXiv:1708.07120, as PyTorch's. */
export class OneCycleLR extends Scheduler {
  readonly #options: Required<OneCycleOptions>;

  constructor(options: OneCycleOptions) {
    super({ interval: options.interval ?? 'step' });
    this.#options = {
      interval: 'step',
      pctStart: 0.3,
      anneal: 'cos',
      divFactor: 25,
      finalDivFactor: 1e4,
      cycleMomentum: true,
      baseMomentum: 0.85,
      maxMomentum: 0.95,
      ...options,
    };
    checkNumber('OneCycleLR', 'maxLr', options.maxLr, { low: 0 });
    checkWhole('OneCycleLR', 'totalSteps', options.totalSteps);
    checkNumber('OneCycleLR', 'pctStart', this.#options.pctStart, { low: 0, high: 1 });
  }
  rate(t: number): number {
    const { maxLr, divFactor, finalDivFactor } = this.#options;
    const start = maxLr / divFactor;
    return this.#between(t, start, maxLr, start / finalDivFactor);
  }
  override momentum(t: number): number | undefined {
    const { cycleMomentum, baseMomentum, maxMomentum } = this.#options;
    if (!cycleMomentum) return undefined;
    return this.#between(t, maxMomentum, baseMomentum, maxMomentum);
  }
  #between(t: number, start: number, peak: number, end: number): number {
    const { totalSteps, pctStart, anneal } = this.#options;
    const turn = pctStart * totalSteps - 1;
    const last = totalSteps - 1;
    const at = Math.min(t, last);
    const go = (from: number, to: number, share: number): number =>
      anneal === 'cos' ? cosine(from, to, share) : from + (to - from) * share;
    if (at <= turn) return go(start, peak, at / turn);
    return go(peak, end, (at - turn) / (last - turn));
  }
}

/** One schedule after the other; `milestones[i]` is when the one after i takes over, counting from 0 there. */
export class SequentialLR extends Scheduler {
  readonly #schedulers: readonly Scheduler[];
  readonly #milestones: readonly number[];

  constructor(
    schedulers: readonly Scheduler[],
    milestones: readonly number[],
    options: SchedulerOptions = {},
  ) {
    super(options);
    if (milestones.length !== schedulers.length - 1) {
      fail(
        'SequentialLR',
        'needs one milestone less than schedules',
        `${milestones.length} for ${schedulers.length}`,
      );
    }
    this.#schedulers = schedulers;
    this.#milestones = milestones;
  }
  #active(t: number): [Scheduler, number] {
    const i = this.#milestones.filter((at) => at <= t).length;
    return [this.#schedulers[i]!, i === 0 ? t : t - this.#milestones[i - 1]!];
  }
  rate(t: number, initial: number): number {
    const [scheduler, own] = this.#active(t);
    return scheduler.rate(own, initial);
  }
  override momentum(t: number): number | undefined {
    const [scheduler, own] = this.#active(t);
    return scheduler.momentum(own);
  }
}
