/** A number that is watched from epoch to epoch. */
import { fail } from '@hebb/core';
import type { EpochRecord } from '../progress/progress.ts';

export interface MonitorOptions {
  /** `loss` (default) or a metric; of the validation where there is one. */
  readonly monitor?: string;
  /**
   * Whether lower (`min`) or higher (`max`) is better; default `auto`: `max` for accuracies, precision,
   * recall, F1, areas under curves and R², else `min`.
   */
  readonly mode?: 'auto' | 'min' | 'max';
}

const higherIsBetter = /accuracy|auc|f1|precision|recall|^r2$/i;

export class Monitor {
  readonly name: string;
  readonly mode: 'min' | 'max';
  readonly #op: string;

  constructor(op: string, { monitor = 'loss', mode = 'auto' }: MonitorOptions = {}) {
    if (!['auto', 'min', 'max'].includes(mode)) {
      fail(op, 'unknown mode', String(mode), 'auto, min or max');
    }
    this.#op = op;
    this.name = monitor;
    this.mode = mode === 'auto' ? (higherIsBetter.test(monitor) ? 'max' : 'min') : mode;
  }

  /** The number in an epoch's record. Throws, naming what is there, when it is not. */
  valueOf(record: EpochRecord): number {
    const { loss, metrics } = record.validation ?? record;
    const value = this.name === 'loss' ? loss : metrics[this.name];
    if (value !== undefined) return value;
    return fail(
      this.#op,
      'the metric it watches is not there',
      this.name,
      ['loss', ...Object.keys(metrics)].join(', '),
    );
  }

  /** Whether `value` is better than `best` by more than `delta`; NaN never is, anything beats NaN. */
  better(value: number, best: number | undefined, delta = 0): boolean {
    if (Number.isNaN(value)) return false;
    if (best === undefined || Number.isNaN(best)) return true;
    return this.mode === 'min' ? value < best - delta : value > best + delta;
  }
}
