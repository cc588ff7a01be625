/** Entry of a contender's process: `node child.ts NAME`. Loads nobody's library but its own. */
import { allContenders } from './contenders.ts';
import type { Contender } from './contenders.ts';
import { serve } from './harness/serve.ts';
import type { Runner } from './harness/runner.ts';

async function runnerOf({ library, variant, threads }: Contender): Promise<Runner> {
  switch (library) {
    case 'hebb':
      switch (variant) {
        case 'cpu':
          return (await import('./hebb/on-cpu.ts')).runner;
        case 'webgpu':
          return (await import('./hebb/on-dawn.ts')).dawnRunner();
        default:
          return (await import('./hebb/on-wasm.ts')).wasmRunner(threads);
      }
    case 'ort':
      return (await import('./peers/ort/on-wasm.ts')).ortOnWasm(threads);
    case 'tfjs':
      return (await import('./peers/tfjs/runner.ts')).tfjsRunner(
        variant === 'cpu'
          ? (await import('./peers/tfjs/start-cpu.ts')).startCpu
          : (await import('./peers/tfjs/start-wasm.ts')).startWasm,
      );
    case 'jax':
      return (await import('./peers/jax/runner.ts')).jaxRunner('wasm');
    case 'torch':
      throw new Error('runs in Python');
  }
}

const name = process.argv[2];
const contender = allContenders.find((c) => c.name === name);
if (contender === undefined) throw new Error(`no contender ${name}`);
if (contender.page) await (await import('./browser/child.ts')).serveFromPage(contender);
else await serve(await runnerOf(contender));
