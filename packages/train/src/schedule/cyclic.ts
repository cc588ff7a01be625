/** Rates that rise and fall: cycles, and the one long cycle of a whole run. */
import { fail } from '@hebb/core';
import { checkNumber, checkOptions, checkWhole } from '../check.ts';
import { anneal } from './anneal.ts';
import type { Anneal } from './anneal.ts';
import { Scheduler } from './scheduler.ts';
import type { SchedulerOptions } from './scheduler.ts';

export interface CyclicOptions extends SchedulerOptions {
  readonly maxLr: number;
  /** Steps of a rise; default 2000. */
  readonly stepSizeUp?: number;
  /** Steps of a fall; default that of the rise. */
  readonly stepSizeDown?: number | null;
  /** The peaks stay (default), halve each cycle, or fall by `gamma` a step. */
  readonly mode?: 'triangular' | 'triangular2' | 'exp_range';
  readonly gamma?: number;
  /** What the height of a peak is scaled by, instead of `mode`. */
  readonly scaleFn?: (x: number) => number;
  /** Whether `scaleFn` gets the number of the cycle, from 1 (default), or of the step. */
  readonly scaleMode?: 'cycle' | 'iterations';
  /** Momentum (Adam: the first beta) runs the other way; default true. */
  readonly cycleMomentum?: boolean;
  /** Default 0.8 and 0.9. */
  readonly baseMomentum?: number;
  readonly maxMomentum?: number;
}

/** Up and down between `initial` and `maxLr` in straight lines. Smith 2017, arXiv:1506.01186. */
export class CyclicLR extends Scheduler {
  readonly maxLr: number;
  readonly stepSizeUp: number;
  readonly stepSizeDown: number;
  readonly #scale: (cycle: number, t: number) => number;
  readonly #momenta: readonly [base: number, max: number] | undefined;

  constructor(options: CyclicOptions) {
    checkOptions('CyclicLR', options, [
      'maxLr',
      'stepSizeUp',
      'stepSizeDown',
      'mode',
      'gamma',
      'scaleFn',
      'scaleMode',
      'cycleMomentum',
      'baseMomentum',
      'maxMomentum',
      'interval',
    ]);
    super({ interval: options.interval ?? 'step' });
    const { maxLr, stepSizeUp = 2000, mode = 'triangular', gamma = 1, scaleFn } = options;
    this.maxLr = checkNumber('CyclicLR', 'maxLr', maxLr, { low: 0 });
    this.stepSizeUp = checkWhole('CyclicLR', 'stepSizeUp', stepSizeUp);
    const down = options.stepSizeDown ?? stepSizeUp;
    this.stepSizeDown = checkWhole('CyclicLR', 'stepSizeDown', down);
    const scales: Readonly<Record<string, (cycle: number, t: number) => number>> = {
      triangular: () => 1,
      triangular2: (cycle) => 1 / 2 ** (cycle - 1),
      exp_range: (_cycle, t) => gamma ** t,
    };
    const named =
      scales[mode] ??
      fail('CyclicLR', 'unknown mode', String(mode), Object.keys(scales).join(', '));
    const perCycle = (options.scaleMode ?? 'cycle') === 'cycle';
    this.#scale = scaleFn === undefined ? named : (cycle, t) => scaleFn(perCycle ? cycle : t);
    const { cycleMomentum = true, baseMomentum = 0.8, maxMomentum = 0.9 } = options;
    checkNumber('CyclicLR', 'baseMomentum', baseMomentum, { low: 0 });
    checkNumber('CyclicLR', 'maxMomentum', maxMomentum, { low: 0 });
    this.#momenta = cycleMomentum ? [baseMomentum, maxMomentum] : undefined;
  }
  rate(t: number, initial: number): number {
    return initial + (this.maxLr - initial) * this.#height(t);
  }
  override momentum(t: number): number | undefined {
    if (this.#momenta === undefined) return undefined;
    const [base, max] = this.#momenta;
    return max - (max - base) * this.#height(t);
  }
  /** 0 at the foot of a cycle, at the peak what the scale says. */
  #height(t: number): number {
    const total = this.stepSizeUp + this.stepSizeDown;
    const cycle = Math.floor(1 + t / total);
    const x = 1 + t / total - cycle;
    const up = this.stepSizeUp / total;
    return (x <= up ? x / up : (x - 1) / (up - 1)) * this.#scale(cycle, t);
  }
}

export interface OneCycleOptions extends SchedulerOptions {
  readonly maxLr: number;
  /** Steps of the whole run. */
  readonly totalSteps: number;
  /** Share of the steps that rise; default 0.3. */
  readonly pctStart?: number;
  /** Default `cos`. */
  readonly annealStrategy?: Anneal;
  /** The start is maxLr / divFactor; default 25. */
  readonly divFactor?: number;
  /** The end is the start / finalDivFactor; default 1e4. */
  readonly finalDivFactor?: number;
  /** As the paper has it: as long down to the start as up, then on to the end. Default false. */
  readonly threePhase?: boolean;
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
    const defaults = {
      interval: 'step',
      pctStart: 0.3,
      annealStrategy: 'cos',
      divFactor: 25,
      finalDivFactor: 1e4,
      threePhase: false,
      cycleMomentum: true,
      baseMomentum: 0.85,
      maxMomentum: 0.95,
    } as const;
    checkOptions('OneCycleLR', options, ['maxLr', 'totalSteps', ...Object.keys(defaults)]);
    this.#options = { ...defaults, ...options };
    checkNumber('OneCycleLR', 'maxLr', options.maxLr, { low: 0 });
    checkWhole('OneCycleLR', 'totalSteps', options.totalSteps);
    checkNumber('OneCycleLR', 'pctStart', this.#options.pctStart, { low: 0, high: 1 });
    anneal('OneCycleLR', this.#options.annealStrategy);
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
    const { totalSteps, pctStart, threePhase } = this.#options;
    const turn = pctStart * totalSteps - 1;
    const last = totalSteps - 1;
    const at = Math.min(t, last);
    const back = threePhase ? 2 * pctStart * totalSteps - 2 : turn;
    const go = anneal('OneCycleLR', this.#options.annealStrategy);
    if (at <= turn) return go(start, peak, at / turn);
    if (at <= back) return go(peak, start, (at - turn) / (back - turn));
    return go(threePhase ? start : peak, end, (at - back) / (last - back));
  }
}
