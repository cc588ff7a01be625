/** The training loop: batches in, history out. */
import { defaultGenerator, fail, fromBits } from '@hebb/core';
import type { Tensor } from '@hebb/core';
// eslint-disable-next-line @nx/enforce-module-boundaries -- the package's own file, chosen by the runtime: no relative path says that
import { reporterFor } from '#progress';
import { ExponentialMovingAverage } from '../average/ema.ts';
import { callbackKeys, stateOf } from '../callbacks/callback.ts';
import type { Callback, CallbackState } from '../callbacks/callback.ts';
import { EarlyStopping } from '../callbacks/early-stopping.ts';
import { logTo } from '../callbacks/logger.ts';
import { checkNumber, checkOptions, checkWhole } from '../check.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../checkpoint/checkpoint.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { Json } from '../checkpoint/json.ts';
import { CheckpointKeeper } from '../checkpoint/keeper.ts';
import type { Skipped } from '../checkpoint/keeper.ts';
import {
  aliasesOf,
  checkVariables,
  readRunState,
  readVariables,
  runVariables,
  writeVariables,
} from '../checkpoint/run-state.ts';
import type { RunState } from '../checkpoint/run-state.ts';
import type { Column, Dataset } from '../data/dataset.ts';
import { DataLoader } from '../data/loader.ts';
import type { ConfusionMatrix } from '../metrics/confusion.ts';
import { resolveMetrics } from '../metrics/metric.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import { requireHalf } from '../precision/autocast.ts';
import type { AutocastOptions } from '../precision/autocast.ts';
import { LossScaler } from '../precision/loss-scaler.ts';
import type { EpochRecord, Reporter } from '../progress/progress.ts';
import type { Scheduler } from '../schedule/scheduler.ts';
import { Engine } from './engine.ts';
import { trainEpoch } from './epoch.ts';
import type { EpochPosition } from './epoch.ts';
import { fitOptions, trainerOptions } from './options.ts';
import type {
  EvaluateOptions,
  Evaluation,
  FitOptions,
  History,
  Precision,
  TrainerOptions,
} from './options.ts';
import { findLearningRate, overfitBatch } from './probes.ts';
import type {
  LearningRateCurve,
  LearningRateOptions,
  OverfitOptions,
  OverfitResult,
} from './probes.ts';
import type { Model } from './steps.ts';

/**
 * Trains a model on a data set:
 *
 * ```ts
 * const trainer = new Trainer({
 *   model, loss: crossEntropy, optimizer: new AdamW({ lr: 1e-3 }), metrics: ['accuracy'],
 * });
 * const history = await trainer.fit(train, { epochs: 3, validation });
 * ```
 *
 * A step is compiled once for each batch size and replayed; losses and metrics add up on the backend. The
 * same seed, start values and data give the same weights, bit for bit, on one backend. Calling `fit` again
 * goes on: with the next epoch's order, the optimizer's state and the schedule where they were.
 */
export class Trainer {
  readonly model: Model;
  readonly optimizer: Optimizer;
  readonly schedule: Scheduler | undefined;
  readonly seed: number;
  /** The running averages, with `ema`. */
  readonly ema: ExponentialMovingAverage | undefined;
  /** What scales the loss, with float16. */
  readonly scaler: LossScaler | undefined;
  readonly #accumulate: number;
  readonly #engine: Engine;
  readonly #callbacks: readonly Callback[];
  readonly #keeper: CheckpointKeeper | undefined;
  readonly #half: AutocastOptions | undefined;
  #epoch = 0;
  #updates = 0;
  #records: EpochRecord[] = [];
  /** Within an epoch: where it stands. */
  #position: EpochPosition | undefined;
  #restored = false;
  #stopped = false;
  #busy = false;
  #skipped: readonly Skipped[] = [];

  constructor(options: TrainerOptions) {
    checkOptions('Trainer', options, trainerOptions);
    const { model, loss, optimizer, metrics = [], schedule, seed = 0, accumulate = 1 } = options;
    if (typeof loss !== 'function' && typeof loss?.forward !== 'function') {
      fail('Trainer', 'loss is neither a function nor a module', typeof loss);
    }
    this.model = model;
    this.optimizer = optimizer;
    this.schedule = schedule;
    this.seed = checkWhole('Trainer', 'seed', seed, 0);
    this.#accumulate = checkWhole('Trainer', 'accumulate', accumulate);
    if (options.clipGradNorm !== undefined) {
      checkNumber('Trainer', 'clipGradNorm', options.clipGradNorm, { low: 0 });
    }
    const { summed, collected } = resolveMetrics(metrics);
    if (!optimizer.attached) optimizer.attach(model.parameters());
    schedule?.attach(optimizer);
    const { ema = false } = options;
    if (ema !== false) {
      this.ema = new ExponentialMovingAverage(model.parameters(), ema === true ? {} : ema);
    }
    const { autocast, scaler } = precisionOf(options.precision ?? 'float32');
    this.#half = autocast;
    this.scaler = scaler;
    this.#keeper = options.checkpoint && new CheckpointKeeper(options.checkpoint);
    this.#callbacks = callbacksOf(options);
    this.#engine = new Engine({
      model,
      loss,
      optimizer,
      metrics: summed,
      collected,
      columns: options,
      clipGradNorm: options.clipGradNorm,
      clipGradValue: options.clipGradValue,
      ema: this.ema,
      autocast,
      scaler,
    });
  }

  /** Epochs trained so far. */
  get epoch(): number {
    return this.#epoch;
  }
  /** Updates of the weights so far. */
  get updates(): number {
    return this.#updates;
  }
  /** Records of all epochs so far, those of the checkpoint that was resumed included. */
  get records(): readonly EpochRecord[] {
    return this.#records;
  }
  /** Damaged checkpoints that `resume` passed over. */
  get skippedCheckpoints(): readonly Skipped[] {
    return this.#skipped;
  }

  /**
   * Trains. Throws for an empty data set, bad values in it (naming sample and column), a label that is no
   * class, and with `NonFiniteError` when the loss stops being a number (naming epoch, step, layer and
   * parameter; the model then holds its last sound state).
   */
  async fit(data: Dataset, options: FitOptions = {}): Promise<History> {
    checkOptions('Trainer.fit', options, fitOptions);
    const { epochs = 1, validation, progress = 'auto', resume = false } = options;
    checkWhole('Trainer.fit', 'epochs', epochs);
    const loader = loaderFor(data, options, this.seed);
    if (validation !== undefined && validation.length < 1) {
      fail('Trainer.fit', 'the validation data set is empty');
    }
    if (resume && this.#keeper === undefined) {
      fail('Trainer.fit', 'resume needs the option checkpoint of the trainer');
    }
    if (this.#half !== undefined) requireHalf('Trainer.fit', this.#half.dtype);
    if (this.#busy) fail('Trainer.fit', 'is already running');
    this.#busy = true;
    const reporter = typeof progress === 'string' ? reporterFor(progress) : progress;
    const callbacks = [
      ...this.#callbacks,
      { epochEnd: options.onEpoch?.bind(options) } as Callback,
    ];
    try {
      if (resume) await this.#resume(loader);
      else this.#stopped = false;
      if (this.#epoch === 0 && !this.#restored) defaultGenerator.seed(this.seed);
      const first = resume ? 0 : this.#records.length;
      const last = resume ? epochs : this.#epoch + epochs;
      for (const callback of callbacks) {
        await callback.fitStart?.({ trainer: this, epochs: last, resumed: this.#restored });
      }
      while (this.#epoch < last && !this.#stopped) {
        await this.#runEpoch(loader, { last, reporter, callbacks, options });
      }
      const history: History = { epochs: this.#records.slice(first), stopped: this.#stopped };
      for (const callback of callbacks) await callback.fitEnd?.(history, this);
      return history;
    } catch (error) {
      for (const callback of callbacks) await callback.fitFailed?.(error, this);
      throw error;
    } finally {
      // An epoch that did not end starts over in the next `fit`.
      this.#position = undefined;
      reporter.end?.();
      this.#busy = false;
    }
  }

  async #runEpoch(
    loader: DataLoader,
    run: {
      readonly last: number;
      readonly reporter: Reporter;
      readonly callbacks: readonly Callback[];
      readonly options: FitOptions;
    },
  ): Promise<void> {
    const { last, reporter, callbacks, options } = run;
    const { validation, batchSize = 32, signal } = options;
    for (const callback of callbacks) {
      await callback.epochStart?.({ trainer: this, epoch: this.#epoch + 1 });
    }
    const trained = await trainEpoch({
      trainer: this,
      engine: this.#engine,
      loader,
      accumulate: this.#accumulate,
      epoch: this.#epoch,
      epochs: last,
      position: this.#position,
      callbacks,
      reporter,
      options,
      moved: async (position, failed) => {
        this.#updates += 1;
        this.#position = position;
        if (this.#keeper?.dueAfterStep(this.#updates) !== true) return true;
        // Steps after one that failed did nothing: they are no state to go on from.
        if ((await failed()) !== undefined) return false;
        await this.#keeper.write(await this.save(), this.#updates, false);
        return true;
      },
    });
    let record = trained;
    if (validation !== undefined) {
      const { loss, metrics } = await this.evaluate(validation, {
        batchSize: Math.max(batchSize, 128),
        ...(signal && { signal }),
      });
      record = { ...trained, validation: { loss, metrics } };
    }
    this.#epoch += 1;
    this.#position = undefined;
    this.schedule?.epochEnded(record);
    this.#records.push(record);
    reporter.epoch?.(record, last);
    for (const callback of callbacks) {
      if ((await callback.epochEnd?.(record, this)) === false) this.#stopped = true;
    }
    if (this.#keeper === undefined) return;
    const best = this.#keeper.judge(record);
    const ends = this.#stopped || this.#epoch === last;
    if (best || this.#keeper.dueAfterEpoch(this.#epoch, ends)) {
      await this.#keeper.write(await this.save(), this.#updates, best);
    }
  }

  /** Loss and metrics over a data set, in evaluation mode. */
  async evaluate(data: Dataset, options: EvaluateOptions = {}): Promise<Evaluation> {
    return this.#averaged(options, () => this.#engine.evaluate(data, options));
  }

  /** Counts of wanted against chosen classes over a data set. */
  async confusionMatrix(
    data: Dataset,
    { labels, ...options }: EvaluateOptions & { readonly labels?: readonly string[] } = {},
  ): Promise<ConfusionMatrix> {
    return this.#averaged(options, () => this.#engine.confusionMatrix(data, labels, options));
  }

  /**
   * What the model gives for every sample, in order, in evaluation mode; the data set may lack the target.
   * Shape: [N, ...]. Held on the host.
   */
  async predict(data: Dataset, options: EvaluateOptions = {}): Promise<Tensor> {
    return this.#averaged(options, () => this.#engine.predict(data, options));
  }

  /** The state dict that evaluation uses: with `ema` the averages in the place of the parameters. */
  async evaluatedState(): Promise<Readonly<Record<string, Tensor>>> {
    return this.#averaged({}, () => this.model.stateDict());
  }

  #averaged<T>({ average = true }: EvaluateOptions, body: () => Promise<T>): Promise<T> {
    return average && this.ema !== undefined ? this.ema.during(body) : body();
  }

  /**
   * Loss against learning rate: trains with a rate that grows from step to step until the loss explodes,
   * then puts everything back. Smith 2017, arXiv:1506.01186.
   */
  async findLearningRate(
    data: Dataset,
    options: LearningRateOptions = {},
  ): Promise<LearningRateCurve> {
    return this.#probe(() => findLearningRate(this.#engine, data, this.seed, options));
  }

  /**
   * Trains on one batch again and again, then puts everything back: a model that cannot learn a few samples
   * by heart has a mistake in it.
   */
  async overfitBatch(data: Dataset, options: OverfitOptions = {}): Promise<OverfitResult> {
    return this.#probe(() => overfitBatch(this.#engine, data, this.seed, options));
  }

  async #probe<T>(body: () => Promise<T>): Promise<T> {
    if (this.#busy) fail('Trainer', 'is running');
    this.#busy = true;
    const { totals } = this.#engine.train;
    const variables = runVariables(this.#parts());
    const before = await readVariables(variables);
    const sums = await totals.save();
    const rates = this.#rates();
    try {
      return await body();
    } finally {
      writeVariables(variables, before);
      this.#setRates(rates);
      await totals.clear();
      totals.restore(sums.host, sums.device);
      this.#busy = false;
    }
  }

  #parts() {
    const { model, optimizer, ema, scaler } = this;
    return { model, optimizer, ema, scaler, others: this.#engine.others };
  }
  #rates(): RunState['rates'] {
    return this.optimizer.groups.map(({ lr, momentum }) => ({ lr, momentum }));
  }
  #setRates(rates: RunState['rates']): void {
    this.optimizer.groups.forEach((group, i) => rates[i] !== undefined && group.set(rates[i]));
  }

  /**
   * The whole run as the bytes of a checkpoint (safetensors): weights, optimizer, schedule, generators,
   * averages, position, metrics so far and the state of callbacks. While `fit` runs, call it between updates:
   * in a callback's `stepEnd` or `epochEnd`.
   */
  async save(): Promise<Uint8Array> {
    const tensors = await readVariables(runVariables(this.#parts()));
    const { host, device } = await this.#engine.train.totals.save();
    for (const [name, column] of device) tensors.set(`totals.${name}`, column);
    const callbacks: Record<string, Json> = {};
    const keys = callbackKeys(this.#callbacks);
    for (const [i, callback] of this.#callbacks.entries()) {
      const saved = await callback.save?.();
      if (saved?.values !== undefined) callbacks[keys[i]!] = saved.values;
      for (const [name, tensor] of Object.entries(saved?.tensors ?? {})) {
        const { shape, dtype } = tensor;
        tensors.set(`callback.${keys[i]!}.${name}`, { data: await tensor.bits(), shape, dtype });
      }
    }
    const best = this.#keeper?.best;
    const state: RunState = {
      epoch: this.#epoch,
      updates: this.#updates,
      position: this.#position ?? null,
      records: this.#records,
      stopped: this.#stopped,
      rates: this.#rates(),
      schedule: this.schedule?.save() ?? null,
      totals: host,
      callbacks,
      best: best ?? null,
      aliases: aliasesOf(this.model),
    };
    return encodeCheckpoint({ tensors, state });
  }

  /**
   * Goes where a checkpoint was; the next `fit` goes on from there. All of it or, when it is damaged or of
   * another model (the error lists missing, unexpected and differing names), nothing. `data` is needed only
   * where layers draw from generators of their own and no step has run.
   */
  async load(bytes: Uint8Array, data?: Dataset): Promise<void> {
    if (this.#busy) fail('Trainer.load', 'fit is running');
    await this.#restore(await decodeCheckpoint(bytes), data && new DataLoader(data));
  }

  async #resume(loader: DataLoader): Promise<void> {
    const found = await this.#keeper!.latest();
    if (found === undefined) return;
    this.#skipped = found.skipped;
    for (const { name, reason } of found.skipped) {
      console.warn(`hebb: checkpoint ${name} is passed over: ${reason}`);
    }
    await this.#restore(found.checkpoint, loader);
  }

  async #restore({ tensors, state }: Checkpoint, loader: DataLoader | undefined): Promise<void> {
    const saved = readRunState(state);
    const [own, totals] = [new Map<string, Column>(), new Map<string, Column>()];
    const forCallbacks: Record<string, Tensor> = {};
    for (const [name, column] of tensors) {
      if (name.startsWith('totals.')) totals.set(name.slice('totals.'.length), column);
      else if (name.startsWith('callback.')) {
        const { data, shape, dtype } = column;
        forCallbacks[name.slice('callback.'.length)] = fromBits(data, shape, dtype);
      } else own.set(name, column);
    }
    const needsOthers = [...own.keys()].some((name) => name.startsWith('other.'));
    const others =
      needsOthers && loader !== undefined
        ? await this.#engine.otherVariables(await loader.batch((await loader.plan(0))[0]!))
        : this.#engine.others;
    const variables = runVariables({ ...this.#parts(), others });
    checkVariables(variables, own);
    if (saved.rates.length !== this.optimizer.groups.length) {
      fail(
        'Trainer.load',
        'the checkpoint has another number of parameter groups',
        `${saved.rates.length}`,
        `${this.optimizer.groups.length}`,
      );
    }
    writeVariables(variables, own);
    this.schedule?.load(saved.schedule);
    this.#setRates(saved.rates);
    await this.#engine.train.totals.clear();
    this.#engine.train.totals.restore(saved.totals, totals);
    const keys = callbackKeys(this.#callbacks);
    for (const [i, callback] of this.#callbacks.entries()) {
      const key = keys[i]!;
      const own: CallbackState | undefined = stateOf(saved.callbacks[key], forCallbacks, `${key}.`);
      if (own !== undefined) await callback.restore?.(own);
    }
    if (this.#keeper !== undefined) this.#keeper.best = saved.best ?? undefined;
    this.#epoch = saved.epoch;
    this.#updates = saved.updates;
    this.#position = saved.position ?? undefined;
    this.#records = [...saved.records];
    this.#stopped = saved.stopped;
    this.#restored = true;
  }

  /** Frees the compiled steps and their sums. The model and the optimizer stay as they are. */
  dispose(): void {
    this.#engine.dispose();
    this.ema?.dispose();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }
}

function loaderFor(data: Dataset, options: FitOptions, seed: number): DataLoader {
  const { batchSize = 32, shuffle, dropLast, checkFinite = true } = options;
  const { sampler, batchSampler, prefetch } = options;
  const ordered = sampler === undefined && batchSampler === undefined;
  return new DataLoader(data, {
    batchSize,
    shuffle: shuffle ?? ordered,
    seed,
    dropLast: dropLast ?? false,
    checkFinite,
    ...(prefetch !== undefined && { prefetch }),
    ...(sampler && { sampler }),
    ...(batchSampler && { batchSampler }),
  });
}

/** Callbacks in the order they are called: those that options make come first. */
function callbacksOf({ earlyStopping, logger, callbacks = [] }: TrainerOptions): Callback[] {
  const made: Callback[] = [];
  if (earlyStopping !== undefined) {
    made.push(
      new EarlyStopping(
        typeof earlyStopping === 'number' ? { patience: earlyStopping } : earlyStopping,
      ),
    );
  }
  if (logger !== undefined) made.push('to' in logger ? logTo(logger.to, logger) : logTo(logger));
  return [...made, ...callbacks];
}

function precisionOf(precision: Precision): {
  autocast: AutocastOptions | undefined;
  scaler: LossScaler | undefined;
} {
  if (precision === 'float32') return { autocast: undefined, scaler: undefined };
  const options = typeof precision === 'string' ? { dtype: precision } : precision;
  if (options.dtype !== 'float16' && options.dtype !== 'bfloat16') {
    fail(
      'Trainer',
      'unknown precision',
      String(options.dtype),
      'float32, float16, bfloat16 or { dtype }',
    );
  }
  const { lossScale = {}, ...autocast } = options as Exclude<Precision, string>;
  const scales = options.dtype === 'float16' && lossScale !== false;
  return { autocast, scaler: scales ? new LossScaler(lossScale) : undefined };
}
