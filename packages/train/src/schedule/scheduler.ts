/** Learning-rate schedules: the rate as a function of how many steps or epochs have passed. */
import { fail } from '@hebb/core';
import { checkOptions, checkWhole } from '../check.ts';
import type { Json } from '../checkpoint/json.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import type { EpochRecord } from '../progress/progress.ts';

export interface SchedulerOptions {
  /** What counts as one step of the schedule in a `Trainer`; default `epoch`, for `OneCycleLR` `step`. */
  readonly interval?: 'step' | 'epoch';
}

/**
 * Base of the schedules. A `Trainer` drives it; in a loop of your own call `attach` once and `step` after
 * each step or epoch, as in PyTorch. Rates are set without compiling anything again.
 */
export abstract class Scheduler {
  readonly interval: 'step' | 'epoch';
  #optimizer: Optimizer | undefined;
  #count = 0;

  constructor(options: SchedulerOptions = {}) {
    checkOptions(new.target.name, options, ['interval']);
    const { interval = 'epoch' } = options;
    if (interval !== 'step' && interval !== 'epoch') {
      fail('Scheduler', 'unknown interval', String(interval), 'step or epoch');
    }
    this.interval = interval;
  }

  /** The rate after `count` steps for a group that started with `initial`. */
  abstract rate(count: number, initial: number): number;
  /** The momentum after `count` steps, where the schedule cycles it. */
  momentum(_count: number): number | undefined {
    return undefined;
  }

  /** Sets the rates of the beginning. */
  attach(optimizer: Optimizer): this {
    if (this.#optimizer !== undefined) fail('Scheduler', 'already drives an optimizer');
    this.#optimizer = optimizer;
    this.apply(false);
    return this;
  }
  get optimizer(): Optimizer {
    return this.#optimizer ?? fail('Scheduler', 'drives no optimizer yet: call attach');
  }
  /** Steps so far. Setting it goes there, as a resumed run does. */
  get count(): number {
    return this.#count;
  }
  set count(value: number) {
    this.#count = value;
    this.apply(false);
  }

  /** One step on. `metric` is what `ReduceLROnPlateau` watches. */
  step(_metric?: number): void {
    this.#count += 1;
    this.apply(false);
  }

  /** @internal Called by the trainer. */
  stepEnded(): void {
    if (this.interval !== 'step') return;
    this.#count += 1;
    this.apply(true);
  }
  /** @internal Called by the trainer. */
  epochEnded(_record: EpochRecord): void {
    if (this.interval !== 'epoch') return;
    this.#count += 1;
    this.apply(true);
  }

  /** Where it stands, for a checkpoint. */
  save(): Json {
    return { count: this.#count };
  }
  /** Goes where `save` was. Throws for what no schedule saved. */
  load(state: Json): void {
    const { count } = (state ?? {}) as { readonly count?: Json };
    this.count = checkWhole('Scheduler.load', 'count', count, 0);
  }

  /** `release`: nothing pending depends on the old rates, so their buffers go at once. */
  protected apply(release: boolean): void {
    const momentum = this.momentum(this.#count);
    for (const group of this.optimizer.groups) {
      group.set(
        {
          lr: this.rate(this.#count, group.initialLr),
          ...(momentum !== undefined && { momentum }),
        },
        release,
      );
    }
  }
}
