/** The training loop: batches in, history out. */
import { capture, compile, defaultGenerator, dtypeInfo, fail, fromBits, sizeOf } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { withMode } from '@hebb/nn';
// eslint-disable-next-line @nx/enforce-module-boundaries -- the package's own file, chosen by the runtime: no relative path says that
import { reporterFor } from '#progress';
import { checkNumber, checkOptions, checkWhole } from '../check.ts';
import { DataLoader } from '../data/loader.ts';
import type { Batch } from '../data/loader.ts';
import type { Dataset } from '../data/dataset.ts';
import { confusion } from '../metrics/confusion.ts';
import type { ConfusionMatrix } from '../metrics/confusion.ts';
import { resolveMetrics } from '../metrics/metric.ts';
import type { Metric, MetricName } from '../metrics/metric.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import type { EpochRecord, Progress, Reporter } from '../progress/progress.ts';
import type { ProgressStyle } from '../progress/silent.ts';
import type { Scheduler } from '../schedule/scheduler.ts';
import { assign, checkLabels, inputsOf } from './columns.ts';
import type { ColumnOptions, Columns } from './columns.ts';
import { diagnose, nonFinite } from './diagnose.ts';
import { Pulse } from './pulse.ts';
import { EvaluationStep, TrainStep, summarize } from './steps.ts';
import type { Loss, Model, StepSettings } from './steps.ts';

export interface TrainerOptions extends ColumnOptions {
  readonly model: Model;
  readonly loss: Loss;
  /** Gets the model's parameters, unless some were attached before. */
  readonly optimizer: Optimizer;
  /** By name (`accuracy`, `binaryAccuracy`, `mae`, `mse`) or made by you. */
  readonly metrics?: readonly (MetricName | Metric)[];
  /** Changes the learning rate after each step or epoch. */
  readonly schedule?: Scheduler;
  /** Decides the order of samples and the dropout masks; default 0. */
  readonly seed?: number;
  /** Scales gradients so that their common norm is at most this. */
  readonly clipGradNorm?: number;
  /** Keeps each entry of the gradients within plus or minus this. */
  readonly clipGradValue?: number;
}

export interface FitOptions {
  /** Default 1. */
  readonly epochs?: number;
  /** Default 32. */
  readonly batchSize?: number;
  /** Evaluated after each epoch. */
  readonly validation?: Dataset;
  /** Default true. */
  readonly shuffle?: boolean;
  /** Leave out a smaller last batch; default false: it is a second compiled size. */
  readonly dropLast?: boolean;
  /** Look for NaN and infinities in the data; default true. */
  readonly checkFinite?: boolean;
  /**
   * `auto` (default): a bar on a terminal, else a line for each epoch, on standard error; nothing in
   * browsers and workers. Or a reporter of your own.
   */
  readonly progress?: ProgressStyle | Reporter;
  /** Called a few times a second. */
  readonly onProgress?: (progress: Progress) => void;
  /** Called after each epoch; `false` ends the training. */
  readonly onEpoch?: (
    record: EpochRecord,
    trainer: Trainer,
  ) => boolean | void | Promise<boolean | void>;
  /** Ends the training with the signal's reason as error. */
  readonly signal?: AbortSignal;
}

export interface History {
  readonly epochs: readonly EpochRecord[];
  /** True when `onEpoch` ended it. */
  readonly stopped: boolean;
}

export interface EvaluateOptions {
  /** Default 128. */
  readonly batchSize?: number;
  readonly signal?: AbortSignal;
}

export interface Evaluation {
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly samples: number;
  readonly seconds: number;
}

const trainerOptions = [
  'model',
  'loss',
  'optimizer',
  'metrics',
  'schedule',
  'seed',
  'clipGradNorm',
  'clipGradValue',
  'inputs',
  'target',
];
const fitOptions = [
  'epochs',
  'batchSize',
  'validation',
  'shuffle',
  'dropLast',
  'checkFinite',
  'progress',
  'onProgress',
  'onEpoch',
  'signal',
];

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
  readonly #metrics: readonly Metric[];
  readonly #columnOptions: ColumnOptions;
  readonly #settings: StepSettings;
  readonly #train: TrainStep;
  readonly #evaluate: EvaluationStep;
  #epoch = 0;
  #busy = false;

  constructor(options: TrainerOptions) {
    checkOptions('Trainer', options, trainerOptions);
    const { model, loss, optimizer, metrics = [], schedule, seed = 0 } = options;
    if (typeof loss !== 'function' && typeof loss?.forward !== 'function') {
      fail('Trainer', 'loss is neither a function nor a module', typeof loss);
    }
    this.model = model;
    this.optimizer = optimizer;
    this.schedule = schedule;
    this.seed = checkWhole('Trainer', 'seed', seed, 0);
    this.#metrics = resolveMetrics(metrics);
    this.#columnOptions = options;
    if (options.clipGradNorm !== undefined) {
      checkNumber('Trainer', 'clipGradNorm', options.clipGradNorm, { low: 0 });
    }
    if (!optimizer.attached) optimizer.attach(model.parameters());
    schedule?.attach(optimizer);
    this.#settings = {
      model,
      loss,
      optimizer,
      metrics: this.#metrics,
      clipGradNorm: options.clipGradNorm,
      clipGradValue: options.clipGradValue,
    };
    this.#train = new TrainStep(this.#settings);
    this.#evaluate = new EvaluationStep(this.#settings);
  }

  /** Epochs trained so far. */
  get epoch(): number {
    return this.#epoch;
  }

  /**
   * Trains. Throws for an empty data set, bad values in it (naming sample and column), a label that is no
   * class, and with `NonFiniteError` when the loss stops being a number (naming epoch, step, layer and
   * parameter; the model then holds its last sound state).
   */
  async fit(data: Dataset, options: FitOptions = {}): Promise<History> {
    checkOptions('Trainer.fit', options, fitOptions);
    const { epochs = 1, batchSize = 32, validation, signal } = options;
    checkWhole('Trainer.fit', 'epochs', epochs);
    const loader = new DataLoader(data, {
      batchSize,
      shuffle: options.shuffle ?? true,
      seed: this.seed,
      dropLast: options.dropLast ?? false,
      checkFinite: options.checkFinite ?? true,
    });
    if (validation !== undefined && validation.length < 1) {
      fail('Trainer.fit', 'the validation data set is empty');
    }
    if (this.#busy) fail('Trainer.fit', 'is already running');
    this.#busy = true;
    const { progress = 'auto' } = options;
    const reporter = typeof progress === 'string' ? reporterFor(progress) : progress;
    const records: EpochRecord[] = [];
    let stopped = false;
    try {
      if (this.#epoch === 0) defaultGenerator.seed(this.seed);
      const last = this.#epoch + epochs;
      while (this.#epoch < last && !stopped) {
        const trained = await this.#trainEpoch(loader, { last, reporter, options });
        let record = trained;
        if (validation !== undefined) {
          const { loss, metrics } = await this.evaluate(validation, {
            batchSize: Math.max(batchSize, 128),
            ...(signal && { signal }),
          });
          record = { ...trained, validation: { loss, metrics } };
        }
        this.#epoch += 1;
        this.schedule?.epochEnded(record);
        records.push(record);
        reporter.epoch?.(record, last);
        stopped = (await options.onEpoch?.(record, this)) === false;
      }
    } finally {
      reporter.end?.();
      this.#busy = false;
    }
    return { epochs: records, stopped };
  }

  async #trainEpoch(
    loader: DataLoader,
    run: { last: number; reporter: Reporter; options: FitOptions },
  ): Promise<EpochRecord> {
    const { last: epochs, reporter, options } = run;
    const epoch = this.#epoch + 1;
    const step = this.#train;
    const order = await loader.order(this.#epoch);
    await step.totals.clear();
    step.restart();
    const pulse = new Pulse();
    const steps = loader.length;
    let samples = 0;
    let lr = this.optimizer.lr;
    for (let k = 0; k < steps; k++) {
      options.signal?.throwIfAborted();
      const batch = loader.batch(order, k);
      const { inputs, target } = this.#prepare(batch);
      lr = this.optimizer.lr;
      await consume([...inputs, target], () => step.run(inputs, target));
      samples += batch.size;
      this.schedule?.stepEnded();
      if (!pulse.due(k + 1 === steps)) continue;

      const failed = await step.take();
      if (failed !== undefined) {
        const again = this.#prepare(loader.batch(order, failed));
        const findings = await diagnose(this.#settings, again.inputs, again.target);
        throw nonFinite({ epoch, epochs, step: failed + 1, steps }, findings);
      }
      const seconds = pulse.seconds;
      const progress: Progress = {
        epoch,
        epochs,
        step: k + 1,
        steps,
        ...summarize(step.totals, this.#metrics, samples),
        samplesPerSecond: samples / seconds,
        secondsLeft: (seconds / (k + 1)) * (steps * (epochs - epoch + 1) - (k + 1)),
      };
      reporter.step?.(progress);
      options.onProgress?.(progress);
      await pulse.rest();
    }
    const seconds = pulse.seconds;
    return {
      epoch,
      ...summarize(step.totals, this.#metrics, samples),
      lr,
      samples,
      seconds,
      samplesPerSecond: samples / seconds,
    };
  }

  #columns: Columns | undefined;
  #outputShape: readonly number[] | undefined;

  /** The batch as what a step takes; the first one is also checked against the model. */
  #prepare(batch: Batch): { inputs: Tensor[]; target: Tensor } {
    const columns = (this.#columns ??= assign(batch, this.#columnOptions));
    const { inputs, target } = columns.of(batch);
    if (this.#outputShape === undefined) {
      const traced = capture(
        (xs: readonly Tensor[]) => withMode(this.model, false, () => this.model.forward(...xs)),
        [inputs],
      );
      const { graph } = traced;
      this.#outputShape = graph.values[graph.outputs[0]!]!.shape;
    }
    checkLabels(batch, columns.targetName, this.#outputShape);
    return { inputs, target };
  }

  /** Loss and metrics over a data set, in evaluation mode. */
  async evaluate(data: Dataset, options: EvaluateOptions = {}): Promise<Evaluation> {
    const start = performance.now();
    const step = this.#evaluate;
    await step.totals.clear();
    const samples = await this.#over(data, options, async (batch) => {
      const { inputs, target } = this.#prepare(batch);
      await consume([...inputs, target], () => step.run(inputs, target));
    });
    await step.totals.take();
    const { loss, metrics } = summarize(step.totals, this.#metrics, samples);
    return { loss, metrics, samples, seconds: (performance.now() - start) / 1000 };
  }

  /** Counts of wanted against chosen classes over a data set. */
  async confusionMatrix(
    data: Dataset,
    { labels, ...options }: EvaluateOptions & { readonly labels?: readonly string[] } = {},
  ): Promise<ConfusionMatrix> {
    const metric = confusion(labels);
    const step = new EvaluationStep({ model: this.model, metrics: [metric] });
    try {
      await this.#over(data, options, async (batch) => {
        const { inputs, target } = this.#prepare(batch);
        await consume([...inputs, target], () => step.run(inputs, target));
      });
      await step.totals.take();
      return metric.result(step.totals.sums(`metric ${metric.name}`));
    } finally {
      step.dispose();
    }
  }

  /**
   * What the model gives for every sample, in order, in evaluation mode; the data set may lack the target.
   * Shape: [N, ...]. Held on the host.
   */
  async predict(data: Dataset, options: EvaluateOptions = {}): Promise<Tensor> {
    const run = compile(
      (inputs: Tensor[]) => withMode(this.model, false, () => this.model.forward(...inputs)),
      { name: 'prediction step', donate: [0] },
    );
    const parts: Tensor[] = [];
    try {
      await this.#over(data, options, async (batch) => {
        const inputs = inputsOf(batch, this.#columnOptions);
        let output: Tensor | undefined;
        await consume(inputs, async () => (output = await run(inputs)));
        parts.push(fromBits(await output!.bits(), output!.shape, output!.dtype));
        output!.dispose();
      });
    } finally {
      run.dispose();
    }
    return joinRows(parts);
  }

  /** Calls `use` with each batch of a data set, in order, now and then letting other work in. */
  async #over(
    data: Dataset,
    { batchSize = 128, signal }: EvaluateOptions,
    use: (batch: Batch) => Promise<void>,
  ): Promise<number> {
    const loader = new DataLoader(data, { batchSize });
    const pulse = new Pulse();
    for await (const batch of loader.epoch()) {
      signal?.throwIfAborted();
      await use(batch);
      if (pulse.due(false)) await pulse.rest();
    }
    return loader.samples;
  }

  /** Frees the compiled steps and their sums. The model and the optimizer stay as they are. */
  dispose(): void {
    this.#train.dispose();
    this.#evaluate.dispose();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Host tensors one below the other. */
async function joinRows(parts: readonly Tensor[]): Promise<Tensor> {
  const { shape, dtype } = parts[0]!;
  const rows = parts.reduce((sum, part) => sum + part.shape[0]!, 0);
  const all = dtypeInfo(dtype).allocate(sizeOf([rows, ...shape.slice(1)]));
  let at = 0;
  for (const part of parts) {
    const bits = await part.bits();
    // One overload of `set` stands for all: both arrays are of the dtype's own class.
    (all as Float64Array).set(bits as Float64Array, at);
    at += bits.length;
  }
  return fromBits(all, [rows, ...shape.slice(1)], dtype);
}

/** Runs a step that takes the tensors over; frees them when it fails before that. */
async function consume(tensors: readonly Tensor[], step: () => Promise<unknown>): Promise<void> {
  try {
    await step();
  } catch (error) {
    for (const tensor of tensors) tensor.dispose();
    throw error;
  }
}
