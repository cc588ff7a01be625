/** A worker that batches (`/batched/`), keeps answers (`/cached/`) and refuses what is too much (`/limited/`). */
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileFunctions, writeCompiled } from '@hebb/cli';
import { manualSeed } from '@hebb/core';
import { Linear, ReLU, Sequential } from '@hebb/nn';

export function network(): Sequential {
  manualSeed(8);
  return new Sequential(new Linear(16, 32), new ReLU(), new Linear(32, 5));
}

const script = `import { env } from 'cloudflare:workers';
import { batched, serve } from '@hebb/edge';
import { loadModel } from './net/index.js';

let slow = 0;
let calls = [];
const watched = (model) => ({
  inputs: model.inputs,
  outputs: model.outputs,
  plan: model.plan,
  run: async (inputs) => {
    calls.push(inputs.x.shape[0]);
    if (slow > 0) await new Promise((resolve) => setTimeout(resolve, slow));
    if (inputs.x.data.some((x) => x === 999)) throw new Error('a secret');
    return model.run(inputs);
  },
});
const load = async () => watched(await loadModel());
const servers = {
  batched: serve({ models: { net: { load: async () => batched(await load(), { wait: 2, most: 32 }) } } }),
  cached: serve({
    models: { net: { load } },
    metrics: true,
    keys: () => env.KEYS.split(','),
    cache: { maxAge: 3600, version: () => env.RELEASE },
  }),
  limited: serve({
    models: { net: { load } },
    metrics: true,
    concurrency: { most: 4, retryAfter: 2 },
  }),
  open: serve({ models: { net: { load } } }),
};
export default {
  fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === '/reset') {
      const seen = calls;
      calls = [];
      slow = Number(searchParams.get('slow'));
      return Response.json(seen);
    }
    if (pathname === '/calls') return Response.json(calls);
    const name = pathname.split('/')[1];
    const server = servers[name] ?? servers.open;
    return server.fetch(new Request(request.url.replace(name + '/', ''), request));
  },
};
`;

/** Writes the project and returns its folder. */
export async function writeCapacityProject(): Promise<string> {
  const out = join(dirname(fileURLToPath(import.meta.url)), '../out');
  await mkdir(out, { recursive: true });
  const directory = await mkdtemp(join(out, 'capacity-'));
  const net = network();
  const built = await compileFunctions(
    {
      name: 'net',
      functions: {
        run: { run: (x) => net.forward(x), input: { x: ['batch', 16] }, output: 'y' },
      },
      shapes: [1, 4, 16, 32].map((batch) => ({ batch })),
    },
    { simd: ['relaxed'] },
  );
  await writeCompiled(built, 'worker', join(directory, 'net'));
  await writeFile(join(directory, 'worker.js'), script);
  await writeFile(
    join(directory, 'wrangler.json'),
    JSON.stringify({
      name: 'capacity-test',
      main: 'worker.js',
      compatibility_date: '2026-04-01',
      compatibility_flags: ['enable_request_signal'],
      vars: { KEYS: 'one,two', RELEASE: '1' },
    }),
  );
  return directory;
}
