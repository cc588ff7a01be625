/**
 * Malformed requests by seed on real workerd: each ends in a documented status and form, tells nothing of the inside,
 * and the next good request is answered as ever. `HEBB_FUZZ=10000` sends more, `HEBB_FUZZ_SEED` others.
 */
import { rm } from 'node:fs/promises';
import { memoryBelow, sendRequest, startWorker } from '@hebb/edge/node';
import type { LoadAnswer, LoadRequest, LocalWorker } from '@hebb/edge/node';
import { Agent } from 'node:http';
import { cpu } from '@hebb/backend-cpu';
import { init } from '@hebb/core';
import { Malformed } from './malformed.ts';
import { keys, writeTextProject } from './text-project.ts';

const count = Number(process.env['HEBB_FUZZ'] ?? 300);
const seed = Number(process.env['HEBB_FUZZ_SEED'] ?? 1);

let directory: string;
let worker: LocalWorker;
beforeAll(async () => {
  await init(cpu());
  directory = await writeTextProject();
  worker = await startWorker({ directory, conditions: ['@hebb/source'] });
});
afterAll(async () => {
  await worker.stop();
  await rm(directory, { recursive: true, force: true });
});

const headers = { authorization: `Bearer ${keys[0]}`, 'content-type': 'application/json' };
const post = (path: string, body: unknown, more: Record<string, string> = {}): LoadRequest => ({
  path,
  method: 'POST',
  headers: { ...headers, ...more },
  body: body instanceof Uint8Array ? body : JSON.stringify(body),
});
const tensor = (more: object) => ({ name: 'x', shape: [1, 4], datatype: 'FP32', ...more });
const head = JSON.stringify({ inputs: [tensor({ parameters: { binary_data_size: 16 } })] });
const binary = Buffer.concat([Buffer.from(head), Buffer.from(Float32Array.of(1, 2, 3, 4).buffer)]);
const text = { prompt: 'hello ', max_tokens: 5, temperature: 0, seed: 1, stop: ['zz'] };
const good: readonly LoadRequest[] = [
  post('/predict', { input: [[1, 2, 3, 4]] }),
  post('/models/classifier/predict', { inputs: { x: { shape: [1, 4], data: [1, 2, 3, 4] } } }),
  post('/v2/models/classifier/infer', {
    id: 'a',
    inputs: [tensor({ data: [1, 2, 3, 4] })],
    outputs: [{ name: 'scores', parameters: { binary_data: false } }],
  }),
  post('/v2/models/classifier/versions/1/infer', binary, {
    'inference-header-content-length': String(head.length),
  }),
  post('/v1/completions', { model: 'gpt', ...text }),
  post('/v1/completions', { model: 'recurrent', ...text, stream: true }),
  post('/v1/chat/completions', {
    model: 'recurrent',
    messages: [{ role: 'user', content: 'hello' }],
    max_completion_tokens: 5,
    top_p: 0.5,
    temperature: 0,
  }),
  post('/v1/embeddings', { model: 'recurrent', input: ['abc', [1, 2]], encoding_format: 'float' }),
];
const documented = new Set([200, 400, 401, 404, 405, 413, 415]);

/** What is the same each time that a request is answered. */
const stable = ({ status, body }: LoadAnswer): string =>
  `${status} ${Buffer.from(body).toString()}`.replace(/"(id|created)":("[^"]*"|\d+),?/g, '');

function problemOf({ status, headers: answered, body }: LoadAnswer, method: string | undefined) {
  if (!documented.has(status)) return `status ${status}`;
  if (typeof answered['x-request-id'] !== 'string') return 'no request id';
  if (status === 200 || method === 'HEAD') return undefined;
  const said = Buffer.from(body).toString();
  if (/node_modules|\/work|at \w+ \(|key-one/.test(said)) return `it tells ${said}`;
  const { error } = JSON.parse(said) as { error?: string | { message?: unknown; code?: unknown } };
  const message = typeof error === 'string' ? error : error?.message;
  return typeof message === 'string' && message !== '' ? undefined : `no message in ${said}`;
}

it(`survives ${count} malformed requests`, async () => {
  const agent = new Agent({ keepAlive: true });
  const send = (request: LoadRequest) => sendRequest(worker.url, request, { agent });
  const wanted: string[] = [];
  for (const request of good) {
    const answer = await send(request);
    expect(answer.status).toBe(200);
    wanted.push(stable(answer));
  }
  const malformed = new Malformed(seed);
  const statuses: Record<number, number> = {};
  const memory = [await memoryBelow(worker.pid, 'workerd')];
  for (let i = 0; i < count; i++) {
    const request = malformed.next(good);
    const answer = await send(request);
    statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
    const problem = problemOf(answer, request.method);
    if (problem !== undefined) {
      throw new Error(`request ${i}: ${problem}\n${JSON.stringify(request).slice(0, 2000)}`);
    }
    const next = i % good.length;
    expect(stable(await send(good[next]!))).toBe(wanted[next]);
    if ((i + 1) % Math.ceil(count / 5) === 0) memory.push(await memoryBelow(worker.pid, 'workerd'));
  }
  agent.destroy();
  expect(Object.keys(statuses).length).toBeGreaterThan(4);
  if (count > 300) {
    const megabytes = memory.map((bytes) => Math.round(bytes / 2 ** 20)).join(', ');
    console.warn(`${count} requests: ${JSON.stringify(statuses)}; MiB ${megabytes}`);
  }
}, 600_000);
