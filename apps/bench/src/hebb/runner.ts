/** Hebb as a contender, on the backend that is given. */
import { init } from '@hebb/core';
import type { Backend } from '@hebb/core';
import type { Work } from '../cases/work.ts';
import { isForward, isTraining } from '../harness/runner.ts';
import type { Loaded, Runner } from '../harness/runner.ts';
import { loadForward } from './forward.ts';
import { loadTraining } from './training.ts';

export function hebbRunner(backend: () => Backend | Promise<Backend>): Runner {
  return {
    async load(work: Work): Promise<Loaded> {
      await init(backend());
      if (isForward(work)) return loadForward(work);
      if (isTraining(work)) return loadTraining(work);
      throw new Error('unknown family');
    },
  };
}
