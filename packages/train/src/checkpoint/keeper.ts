/** Which checkpoints are written, kept, removed and read again. */
import { fail } from '@hebb/core';
import { Monitor } from '../callbacks/monitor.ts';
import type { MonitorOptions } from '../callbacks/monitor.ts';
import { checkNumber, checkOptions, checkWhole } from '../check.ts';
import type { EpochRecord } from '../progress/progress.ts';
import { CheckpointError } from './checkpoint-error.ts';
import { decodeCheckpoint } from './checkpoint.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { CheckpointStore } from './store.ts';

export interface CheckpointOptions {
  /** Where they go: `checkpointFolder(path)` of `@hebb/train/node`, or `memoryStore()`. */
  readonly store: CheckpointStore;
  /** Within an epoch after each so many updates; default only between epochs. */
  readonly everySteps?: number;
  /** Within an epoch when so many seconds have passed since the last one. */
  readonly everySeconds?: number;
  /** After each so many epochs; default 1. The last epoch's is always written. */
  readonly everyEpochs?: number;
  /** How many of the newest are kept; default 2, so that a damaged one has one before it. */
  readonly keep?: number;
  /**
   * Keeps the best epoch's as `best.safetensors`; default the one with the lowest loss, of the validation
   * where there is one. `false`: none.
   */
  readonly best?: false | MonitorOptions;
}

/** The name of the best epoch's checkpoint. */
export const bestCheckpoint = 'best.safetensors';
const numbered = /^step-(\d{10})\.safetensors$/;
const nameOf = (updates: number): string => `step-${String(updates).padStart(10, '0')}.safetensors`;

export interface Best {
  readonly value: number;
  readonly epoch: number;
}

/** A checkpoint that could not be used, and why. */
export interface Skipped {
  readonly name: string;
  readonly reason: string;
}

export class CheckpointKeeper {
  readonly store: CheckpointStore;
  readonly #options: CheckpointOptions;
  readonly #monitor: Monitor | undefined;
  #best: Best | undefined;
  #lastTime = performance.now();

  constructor(options: CheckpointOptions) {
    const op = 'checkpoint';
    checkOptions(op, options, [
      'store',
      'everySteps',
      'everySeconds',
      'everyEpochs',
      'keep',
      'best',
    ]);
    const { store, everySteps, everySeconds, everyEpochs, keep, best = {} } = options;
    if (typeof store?.write !== 'function') fail(op, 'store is not a place for checkpoints');
    if (everySteps !== undefined) checkWhole(op, 'everySteps', everySteps);
    if (everySeconds !== undefined) checkNumber(op, 'everySeconds', everySeconds, { low: 0 });
    if (everyEpochs !== undefined) checkWhole(op, 'everyEpochs', everyEpochs);
    if (keep !== undefined) checkWhole(op, 'keep', keep);
    this.store = store;
    this.#options = options;
    this.#monitor = best === false ? undefined : new Monitor(op, best);
  }

  /** Best epoch so far, for the state of a checkpoint. */
  get best(): Best | undefined {
    return this.#best;
  }
  set best(best: Best | undefined) {
    this.#best = best;
  }

  /** Whether one is wanted within the epoch, after so many updates. */
  dueAfterStep(updates: number): boolean {
    const { everySteps, everySeconds } = this.#options;
    if (everySteps !== undefined && updates % everySteps === 0) return true;
    return everySeconds !== undefined && performance.now() - this.#lastTime >= 1000 * everySeconds;
  }
  dueAfterEpoch(epoch: number, last: boolean): boolean {
    return last || epoch % (this.#options.everyEpochs ?? 1) === 0;
  }

  /** Notes an epoch's number; true when it is the best so far. */
  judge(record: EpochRecord): boolean {
    if (this.#monitor === undefined) return false;
    const value = this.#monitor.valueOf(record);
    if (!this.#monitor.better(value, this.#best?.value)) return false;
    this.#best = { value, epoch: record.epoch };
    return true;
  }

  /**
   * Writes the checkpoint of so many updates, the best one first: were the process to end in between, the
   * run resumed from the one before would find the best one again. Then removes the oldest.
   */
  async write(bytes: Uint8Array, updates: number, best: boolean): Promise<void> {
    if (best) await this.#put(bestCheckpoint, bytes);
    await this.#put(nameOf(updates), bytes);
    this.#lastTime = performance.now();
    const { keep = 2 } = this.#options;
    for (const name of (await this.#names()).slice(keep)) {
      await this.store.remove(name);
    }
  }

  async #put(name: string, bytes: Uint8Array): Promise<void> {
    try {
      await this.store.write(name, bytes);
    } catch (cause) {
      throw new CheckpointError(
        `${name} could not be written to ${this.store.place}: ${
          cause instanceof Error ? cause.message : String(cause)
        }; those written before are as they were`,
        { cause },
      );
    }
  }

  /** The numbered ones, newest first. */
  async #names(): Promise<string[]> {
    const names = (await this.store.list()).filter((name) => numbered.test(name));
    return names.sort().reverse();
  }

  /**
   * The newest checkpoint that is sound, with the names of damaged ones before it; undefined where there is
   * none at all. Throws, naming each, where all are damaged.
   */
  async latest(): Promise<
    { name: string; checkpoint: Checkpoint; skipped: readonly Skipped[] } | undefined
  > {
    const skipped: Skipped[] = [];
    for (const name of await this.#names()) {
      try {
        const checkpoint = await decodeCheckpoint(await this.store.read(name));
        return { name, checkpoint, skipped };
      } catch (error) {
        skipped.push({ name, reason: error instanceof Error ? error.message : String(error) });
      }
    }
    if (skipped.length === 0) return undefined;
    throw new CheckpointError(
      `none in ${this.store.place} can be used: ${skipped
        .map(({ name, reason }) => `${name} (${reason})`)
        .join('; ')}`,
    );
  }
}
