/** Entry of a contender's process: `node child.ts NAME`. Loads nobody's library but its own. */
import { contenders } from './contenders.ts';
import type { Contender } from './contenders.ts';
import { serve } from './harness/serve.ts';
import type { Runner } from './harness/runner.ts';

async function runnerOf({ library, variant, threads }: Contender): Promise<Runner> {
  switch (library) {
    case 'hebb':
      return variant === 'cpu'
        ? (await import('./hebb/on-cpu.ts')).runner
        : (await import('./hebb/on-wasm.ts')).wasmRunner(threads);
    case 'ort':
      return (await import('./peers/ort/runner.ts')).ortRunner(threads);
    case 'tfjs':
      return (await import('./peers/tfjs/runner.ts')).tfjsRunner(variant ?? 'wasm');
    case 'jax':
      return (await import('./peers/jax/runner.ts')).jaxRunner;
    case 'torch':
      throw new Error('runs in Python');
  }
}

const name = process.argv[2];
const contender = contenders.find((c) => c.name === name);
if (contender === undefined) throw new Error(`no contender ${name}`);
await serve(await runnerOf(contender));
