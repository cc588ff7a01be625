/** What a trainer and its methods take and give. */
import type { EmaOptions } from '../average/ema.ts';
import type { Callback } from '../callbacks/callback.ts';
import type { EarlyStoppingOptions } from '../callbacks/early-stopping.ts';
import type { Logger, LoggingOptions } from '../callbacks/logger.ts';
import type { CheckpointOptions } from '../checkpoint/keeper.ts';
import type { Dataset } from '../data/dataset.ts';
import type { BatchSampler, Sampler } from '../data/sampler.ts';
import type { AnyMetric } from '../metrics/metric.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import type { AutocastOptions, HalfType } from '../precision/autocast.ts';
import type { LossScaleOptions } from '../precision/loss-scaler.ts';
import type { EpochRecord, Progress, Reporter } from '../progress/progress.ts';
import type { ProgressStyle } from '../progress/silent.ts';
import type { Scheduler } from '../schedule/scheduler.ts';
import type { ColumnOptions } from './columns.ts';
import type { Loss, Model } from './steps.ts';
import type { Trainer } from './trainer.ts';

/** `float32`, or products in 16 bits with the settings of `autocast`. */
export type Precision =
  | 'float32'
  | HalfType
  | (AutocastOptions & {
      /** For float16; `false`: none. */
      readonly lossScale?: LossScaleOptions | false;
    });

export interface TrainerOptions extends ColumnOptions {
  readonly model: Model;
  readonly loss: Loss;
  /** Gets the model's parameters, unless some were attached before. */
  readonly optimizer: Optimizer;
  /** By name (`accuracy`, `binaryAccuracy`, `mae`, `mse`, `rmse`) or made by you. */
  readonly metrics?: readonly AnyMetric[];
  /** Changes the learning rate after each step or epoch. */
  readonly schedule?: Scheduler;
  /** Decides the order of samples and the dropout masks; default 0. */
  readonly seed?: number;
  /** Scales gradients so that their common norm is at most this. */
  readonly clipGradNorm?: number;
  /** Keeps each entry of the gradients within plus or minus this. */
  readonly clipGradValue?: number;
  /**
   * Batches whose gradients make one update; default 1. For losses that are means the update is that of one
   * batch of all their samples.
   */
  readonly accumulate?: number;
  /** Keeps a running average of the weights and evaluates with it. */
  readonly ema?: EmaOptions | boolean;
  /**
   * `float16` or `bfloat16`: products in 16 bits, where the backend computes in them; float16 with dynamic
   * loss scaling. Default `float32`.
   */
  readonly precision?: Precision;
  /** Called in this order, after those that other options make. */
  readonly callbacks?: readonly Callback[];
  /** Ends a run that no longer gets better; a number is the patience. */
  readonly earlyStopping?: EarlyStoppingOptions | number;
  /** Where numbers are written beside the progress line, such as `tensorBoard(folder)`. */
  readonly logger?: Logger | (LoggingOptions & { readonly to: Logger });
  /** Saves the whole run, so that `fit` with `resume` goes on to the same numbers. */
  readonly checkpoint?: CheckpointOptions;
}

export interface FitOptions {
  /** Default 1. With `resume` the number of epochs in all, those of the checkpoint included. */
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
  /** Which samples an epoch has, instead of `shuffle`. */
  readonly sampler?: Sampler;
  /** Whole batches, instead of `batchSize`, `shuffle`, `dropLast` and `sampler`. */
  readonly batchSampler?: BatchSampler;
  /** Batches asked for ahead from a data set that gives promises; default its `ahead`, or 2. */
  readonly prefetch?: number;
  /**
   * Start from the newest sound checkpoint of `checkpoint.store`, in the middle of its epoch if need be;
   * from the beginning where there is none. Default false.
   */
  readonly resume?: boolean;
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
  /** With `resume` those of the checkpoint too. */
  readonly epochs: readonly EpochRecord[];
  /** True when a callback or `onEpoch` ended it. */
  readonly stopped: boolean;
}

export interface EvaluateOptions {
  /** Default 128. */
  readonly batchSize?: number;
  readonly signal?: AbortSignal;
  /** With `ema`: use its averages; default true. */
  readonly average?: boolean;
}

export interface Evaluation {
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly samples: number;
  readonly seconds: number;
}

export const trainerOptions: readonly (keyof TrainerOptions)[] = [
  'model',
  'loss',
  'optimizer',
  'metrics',
  'schedule',
  'seed',
  'clipGradNorm',
  'clipGradValue',
  'accumulate',
  'ema',
  'precision',
  'callbacks',
  'earlyStopping',
  'logger',
  'checkpoint',
  'inputs',
  'target',
];
export const fitOptions: readonly (keyof FitOptions)[] = [
  'epochs',
  'batchSize',
  'validation',
  'shuffle',
  'dropLast',
  'checkFinite',
  'sampler',
  'batchSampler',
  'prefetch',
  'resume',
  'progress',
  'onProgress',
  'onEpoch',
  'signal',
];
