/** One pass over the training data. */
import { fail, scalar } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { Callback } from '../callbacks/callback.ts';
import type { DataLoader } from '../data/loader.ts';
import type { EpochRecord, Progress, Reporter } from '../progress/progress.ts';
import { diagnose, nonFinite } from './diagnose.ts';
import { consume } from './engine.ts';
import type { Engine } from './engine.ts';
import type { FitOptions } from './options.ts';
import { Pulse } from './pulse.ts';
import { summarize } from './steps.ts';
import type { Phase } from './steps.ts';
import type { Trainer } from './trainer.ts';

/** Where an epoch stands between two updates; part of a checkpoint. */
export type EpochPosition = {
  /** Batches done. */
  readonly step: number;
  readonly samples: number;
  /** Seconds so far, and those spent waiting for batches. */
  readonly seconds: number;
  readonly waited: number;
  /** Of the last update. */
  readonly lr: number;
  /** Of the whole epoch's order of samples, so that no other one is gone on with. */
  readonly order: string;
};

export interface EpochRun {
  readonly trainer: Trainer;
  readonly engine: Engine;
  readonly loader: DataLoader;
  readonly accumulate: number;
  /** From 0. */
  readonly epoch: number;
  readonly epochs: number;
  /** Set where the epoch was interrupted. */
  readonly position: EpochPosition | undefined;
  readonly callbacks: readonly Callback[];
  readonly reporter: Reporter;
  readonly options: FitOptions;
  /**
   * Called after each update. `failed` tells the first batch whose loss was not finite; false asks to look
   * at it at once.
   */
  readonly moved: (
    position: EpochPosition,
    failed: () => Promise<number | undefined>,
  ) => Promise<boolean>;
}

/** A loss scale below this helps no gradient: 2^-24 is the smallest float16. */
const smallestScale = 2 ** -24;

/** Sums move to the host after so many batches: at fixed ones, so that they do not depend on time. */
export const takeEvery = 256;

export async function trainEpoch(run: EpochRun): Promise<EpochRecord> {
  const { trainer, engine, loader, accumulate, epochs, reporter, options, moved } = run;
  const { metrics } = engine.settings;
  const { optimizer, schedule } = trainer;
  const epoch = run.epoch + 1;
  const step = engine.train;
  const plan = await loader.plan(run.epoch);
  const steps = plan.length;
  const order = orderKey(plan, accumulate);
  const start = run.position ?? {
    step: 0,
    samples: 0,
    seconds: 0,
    waited: 0,
    lr: optimizer.lr,
    order,
  };
  if (start.order !== order) {
    fail(
      'Trainer.fit',
      `the checkpoint stands within epoch ${epoch}, whose batches are others now: data, batchSize, ` +
        'shuffle, sampler, seed and accumulate must be what they were',
    );
  }
  if (run.position === undefined) await step.totals.clear();
  step.restart(start.step);

  const onStep = run.callbacks.filter((callback) => callback.stepEnd !== undefined);
  const onProgress = run.callbacks.filter((callback) => callback.progress !== undefined);
  const pulse = new Pulse();
  let { samples, waited, lr } = start;
  const secondsNow = () => start.seconds + pulse.seconds;
  const batches = loader.stream(plan, start.step, run.epoch);
  for (let k = start.step; k < steps; k++) {
    options.signal?.throwIfAborted();
    const asked = performance.now();
    const { value: batch } = await batches.next();
    waited += (performance.now() - asked) / 1000;
    if (batch === undefined) break;
    const { inputs, target } = engine.prepare(batch);
    lr = optimizer.lr;
    const { phase, share } = partOf(plan, k, accumulate);
    await consume([...inputs, target, ...share], () => step.run(inputs, target, share, phase));
    samples += batch.size;
    let look = false;
    if (phase === 'whole' || phase === 'last') {
      schedule?.stepEnded();
      if ((k + 1) % takeEvery === 0) await step.totals.take();
      const position = { step: k + 1, samples, seconds: secondsNow(), waited, lr, order };
      look = !(await moved(position, () => step.failed()));
      for (const callback of onStep) {
        await callback.stepEnd!({ trainer, epoch, updates: trainer.updates, lr, batch });
      }
    } else if ((k + 1) % takeEvery === 0) await step.totals.take();
    if (!pulse.due(look || k + 1 === steps)) continue;

    await step.totals.read();
    const failed = await step.failed();
    if (failed !== undefined) {
      const again = engine.prepare(await loader.batch(plan[failed]!, failed, run.epoch));
      const findings = await diagnose(engine.settings, again.inputs, again.target);
      throw nonFinite({ epoch, epochs, step: failed + 1, steps }, findings);
    }
    const lossScale = await trainer.scaler?.scale.peek().item();
    if (lossScale !== undefined && lossScale < smallestScale) {
      fail(
        'Trainer',
        `the gradients are not finite at any loss scale at epoch ${epoch} of ${epochs}, up to step ${k + 1}: ` +
          'no update has been made for a while, the model has the last sound weights',
        `scale ${lossScale}`,
      );
    }
    const seconds = secondsNow();
    const progress: Progress = {
      epoch,
      epochs,
      step: k + 1,
      steps,
      samples,
      ...summarize(step.totals, metrics, samples),
      samplesPerSecond: samples / seconds,
      secondsLeft: (seconds / (k + 1)) * (steps * (epochs - epoch + 1) - (k + 1)),
      waiting: waited / seconds,
    };
    reporter.step?.(progress);
    options.onProgress?.(progress);
    for (const callback of onProgress) await callback.progress!(progress, trainer);
    await pulse.rest();
  }
  // An epoch resumed at its very end has run no step.
  await step.totals.read();
  const seconds = secondsNow();
  return {
    epoch,
    ...summarize(step.totals, metrics, samples),
    lr,
    samples,
    seconds,
    samplesPerSecond: samples / seconds,
    waiting: waited / seconds,
    updates: trainer.updates,
    ...(trainer.scaler !== undefined && { lossScale: await trainer.scaler.scale.peek().item() }),
  };
}

/** What a batch is in its update, and its share of the update's samples. */
function partOf(
  plan: readonly Int32Array[],
  k: number,
  accumulate: number,
): { phase: Phase; share: Tensor[] } {
  const first = k - (k % accumulate);
  const end = Math.min(first + accumulate, plan.length);
  if (end - first === 1) return { phase: 'whole', share: [] };
  let rows = 0;
  for (let i = first; i < end; i++) rows += plan[i]!.length;
  return {
    phase: k === first ? 'first' : k + 1 === end ? 'last' : 'middle',
    share: [scalar(plan[k]!.length / rows, 'float32')],
  };
}

/** FNV-1a over the numbers of the samples and the sizes of batches. */
export function orderKey(plan: readonly Int32Array[], accumulate: number): string {
  let hash = 0x811c9dc5;
  const mix = (value: number): void => {
    hash = Math.imul(hash ^ value, 0x01000193);
    hash ^= hash >>> 15;
  };
  mix(accumulate);
  for (const batch of plan) {
    mix(batch.length);
    for (const sample of batch) mix(sample);
  }
  return (hash >>> 0).toString(16).padStart(8, '0');
}
