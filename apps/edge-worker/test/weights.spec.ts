/** Weights in R2, KV and assets of real workerd, and every way in which they can fail. */
import { readFile, readdir } from 'node:fs/promises';
import { request as send } from 'node:http';
import { cpu } from '@hebb/backend-cpu';
import { init, tensor } from '@hebb/core';
import { sendRequest, startWorker } from '@hebb/edge/node';
import type { LoadAnswer, LocalWorker } from '@hebb/edge/node';
import { inputSize, network, outputSize, writeStoredProject } from './stored-project.ts';
import type { StoredProject } from './stored-project.ts';

let project: StoredProject;
let worker: LocalWorker;
const x = Float32Array.from({ length: inputSize }, (_, i) => Math.sin(i));
const wanted: Record<number, ArrayLike<number>> = {};
const start = () =>
  startWorker({
    directory: project.directory,
    conditions: ['@hebb/source'],
    persistTo: project.state,
  });
beforeAll(async () => {
  await init(cpu());
  for (const seed of [1, 2]) {
    const y = network(seed).forward(tensor(x, { shape: [1, inputSize] }));
    wanted[seed] = Float32Array.from(await y.data(), Number);
  }
  project = await writeStoredProject();
  worker = await start();
});
afterAll(async () => {
  await worker.stop();
  await project.remove();
});

const body = JSON.stringify({ input: { shape: [1, inputSize], data: [...x] } });
const predict = (model = 'm', base = '') => ({
  path: `${base}/models/${model}/predict`,
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body,
});
// The worker's own limits count.
const patient = { timeout: 150_000 };
const ask = (model?: string, base?: string): Promise<LoadAnswer> =>
  sendRequest(worker.url, predict(model, base), patient);
const json = ({ body: bytes }: LoadAnswer): unknown => JSON.parse(Buffer.from(bytes).toString());
/** Largest distance from what the network of that seed gives. */
function distance(answer: LoadAnswer, seed: number): number {
  expect(answer.status).toBe(200);
  const { data } = (json(answer) as { outputs: { y: { data: number[] } } }).outputs.y;
  expect(data).toHaveLength(outputSize);
  return Math.max(...data.map((y, i) => Math.abs(y - wanted[seed]![i]!)));
}
async function admin<T>(name: string, of = ''): Promise<T> {
  const answer = await sendRequest(worker.url, { path: `/admin/${name}?of=${of}`, method: 'GET' });
  if (answer.status !== 200) throw new Error(Buffer.from(answer.body).toString());
  return json(answer) as T;
}
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

it('answers from each store, as exactly as it keeps the weights', async () => {
  expect(distance(await ask('m'), 1)).toBeLessThan(1e-5);
  expect(distance(await ask('kv'), 1)).toBeLessThan(2e-3);
  expect(distance(await ask('assets'), 1)).toBeLessThan(2e-2);
  // Not from outside: the worker comes first.
  const outside = await sendRequest(worker.url, { path: '/assets/', method: 'GET' });
  expect(outside.status).toBe(404);
  expect(await admin<number>('reads')).toBe(1);
});

it('switches versions under load without a wrong or missing answer, and back', async () => {
  // Which network answered, in the order of the answers.
  let seen = '';
  let over = false;
  const atOnce = 8;
  const asking = Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (!over) {
        const answer = await ask();
        seen += [1, 2].find((seed) => distance(answer, seed) < 2e-3) ?? '?';
      }
    }),
  );
  const more = async (n: number): Promise<number> => {
    const enough = seen.length + n;
    while (seen.length < enough && !over) await Promise.race([asking, pause(5)]);
    return seen.length;
  };
  const switches: number[] = [];
  try {
    for (const version of ['next', 'stable']) {
      switches.push(await more(60));
      await admin('use', version);
      switches.push(seen.length);
    }
    await more(60);
  } finally {
    over = true;
    await asking;
  }
  const [first, second, third, fourth] = switches;
  expect(seen).toMatch(/^[12]*$/);
  expect(seen.slice(0, first)).toMatch(/^1{60,}$/);
  // What had been asked before the switch is answered by the one before.
  expect(seen.slice(second! + atOnce, third)).toMatch(/^2{50,}$/);
  expect(seen.slice(fourth! + atOnce)).toMatch(/^1{50,}$/);
  await expect(admin('use', '3')).rejects.toThrow(/no version/);
});

describe('faults', () => {
  /** Cold, with that fault; what a request gets, and what the operator is told. */
  async function during(
    fault: string,
    repair: () => Promise<unknown>,
    model?: string,
  ): Promise<string[]> {
    await admin('errors');
    const answer = await ask(model);
    expect([answer.status, json(answer)]).toEqual([
      503,
      { error: { code: 'unavailable', message: 'the model is not available at the moment' } },
    ]);
    const wait = Number(answer.headers['retry-after']);
    expect(wait).toBeGreaterThanOrEqual(1);
    const errors = await admin<string[]>('errors');
    await repair();
    await pause(wait * 1000);
    // The next good request; a store of a busy machine may be silent for half a second.
    let next = await ask(model);
    while (model === 'hasty' && next.status === 503) {
      await pause(Number(next.headers['retry-after']) * 1000);
      next = await ask(model);
    }
    expect(distance(next, 1)).toBeLessThan(1e-5);
    return [fault, ...errors];
  }
  beforeEach(async () => {
    await admin('unload');
    await admin('reads');
  });
  it.each([
    ['refuse', 'm', /the store failed/],
    ['silent', 'hasty', /sent nothing for 500 ms/],
    ['stall', 'hasty', /sent nothing for 500 ms/],
    ['break', 'm', /the store failed/],
  ])('%s', async (fault, model, told) => {
    await admin('fault', fault);
    const errors = await during(fault, () => admin('fault', 'none'), model);
    expect(errors).toEqual([fault, expect.stringMatching(told)]);
  });
  it.each([
    ['missing', /no such object/],
    ['truncated', /end too early|the store failed/],
    ['corrupt', /block 2 is not what was written/],
  ])('%s', async (fault, told) => {
    await admin('spoil', fault);
    const errors = await during(fault, () => admin('restore'));
    expect(errors).toEqual([fault, expect.stringMatching(told)]);
  });
  it('a slow store costs time, and a request that has none is told; the load goes on', async () => {
    await admin('fault', 'slow');
    let answer = await ask('m', '/brief');
    expect(answer.status).toBe(504);
    while (answer.status === 504) answer = await ask('m', '/brief');
    expect(distance(answer, 1)).toBeLessThan(1e-5);
    expect(await admin<number>('reads')).toBe(1);
    await admin('fault', 'none');
  });
  // With and without a platform that lets the load go on.
  it.each(['m', 'alone'])(
    'a client that leaves while its request loads %s holds up nobody',
    async (model) => {
      await admin('fault', 'slow');
      const call = send(`${worker.url}${predict(model).path}`, {
        method: 'POST',
        headers: predict().headers,
      });
      call.on('error', () => undefined);
      call.end(body);
      await pause(300);
      const waiting = ask(model);
      await pause(100);
      call.destroy();
      await admin('fault', 'none');
      expect(distance(await waiting, 1)).toBeLessThan(1e-5);
    },
  );
  it('a runtime that is killed while it loads starts again', async () => {
    await admin('fault', 'slow');
    const lost = ask().then(
      () => 'answered',
      () => 'no answer',
    );
    await pause(300);
    for (const pid of await workerdsOf(worker.pid)) process.kill(pid, 'SIGKILL');
    expect(await lost).toBe('no answer');
    await worker.stop();
    worker = await start();
    expect(distance(await ask(), 1)).toBeLessThan(1e-5);
  });
});

/** Processes of that name somewhere below. */
async function workerdsOf(ancestor: number): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry)).map(Number);
  const found = new Map<number, { name: string; parent: number }>();
  for (const pid of pids) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    const field = (name: string) => new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? '';
    found.set(pid, { name: field('Name'), parent: Number(field('PPid')) });
  }
  const isBelow = (pid: number): boolean => {
    const parent = found.get(pid)?.parent ?? 0;
    return parent === ancestor || (parent > 1 && isBelow(parent));
  };
  return pids.filter((pid) => found.get(pid)?.name === 'workerd' && isBelow(pid));
}
