/** TensorFlow.js, eager as it is. */
import type { Work } from '../../cases/work.ts';
import { isForward, isTraining } from '../../harness/runner.ts';
import type { Loaded, Runner } from '../../harness/runner.ts';
import { loadForward } from './forward.ts';
import { loadTraining } from './training.ts';

/** `start` sets its backend. */
export function tfjsRunner(start: () => Promise<void>): Runner {
  return {
    async load(work: Work): Promise<Loaded> {
      await start();
      if (isForward(work)) return loadForward(work);
      if (isTraining(work)) return loadTraining(work);
      throw new Error('unknown family');
    },
  };
}
