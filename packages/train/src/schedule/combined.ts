/** Schedules made of schedules. */
import { fail } from '@hebb/core';
import { Scheduler } from './scheduler.ts';
import type { SchedulerOptions } from './scheduler.ts';

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

/**
 * Several schedules at once: each goes on from the rate that the one before gives, so factors multiply.
 * Schedules of a fixed rate (`OneCycleLR`, `CosineAnnealingLR` with `etaMin`) belong first. Momentum comes
 * from the last one that cycles it.
 */
export class ChainedScheduler extends Scheduler {
  readonly #schedulers: readonly Scheduler[];

  constructor(schedulers: readonly Scheduler[], options: SchedulerOptions = {}) {
    super(options);
    if (schedulers.length === 0) fail('ChainedScheduler', 'there are no schedules');
    this.#schedulers = schedulers;
  }
  rate(t: number, initial: number): number {
    return this.#schedulers.reduce((rate, scheduler) => scheduler.rate(t, rate), initial);
  }
  override momentum(t: number): number | undefined {
    return this.#schedulers
      .map((scheduler) => scheduler.momentum(t))
      .findLast((m) => m !== undefined);
  }
}
