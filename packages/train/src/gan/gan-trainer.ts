/** Trains two networks against each other. */
import { capture, defaultGenerator, fail } from '@hebb/core';
import type { Tensor, Variable } from '@hebb/core';
// eslint-disable-next-line @nx/enforce-module-boundaries -- the package's own file, chosen by the runtime: no relative path says that
import { reporterFor } from '#progress';
import { ExponentialMovingAverage } from '../average/ema.ts';
import { scalarsOf } from '../callbacks/logger.ts';
import { checkNumber, checkOptions, checkWhole } from '../check.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../checkpoint/checkpoint.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { CheckpointKeeper } from '../checkpoint/keeper.ts';
import type { Skipped } from '../checkpoint/keeper.ts';
import {
  checkVariables,
  readRunState,
  readVariables,
  writeVariables,
} from '../checkpoint/run-state.ts';
import type { RunState } from '../checkpoint/run-state.ts';
import type { Column, Dataset } from '../data/dataset.ts';
import { DataLoader } from '../data/loader.ts';
import type { EpochRecord } from '../progress/progress.ts';
import { NonFiniteError } from '../trainer/diagnose.ts';
import { consume } from '../trainer/engine.ts';
import { orderKey, takeEvery } from '../trainer/epoch.ts';
import type { EpochPosition } from '../trainer/epoch.ts';
import type { History } from '../trainer/options.ts';
import { Pulse } from '../trainer/pulse.ts';
import { Artist } from './artist.ts';
import { ganVariables, networks, ratesOf, readTurns, setRates } from './gan-state.ts';
import type { GanTurns } from './gan-state.ts';
import { GanStep } from './gan-step.ts';
import { interpolateLatents } from './latents.ts';
import type { InterpolationOptions } from './latents.ts';
import { ganFitOptions, ganTrainerOptions } from './options.ts';
import type { GanFitOptions, GanTrainerOptions, GenerateOptions, SampleGrid } from './options.ts';

/** So many grids are kept; of more every other one goes. */
const mostGrids = 24;

/**
 * Trains a generator and a discriminator against each other:
 *
 * ```ts
 * const trainer = new GanTrainer({
 *   generator, discriminator, latentSize: 64, loss: nonSaturatingLoss(), ema: true,
 *   optimizers: {
 *     generator: new Adam({ lr: 1e-4, betas: [0.5, 0.999] }),
 *     discriminator: new Adam({ lr: 4e-4, betas: [0.5, 0.999] }),
 *   },
 * });
 * await trainer.fit(images, { epochs: 10, batchSize: 64 });
 * ```
 *
 * A step is compiled once and replayed; an epoch's `loss` is the generator's, the discriminator's is among its
 * metrics, as is `diversity`: how much samples differ, as a share of what real ones do. The same seed, start values
 * and data give the same weights, bit for bit, on one backend, also when the run was interrupted and resumed.
 */
export class GanTrainer {
  readonly options: GanTrainerOptions;
  readonly seed: number;
  /** The running averages of the generator, with `ema`. */
  readonly ema: ExponentialMovingAverage | undefined;
  readonly #step: GanStep;
  readonly #keeper: CheckpointKeeper | undefined;
  readonly #artist: Artist;
  #others: readonly Variable[] | undefined;
  #epoch = 0;
  #updates = 0;
  #turns = { generatorUpdates: 0, since: 0 };
  #records: EpochRecord[] = [];
  #grids: SampleGrid[] = [];
  #position: EpochPosition | undefined;
  #restored = false;
  #stopped = false;
  #busy = false;
  #noise = 0;
  #skipped: readonly Skipped[] = [];

  constructor(options: GanTrainerOptions) {
    const op = 'GanTrainer';
    checkOptions(op, options, ganTrainerOptions);
    const { generator, optimizers, schedules = {}, loss, latentSize, instanceNoise = 0 } = options;
    const { seed = 0, ema = false, criticSteps = 1, collapse } = options;
    if (typeof loss?.discriminator !== 'function' || typeof loss.generator !== 'function') {
      fail(op, 'loss has no discriminator and generator');
    }
    this.options = options;
    this.seed = checkWhole(op, 'seed', seed, 0);
    if (latentSize !== undefined) checkWhole(op, 'latentSize', latentSize);
    if (typeof criticSteps === 'number') checkWhole(op, 'criticSteps', criticSteps);
    if (typeof instanceNoise === 'number')
      checkNumber(op, 'instanceNoise', instanceNoise, { low: 0 });
    if (options.penaltyEvery !== undefined) checkWhole(op, 'penaltyEvery', options.penaltyEvery);
    if (options.clipGradNorm !== undefined) {
      checkNumber(op, 'clipGradNorm', options.clipGradNorm, { low: 0 });
    }
    if (collapse !== undefined && collapse !== false) {
      checkOptions(op, collapse, ['below', 'count', 'onWarning']);
    }
    for (const which of networks) {
      const optimizer = optimizers[which];
      if (!optimizer.attached) optimizer.attach(options[which].parameters());
      schedules[which]?.attach(optimizer);
    }
    if (ema !== false) {
      this.ema = new ExponentialMovingAverage(generator.parameters(), ema === true ? {} : ema);
    }
    this.#keeper =
      options.checkpoint && new CheckpointKeeper({ best: false, ...options.checkpoint });
    this.#step = new GanStep({ ...options, ema: this.ema, noisy: instanceNoise !== 0 });
    this.#artist = new Artist(options, this.ema, this.seed);
  }

  /** Epochs trained so far. */
  get epoch(): number {
    return this.#epoch;
  }
  /** Updates of the discriminator so far. */
  get updates(): number {
    return this.#updates;
  }
  /** Updates of the generator so far. */
  get generatorUpdates(): number {
    return this.#turns.generatorUpdates;
  }
  /** Records of all epochs so far, those of the checkpoint that was resumed included. */
  get records(): readonly EpochRecord[] {
    return this.#records;
  }
  /** Grids drawn by this trainer, thinned out where they are many: for a report's `pictures`. */
  get grids(): readonly SampleGrid[] {
    return this.#grids;
  }
  /** Damaged checkpoints that `resume` passed over. */
  get skippedCheckpoints(): readonly Skipped[] {
    return this.#skipped;
  }

  /**
   * Trains. Throws for an empty data set, bad values in it (naming sample and column), and with `NonFiniteError`
   * when a loss stops being a number; both networks then hold their last sound state.
   */
  async fit(data: Dataset, options: GanFitOptions = {}): Promise<History> {
    const op = 'GanTrainer.fit';
    checkOptions(op, options, ganFitOptions);
    const {
      epochs = 1,
      batchSize = 64,
      dropLast = true,
      progress = 'auto',
      resume = false,
    } = options;
    const { checkFinite = true, prefetch = 2, sampler, shuffle = sampler === undefined } = options;
    checkWhole(op, 'epochs', epochs);
    const loader = new DataLoader(data, {
      batchSize,
      dropLast,
      checkFinite,
      prefetch,
      shuffle,
      seed: this.seed,
      ...(sampler && { sampler }),
    });
    if (resume && this.#keeper === undefined) {
      fail(op, 'resume needs the option checkpoint of the trainer');
    }
    if (this.#busy) fail(op, 'is already running');
    this.#busy = true;
    const reporter = typeof progress === 'string' ? reporterFor(progress) : progress;
    const { logger } = this.options;
    try {
      await this.#prepare(loader);
      if (resume) await this.#resume();
      else this.#stopped = false;
      if (this.#epoch === 0 && !this.#restored) defaultGenerator.seed(this.seed);
      if (this.#restored) await logger?.resume?.(this.#updates);
      const first = resume ? 0 : this.#records.length;
      const last = resume ? epochs : this.#epoch + epochs;
      while (this.#epoch < last && !this.#stopped) {
        const trained = await this.#trainEpoch(loader, last, reporter, options);
        await this.#endEpoch(trained, data, last, reporter, options);
      }
      return { epochs: this.#records.slice(first), stopped: this.#stopped };
    } finally {
      // An epoch that did not end starts over in the next `fit`.
      this.#position = undefined;
      reporter.end?.();
      await logger?.flush?.();
      this.#busy = false;
    }
  }

  async #trainEpoch(
    loader: DataLoader,
    epochs: number,
    reporter: Exclude<GanFitOptions['progress'], string | undefined>,
    options: GanFitOptions,
  ): Promise<EpochRecord> {
    const step = this.#step;
    const { optimizers, schedules = {}, penalty, penaltyEvery = 1, grids, logger } = this.options;
    const epoch = this.#epoch + 1;
    const plan = await loader.plan(this.#epoch);
    const steps = plan.length;
    const order = orderKey(plan, 1);
    const fresh = {
      step: 0,
      samples: 0,
      seconds: 0,
      waited: 0,
      lr: optimizers.generator.lr,
      order,
    };
    const start: EpochPosition = this.#position ?? fresh;
    if (start.order !== order) {
      fail(
        'GanTrainer.fit',
        `the checkpoint stands within epoch ${epoch}, whose batches are others now: data, batchSize, shuffle, ` +
          'sampler and seed must be what they were',
      );
    }
    if (this.#position === undefined) await step.totals.clear();
    step.restart(start.step);
    const pulse = new Pulse();
    let { samples, waited, lr } = start;
    const secondsNow = (): number => start.seconds + pulse.seconds;
    const batches = loader.stream(plan, start.step, this.#epoch);
    for (let k = start.step; k < steps; k++) {
      options.signal?.throwIfAborted();
      const asked = performance.now();
      const { value: batch } = await batches.next();
      waited += (performance.now() - asked) / 1000;
      if (batch === undefined) break;
      const { real, conditions } = this.#artist.inputs(batch);
      const both = this.#turns.since + 1 >= this.#criticSteps();
      const penalises = penalty !== undefined && this.#updates % penaltyEvery === 0;
      this.#setNoise();
      lr = optimizers.generator.lr;
      await consume([real, ...conditions], () =>
        step.run(real, conditions, both ? 'both' : 'critic', penalises),
      );
      samples += batch.size;
      this.#updates += 1;
      schedules.discriminator?.stepEnded();
      this.#turns.since += 1;
      if (both) {
        schedules.generator?.stepEnded();
        this.#turns = { generatorUpdates: this.#turns.generatorUpdates + 1, since: 0 };
      }
      if ((k + 1) % takeEvery === 0) await step.totals.take();
      this.#position = { step: k + 1, samples, seconds: secondsNow(), waited, lr, order };
      const saves = this.#keeper?.dueAfterStep(this.#updates) === true;
      const shows =
        grids?.everySteps !== undefined && this.#updates % grids.everySteps === 0 && k + 1 < steps;
      if (!pulse.due(saves || shows || k + 1 === steps)) continue;

      await step.totals.read();
      await this.#throwFailed(epoch, epochs, steps);
      if (saves) await this.#keeper!.write(await this.save(), this.#updates, false);
      if (shows) await this.#drawGrid(loader.dataset);
      const seconds = secondsNow();
      const means = step.means();
      const progress = {
        epoch,
        epochs,
        step: k + 1,
        steps,
        samples,
        loss: means.generator ?? NaN,
        metrics: metricsOf(means),
        samplesPerSecond: samples / seconds,
        secondsLeft: (seconds / (k + 1)) * (steps * (epochs - epoch + 1) - (k + 1)),
        waiting: waited / seconds,
      };
      reporter.step?.(progress);
      options.onProgress?.(progress);
      await logger?.scalars({ 'step/loss': progress.loss, 'step/lr': lr }, this.#updates);
      await pulse.rest();
    }
    await step.totals.read();
    const means = step.means();
    const seconds = secondsNow();
    return {
      epoch,
      loss: means.generator ?? NaN,
      metrics: metricsOf(means),
      lr,
      samples,
      seconds,
      samplesPerSecond: samples / seconds,
      waiting: waited / seconds,
      updates: this.#updates,
    };
  }

  async #endEpoch(
    trained: EpochRecord,
    data: Dataset,
    epochs: number,
    reporter: Exclude<GanFitOptions['progress'], string | undefined>,
    options: GanFitOptions,
  ): Promise<void> {
    const { collapse = {}, grids, metrics, schedules = {}, logger } = this.options;
    this.#epoch += 1;
    this.#position = undefined;
    let more: Readonly<Record<string, number>> = {};
    if (collapse !== false) {
      const { below = 0.25, onWarning = (message: string) => console.warn(message) } = collapse;
      const diversity = await this.diversity(data, collapse.count);
      more = { diversity };
      if (diversity < below) {
        onWarning(
          `hebb: after epoch ${this.#epoch} of ${epochs} drawn samples differ from each other ` +
            `${(100 * diversity).toFixed(1)} % as much as real ones: the generator may have collapsed`,
        );
      }
    }
    if (metrics !== undefined) more = { ...more, ...(await metrics(this)) };
    if (grids !== undefined) await this.#drawGrid(data);
    const record = { ...trained, metrics: { ...trained.metrics, ...more } };
    for (const which of networks) schedules[which]?.epochEnded(record);
    this.#records.push(record);
    reporter.epoch?.(record, epochs);
    await logger?.scalars(scalarsOf(record), this.#updates);
    if ((await options.onEpoch?.(record, this)) === false) this.#stopped = true;
    const ends = this.#stopped || this.#epoch === epochs;
    if (this.#keeper?.dueAfterEpoch(this.#epoch, ends) === true) {
      await this.#keeper.write(await this.save(), this.#updates, false);
    }
  }

  /** Normal noise, the same for the same seed; it takes nothing from the training's. Shape: [count, latentSize]. */
  latents(count: number, seed = this.seed): Tensor {
    return this.#artist.latents(count, seed);
  }

  /** What the generator draws, in evaluation mode, held on the host; without noise give `undefined`. */
  async generate(latents: Tensor | undefined, options: GenerateOptions = {}): Promise<Tensor> {
    return this.#artist.generate(latents, options);
  }

  /** Images on the ways between the rows of two noises. Shape: two of [N, latentSize] -> [N · steps, ...]. */
  async interpolate(
    from: Tensor,
    to: Tensor,
    { steps = 10, spherical = true, ...options }: InterpolationOptions & GenerateOptions = {},
  ): Promise<Tensor> {
    return this.generate(interpolateLatents(from, to, { steps, spherical }), options);
  }

  /** How much samples differ, as a share of what the data set's first ones do, under their conditions. */
  async diversity(data: Dataset, count = 128): Promise<number> {
    return this.#artist.diversity(data, count);
  }

  async #drawGrid(data: Dataset): Promise<void> {
    const { grids = {}, logger } = this.options;
    const image = await this.#artist.grid(data, grids);
    const updates = this.#updates;
    this.#grids.push({ image, caption: `after ${updates} updates`, updates });
    if (this.#grids.length > mostGrids) this.#grids = this.#grids.filter((_, i) => i % 2 === 0);
    await grids.to?.write(`samples-${String(updates).padStart(7, '0')}.png`, image);
    await logger?.image?.('samples', image, updates);
  }

  /** Traces a step, which checks that everything fits and finds variables without names. */
  async #prepare(loader: DataLoader): Promise<void> {
    if (this.#others !== undefined) return;
    const batch = await loader.batch((await loader.plan(0))[0]!);
    const { real, conditions } = this.#artist.inputs(batch);
    const { written } = capture(this.#step.trace, [real, conditions, 'both', true]);
    for (const tensor of [real, ...conditions]) tensor.dispose();
    const passing = new Set(this.#step.passing);
    this.#others = written.filter((variable) => !passing.has(variable));
  }

  #criticSteps(): number {
    const { criticSteps = 1 } = this.options;
    if (typeof criticSteps === 'number') return criticSteps;
    return checkWhole('GanTrainer', 'criticSteps', criticSteps(this.#turns.generatorUpdates));
  }
  #setNoise(): void {
    const { instanceNoise = 0 } = this.options;
    const std = typeof instanceNoise === 'number' ? instanceNoise : instanceNoise(this.#updates);
    if (std === this.#noise) return;
    this.#step.setNoise(checkNumber('GanTrainer', 'instanceNoise', std, { low: 0 }));
    this.#noise = std;
  }

  async #throwFailed(epoch: number, epochs: number, steps: number): Promise<void> {
    const failed = await this.#step.failed();
    if (failed === undefined) return;
    throw new NonFiniteError(
      `a loss is not finite at epoch ${epoch} of ${epochs}, step ${failed + 1} of ${steps}: ` +
        'the batch itself is finite; both networks keep the state before this step',
      { epoch, step: failed + 1, loss: NaN },
    );
  }

  #variables(): Map<string, Variable> {
    return ganVariables(this.options, this.ema, this.#others ?? []);
  }

  /** The whole run as the bytes of a checkpoint; while `fit` runs, call it between epochs. */
  async save(): Promise<Uint8Array> {
    const tensors = await readVariables(this.#variables());
    const { host, device } = await this.#step.totals.save();
    for (const [name, column] of device) tensors.set(`totals.${name}`, column);
    const { optimizers, schedules = {} } = this.options;
    const turns: GanTurns = {
      ...this.#turns,
      generator: schedules.generator?.save() ?? null,
      discriminator: schedules.discriminator?.save() ?? null,
    };
    const state: RunState = {
      epoch: this.#epoch,
      updates: this.#updates,
      position: this.#position ?? null,
      records: this.#records,
      stopped: this.#stopped,
      rates: ratesOf(optimizers),
      schedule: turns,
      totals: host,
      callbacks: {},
      best: null,
      aliases: {},
    };
    return encodeCheckpoint({ tensors, state });
  }

  /**
   * Goes where a checkpoint was; the next `fit` goes on from there. All of it or, when it is damaged or of other
   * networks (the error lists names), nothing. `data` is needed where layers draw from generators of their own.
   */
  async load(bytes: Uint8Array, data?: Dataset): Promise<void> {
    if (this.#busy) fail('GanTrainer.load', 'fit is running');
    if (data !== undefined) await this.#prepare(new DataLoader(data));
    await this.#restore(await decodeCheckpoint(bytes));
  }

  async #resume(): Promise<void> {
    const found = await this.#keeper!.latest();
    if (found === undefined) return;
    this.#skipped = found.skipped;
    for (const { name, reason } of found.skipped) {
      console.warn(`hebb: checkpoint ${name} is passed over: ${reason}`);
    }
    await this.#restore(found.checkpoint);
  }

  async #restore({ tensors, state }: Checkpoint): Promise<void> {
    const saved = readRunState(state);
    const turns = readTurns(saved.schedule);
    const own = new Map<string, Column>();
    const totals = new Map<string, Column>();
    for (const [name, column] of tensors) {
      if (name.startsWith('totals.')) totals.set(name.slice('totals.'.length), column);
      else own.set(name, column);
    }
    const variables = this.#variables();
    checkVariables(variables, own);
    const { optimizers, schedules = {} } = this.options;
    setRates(optimizers, saved.rates);
    writeVariables(variables, own);
    for (const which of networks) schedules[which]?.load(turns[which]);
    await this.#step.totals.clear();
    this.#step.totals.restore(saved.totals, totals);
    this.#epoch = saved.epoch;
    this.#updates = saved.updates;
    this.#turns = { generatorUpdates: turns.generatorUpdates, since: turns.since };
    this.#position = saved.position ?? undefined;
    this.#records = [...saved.records];
    this.#stopped = saved.stopped;
    this.#restored = true;
  }

  /** Frees the compiled functions and their sums. Networks and optimizers stay as they are. */
  dispose(): void {
    this.#step.dispose();
    this.#artist.dispose();
    this.ema?.dispose();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** All means but the generator's loss, which is the loss of the record. */
function metricsOf(means: ReturnType<GanStep['means']>): Record<string, number> {
  const { generator: _, ...rest } = means;
  return rest;
}
