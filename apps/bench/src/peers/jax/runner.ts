/** jax-js, compiled with `jit`. */
import type { Work } from '../../cases/work.ts';
import { isForward, isTraining } from '../../harness/runner.ts';
import type { Loaded, Runner } from '../../harness/runner.ts';
import { loadForward } from './forward.ts';
import { start } from './start.ts';
import { loadTraining } from './training.ts';

export const jaxRunner: Runner = {
  async load(work: Work): Promise<Loaded> {
    await start();
    if (isForward(work)) return loadForward(work);
    if (isTraining(work)) return loadTraining(work);
    throw new Error('unknown family');
  },
};
