/** The weights of an example's last run, so that it can be asked again without training. */
import { join, relative } from 'node:path';
import { readBytes } from '@hebb/data/node';
import type { Module } from '@hebb/nn';
import { decodeTensors, encodeTensors } from '@hebb/train';
import type { Run } from './example.ts';
import { UsageError } from './options.ts';
import type { OptionSpec } from './options.ts';

const file = 'weights.safetensors';

/** The switch for it. */
export const trained = {
  trained: { type: 'boolean', help: 'use the weights that the last run left instead of training' },
} as const satisfies Record<string, OptionSpec>;

/** Takes the weights of the last run, or trains and leaves the weights for the next. */
export async function trainOnce(
  run: Run,
  model: Module,
  train: () => Promise<void>,
): Promise<void> {
  if (run.options.own['trained'] !== true) {
    await train();
    await run.write(file, await encodeTensors(await model.stateDict()));
    return;
  }
  const path = join(run.out, file);
  const bytes = await readBytes(path).catch((error: unknown) => {
    const where = relative(process.cwd(), path);
    throw new UsageError(`--trained: there is no ${where}; run without it first`, { cause: error });
  });
  model.loadStateDict(decodeTensors(bytes));
}
