/** Many at once on real workerd: computed together, answered from the cache, or told to come back later. */
import { rm } from 'node:fs/promises';
import { cpu } from '@hebb/backend-cpu';
import { init, tensor } from '@hebb/core';
import { load, sendRequest, startWorker } from '@hebb/edge/node';
import type { LoadAnswer, LocalWorker } from '@hebb/edge/node';
import { network, writeCapacityProject } from './capacity-project.ts';

let directory: string;
let worker: LocalWorker;
let wanted: number[][];
const rows = Array.from({ length: 24 }, (_, i) =>
  Array.from({ length: 16 }, (_, k) => Math.fround(Math.sin(i * 16 + k))),
);
beforeAll(async () => {
  await init(cpu());
  directory = await writeCapacityProject();
  const net = network();
  const all = Array.from(await net.forward(tensor(rows)).data(), Number);
  wanted = rows.map((_, i) => all.slice(i * 5, (i + 1) * 5));
  worker = await startWorker({ directory, conditions: ['@hebb/source'] });
});
afterAll(async () => {
  await worker.stop();
  await rm(directory, { recursive: true, force: true });
});

const body = rows.map((row) => JSON.stringify({ input: [row] }));
const json = { 'content-type': 'application/json' };
const request = (path: string, i: number, more = {}) => ({
  path: `/${path}/predict`,
  headers: { ...json, ...more },
  body: body[i % body.length]!,
});
const isRight = (answer: LoadAnswer, i: number): boolean => {
  if (answer.status !== 200) return false;
  const { outputs } = JSON.parse(Buffer.from(answer.body).toString()) as {
    outputs: { y: { data: number[] } };
  };
  return wanted[i % wanted.length]!.every((x, k) => Math.abs(outputs.y.data[k]! - x) < 1e-4);
};
const rowsOf = async (path: string): Promise<number[]> =>
  (await (await fetch(`${worker.url}${path}`)).json()) as number[];
/** Calls of the model since the last time; from now on one takes that many milliseconds. */
const reset = (slow = 0): Promise<number[]> => rowsOf(`/reset?slow=${slow}`);

describe('batching', () => {
  it.each([0, 50])('answers as without, in fewer calls (a model of %s ms)', async (slow) => {
    await reset(slow);
    const report = await load({
      url: worker.url,
      requests: 400,
      concurrency: 48,
      request: (i) => request('batched', i),
      check: isRight,
    });
    expect([report.wrong, report.failed, report.statuses]).toEqual([0, 0, { 200: 400 }]);
    const calls = await reset();
    // How many come together is up to the client where the model takes no time.
    expect(calls.length).toBeLessThan(slow === 0 ? 400 : 200);
    expect(new Set([...calls, 1, 4, 16, 32]).size).toBe(4);
  });
  it('goes on when a client leaves, also the one whose request computes for all', async () => {
    for (const who of [0, 3]) {
      await reset(1000);
      const leaving = new AbortController();
      const answers = Array.from({ length: 8 }, (_, i) =>
        fetch(`${worker.url}/batched/predict`, {
          method: 'POST',
          headers: json,
          body: body[i]!,
          ...(i === who ? { signal: leaving.signal } : {}),
        }).then(
          async (response) => [response.status, await response.json()] as const,
          () => undefined,
        ),
      );
      while ((await rowsOf('/calls')).length === 0) await Promise.resolve();
      leaving.abort();
      const settled = await Promise.all(answers);
      expect(settled.map((each) => each?.[0])).toEqual(
        settled.map((_, i) => (i === who ? undefined : 200)),
      );
    }
    await reset();
    expect(isRight(await sendRequest(worker.url, request('batched', 1)), 1)).toBe(true);
  });
  it('lets a bad row fail alone', async () => {
    await reset(20);
    const bad = JSON.stringify({ input: [[999, ...rows[0]!.slice(1)]] });
    const answers = await Promise.all(
      Array.from({ length: 9 }, (_, i) =>
        sendRequest(worker.url, { ...request('batched', i), ...(i === 4 ? { body: bad } : {}) }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(
      answers.map((_, i) => (i === 4 ? 500 : 200)),
    );
    expect(Buffer.from(answers[4]!.body).toString()).not.toContain('secret');
    await reset();
  });
});

describe('the cache', () => {
  const ask = (i: number, more: Record<string, string> = { authorization: 'Bearer one' }) =>
    sendRequest(worker.url, request('cached', i, more));
  it('computes each request once, for whoever has a key', async () => {
    await reset();
    const authorization = 'Bearer two';
    const report = await load({
      url: worker.url,
      requests: 300,
      concurrency: 1,
      request: (i) => request('cached', i, { authorization }),
      check: isRight,
    });
    expect([report.wrong, report.failed]).toEqual([0, 0]);
    expect(await reset()).toHaveLength(rows.length);
    const hit = await ask(3);
    expect(hit.headers).toMatchObject({
      'cache-status': 'hebb; hit',
      'cache-control': 'private, max-age=3600',
    });
    expect(isRight(hit, 3)).toBe(true);
    const again = await ask(3, { authorization, 'if-none-match': String(hit.headers['etag']) });
    expect([again.status, again.body.length]).toEqual([304, 0]);
    expect(await reset()).toEqual([]);
    expect((await ask(3, {})).status).toBe(401);
    const metrics = await sendRequest(worker.url, {
      path: '/cached/metrics',
      headers: { authorization },
    });
    const text = Buffer.from(metrics.body).toString();
    expect(text).toContain(`hebb_cache_total{model="net",outcome="miss"} ${rows.length}\n`);
    expect(text).toContain(`hebb_cache_total{model="net",outcome="hit"} ${301 - rows.length}\n`);
  });
  it('keeps no errors', async () => {
    await reset();
    const bad = JSON.stringify({ input: [[999, ...rows[0]!.slice(1)]] });
    for (let i = 0; i < 2; i++) {
      const answer = await sendRequest(worker.url, {
        ...request('cached', 0, { authorization: 'Bearer one' }),
        body: bad,
      });
      expect([answer.status, answer.headers['etag']]).toEqual([500, undefined]);
    }
    expect(await reset()).toEqual([1, 1]);
  });
});

it('answers what it can and refuses the rest at once, with when to come back', async () => {
  await reset(100);
  const refused: LoadAnswer[] = [];
  const report = await load({
    url: worker.url,
    requests: 1500,
    concurrency: 64,
    request: (i) => request('limited', i),
    check: (answer, i) => {
      if (answer.status === 503) refused.push(answer);
      return answer.status === 503 || isRight(answer, i);
    },
  });
  expect([report.wrong, report.failed]).toEqual([0, 0]);
  const { 200: answered = 0, 503: sent = 0 } = report.statuses;
  // Four every 100 ms are answered, however many come.
  expect([answered + sent, answered >= 4, sent > 500]).toEqual([1500, true, true]);
  expect(new Set(refused.map(({ headers }) => headers['retry-after']))).toEqual(new Set(['2']));
  expect(JSON.parse(Buffer.from(refused[0]!.body).toString())).toEqual({
    error: { code: 'overloaded', message: expect.any(String) as string },
  });
  expect(await reset()).toHaveLength(answered);
  expect((await fetch(`${worker.url}/limited/health`)).status).toBe(200);
  expect(isRight(await sendRequest(worker.url, request('limited', 7)), 7)).toBe(true);
  const { body: page } = await sendRequest(worker.url, { path: '/limited/metrics' });
  expect(Buffer.from(page).toString()).toMatch(
    new RegExp(`hebb_errors_total\\{route="/predict",code="overloaded"\\} ${sent}\n`),
  );
});
