/** Where numbers of a run are written beside the progress line. */
import type { Tensor } from '@hebb/core';
import { checkWhole } from '../check.ts';
import type { EpochRecord, Progress } from '../progress/progress.ts';
import type { History } from '../trainer/options.ts';
import type { Trainer } from '../trainer/trainer.ts';
import type { Callback } from './callback.ts';

export interface LoggedImage {
  readonly width: number;
  readonly height: number;
  /** 1 (grey), 3 (RGB) or 4 (RGBA). */
  readonly channels: 1 | 3 | 4;
  /** Row after row, channels last, 0 to 255. */
  readonly data: Uint8Array;
}

/** Takes numbers, texts and pictures, each with the number of updates at which it was made. */
export interface Logger {
  scalars(values: Readonly<Record<string, number>>, step: number): void | Promise<void>;
  histogram?(tag: string, values: ArrayLike<number>, step: number): void | Promise<void>;
  image?(tag: string, image: LoggedImage, step: number): void | Promise<void>;
  text?(tag: string, text: string, step: number): void | Promise<void>;
  /** Settings of the run, and the numbers it reached. */
  hparams?(
    settings: Readonly<Record<string, string | number | boolean>>,
    results: Readonly<Record<string, number>>,
  ): void | Promise<void>;
  /** The run goes on after so many updates: what was logged for later ones no longer counts. */
  resume?(step: number): void | Promise<void>;
  /** Everything so far is safe when this is done. */
  flush?(): void | Promise<void>;
}

export interface LoggingOptions {
  /** Distribution of every parameter after each so many epochs; default 0: none. */
  readonly histograms?: number;
}

/**
 * Writes a run to a logger: `loss/train` and the other numbers after each epoch, and `step/loss` (the mean
 * since the last point) a few times a second.
 */
export function logTo(logger: Logger, { histograms = 0 }: LoggingOptions = {}): Callback {
  checkWhole('logTo', 'histograms', histograms, 0);
  let last = { epoch: 0, samples: 0, loss: 0 };
  return {
    name: 'logger',
    fitStart: async ({ trainer, resumed }) => {
      if (resumed) await logger.resume?.(trainer.updates);
    },
    progress: async ({ epoch, samples = 0, loss }: Progress, trainer: Trainer) => {
      // Progress tells means since the start of the epoch.
      const from = last.epoch === epoch && last.samples < samples ? last : { samples: 0, loss: 0 };
      const sum = loss * samples;
      const mean = (sum - from.loss) / (samples - from.samples);
      last = { epoch, samples, loss: sum };
      await logger.scalars({ 'step/loss': mean, 'step/lr': trainer.optimizer.lr }, trainer.updates);
    },
    epochEnd: async (record: EpochRecord, trainer: Trainer) => {
      await logger.scalars(scalarsOf(record), trainer.updates);
      if (histograms > 0 && record.epoch % histograms === 0 && logger.histogram !== undefined) {
        for (const [name, tensor] of Object.entries(await parametersOf(trainer))) {
          await logger.histogram(
            `parameters/${name}`,
            Array.from(await tensor.data(), Number),
            trainer.updates,
          );
        }
      }
      await logger.flush?.();
    },
    fitEnd: async (_history: History) => {
      await logger.flush?.();
    },
    fitFailed: async () => {
      await logger.flush?.();
    },
  };
}

/** The numbers of an epoch by tag: `loss/train`, `accuracy/validation`, `lr`, `throughput`. */
export function scalarsOf(record: EpochRecord): Record<string, number> {
  const values: Record<string, number> = { 'loss/train': record.loss };
  for (const [name, value] of Object.entries(record.metrics)) values[`${name}/train`] = value;
  if (record.validation !== undefined) {
    values['loss/validation'] = record.validation.loss;
    for (const [name, value] of Object.entries(record.validation.metrics)) {
      values[`${name}/validation`] = value;
    }
  }
  return { ...values, lr: record.lr, throughput: record.samplesPerSecond, epoch: record.epoch };
}

async function parametersOf({ model }: Trainer): Promise<Record<string, Tensor>> {
  const names = new Set(model.namedParameters().keys());
  const state = await model.stateDict();
  return Object.fromEntries(Object.entries(state).filter(([name]) => names.has(name)));
}
