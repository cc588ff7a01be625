/** Ends a run that no longer gets better. */
import type { Tensor } from '@hebb/core';
import { checkNumber, checkOptions, checkWhole } from '../check.ts';
import type { EpochRecord } from '../progress/progress.ts';
import type { Trainer } from '../trainer/trainer.ts';
import type { Callback, CallbackState } from './callback.ts';
import { Monitor } from './monitor.ts';
import type { MonitorOptions } from './monitor.ts';

export interface EarlyStoppingOptions extends MonitorOptions {
  /** Epochs without improvement that are let pass; default 5. */
  readonly patience?: number;
  /** What counts as improvement; default 0. */
  readonly minDelta?: number;
  /** Epochs at the start that are not judged; default 0. */
  readonly startFrom?: number;
  /** Stop as soon as the number is this good. */
  readonly target?: number;
  /** Put the weights of the best epoch back at the end; default true. */
  readonly restoreBest?: boolean;
}

/** Stops when the monitored number has not improved for `patience` epochs, and goes back to the best. */
export class EarlyStopping implements Callback {
  readonly name = 'earlyStopping';
  readonly #monitor: Monitor;
  readonly #options: EarlyStoppingOptions & { patience: number; minDelta: number };
  #best: number | undefined;
  #bestEpoch = 0;
  #waited = 0;
  #weights: Readonly<Record<string, Tensor>> | undefined;

  constructor(options: EarlyStoppingOptions = {}) {
    const op = 'EarlyStopping';
    checkOptions(op, options, [
      'monitor',
      'mode',
      'patience',
      'minDelta',
      'startFrom',
      'target',
      'restoreBest',
    ]);
    const { patience = 5, minDelta = 0, startFrom = 0 } = options;
    this.#monitor = new Monitor(op, options);
    checkWhole(op, 'patience', patience, 0);
    checkWhole(op, 'startFrom', startFrom, 0);
    checkNumber(op, 'minDelta', minDelta, { low: 0 });
    this.#options = { ...options, patience, minDelta };
  }

  /** The best number so far and its epoch (from 1). */
  get best(): { readonly value: number; readonly epoch: number } | undefined {
    return this.#best === undefined ? undefined : { value: this.#best, epoch: this.#bestEpoch };
  }

  async epochEnd(record: EpochRecord, trainer: Trainer): Promise<boolean> {
    const { patience, minDelta, startFrom = 0, target, restoreBest = true } = this.#options;
    const value = this.#monitor.valueOf(record);
    if (record.epoch <= startFrom) return true;
    if (this.#monitor.better(value, this.#best, minDelta)) {
      this.#best = value;
      this.#bestEpoch = record.epoch;
      this.#waited = 0;
      if (restoreBest) this.#weights = await trainer.evaluatedState();
    } else {
      this.#waited += 1;
    }
    const reached =
      target !== undefined && (this.#monitor.mode === 'min' ? value <= target : value >= target);
    return !reached && this.#waited < Math.max(1, patience);
  }

  fitEnd(_history: unknown, trainer: Trainer): void {
    if (this.#weights !== undefined) trainer.model.loadStateDict(this.#weights);
  }

  save(): CallbackState {
    return {
      values: { best: this.#best ?? null, bestEpoch: this.#bestEpoch, waited: this.#waited },
      ...(this.#weights !== undefined && { tensors: this.#weights }),
    };
  }
  restore({ values, tensors = {} }: CallbackState): void {
    const state = values as { best: number | null; bestEpoch: number; waited: number };
    this.#best = state.best ?? undefined;
    this.#bestEpoch = state.bestEpoch;
    this.#waited = state.waited;
    this.#weights = Object.keys(tensors).length > 0 ? tensors : undefined;
  }
}
