/** A worker whose models' weights are in stores, with switches for what may go wrong there. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileFunctions, storeFor, writeCompiled } from '@hebb/cli';
import type { StoreKind } from '@hebb/cli';
import { manualSeed } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { uploadWeights } from '@hebb/edge/node';
import type { StoreWeightsOptions } from '@hebb/edge/node';
import { Linear, ReLU, Sequential } from '@hebb/nn';

const out = join(dirname(fileURLToPath(import.meta.url)), '../out');
const bucket = 'hebb-weights';
const namespace = 'hebb-kv';

export const secret = Buffer.from(Array.from({ length: 32 }, (_, i) => (i * 37) % 256)).toString(
  'base64',
);
export const inputSize = 512;
export const outputSize = 16;

/** 4 MiB of weights, in five blocks. */
export function network(seed: number): Sequential {
  manualSeed(seed);
  return new Sequential(
    ...[new Linear(inputSize, 1900), new ReLU(), new Linear(1900, outputSize)],
  ).eval();
}

const script = `import { env } from 'cloudflare:workers';
import { kvStore, serve } from '@hebb/edge';
import * as first from './first/index.js';
import * as second from './second/index.js';
import * as kv from './kv/index.js';
import * as assets from './assets/index.js';

let fault = 'none';
let reads = 0;
const errors = [];
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
// What the real bucket sends, held up or broken off on its way.
const faulty = (bucket) => ({
  ranges: true,
  async read(key, offset, length) {
    reads += 1;
    if (fault === 'refuse') throw new Error('R2 says: internal error (10001)');
    if (fault === 'silent') await sleep(60_000);
    const object = await bucket.get(key, { range: { offset, length } });
    if (object === null) return undefined;
    if (fault === 'none') return object.body;
    let passed = 0;
    const kind = fault;
    return object.body.pipeThrough(new TransformStream({
      async transform(piece, controller) {
        const before = passed >> 16;
        passed += piece.length;
        if (kind === 'slow' && passed >> 16 > before) await sleep(60);
        if (kind === 'stall' && passed > 1_500_000) await sleep(60_000);
        if (kind === 'break' && passed > 1_500_000) throw new Error('connection lost');
        controller.enqueue(piece);
      },
    }));
  },
});
const times = { timeout: 60_000, retries: 1, backoff: { first: 1, most: 4 } };
const one = first.stored({ store: () => faulty(env.WEIGHTS), ...times });
// Gives up a store that is silent for half a second.
const hasty = first.stored({ store: () => faulty(env.WEIGHTS), ...times, timeout: 500 });
// A request has half a second, the load all the time that it takes.
const brief = serve({ models: { m: one }, timeout: 500 });
const server = serve({
  models: {
    // Nothing keeps its load alive when the client leaves.
    alone: first.stored({ store: () => faulty(env.WEIGHTS), ...times, waitUntil: () => {} }),
    hasty,
    m: {
      versions: { 1: one, 2: { load: second.loadModel, unload: second.unloadModel } },
      current: 'stable',
      aliases: { stable: '1', next: '2' },
    },
    kv: kv.stored({ store: () => kvStore(env.KV) }),
    assets: { load: assets.loadModel, unload: assets.unloadModel },
  },
  metrics: true,
  timeout: 120_000,
  onError: (error) => errors.push(String(error)),
});
const admin = {
  async fault(kind) { fault = kind; },
  async reads() { const n = reads; reads = 0; return n; },
  async errors() { return errors.splice(0); },
  async unload() {
    for (const name of ['m', 'alone', 'hasty']) server.models.unload(name, '1');
    brief.models.unload('m', '1');
  },
  async use(version) { await server.models.use('m', version); },
  async spoil(how) {
    const { objects } = await env.WEIGHTS.list({ prefix: 'first/' });
    const { key } = objects[0];
    const bytes = new Uint8Array(await (await env.WEIGHTS.get(key)).arrayBuffer());
    await env.WEIGHTS.put('kept', bytes, { customMetadata: { key } });
    if (how === 'missing') return env.WEIGHTS.delete(key);
    if (how === 'corrupt') bytes[2_300_000] ^= 4;
    await env.WEIGHTS.put(key, how === 'truncated' ? bytes.subarray(0, 2_500_000) : bytes);
  },
  async restore() {
    const kept = await env.WEIGHTS.get('kept');
    await env.WEIGHTS.put(kept.customMetadata.key, await kept.arrayBuffer());
  },
};
export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    const name = /^\\/admin\\/(\\w+)$/.exec(pathname)?.[1];
    if (pathname.startsWith('/brief/')) {
      return brief.fetch(new Request(request.url.replace('/brief/', '/'), request));
    }
    if (name === undefined) return server.fetch(request);
    try {
      return Response.json((await admin[name](searchParams.get('of') ?? undefined)) ?? null);
    } catch (error) {
      return Response.json({ failed: String(error) }, { status: 500 });
    }
  },
};
`;

export interface StoredProject {
  readonly directory: string;
  /** Where the local stores are. */
  readonly state: string;
  remove(): Promise<void>;
}

export async function writeStoredProject(): Promise<StoredProject> {
  await mkdir(out, { recursive: true });
  const directory = await mkdtemp(join(out, 'stored-'));
  const state = join(directory, 'state');
  const write = async (
    name: string,
    seed: number,
    kind: StoreKind,
    options: Pick<StoreWeightsOptions, 'encoding' | 'key'> = {},
  ): Promise<Map<string, string>> => {
    const net = network(seed);
    const run = (x: Tensor) => net.forward(x);
    const functions = { run: { run, input: { x: [1, inputSize] }, output: 'y' } };
    const built = await compileFunctions({ name, functions }, { simd: ['relaxed'] });
    const store = await storeFor(built, kind, options);
    await writeCompiled(built, 'worker', join(directory, name), store);
    const folder = kind === 'assets' ? 'assets' : 'weights';
    return new Map(
      [...store.stored.objects.keys()].map((key) => [key, join(directory, name, folder, key)]),
    );
  };
  const first = await write('first', 1, 'r2');
  const second = await write('second', 2, 'r2', { encoding: 'float16' });
  const kv = await write('kv', 1, 'kv', { encoding: 'float16' });
  await write('assets', 1, 'assets', { encoding: 'int8', key: secret });
  await writeFile(join(directory, 'worker.js'), script);
  await writeFile(
    join(directory, 'wrangler.json'),
    JSON.stringify({
      name: 'stored-test',
      main: 'worker.js',
      compatibility_date: '2026-04-01',
      vars: { WEIGHTS_KEY: secret },
      r2_buckets: [{ binding: 'WEIGHTS', bucket_name: bucket }],
      kv_namespaces: [{ binding: 'KV', id: namespace }],
      assets: { directory: './assets/assets', binding: 'ASSETS', run_worker_first: true },
    }),
  );
  const toBucket = (objects: Map<string, string>) =>
    uploadWeights({ directory, store: { kind: 'r2', bucket }, objects, persistTo: state });
  await toBucket(first);
  await toBucket(second);
  await uploadWeights({
    directory,
    store: { kind: 'kv', namespace },
    objects: kv,
    persistTo: state,
  });
  return {
    directory,
    state,
    remove: () => rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }),
  };
}
