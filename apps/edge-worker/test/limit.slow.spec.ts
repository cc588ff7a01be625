/**
 * A model of nearly all the memory that a worker may have, from R2 of real workerd. Measured is what the worker itself
 * holds at every moment: objects on V8's heap and all array buffers, as V8 counts them, and every memory of WebAssembly
 * that the worker has ever made, which V8 does not count. The stores' emulation is in the same process, so what the
 * process holds would say little.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cpu } from '@hebb/backend-cpu';
import { compileFunctions, storeFor, writeCompiled } from '@hebb/cli';
import { init, manualSeed, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { sendRequest, startWorker, uploadWeights } from '@hebb/edge/node';
import { Linear, ReLU, Sequential } from '@hebb/nn';

const out = join(dirname(fileURLToPath(import.meta.url)), '../out');
const mebibyte = 2 ** 20;
const limit = 128 * mebibyte;
const inner = 12_288;
const outer = 1024;

const script = `import { env } from 'cloudflare:workers';
import { made } from './memories.js';
import { r2Store, serve } from '@hebb/edge';
import { load } from '@hebb/runtime';
import { manifest } from './model/manifest.js';
import module from './model/model.wasm';
import { plan, stored } from './model/index.js';
export default {
  fetch: (request) =>
    request.url.endsWith('/made') ? Response.json(made.bytes) : server.fetch(request),
};
const pause = () => new Promise((resolve) => setTimeout(resolve, 20));
// A pause before each read: else nothing but the load gets its turn, the inspector neither.
const measured = (store) => ({
  ...store,
  read: async (...args) => (await pause(), store.read(...args)),
});
const server = serve({
  maxBodyBytes: 100_000,
  models: {
    streamed: stored({ store: () => measured(r2Store(env.WEIGHTS)), rangeBytes: 2 ** 20 }),
    // As one would do it at first: the measurement must notice.
    whole: {
      load: async () => {
        const [{ key }] = manifest.objects;
        const weights = await (await env.WEIGHTS.get(key)).arrayBuffer();
        const model = load({ plan, module, weights });
        await pause();
        return model;
      },
    },
  },
});
`;

/** Counts what is made; before anything else is imported. */
const memories = `export const made = { bytes: 0 };
const { Memory } = WebAssembly;
WebAssembly.Memory = new Proxy(Memory, {
  construct(target, args) {
    const memory = new target(...args);
    made.bytes += memory.buffer.byteLength;
    return memory;
  },
});
`;

it('runs 96 MiB of weights below 128 MB at every moment', async () => {
  await init(cpu());
  manualSeed(1);
  const net = new Sequential(
    ...[new Linear(outer, inner), new ReLU(), new Linear(inner, outer)],
  ).eval();
  const run = (x: Tensor) => net.forward(x);
  const functions = { run: { run, input: { x: [1, outer] }, output: 'y' } };
  const built = await compileFunctions({ name: 'large', functions }, { simd: ['relaxed'] });
  const { weights } = built.plan;
  expect(weights.bytes).toBeGreaterThan(96 * mebibyte);
  const x = Float32Array.from({ length: outer }, (_, i) => Math.sin(i));
  const wanted = await net.forward(tensor(x, { shape: [1, outer] })).data();
  await mkdir(out, { recursive: true });
  const directory = await mkdtemp(join(out, 'limit-'));
  const state = join(directory, 'state');
  const store = await storeFor(built, 'r2');
  await writeCompiled(built, 'worker', join(directory, 'model'), store);
  await writeFile(join(directory, 'worker.js'), script);
  await writeFile(join(directory, 'memories.js'), memories);
  await writeFile(
    join(directory, 'wrangler.json'),
    JSON.stringify({
      name: 'limit-test',
      main: 'worker.js',
      compatibility_date: '2026-04-01',
      r2_buckets: [{ binding: 'WEIGHTS', bucket_name: 'hebb-weights' }],
    }),
  );
  try {
    await uploadWeights({
      directory,
      store: { kind: 'r2', bucket: 'hebb-weights' },
      objects: new Map(
        [...store.stored.objects.keys()].map((key) => [key, join(directory, 'model/weights', key)]),
      ),
      persistTo: state,
    });
    const most: Record<string, number> = {};
    for (const name of ['streamed', 'whole']) {
      const worker = await startWorker({
        directory,
        conditions: ['@hebb/source'],
        persistTo: state,
        inspect: true,
      });
      try {
        const answer = sendRequest(worker.url, {
          path: `/models/${name}/predict`,
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ input: { shape: [1, outer], data: [...x] } }),
        });
        const samples = (await worker.heapsDuring(answer)).map(
          ({ objects, buffers }) => objects + buffers,
        );
        const made = await sendRequest(worker.url, { path: '/made', method: 'GET' });
        const wasm = Number(Buffer.from(made.body).toString());
        const { status, body } = await answer;
        expect(status).toBe(200);
        const { data } = (
          JSON.parse(Buffer.from(body).toString()) as { outputs: { y: { data: number[] } } }
        ).outputs.y;
        const off = data.map((y, i) => Math.abs(y - Number(wanted[i])));
        expect(Math.max(...off)).toBeLessThan(1e-4);
        // One a read where nobody else computes (180).
        if (name === 'streamed') expect(samples.length).toBeGreaterThan(10);
        most[name] = Math.max(...samples) + wasm;
      } finally {
        await worker.stop();
      }
    }
    expect(most['streamed']).toBeGreaterThan(weights.bytes);
    expect(most['streamed']).toBeLessThan(limit);
    expect(most['whole']).toBeGreaterThan(limit);
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}, 300_000);
