/** jax-js, compiled with `jit`. */
import type { Work } from '../../cases/work.ts';
import { isForward, isTraining } from '../../harness/runner.ts';
import type { Loaded, Runner } from '../../harness/runner.ts';
import { loadForward } from './forward.ts';
import { start } from './start.ts';
import { loadTraining } from './training.ts';

export function jaxRunner(device: 'wasm' | 'webgpu'): Runner {
  return {
    async load(work: Work): Promise<Loaded> {
      await start(device);
      if (isForward(work)) return loadForward(work, device === 'webgpu');
      if (isTraining(work)) return loadTraining(work);
      throw new Error('unknown family');
    },
  };
}
