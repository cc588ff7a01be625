/** The schedules of PyTorch's `torch.optim.lr_scheduler` in closed form; `t` counts steps or epochs from 0. */
import { fail } from '@hebb/core';
import { checkNumber, checkOptions, checkWhole } from '../check.ts';
import { anneal, cosine } from './anneal.ts';
import type { Anneal } from './anneal.ts';
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

/** `initial · factor(1) · … · factor(t)`. */
export class MultiplicativeLR extends LambdaLR {
  constructor(factor: (t: number) => number, options: SchedulerOptions = {}) {
    const products = [1];
    super((t) => {
      for (let k = products.length; k <= t; k++) products.push(products[k - 1]! * factor(k));
      return products[t]!;
    }, options);
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

/**
 * From `initial` to `swaLr` over `annealEpochs`, then constant: the rate at which weights are averaged
 * (`StochasticWeightAverage`). Izmailov et al. 2018, arXiv:1803.05407.
 */
export class SWALR extends Scheduler {
  readonly swaLr: number;
  readonly annealEpochs: number;
  readonly annealStrategy: Anneal;

  constructor(
    options: SchedulerOptions & {
      readonly swaLr: number;
      /** Default 10. */
      readonly annealEpochs?: number;
      /** Default `cos`. */
      readonly annealStrategy?: Anneal;
    },
  ) {
    checkOptions('SWALR', options, ['swaLr', 'annealEpochs', 'annealStrategy', 'interval']);
    super({ ...(options.interval && { interval: options.interval }) });
    this.swaLr = checkNumber('SWALR', 'swaLr', options.swaLr, { low: 0 });
    this.annealEpochs = checkWhole('SWALR', 'annealEpochs', options.annealEpochs ?? 10, 0);
    this.annealStrategy = options.annealStrategy ?? 'cos';
    anneal('SWALR', this.annealStrategy);
  }
  rate(t: number, initial: number): number {
    const share = this.annealEpochs === 0 ? 1 : Math.min(1, t / this.annealEpochs);
    return anneal('SWALR', this.annealStrategy)(initial, this.swaLr, share);
  }
}
