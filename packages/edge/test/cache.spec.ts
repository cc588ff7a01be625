/** Kept answers: the same request is not computed twice, everything else is. */
import { serve } from '../src/index.ts';
import type { AnswerCache, CacheOptions, ServeOptions, ServedModel } from '../src/index.ts';
import { canonicalJson } from '../src/cache/canonical.ts';
import { ask, echo } from './models.ts';

/** Does what the Cache API does. */
class Store implements AnswerCache {
  readonly kept = new Map<string, { body: ArrayBuffer; headers: Headers }>();
  async match({ url }: Request): Promise<Response | undefined> {
    const found = this.kept.get(url);
    await Promise.resolve();
    return found === undefined ? undefined : new Response(found.body, { headers: found.headers });
  }
  async put({ url }: Request, response: Response): Promise<void> {
    this.kept.set(url, { body: await response.arrayBuffer(), headers: response.headers });
  }
}

function served(more: Partial<CacheOptions> = {}, options: Partial<ServeOptions> = {}) {
  const store = new Store();
  let runs = 0;
  const counting = (by: number): ServedModel => ({
    ...echo,
    run: ({ x }) => {
      const data = x!.data as Float32Array;
      runs += 1;
      if (data[0] === 13) throw new Error('a secret');
      return { y: { dtype: 'float32', shape: x!.shape, data: data.map((v) => v * by) } };
    },
  });
  const server = serve({
    models: {
      echo: {
        versions: { 1: { load: () => counting(1) }, 2: { load: () => counting(2) } },
        current: '1',
      },
    },
    cache: { maxAge: 60, version: 'a', cache: () => store, ...more },
    ...options,
  });
  return { server, store, runs: () => runs };
}

const body = { input: [[1, 2]] };
const status = (headers: Headers) => headers.get('cache-status');

it('computes the same request once, however its JSON is written', async () => {
  const { server, store, runs } = served();
  const first = await ask(server.fetch, '/predict', body);
  expect([first.status, status(first.headers)]).toEqual([200, 'hebb; fwd=miss; stored']);
  expect(first.headers.get('cache-control')).toBe('public, max-age=60');
  const again = await server.fetch(
    new Request('http://localhost/models/echo/predict', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: ' {"input" : [ [1.0, 2e0] ]} ',
    }),
  );
  expect(status(again.headers)).toBe('hebb; hit');
  expect(again.headers.get('etag')).toBe(first.headers.get('etag'));
  expect(again.headers.get('content-type')).toBe('application/json');
  expect(again.headers.get('x-request-id')).not.toBe(first.headers.get('x-request-id'));
  expect(await again.json()).toEqual(first.json);
  expect(runs()).toBe(1);
  expect([...store.kept.values()][0]!.headers.get('x-request-id')).toBeNull();
  const other = await ask(server.fetch, '/predict', { input: [[1, 3]] });
  expect([status(other.headers), runs()]).toEqual(['hebb; fwd=miss; stored', 2]);
  expect(server.metrics.toString()).toContain('hebb_cache_total{model="echo",outcome="hit"} 1');
  expect(server.metrics.toString()).toContain('hebb_cache_total{model="echo",outcome="miss"} 2');
});

it('answers 304 to whoever has the answer', async () => {
  const { server, runs } = served();
  const etag = (await ask(server.fetch, '/predict', body)).headers.get('etag')!;
  for (const tag of [etag, `"x", W/${etag}`]) {
    const response = await server.fetch(
      new Request('http://localhost/predict', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'if-none-match': tag },
        body: JSON.stringify(body),
      }),
    );
    expect([response.status, await response.text(), response.headers.get('etag')]).toEqual([
      304,
      '',
      etag,
    ]);
  }
  expect(runs()).toBe(1);
  const changed = await ask(server.fetch, '/predict', body, { 'if-none-match': '"other"' });
  expect(changed.status).toBe(200);
});

it('keeps protocols, versions, deployments and binary forms apart', async () => {
  let deployment = 'a';
  const { server, runs } = served({ version: () => deployment });
  const infer = { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] }] };
  const paths = ['', '/versions/2'].map((version) => `/v2/models/echo${version}/infer`);
  const answers = [
    await ask(server.fetch, '/predict', body),
    ...(await Promise.all(paths.map((path) => ask(server.fetch, path, infer)))),
  ];
  expect(answers.map(({ headers }) => status(headers))).toEqual(
    answers.map(() => 'hebb; fwd=miss; stored'),
  );
  expect(runs()).toBe(3);
  await server.models.use('echo', '2');
  const switched = await ask(server.fetch, '/predict', body);
  expect(switched.json).toMatchObject({ outputs: { y: { data: [2, 4] } } });
  // Asked by its number or as the current one: the same.
  expect(status((await ask(server.fetch, paths[0]!, infer)).headers)).toBe('hebb; hit');
  deployment = 'b';
  expect(status((await ask(server.fetch, '/predict', body)).headers)).toMatch('miss');

  const head = JSON.stringify({
    inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], parameters: { binary_data_size: 8 } }],
    parameters: { binary_data_output: true },
  });
  const binary = async () => {
    const response = await server.fetch(
      new Request(`http://localhost${paths[0]!}`, {
        method: 'POST',
        headers: { 'inference-header-content-length': String(head.length) },
        body: new Blob([head, Float32Array.of(3, 4)]),
      }),
    );
    const at = Number(response.headers.get('inference-header-content-length'));
    return [status(response.headers), (await response.arrayBuffer()).byteLength - at];
  };
  expect([await binary(), await binary()]).toEqual([
    ['hebb; fwd=miss; stored', 8],
    ['hebb; hit', 8],
  ]);
});

it('never keeps what went wrong', async () => {
  const { server, store, runs } = served();
  const bad = { input: [[13, 1]] };
  const wrong = [body.input[0], { input: [['x', 1]] }, { input: [[1, 2, 3]] }];
  for (const each of wrong) expect((await ask(server.fetch, '/predict', each)).status).toBe(400);
  for (let i = 0; i < 2; i++) {
    const { status: code, headers } = await ask(server.fetch, '/predict', bad);
    expect([code, headers.get('cache-control'), headers.get('etag')]).toEqual([500, null, null]);
  }
  expect([store.kept.size, runs()]).toEqual([0, 2]);
});

it('does what the client says about caches', async () => {
  const { server, store, runs } = served();
  const say = (wish: string) => ask(server.fetch, '/predict', body, { 'cache-control': wish });
  const none = await say('no-store');
  expect([none.headers.get('etag'), store.kept.size]).toEqual([null, 0]);
  await say('max-age=60');
  await say('no-cache');
  await say('max-age=0');
  expect([runs(), store.kept.size]).toEqual([4, 1]);
  expect(status((await say('max-age=60')).headers)).toBe('hebb; hit');
});

it('asks for keys first, and lets no proxy keep what needed one', async () => {
  const { server } = served({}, { keys: ['k'] });
  const key = { authorization: 'Bearer k' };
  const first = await ask(server.fetch, '/predict', body, key);
  expect(first.headers.get('cache-control')).toBe('private, max-age=60');
  expect(status((await ask(server.fetch, '/predict', body, key)).headers)).toBe('hebb; hit');
  const etag = first.headers.get('etag')!;
  const strangers: Record<string, string>[] = [
    {},
    { 'if-none-match': etag },
    { authorization: 'Bearer other' },
  ];
  for (const headers of strangers) {
    expect((await ask(server.fetch, '/predict', body, headers)).status).toBe(401);
  }
});

it('does without where the platform has none, and where it fails', async () => {
  const errors: unknown[] = [];
  const broken: AnswerCache = {
    match: () => Promise.reject(new Error('match failed')),
    put: () => Promise.reject(new Error('put failed')),
  };
  const none = served({ cache: () => undefined });
  const failing = served({ cache: () => broken }, { onError: (error) => errors.push(error) });
  const platform = serve({
    models: { echo: { load: () => echo } },
    cache: { maxAge: 1, version: '' },
  });
  for (const { fetch } of [none.server, failing.server, platform]) {
    for (let i = 0; i < 2; i++) expect((await ask(fetch, '/predict', body)).status).toBe(200);
  }
  expect([none.runs(), failing.runs()]).toEqual([2, 2]);
  expect(errors.map((error) => (error as Error).message)).toEqual([
    ...['match failed', 'put failed'],
    ...['match failed', 'put failed'],
  ]);
  expect(() => served({ maxAge: 0.5 })).toThrow(RangeError);
});

it('may keep an answer after it was given', async () => {
  const later: Promise<unknown>[] = [];
  const { server, store } = served({ waitUntil: (promise) => later.push(promise) });
  await ask(server.fetch, '/predict', body);
  await Promise.all(later);
  expect([later.length, store.kept.size]).toEqual([1, 1]);
});

it('writes one text for what means the same', () => {
  expect(canonicalJson({ b: [1, { d: null, c: 'x' }], a: [[1, 2]] })).toBe(
    '{"a":[[1,2]],"b":[1,{"c":"x","d":null}]}',
  );
  let deep: unknown = 1;
  for (let i = 0; i < 100; i++) deep = [deep];
  expect(canonicalJson({ deep })).toBeUndefined();
});
