/** TensorFlow.js, eager as it is. */
import type { Work } from '../../cases/work.ts';
import { isForward, isTraining } from '../../harness/runner.ts';
import type { Loaded, Runner } from '../../harness/runner.ts';
import { loadForward } from './forward.ts';
import { loadTraining } from './training.ts';

export function tfjsRunner(backend: 'wasm' | 'cpu'): Runner {
  return {
    async load(work: Work): Promise<Loaded> {
      if (backend === 'cpu') await (await import('./start-cpu.ts')).startCpu();
      else await (await import('./start-wasm.ts')).startWasm();
      if (isForward(work)) return loadForward(work);
      if (isTraining(work)) return loadTraining(work);
      throw new Error('unknown family');
    },
  };
}
