/** What a run of two networks is made of, for its checkpoints. */
import { fail } from '@hebb/core';
import type { Variable } from '@hebb/core';
import type { ExponentialMovingAverage } from '../average/ema.ts';
import { CheckpointError } from '../checkpoint/checkpoint-error.ts';
import type { Json } from '../checkpoint/json.ts';
import { addAverages, addModule, addOptimizer, addRest } from '../checkpoint/run-state.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import type { Both, GanTrainerOptions } from './options.ts';

export const networks = ['generator', 'discriminator'] as const;

/** Everything that decides how a run goes on, but for plain numbers; `model.generator.main.0.weight`. */
export function ganVariables(
  { generator, discriminator, optimizers }: GanTrainerOptions,
  ema: ExponentialMovingAverage | undefined,
  others: readonly Variable[],
): Map<string, Variable> {
  const found = new Map<string, Variable>();
  addModule(found, 'generator.', generator);
  addModule(found, 'discriminator.', discriminator);
  for (const which of networks) addOptimizer(found, `optimizer.${which}`, optimizers[which]);
  if (ema !== undefined) addAverages(found, 'generator.', generator, ema);
  addRest(found, others);
  return found;
}

type Rates = readonly { readonly lr: number; readonly momentum: number }[];

/** Rates of all groups, the generator's first. */
export const ratesOf = (optimizers: Both<Optimizer>): Rates =>
  networks.flatMap((which) =>
    optimizers[which].groups.map(({ lr, momentum }) => ({ lr, momentum })),
  );

export function setRates(optimizers: Both<Optimizer>, rates: Rates): void {
  const groups = networks.flatMap((which) => optimizers[which].groups);
  if (groups.length !== rates.length) {
    fail(
      'GanTrainer.load',
      'the checkpoint has another number of parameter groups',
      `${rates.length}`,
      `${groups.length}`,
    );
  }
  groups.forEach((group, i) => group.set(rates[i]!));
}

/** What the schedule of a checkpoint holds: those of both networks, and whose turn it is. */
export type GanTurns = {
  readonly generator: Json;
  readonly discriminator: Json;
  /** Updates of the generator, and of the discriminator since the last of them. */
  readonly generatorUpdates: number;
  readonly since: number;
};

export function readTurns(value: Json): GanTurns {
  const given = (value ?? {}) as Partial<Record<keyof GanTurns, Json>>;
  const isCount = (count: Json | undefined): boolean =>
    Number.isSafeInteger(count) && Number(count) >= 0;
  if (!isCount(given.generatorUpdates) || !isCount(given.since)) {
    throw new CheckpointError('it is not that of two networks trained against each other');
  }
  return value as GanTurns;
}
