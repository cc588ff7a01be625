/** Weights in stores: put into place piece by piece, and every way in which a store can fail. */
import { checksum } from '@hebb/runtime';
import type { Plan } from '@hebb/runtime';
import { httpStore, kvStore, r2Store, serve, storedModel } from '../src/index.ts';
import type { Bytes, StoredModelOptions, WeightsError, WeightsStore } from '../src/index.ts';
import { RequestError } from '../src/index.ts';
import { storeWeights } from '../src/node.ts';
import { checkManifest } from '../src/weights/manifest.ts';
import { ask } from './models.ts';

// A module that computes nothing: its output is where the weights lie.
const module = new WebAssembly.Module(
  Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...[1, 7, 1, 0x60, 3, 0x7f, 0x7f, 0x7f, 0],
    ...[2, 15, 1, 3, 0x65, 0x6e, 0x76, 6, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79, 2, 0, 1],
    ...[3, 2, 1, 0, 7, 7, 1, 3, 0x72, 0x75, 0x6e, 0, 0, 10, 4, 1, 2, 0, 0x0b],
  ]),
);
const count = 5000;
const values = Float32Array.from({ length: count }, (_, i) => Math.sin(i) * (1 + (i % 7)));
const image = new Uint8Array(values.length * 4 + 100);
image.set(new Uint8Array(values.buffer), 64);
image.fill(7, 0, 64);
const plan: Plan = {
  format: 'hebb-plan',
  version: 1,
  name: 'Some model',
  modules: [{ file: 'model.wasm', features: [] }],
  memory: 65536,
  weights: {
    file: 'weights.bin',
    bytes: image.length,
    checksum: checksum(image),
    address: 1024,
    tensors: [{ name: 'w', dtype: 'float32', shape: [50, 100], offset: 64 }],
  },
  prepare: [],
  state: [],
  functions: [
    {
      name: 'run',
      inputs: [],
      outputs: [{ name: 'w', dtype: 'float32', shape: [count] }],
      signatures: [
        {
          entry: 'run',
          arguments: 0,
          pointers: [],
          inputs: [],
          outputs: [{ shape: [count], address: 1024 + 64 }],
          copies: [],
          kernels: [],
        },
      ],
    },
  ],
};
const key = btoa(String.fromCharCode(...Array.from({ length: 32 }, (_, i) => i * 7)));
const blocks = { blockBytes: 3000, objectBytes: 10_000 };

const streamOf = (bytes: Uint8Array, piece = 700): Bytes => {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at + piece));
      at += piece;
    },
  });
};
/** A store that notes what is read, and does what it is told to first. */
function storeOf(objects: ReadonlyMap<string, Uint8Array>, ranges = true) {
  const reads: [string, number, number][] = [];
  const faults: ((whole: Uint8Array) => Promise<Bytes | undefined>)[] = [];
  const store: WeightsStore = {
    ranges,
    read: async (name, offset, length) => {
      reads.push([name, offset, length]);
      const whole = objects.get(name)!;
      const part = ranges ? whole.subarray(offset, offset + length) : whole;
      return faults.shift()?.(part) ?? streamOf(part);
    },
  };
  return { store, reads, faults };
}
const quick = { timeout: 300, retries: 1, backoff: { first: 0.05, most: 0.2 }, rangeBytes: 6500 };
const weightsOf = async (load: () => Promise<{ run(x: object): Record<string, unknown> }>) =>
  (await load()).run({})['w'] as { data: Float32Array };

/** Why it did not load. */
async function problemOf(load: () => Promise<unknown>): Promise<string> {
  const error: unknown = await load().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(RequestError);
  const { status, code, headers, cause } = error as RequestError;
  expect([status, code]).toEqual([503, 'unavailable']);
  expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(1);
  return cause === undefined ? 'waiting' : (cause as WeightsError).problem;
}
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

// Time between loads goes on when a test says so: machines are slow at times.
const clock = Date.now;
let now = clock();
beforeAll(() => (Date.now = () => now));
afterAll(() => (Date.now = clock));
const later = (ms: number) => (now += ms);

describe('what is stored', () => {
  it.each(['raw', 'float16', 'int8'] as const)('as %s comes out as promised', async (encoding) => {
    for (const secret of [undefined, key]) {
      const options = { ...blocks, encoding, ...(secret === undefined ? {} : { key: secret }) };
      const stored = await storeWeights({ plan, weights: image }, options);
      expect(await storeWeights({ plan, weights: image }, options)).toEqual(stored);
      const total = [...stored.objects.values()].reduce((sum, { length }) => sum + length, 0);
      const share = { raw: 1, float16: 0.5, int8: 68 / 256 }[encoding];
      expect(total).toBeLessThan(count * 4 * share + 164 + 16 * 40);
      for (const ranges of [true, false]) {
        const { store, reads } = storeOf(stored.objects, ranges);
        const { load } = storedModel({
          ...{ plan: stored.plan, module, manifest: stored.manifest, store },
          ...(secret === undefined ? {} : { key: () => secret }),
          rangeBytes: 6500,
        });
        const { data } = await weightsOf(load);
        expect(data).toEqual(new Float32Array(stored.weights.buffer, 64, count));
        expect(Math.max(...reads.map(([, , length]) => length))).toBeLessThanOrEqual(
          ranges ? 6500 : 10_000,
        );
        const bound = { raw: 0, float16: 0.004, int8: 0.03 }[encoding];
        expect(Math.max(...data.map((x, i) => Math.abs(x - values[i]!)))).toBeLessThanOrEqual(
          bound,
        );
      }
    }
  });
  it('is told apart by what it holds, and cannot be read without the key', async () => {
    const plain = await storeWeights({ plan, weights: image }, blocks);
    const secret = await storeWeights({ plan, weights: image }, { ...blocks, key });
    const keys = [...plain.objects.keys(), ...secret.objects.keys()];
    expect(new Set(keys).size).toBe(6);
    expect(keys[0]).toMatch(/^some-model\/[0-9a-f]{16}\/0000\.bin$/);
    const first = [...secret.objects.values()][0]!;
    expect(Buffer.from(first).includes(Buffer.from(image.subarray(0, 64)))).toBe(false);
    const { store } = storeOf(secret.objects);
    const common = { plan, module, manifest: secret.manifest, store };
    for (const wrong of [undefined, 'no key', btoa('x'.repeat(32))]) {
      const { load } = storedModel({ ...common, key: () => wrong });
      expect(await problemOf(load)).toBe('key');
    }
    await expect(storeWeights({ plan, weights: image }, { key: 'short' })).rejects.toThrow(
      /32 bytes/,
    );
  });
  it('keeps as it is what a type cannot hold', async () => {
    const wild = image.slice();
    new Float32Array(wild.buffer, 64)[17] = 1e6;
    const half = await storeWeights({ plan, weights: wild }, { encoding: 'float16' });
    expect(half.weights).toEqual(wild);
  });
  it('is refused when it is not all there once', async () => {
    const { manifest } = await storeWeights({ plan, weights: image }, blocks);
    const [first, ...rest] = manifest.objects;
    expect(() => checkManifest({ ...manifest, objects: rest }, image.length)).toThrow(
      /out of place/,
    );
    expect(() => checkManifest({ ...manifest, objects: [first!] }, image.length)).toThrow(
      /ends at/,
    );
    expect(() =>
      storedModel({
        plan,
        module,
        manifest: { ...manifest, bytes: 5 },
        store: storeOf(new Map()).store,
      }),
    ).toThrow(/of 5 bytes/);
  });
});

describe('a store that fails', () => {
  // In the second block of two, or in the one that is left when the first is done.
  const at = ({ length }: Uint8Array): number => length - 2500;
  type Fault = (whole: Uint8Array) => Promise<Bytes | undefined>;
  const flipped: Fault = async (whole) =>
    streamOf(whole.map((x, i) => (i === at(whole) ? x ^ 1 : x)));
  const kinds: Record<string, readonly [Fault, string]> = {
    'has no such object': [async () => undefined, 'missing'],
    'sends other bytes': [flipped, 'corrupt'],
    'sends too little': [async (whole) => streamOf(whole.subarray(0, at(whole))), 'corrupt'],
    refuses: [() => Promise.reject(new Error('secret host')), 'unreadable'],
    'breaks off': [
      async (whole) =>
        new ReadableStream({
          start(controller) {
            controller.enqueue(whole.slice(0, at(whole)));
          },
          pull: () => Promise.reject(new Error('connection lost')),
        }),
      'unreadable',
    ],
    'does not answer': [() => new Promise(() => undefined), 'slow'],
    'stops sending': [
      async (whole) => new ReadableStream({ start: (c) => c.enqueue(whole.slice(0, at(whole))) }),
      'slow',
    ],
  };
  it.each(Object.entries(kinds))('and %s', async (_, [fault, problem]) => {
    const { plan: own, manifest, objects } = await storeWeights({ plan, weights: image }, blocks);
    const { store, reads, faults } = storeOf(objects);
    const { load } = storedModel({ plan: own, module, manifest, store, ...quick });
    if (problem !== 'missing') {
      // Once: nobody notices.
      const other = storedModel({ plan: own, module, manifest, store, ...quick });
      faults.push(fault);
      expect((await weightsOf(other.load)).data[9]).toBe(values[9]);
    }
    reads.length = 0;
    // Throughout, in the second object.
    faults.push(
      async (whole) => streamOf(whole),
      async (whole) => streamOf(whole),
      fault,
      fault,
    );
    expect(await problemOf(load)).toBe(problem);
    const tried = reads.length;
    // Refused at once until it may be tried again.
    expect(await problemOf(load)).toBe('waiting');
    expect(reads).toHaveLength(tried);
    faults.length = 0;
    later(60);
    expect((await weightsOf(load)).data).toEqual(values);
    // What was right is not read again.
    const again = reads.slice(tried);
    expect(again[0]![0]).toMatch(/0001\.bin$/);
    if (problem === 'corrupt') expect(again[0]![1]).toBe(3000);
  });
  it('waits longer each time', async () => {
    const { manifest } = await storeWeights({ plan, weights: image }, blocks);
    let reads = 0;
    const store: WeightsStore = { ranges: true, read: async () => void (reads += 1) };
    const backoff = { first: 1, most: 4 };
    const { load } = storedModel({ plan, module, manifest, store, ...quick, backoff });
    for (const wait of [1000, 2000, 4000, 4000]) {
      expect(await problemOf(load)).toBe('missing');
      later(wait - 10);
      expect(await problemOf(load)).toBe('waiting');
      later(20);
    }
    expect(reads).toBe(4);
  });
});

describe('in a handler', () => {
  const entry = async (fault: Partial<StoredModelOptions> = {}) => {
    const { manifest, objects } = await storeWeights({ plan, weights: image }, blocks);
    const { store, reads, faults } = storeOf(objects);
    return {
      ...storedModel({ plan, module, manifest, store, ...quick, ...fault }),
      reads,
      faults,
    };
  };
  const post = { inputs: {} };
  it('answers 503 with retry-after, tells why to onError alone, and goes on', async () => {
    const stored = await entry();
    const seen: unknown[] = [];
    const { fetch } = serve({ models: { m: stored }, onError: (error) => seen.push(error) });
    stored.faults.push(async () => undefined);
    const { status, json, headers } = await ask(fetch, '/predict', post);
    expect([status, headers.get('retry-after')]).toEqual([503, '1']);
    expect(json).toEqual({
      error: { code: 'unavailable', message: 'the model is not available at the moment' },
    });
    expect(String(seen[0])).toMatch(/some-model\/.*0000\.bin: the store has no such object/);
    expect((await ask(fetch, '/v2/health/ready')).status).toBe(503);
    later(60);
    expect((await ask(fetch, '/predict', post)).status).toBe(200);
    expect((await ask(fetch, '/v2/health/ready')).status).toBe(200);
  });
  it('reads once for all that ask at the same time, and again after unload', async () => {
    const stored = await entry();
    const { fetch, models } = serve({ models: { m: stored } });
    const all = await Promise.all(Array.from({ length: 20 }, () => ask(fetch, '/predict', post)));
    expect(new Set(all.map(({ status }) => status))).toEqual(new Set([200]));
    expect(stored.reads).toHaveLength(5);
    models.unload('m');
    expect((await ask(fetch, '/predict', post)).status).toBe(200);
    expect(stored.reads).toHaveLength(10);
  });
  it('switches to a version only when it is there, while requests go on, and back', async () => {
    const two = Float32Array.from(values, (x) => -x);
    const second = image.slice();
    second.set(new Uint8Array(two.buffer), 64);
    const other = await storeWeights({ plan, weights: second }, blocks);
    const { store, faults } = storeOf(other.objects);
    const { plan: own, manifest } = other;
    const versions = {
      1: await entry(),
      2: storedModel({ plan: own, module, manifest, store, ...quick }),
    };
    const { fetch, models } = serve({
      models: { m: { versions, current: 'stable', aliases: { stable: '1' } } },
    });
    const answers: number[] = [];
    let on = true;
    const asking = (async () => {
      while (on) {
        const { status, json } = await ask(fetch, '/predict', post);
        const { outputs } = json as { outputs: { w: { data: number[] } } };
        answers.push(status === 200 ? Math.sign(outputs.w.data[1]!) : NaN);
        await pause(0);
      }
    })();
    const more = async (count: number) => {
      const enough = answers.length + count;
      while (answers.length < enough) await pause(1);
    };
    await more(3);
    faults.push(async () => undefined);
    await expect(models.use('m', '2')).rejects.toThrow(/not available/);
    expect(models.current('m')).toBe('1');
    later(60);
    const before = answers.length;
    await models.use('m', '2');
    const at = answers.length;
    await more(5);
    await models.use('m', 'stable');
    const back = answers.length;
    await more(5);
    on = false;
    await asking;
    expect(before).toBeGreaterThan(0);
    expect(new Set(answers)).toEqual(new Set([1, -1]));
    expect(new Set(answers.slice(0, before))).toEqual(new Set([1]));
    expect(new Set(answers.slice(at + 1, back))).toEqual(new Set([-1]));
    expect(new Set(answers.slice(back + 1))).toEqual(new Set([1]));
  });
});

it('knows the platform’s stores', async () => {
  const { plan: own, manifest, objects } = await storeWeights({ plan, weights: image }, blocks);
  const bucket = {
    get: (name: string, { range }: { range: { offset: number; length: number } }) =>
      Promise.resolve({
        body: streamOf(objects.get(name)!.subarray(range.offset, range.offset + range.length)),
      }),
  };
  const namespace = { get: (name: string) => Promise.resolve(streamOf(objects.get(name)!)) };
  const asked: string[] = [];
  const server = {
    fetch: (request: Request): Promise<Response> => {
      const range = /bytes=(\d+)-(\d+)/.exec(request.headers.get('range') ?? '')!;
      asked.push(request.url);
      const whole = objects.get(new URL(request.url).pathname.slice('/files/'.length));
      const part = whole?.slice(Number(range[1]), Number(range[2]) + 1);
      return Promise.resolve(new Response(part ?? null, { status: part ? 206 : 404 }));
    },
  };
  const stores = [
    r2Store(bucket),
    kvStore(namespace),
    httpStore('https://a.example/files/', server),
  ];
  for (const store of stores) {
    const { load } = storedModel({ plan: own, module, manifest, store });
    expect((await weightsOf(load)).data).toEqual(values);
  }
  expect(asked[0]).toMatch(/^https:\/\/a\.example\/files\/some-model\/[0-9a-f]{16}\/0000\.bin$/);
  const none = { fetch: () => Promise.resolve(new Response('', { status: 500 })) };
  const { load } = storedModel({
    plan: own,
    module,
    manifest,
    store: httpStore('https://b.example', none),
    ...quick,
  });
  expect(await problemOf(load)).toBe('unreadable');
});
