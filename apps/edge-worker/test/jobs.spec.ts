/** Jobs on real workerd with its queues, bucket and workflows: failures, duplicates, poison, and a killed runtime. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cpu } from '@hebb/backend-cpu';
import { init, tensor } from '@hebb/core';
import { startWorker } from '@hebb/edge/node';
import type { LocalWorker } from '@hebb/edge/node';
import { classifier, fragile, poison, writeJobsProject } from './jobs-project.ts';

let directory: string;
let state: string;
let worker: LocalWorker;
const start = () => startWorker({ directory, persistTo: state, conditions: ['@hebb/source'] });
beforeAll(async () => {
  await init(cpu());
  directory = await writeJobsProject();
  state = await mkdtemp(join(tmpdir(), 'hebb-jobs-'));
  worker = await start();
});
afterAll(async () => {
  await worker.stop();
  await rm(directory, { recursive: true, force: true });
  await rm(state, { recursive: true, force: true });
});

interface Status {
  readonly id: string;
  readonly status: string;
  readonly rows: number;
  readonly finished: number;
  readonly errors: number;
}
interface Line {
  readonly index: number;
  readonly outputs?: { scores: { shape: number[]; data: number[] } };
  readonly error?: { code: string; message: string };
}

const ask = async (path: string): Promise<Status> =>
  (await (await fetch(`${worker.url}${path}`)).json()) as Status;
const seen = async () =>
  (await (await fetch(`${worker.url}/seen`)).json()) as { rows: number; calls: number[] };
const post = async (path: string, body: string, type: string): Promise<Status> => {
  const response = await fetch(`${worker.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': type },
    body,
  });
  expect(response.status).toBe(202);
  return (await response.json()) as Status;
};
const submit = (rows: readonly (readonly number[])[], base = '') =>
  post(
    `${base}/models/classifier/jobs`,
    rows.map((row) => JSON.stringify({ input: [row] })).join('\n'),
    'application/jsonl',
  );
async function until(path: string, ready: (status: Status) => boolean): Promise<Status> {
  // Ends with the test's time limit.
  for (;;) {
    const status = await ask(path);
    if (ready(status)) return status;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
const done = (id: string, base = '') =>
  until(`${base}/jobs/${id}`, ({ status }) => status === 'done');
async function results(id: string, base = ''): Promise<Line[]> {
  const response = await fetch(`${worker.url}${base}/jobs/${id}/results`);
  expect(response.status).toBe(200);
  const text = await response.text();
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

const row = (...values: number[]): number[] => [...values, 0.5, -1, 2].slice(0, 4);
/** Each line's answer is that of the layer in Node, except where an error is wanted. */
async function expectRight(lines: readonly Line[], rows: readonly (readonly number[])[]) {
  const layer = classifier();
  expect(lines.map(({ index }) => index)).toEqual([...rows.keys()]);
  for (const [i, { outputs, error }] of lines.entries()) {
    if (rows[i]![0] === poison) {
      expect(error).toEqual({ code: 'internal', message: expect.any(String) as string });
      continue;
    }
    const wanted = Array.from(await layer.forward(tensor([[...rows[i]!]])).data(), Number);
    expect(outputs!.scores.data).toEqual(
      wanted.map((x) => expect.closeTo(x, Math.abs(x) > 50 ? 2 : 4) as unknown),
    );
  }
}

it('answers every row of a job once, computed together, and again without computing', async () => {
  const rows = Array.from({ length: 37 }, (_, i) => row(i / 10));
  const before = await seen();
  const { id, rows: count } = await submit(rows);
  expect(count).toBe(37);
  expect(await done(id)).toMatchObject({ finished: 37, errors: 0 });
  await expectRight(await results(id), rows);
  const after = await seen();
  expect(after.rows - before.rows).toBe(37);
  // Nine parts of four rows, and one of one.
  expect(after.calls.slice(before.calls.length).sort()).toEqual([1, 4, 4, 4, 4, 4, 4, 4, 4, 4]);
  expect((await submit(rows)).status).toBe('done');
  await ask(`/twice?job=${id}`);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect((await seen()).rows).toBe(after.rows);
  await expectRight(await results(id), rows);
});

it('computes rows at which the consumer fails midway again, and gives up poisoned ones', async () => {
  const rows = Array.from({ length: 14 }, (_, i) => row(i === 5 ? fragile : i, i));
  rows[9] = row(poison);
  await ask('/strange');
  const { id } = await submit(rows);
  expect(await done(id)).toMatchObject({ finished: 14, errors: 1 });
  const lines = await results(id);
  await expectRight(lines, rows);
  expect(lines.flatMap(({ index, error }) => (error ? [index] : []))).toEqual([9]);
  // Counted after what it wrote may be read.
  let metrics: string;
  do metrics = await (await fetch(`${worker.url}/metrics`)).text();
  while (!/hebb_job_messages_total\{outcome="dead"\} 1\n/.test(metrics));
  expect(metrics).toMatch(/hebb_job_messages_total\{outcome="refused"\} 2\n/);
});

it('goes on after the runtime was killed', async () => {
  await ask('/slow?ms=1000');
  const rows = Array.from({ length: 60 }, (_, i) => row(i / 7, 1));
  const { id } = await submit(rows);
  const some = await until(`/jobs/${id}`, ({ finished }) => finished > 0);
  expect(some.status).toBe('running');
  process.kill(-worker.pid, 'SIGKILL');
  await worker.stop();
  worker = await start();
  const left = await ask(`/jobs/${id}`);
  expect(left.finished).toBeGreaterThanOrEqual(some.finished);
  // The local queue forgets; the deployed one would deliver again by itself.
  await post(`/jobs/${id}/resume`, '', 'application/json');
  expect(await done(id)).toMatchObject({ finished: 60, errors: 0 });
  await expectRight(await results(id), rows);
  expect((await seen()).rows).toBeLessThanOrEqual(60 - left.finished);
});

it('does the same as a workflow', async () => {
  const rows = Array.from({ length: 11 }, (_, i) => row(i, 3));
  rows[6] = row(poison);
  const { id } = await submit(rows, '/flow');
  expect(await done(id, '/flow')).toMatchObject({ finished: 11, errors: 1 });
  await expectRight(await results(id, '/flow'), rows);
});

it('refuses what is no job', async () => {
  const missing = await fetch(`${worker.url}/jobs/${'0'.repeat(32)}`);
  expect(missing.status).toBe(404);
  const response = await fetch(`${worker.url}/models/classifier/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  expect([response.status, await response.json()]).toEqual([
    400,
    { error: { code: 'bad_input', message: expect.any(String) as string } },
  ]);
});
