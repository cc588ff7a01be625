/** What a trainer of two networks takes and gives. */
import type { Tensor } from '@hebb/core';
import type { EmaOptions } from '../average/ema.ts';
import type { LoggedImage, Logger } from '../callbacks/logger.ts';
import type { CheckpointOptions } from '../checkpoint/keeper.ts';
import type { Column } from '../data/dataset.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import type { EpochRecord } from '../progress/progress.ts';
import type { Scheduler } from '../schedule/scheduler.ts';
import type { FitOptions } from '../trainer/options.ts';
import type { Model } from '../trainer/steps.ts';
import type { GanTrainer } from './gan-trainer.ts';

/** What both networks minimise, from the discriminator's scores. `@hebb/layers-gan` has the usual ones. */
export interface GanLoss {
  discriminator(real: Tensor, fake: Tensor): Tensor;
  generator(fake: Tensor): Tensor;
}

/** A part of the discriminator's loss that looks at it as a function, such as a penalty on its slope. */
export type GanPenalty = (
  critic: (samples: Tensor) => Tensor,
  real: Tensor,
  fake: Tensor,
) => Tensor;

/** One for each of the two networks. */
export interface Both<T> {
  readonly generator: T;
  readonly discriminator: T;
}

/** Takes pictures as they are made: `pictureFolder(path)` of `@hebb/train/node` writes PNG files. */
export interface ImageStore {
  write(name: string, image: LoggedImage): void | Promise<void>;
}

export interface GridOptions {
  /** Where they go; they are kept in `trainer.grids` as well. */
  readonly to?: ImageStore;
  /** After each so many updates of the discriminator; default only after each epoch. */
  readonly everySteps?: number;
  /** Images in a grid; default 100. */
  readonly count?: number;
  /** Default 10. */
  readonly columns?: number;
  /** The conditions of the images, a column each; default those of the data set's first samples. */
  readonly conditions?: readonly Column[];
}

export interface CollapseOptions {
  /** Warn below this share of the real samples' diversity; default 0.25. */
  readonly below?: number;
  /** Samples that are compared; default 128. */
  readonly count?: number;
  /** Default `console.warn`. */
  readonly onWarning?: (message: string) => void;
}

export interface GanTrainerOptions {
  /** From noise and conditions to samples: `forward(z, ...conditions)`, without `latentSize` `forward(...conditions)`. */
  readonly generator: Model;
  /** From samples and conditions to scores: `forward(samples, ...conditions)`. */
  readonly discriminator: Model;
  readonly loss: GanLoss;
  /** Two, so that each network learns at its own rate: Heusel et al. 2017, arXiv:1706.08500. */
  readonly optimizers: Both<Optimizer>;
  readonly schedules?: Partial<Both<Scheduler>>;
  /** Width of the normal noise; left out: the generator draws from conditions alone. */
  readonly latentSize?: number;
  /** The column of real samples; default the first. */
  readonly real?: string;
  /** Columns that both networks are told; default all others. */
  readonly conditions?: readonly string[];
  /** Updates of the discriminator for each of the generator, also by number of generator updates; default 1. */
  readonly criticSteps?: number | ((updates: number) => number);
  readonly penalty?: GanPenalty;
  /** Add the penalty, so many times as heavy, at each so many updates only; default 1. Karras et al. 2020. */
  readonly penaltyEvery?: number;
  /** Added to the generator's loss where real samples are what it should draw: pix2pix. */
  readonly reconstruction?: (drawn: Tensor, real: Tensor) => Tensor;
  /** Deviation of noise on what the discriminator sees, also by number of updates. Sønderby et al. 2017, arXiv:1610.04490. */
  readonly instanceNoise?: number | ((updates: number) => number);
  /** Scales the gradients of each network so that their common norm is at most this. */
  readonly clipGradNorm?: number;
  /** Keeps a running average of the generator's weights, and draws with it. */
  readonly ema?: EmaOptions | boolean;
  /** Decides noise, order of samples and dropout; default 0. */
  readonly seed?: number;
  readonly grids?: GridOptions;
  /** Looks at the diversity of what is drawn after each epoch; `false`: not at all. */
  readonly collapse?: CollapseOptions | false;
  /** More numbers of an epoch, such as the share of samples that a classifier recognises. */
  readonly metrics?: (trainer: GanTrainer) => Promise<Readonly<Record<string, number>>>;
  readonly logger?: Logger;
  /** Saves the whole run, so that `fit` with `resume` goes on to the same numbers. */
  readonly checkpoint?: CheckpointOptions;
}

export interface GanFitOptions extends Pick<
  FitOptions,
  | 'epochs'
  | 'batchSize'
  | 'shuffle'
  | 'checkFinite'
  | 'sampler'
  | 'prefetch'
  | 'resume'
  | 'progress'
  | 'onProgress'
  | 'signal'
> {
  /** Leave out a smaller last batch; default true. */
  readonly dropLast?: boolean;
  /** Called after each epoch; `false` ends the training. */
  readonly onEpoch?: (
    record: EpochRecord,
    trainer: GanTrainer,
  ) => boolean | void | Promise<boolean | void>;
}

/** A grid of samples and when it was drawn. */
export interface SampleGrid {
  readonly image: LoggedImage;
  readonly caption: string;
  /** Updates of the discriminator so far. */
  readonly updates: number;
}

export interface GenerateOptions {
  /** One for each of the generator's conditions, rows as many as the noise. They stay yours. */
  readonly conditions?: readonly Tensor[];
  /** With `ema`: draw with its averages; default true. */
  readonly average?: boolean;
}

export const ganTrainerOptions: readonly (keyof GanTrainerOptions)[] = [
  'generator',
  'discriminator',
  'loss',
  'optimizers',
  'schedules',
  'latentSize',
  'real',
  'conditions',
  'criticSteps',
  'penalty',
  'penaltyEvery',
  'reconstruction',
  'instanceNoise',
  'clipGradNorm',
  'ema',
  'seed',
  'grids',
  'collapse',
  'metrics',
  'logger',
  'checkpoint',
];
export const ganFitOptions: readonly (keyof GanFitOptions)[] = [
  'epochs',
  'batchSize',
  'shuffle',
  'dropLast',
  'checkFinite',
  'sampler',
  'prefetch',
  'resume',
  'progress',
  'onProgress',
  'onEpoch',
  'signal',
];
