/** Keys, limits, times, ids, logs, metrics, and models in versions. */
import { serve } from '../src/index.ts';
import type { LogEntry, ServedModel } from '../src/index.ts';
import { ask, echo } from './models.ts';

const body = { input: [[1, 2]] };
const key = (value: string) => ({ authorization: `Bearer ${value}` });
const model = { load: () => echo };

/** A model that answers when it is told to. */
function slow(): { model: ServedModel; release: () => void; asked: () => number } {
  let release = (): void => undefined;
  let asked = 0;
  const gate = new Promise<void>((resolve) => (release = resolve));
  const run: ServedModel['run'] = async ({ x }) => {
    asked += 1;
    await gate;
    return { y: x! };
  };
  return { model: { ...echo, run }, release, asked: () => asked };
}

describe('keys', () => {
  const { fetch } = serve({ models: { echo: model }, keys: ['first', 'second'] });
  it('let in whoever has one of them', async () => {
    for (const each of ['first', 'second']) {
      expect((await ask(fetch, '/predict', body, key(each))).status).toBe(200);
    }
    for (const each of ['', 'firs', 'first1', 'third']) {
      const { status, json, headers } = await ask(fetch, '/predict', body, key(each));
      expect([status, (json['error'] as { code: string }).code]).toEqual([401, 'unauthorized']);
      expect(headers.get('www-authenticate')).toMatch(/^Bearer/);
      expect(JSON.stringify(json)).not.toMatch(/first|second|third/);
    }
    expect((await ask(fetch, '/predict', body)).status).toBe(401);
    expect((await ask(fetch, '/v2/models/echo')).json).toMatchObject({ code: 'unauthorized' });
    expect((await ask(fetch, '/')).status).toBe(401);
  });
  it('are not asked for by health checks, and come before anything is read', async () => {
    expect((await ask(fetch, '/health')).status).toBe(200);
    expect((await ask(fetch, '/v2/health/ready')).status).toBe(200);
    expect((await ask(fetch, '/healthy')).status).toBe(401);
    let pulled = 0;
    const stream = new ReadableStream({ pull: () => void (pulled += 1) }, { highWaterMark: 0 });
    const request = new Request('http://localhost/predict', {
      method: 'POST',
      body: stream,
      duplex: 'half',
    } as RequestInit);
    expect([(await fetch(request)).status, pulled]).toEqual([401, 0]);
  });
  it('may be read when a request comes, and none means nobody', async () => {
    const late = serve({ models: { echo: model }, keys: () => Promise.resolve(['k']) });
    expect((await ask(late.fetch, '/predict', body, key('k'))).status).toBe(200);
    const none = serve({ models: { echo: model }, keys: [] });
    expect((await ask(none.fetch, '/predict', body, key(''))).status).toBe(401);
  });
});

it('answers browsers of the origins that it knows, before keys', async () => {
  const { fetch } = serve({
    models: { echo: model },
    keys: ['k'],
    cors: { origin: ['https://a.example'] },
  });
  const preflight = (origin: string) =>
    fetch(
      new Request('http://localhost/predict', {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST' },
      }),
    );
  const yes = await preflight('https://a.example');
  expect([yes.status, yes.headers.get('access-control-allow-origin')]).toEqual([
    204,
    'https://a.example',
  ]);
  expect(yes.headers.get('access-control-allow-headers')).toMatch(/authorization/);
  const no = await preflight('https://b.example');
  expect(no.headers.get('access-control-allow-origin')).toBeNull();
  const refused = await ask(fetch, '/predict', body, { origin: 'https://a.example' });
  expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([
    401,
    'https://a.example',
  ]);
});

it('refuses what the platform’s limiter refuses, and goes on when that fails', async () => {
  const counted: string[] = [];
  const errors: unknown[] = [];
  let mode: 'open' | 'shut' | 'broken' = 'open';
  const { fetch } = serve({
    models: { echo: model },
    onError: (error) => errors.push(error),
    rateLimit: {
      retryAfter: 7,
      limit: (who) => {
        counted.push(who);
        if (mode === 'broken') throw new Error('limiter is down');
        return Promise.resolve({ success: mode === 'open' });
      },
    },
  });
  expect((await ask(fetch, '/predict', body, key('secret'))).status).toBe(200);
  mode = 'shut';
  const { status, headers } = await ask(fetch, '/predict', body, { 'cf-connecting-ip': '1.2.3.4' });
  expect([status, headers.get('retry-after')]).toEqual([429, '7']);
  expect((await ask(fetch, '/health')).status).toBe(200);
  mode = 'broken';
  expect((await ask(fetch, '/predict', body)).status).toBe(200);
  expect((errors[0] as Error).message).toBe('limiter is down');
  expect(counted).toEqual([
    expect.stringMatching(/^key:[0-9a-f]{32}$/),
    'address:1.2.3.4',
    'address:unknown',
  ]);
});

it('refuses more at once than it is told to, and takes the next when one is done', async () => {
  const { model: held, release, asked } = slow();
  const { fetch } = serve({
    models: { slow: { load: () => held } },
    concurrency: { most: 2, retryAfter: 3 },
  });
  const first = [ask(fetch, '/predict', body), ask(fetch, '/predict', body)];
  while (asked() < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  const { status, json, headers } = await ask(fetch, '/predict', body);
  expect([status, (json['error'] as { code: string }).code, headers.get('retry-after')]).toEqual([
    503,
    'overloaded',
    '3',
  ]);
  expect((await ask(fetch, '/health')).status).toBe(200);
  release();
  expect((await Promise.all(first)).map((answer) => answer.status)).toEqual([200, 200]);
  // Failures free their places too.
  for (let i = 0; i < 5; i++) expect((await ask(fetch, '/predict', {})).status).toBe(400);
  expect((await ask(fetch, '/predict', body)).status).toBe(200);
});

it('answers 504 when the time is up', async () => {
  const { model: held, release } = slow();
  const { fetch } = serve({ models: { slow: { load: () => held } }, timeout: 20 });
  const late = await ask(fetch, '/v2/models/slow/infer', {
    inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] }],
  });
  expect([late.status, late.json]).toEqual([
    504,
    { error: 'no answer within 20 ms', code: 'timeout' },
  ]);
  release();
  // A busy machine may take longer than that for the next one too.
  let status: number;
  do ({ status } = await ask(fetch, '/predict', body));
  while (status === 504);
  expect(status).toBe(200);
});

it('refuses limits that are none', () => {
  expect(() => serve({ models: {}, timeout: 0 })).toThrow('timeout is a positive number, got 0');
  expect(() => serve({ models: {}, maxBodyBytes: NaN })).toThrow(RangeError);
  expect(() => serve({ models: {}, concurrency: { most: -1 } })).toThrow(RangeError);
});

it('gives every answer an id, the client’s own where it is harmless', async () => {
  const { fetch } = serve({ models: { echo: model } });
  const idOf = async (given: string, path = '/predict') =>
    (await ask(fetch, path, body, { 'x-request-id': given })).headers.get('x-request-id');
  expect(await idOf('trace-1.a:b')).toBe('trace-1.a:b');
  for (const bad of ['a b', '{"x":1}', 'x'.repeat(200), '']) {
    expect(await idOf(bad)).toMatch(/^[0-9a-f-]{36}$/);
  }
  expect(await idOf('lost', '/nowhere')).toBe('lost');
});

describe('logs and metrics', () => {
  const entries: LogEntry[] = [];
  const { fetch } = serve({
    models: {
      echo: model,
      broken: {
        load: () => {
          throw new Error('a secret path');
        },
      },
    },
    keys: ['k'],
    metrics: true,
    log: (entry) => entries.push(entry),
  });
  it('tell what happened, and nothing that was sent', async () => {
    const post = (path: string, given: unknown = body) => ask(fetch, path, given, key('k'));
    await post('/models/echo/predict');
    await post('/models/echo/predict');
    await post('/models/echo/predict', { input: 'private' });
    await post('/models/broken/predict');
    await post('/made/up/by?the=client');
    await ask(fetch, '/models/echo/predict', body);
    const short = entries.map(({ route, status, level, model: name, code, cold }) => [
      ...[route, status, level],
      ...[name, code, cold],
    ]);
    const route = '/models/:name/predict';
    expect(short).toEqual([
      [route, 200, 'info', 'echo', undefined, true],
      [route, 200, 'info', 'echo', undefined, undefined],
      [route, 400, 'warn', 'echo', 'bad_input', undefined],
      [route, 500, 'error', 'broken', 'internal', undefined],
      ['unmatched', 404, 'warn', undefined, undefined, undefined],
      [route, 401, 'warn', undefined, 'unauthorized', undefined],
    ]);
    expect(JSON.stringify(entries)).not.toMatch(/private|secret|made|Bearer/);
    for (const { id, ms, time } of entries) {
      expect([typeof id, ms >= 0, Number.isNaN(Date.parse(time))]).toEqual(['string', true, false]);
    }

    const response = await fetch(new Request('http://localhost/metrics', { headers: key('k') }));
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4');
    const text = await response.text();
    expect(text).toContain(`hebb_requests_total{route="${route}",method="POST",status="200"} 2\n`);
    expect(text).toContain(`hebb_errors_total{route="${route}",code="internal"} 1\n`);
    expect(text).toContain(`hebb_request_duration_seconds_bucket{route="${route}",le="+Inf"} 5\n`);
    expect(text).toContain(`hebb_request_duration_seconds_count{route="${route}"} 5\n`);
    expect(text).toContain('hebb_requests_in_flight 1\n');
    expect(text).toContain('hebb_cold_starts_total 1\n');
    expect(text).toContain('hebb_model_loads_total{model="echo",version="1"} 1\n');
    // Every line is a comment or a sample.
    const sample = /^(# (HELP|TYPE) \S+ .+|\w+(\{(\w+="[^"]*",?)+\})? [\d.e+-]+)$/;
    for (const line of text.trimEnd().split('\n')) expect(line).toMatch(sample);
    expect((await ask(fetch, '/metrics')).status).toBe(401);
  });
});

describe('versions', () => {
  const times = (factor: number): ServedModel => ({
    ...echo,
    run: ({ x }) => ({
      y: { ...x!, data: Float32Array.from(x!.data as Float32Array, (v) => v * factor) },
    }),
  });
  it('switch when the new one is loaded, and back', async () => {
    let broken = true;
    const { fetch, models } = serve({
      models: {
        m: {
          versions: {
            a: { load: () => times(1) },
            b: {
              load: () => {
                if (broken) throw new Error('weights are missing');
                return times(10);
              },
            },
          },
          current: 'stable',
          aliases: { stable: 'a', next: 'b' },
        },
      },
    });
    const first = async () => {
      const { json } = await ask(fetch, '/predict', body);
      return (json['outputs'] as Record<string, { data: number[] }>)['y']!.data[1];
    };
    expect(await first()).toBe(2);
    await expect(models.use('m', 'next')).rejects.toThrow('weights are missing');
    expect([await first(), models.current('m')]).toEqual([2, 'a']);
    broken = false;
    await models.use('m', 'next');
    expect([await first(), models.current('m')]).toEqual([20, 'b']);
    const old = await ask(fetch, '/v2/models/m/versions/stable/infer', {
      inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] }],
    });
    expect(old.json).toMatchObject({ model_version: 'a', outputs: [{ data: [1, 2] }] });
    await models.use('m', 'a');
    models.unload('m', 'b');
    expect(await first()).toBe(2);
    await expect(models.use('m', 'c')).rejects.toThrow(/no version "c"/);
  });
  it('are checked when the handler is made', () => {
    const versions = { 1: model };
    expect(() => serve({ models: { m: { versions, current: '2' } } })).toThrow(/no version 2/);
    expect(() => serve({ models: { m: { versions, current: '1', aliases: { x: '3' } } } })).toThrow(
      /no version 3/,
    );
  });
});
