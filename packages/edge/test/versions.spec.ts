/** Handlers that share a record of versions, as the isolates of a worker do. */
import { kvVersions, r2Versions, serve, textApi } from '../src/index.ts';
import type { ModelEntry, Server, ServeOptions, VersionsOptions } from '../src/index.ts';
import { ask, echo } from './models.ts';

/** Says which version it is. */
const version = (n: number, more: Partial<ModelEntry> = {}): ModelEntry => ({
  load: () => ({
    ...echo,
    run: () => ({ y: { dtype: 'float32', shape: [1], data: Float32Array.of(n) } }),
  }),
  ...more,
});

function gate() {
  let open: () => void = () => undefined;
  const promise = new Promise<void>((resolve) => (open = resolve));
  return { promise, open: () => open() };
}

/** A load that waits until it is let go on. */
function held(n: number) {
  const { promise, open } = gate();
  let loads = 0;
  const load = async () => {
    loads += 1;
    await promise;
    return version(n).load();
  };
  return { entry: { load }, open, loads: () => loads };
}

interface Isolate {
  readonly server: Server;
  readonly errors: string[];
  predict(): Promise<unknown>;
}

interface Shared {
  text: string | null;
  reads: number;
  seconds: number;
}

function isolate(
  shared: Shared,
  versions: Record<string, ModelEntry>,
  more: Partial<VersionsOptions> & { serve?: Partial<ServeOptions> } = {},
): Isolate {
  const errors: string[] = [];
  const { serve: options, ...own } = more;
  const namespace = {
    get: async () => {
      shared.reads += 1;
      if (shared.text === 'down') throw new Error('KV GET failed: 500');
      return shared.text;
    },
  };
  const server = serve({
    models: { m: { versions, current: 'stable', aliases: { stable: '1', next: '2' } } },
    versions: { read: kvVersions(() => namespace), now: () => shared.seconds * 1000, ...own },
    onError: (error) => errors.push(String(error)),
    ...options,
  });
  const predict = async () => {
    const { status, json } = await ask(server.fetch, '/models/m/predict', { input: [[1, 2]] });
    if (status !== 200) return json;
    return (json['outputs'] as { y: { data: number[] } }).y.data[0];
  };
  return { server, errors, predict };
}

const named = (name: string): string => JSON.stringify({ m: name });
const fresh = (): Shared => ({ text: named('1'), reads: 0, seconds: 0 });
const pair = { 1: version(1), 2: version(2) };
const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

it('all isolates switch within maxAge, and back, asking no oftener', async () => {
  const shared = fresh();
  const [a, b] = [isolate(shared, pair), isolate(shared, pair)];
  expect([await a.predict(), await b.predict(), shared.reads]).toEqual([1, 1, 2]);
  shared.seconds = 6;
  const late = isolate(shared, pair);
  expect(await late.predict()).toBe(1);
  shared.text = named('next');
  shared.seconds = 9.9;
  expect([await a.predict(), await b.predict(), shared.reads]).toEqual([1, 1, 3]);
  shared.seconds = 10;
  await Promise.all([a.predict(), b.predict()]);
  await settled();
  expect([await a.predict(), await b.predict(), await late.predict()]).toEqual([2, 2, 1]);
  shared.seconds = 16;
  await late.predict();
  await settled();
  expect(await late.predict()).toBe(2);
  expect((await ask(a.server.fetch, '/models/m')).json).toMatchObject({ version: '2' });
  // Both are loaded: back at once.
  shared.text = named('1');
  shared.seconds = 30;
  expect([await a.predict(), await b.predict(), await late.predict()]).toEqual([1, 1, 1]);
  expect([...a.errors, ...b.errors, ...late.errors]).toEqual([]);
  expect(String(a.server.metrics)).toContain(
    'hebb_version_switches_total{model="m",version="2",outcome="switched"} 1',
  );
});

it('goes on with the old version while the new one loads, and ends what is under way on it', async () => {
  const shared = fresh();
  const second = held(2);
  const running = gate();
  const began = gate();
  let slow = false;
  const first: ModelEntry = {
    load: async () => ({
      ...(await version(1).load()),
      run: async () => {
        began.open();
        if (slow) await running.promise;
        return { y: { dtype: 'float32', shape: [1], data: Float32Array.of(1) } };
      },
    }),
  };
  const kept: Promise<unknown>[] = [];
  const { predict } = isolate(
    shared,
    { 1: first, 2: second.entry },
    { waitUntil: (promise) => void kept.push(promise) },
  );
  await predict();
  slow = true;
  const underWay = predict();
  await began.promise;
  await settled();
  slow = false;
  shared.text = named('2');
  shared.seconds = 10;
  expect([await predict(), await predict()]).toEqual([1, 1]);
  expect([second.loads(), kept.length]).toEqual([1, 1]);
  second.open();
  await kept[0];
  expect(await predict()).toBe(2);
  running.open();
  expect(await underWay).toBe(1);
});

it('does not switch to what is no longer wanted when it has loaded', async () => {
  const shared = fresh();
  const second = held(2);
  const { predict } = isolate(shared, { ...pair, 2: second.entry });
  await predict();
  shared.text = named('2');
  shared.seconds = 10;
  await predict();
  shared.text = named('1');
  shared.seconds = 20;
  await predict();
  second.open();
  await settled();
  expect(await predict()).toBe(1);
});

it('loads nothing but the version that the record names', async () => {
  const shared = { ...fresh(), text: named('2') };
  const first = held(1);
  const { predict, server } = isolate(shared, { ...pair, 1: first.entry });
  // What is no JSON loads nothing.
  const spoiled = new Request('http://localhost/models/m/predict', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{',
  });
  expect((await server.fetch(spoiled)).status).toBe(400);
  expect(server.models.isLoaded('m', '2')).toBe(false);
  expect([await predict(), first.loads()]).toEqual([2, 0]);
  expect(String(server.metrics)).toContain('hebb_cold_starts_total 1');
});

it('falls back on what the deployment says where the named version does not load', async () => {
  const shared = { ...fresh(), text: named('2') };
  let broken = true;
  const second: ModelEntry = {
    load: () => {
      if (broken) throw new Error('out of memory');
      return version(2).load();
    },
  };
  const { predict, errors, server } = isolate(shared, { ...pair, 2: second });
  expect(await Promise.all([predict(), predict()])).toEqual([1, 1]);
  expect(errors).toEqual([
    'Error: versions: version "2" of m did not load: out of memory; 1 goes on',
  ]);
  shared.seconds = 10;
  await predict();
  await settled();
  // Tried again, told once.
  expect([await predict(), errors.length]).toEqual([1, 1]);
  expect(String(server.metrics)).toContain('version="2",outcome="failed"} 1');
  broken = false;
  shared.seconds = 20;
  await predict();
  await settled();
  expect(await predict()).toBe(2);
});

it.each([
  [named('9'), /model m has no version "9"; there is 1, 2, stable, next; 1 goes on/],
  ['down', /the record cannot be read: KV GET failed: 500/],
  ['{ "m"', /versions\.json is JSON such as .* got "\{ \\"m\\""/],
  ['["2"]', /an object such as .* is wanted, got \["2"\]/],
  ['{ "m": 2 }', /the version of "m" is a string, got 2/],
])('%s leaves what is served, and is told once', async (text, told) => {
  for (const cold of [true, false]) {
    const shared = cold ? { ...fresh(), text } : fresh();
    const { predict, errors } = isolate(shared, pair);
    await predict();
    shared.text = text;
    for (const seconds of [10, 20, 30]) {
      shared.seconds = seconds;
      expect(await predict()).toBe(1);
    }
    expect(errors).toEqual([expect.stringMatching(told)]);
    // Well again, and then the same once more: told once more.
    shared.text = named('2');
    shared.seconds = 40;
    await predict();
    await settled();
    expect(await predict()).toBe(2);
    shared.text = text;
    shared.seconds = 50;
    expect(await predict()).toBe(2);
    expect(errors).toHaveLength(2);
  }
});

it('a source that is silent holds up no longer than its timeout', async () => {
  const shared = fresh();
  const silent = { read: () => new Promise<never>(() => undefined), timeout: 20 };
  const { predict, errors } = isolate(shared, pair, silent);
  expect(await Promise.all([predict(), predict()])).toEqual([1, 1]);
  expect(errors).toEqual([expect.stringMatching(/the store sent nothing for 20 ms/)]);
});

it('without a name in the record, or without a record, the deployment says', async () => {
  const shared: Shared = { ...fresh(), text: named('2') };
  const { predict, errors } = isolate(shared, pair);
  expect(await predict()).toBe(2);
  shared.text = '{ "another": "7" }';
  shared.seconds = 10;
  await predict();
  await settled();
  expect(await predict()).toBe(1);
  shared.text = null;
  shared.seconds = 20;
  expect(await predict()).toBe(1);
  expect(errors).toEqual([]);
});

it('counts for every protocol, and not where a version is asked for', async () => {
  const shared = { ...fresh(), text: JSON.stringify({ m: '2', gpt: 'b' }) };
  const { server } = isolate(shared, pair);
  const inputs = [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] }];
  const infer = async (path: string) => (await ask(server.fetch, path, { inputs })).json;
  expect(await infer('/v2/models/m/infer')).toMatchObject({ model_version: '2' });
  expect(await infer('/v2/models/m/versions/1/infer')).toMatchObject({ model_version: '1' });
  expect((await ask(server.fetch, '/models/m')).json).toMatchObject({ version: '2' });

  const entry = (name: string) => ({
    load: () => {
      throw new Error(`${name} was asked for`);
    },
  });
  const text = textApi({
    models: { gpt: { versions: { a: entry('a'), b: entry('b') }, current: 'a' } },
  });
  const told: unknown[] = [];
  const texts = serve({
    models: {},
    extensions: [text],
    versions: { read: () => ({ gpt: 'b' }) },
    onError: (error) => told.push(String(error)),
  });
  await ask(texts.fetch, '/v1/completions', { model: 'gpt', prompt: 'x' });
  // The named one first, then the one of the deployment, whose failure is the request's.
  expect(told).toEqual([
    'Error: versions: version "b" of gpt did not load: b was asked for; a goes on',
    'Error: a was asked for',
  ]);
});

it('reads the record from a bucket', async () => {
  const bucket = { get: async () => ({ text: async () => named('2') }) };
  expect(await r2Versions(() => bucket)()).toEqual({ m: '2' });
  expect(await r2Versions(() => ({ get: async () => null }))()).toBeUndefined();
});

it.each([{ maxAge: -1 }, { maxAge: NaN }, { timeout: 0 }])('refuses %p', (wrong) => {
  expect(() => isolate(fresh(), pair, wrong)).toThrow(RangeError);
});
