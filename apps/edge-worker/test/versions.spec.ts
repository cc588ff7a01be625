/** Two workers of real workerd that share one record of versions, in R2 and in KV. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sendRequest, startWorker } from '@hebb/edge/node';
import type { LocalWorker } from '@hebb/edge/node';

const script = `import { env, waitUntil } from 'cloudflare:workers';
import { kvVersions, r2Versions, serve } from '@hebb/edge';

const value = { name: 'x', dtype: 'float32', shape: [1] };
const version = (n) => ({
  async load() {
    // A load that waits for the platform.
    await new Promise((resolve) => setTimeout(resolve, 50));
    if (n === 3) throw new Error('no such weights');
    const run = () => ({ x: { dtype: 'float32', shape: [1], data: Float32Array.of(n) } });
    return { inputs: [value], outputs: [value], run };
  },
});
const errors = [];
const server = (read) => serve({
  models: { m: { versions: { 1: version(1), 2: version(2), 3: version(3) }, current: '1' } },
  versions: { read, maxAge: 0.1, timeout: 20_000, waitUntil },
  onError: (error) => errors.push(error.message),
});
const servers = {
  r2: server(r2Versions(() => env.BUCKET)),
  kv: server(kvVersions(() => env.NAMESPACE)),
};
const body = JSON.stringify({ input: [1] });
export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    const [, worker, what] = pathname.split('/');
    if (worker === 'second' && env.SECOND !== undefined) return env.SECOND.fetch(request);
    if (worker === 'health') return Response.json({});
    if (what === 'errors') return Response.json(errors);
    if (what === 'write') {
      const record = JSON.stringify({ m: searchParams.get('version') });
      await env.BUCKET.put('versions.json', record);
      await env.NAMESPACE.put('versions.json', record);
      return Response.json({});
    }
    const headers = { 'content-type': 'application/json' };
    const asked = new Request('http://localhost/predict', { method: 'POST', headers, body });
    return servers[what].fetch(asked);
  },
};
`;

let directory: string;
let worker: LocalWorker;
beforeAll(async () => {
  const out = join(dirname(fileURLToPath(import.meta.url)), '../out');
  await mkdir(out, { recursive: true });
  directory = await mkdtemp(join(out, 'versions-'));
  await writeFile(join(directory, 'worker.js'), script);
  const shared = {
    main: 'worker.js',
    compatibility_date: '2026-04-01',
    r2_buckets: [{ binding: 'BUCKET', bucket_name: 'versions' }],
    kv_namespaces: [{ binding: 'NAMESPACE', id: 'versions' }],
  };
  const services = [{ binding: 'SECOND', service: 'second' }];
  const write = (name: string, config: object) =>
    writeFile(join(directory, name), JSON.stringify({ ...shared, ...config }));
  await write('first.json', { name: 'first', services });
  await write('second.json', { name: 'second' });
  worker = await startWorker({
    directory,
    config: ['first.json', 'second.json'],
    conditions: ['@hebb/source'],
  });
});
afterAll(async () => {
  await worker?.stop();
  await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
});

async function get(path: string): Promise<unknown> {
  const { status, body } = await sendRequest(worker.url, { path, method: 'GET' });
  const text = Buffer.from(body).toString();
  if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
  return JSON.parse(text);
}
const places = ['first/r2', 'first/kv', 'second/r2', 'second/kv'];
/** The version that each handler of each worker answers with. */
const answers = () =>
  Promise.all(
    places.map(async (place) => {
      const { outputs } = (await get(`/${place}`)) as { outputs: { x: { data: number[] } } };
      return outputs.x.data[0];
    }),
  );
/** Asks until all of them answer with that one; every answer on the way has to be one. */
async function until(version: number, before: number): Promise<void> {
  for (;;) {
    const got = await answers();
    expect(got.filter((x) => x !== version && x !== before)).toEqual([]);
    if (got.every((x) => x === version)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

it('both workers follow the record, forth and back, without a failed answer', async () => {
  // None is there yet.
  expect(await answers()).toEqual([1, 1, 1, 1]);
  await get('/first/write?version=2');
  await until(2, 1);
  await get('/first/write?version=1');
  await until(1, 2);
});

it('both workers go on where a version does not load or is not there, and say so once', async () => {
  for (const version of ['3', '9']) {
    await get(`/first/write?version=${version}`);
    const told =
      version === '3' ? /version "3" of m did not load: no such weights/ : /no version "9"/;
    for (const place of ['first/errors', 'second/errors']) {
      let matching: string[] = [];
      while (matching.length < 2) {
        expect(await answers()).toEqual([1, 1, 1, 1]);
        const errors = (await get(`/${place}`)) as string[];
        matching = errors.filter((error) => told.test(error));
      }
    }
  }
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(await answers()).toEqual([1, 1, 1, 1]);
  expect(await get('/first/errors')).toHaveLength(4);
});
