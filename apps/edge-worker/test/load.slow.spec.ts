/**
 * Many requests at once on real workerd, each answer held against the right one, and what the worker holds before and
 * after: LeNet in JSON and in binary, a decoder with and without streams. `HEBB_LOAD=10000` sends more.
 *
 * It runs on bare workerd. Memory is what V8 counts for the worker's isolate once its rubbish is collected; the
 * process itself grows with its own caches and under wrangler with wrangler's proxy, whatever the worker does.
 */
import { rm } from 'node:fs/promises';
import { cpu } from '@hebb/backend-cpu';
import { init, tensor } from '@hebb/core';
import { digits } from '@hebb/data';
import { load, sendRequest, withBareWorker } from '@hebb/edge/node';
import type { BareWorker, LoadAnswer, LoadReport, LoadRequest } from '@hebb/edge/node';
import { lenet, writeLoadProject } from './load-project.ts';

const requests = Number(process.env['HEBB_LOAD'] ?? 1000);
/** Of the same kind one after the other, with a look at the memory after each. */
const rounds = 4;
const mebibyte = 2 ** 20;
/** Many times what comes and goes (60 KiB), and less than what 1 KiB of each request comes to. */
const noise = mebibyte / 2;

let directory: string;
const net = lenet();
const pictures: Float32Array<ArrayBuffer>[] = [];
const wanted: Float32Array[] = [];
beforeAll(async () => {
  await init(cpu());
  directory = await writeLoadProject(net);
  const drawn = digits({ count: 16, seed: 5 });
  for (let i = 0; i < 16; i++) {
    const data = Float32Array.from(drawn.get(i).image.data as Uint8Array, (x) => x / 255);
    const y = await net.forward(tensor(data, { shape: [1, 1, 28, 28] })).data();
    pictures.push(data);
    wanted.push(Float32Array.from(y, Number));
  }
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const isRight = (got: ArrayLike<number>, i: number): boolean =>
  got.length === 10 && wanted[i % 16]!.every((x, k) => Math.abs(got[k]! - x) < 1e-5);
const textOf = ({ body }: LoadAnswer): string => Buffer.from(body).toString();

interface Kind {
  readonly request: (i: number) => LoadRequest;
  readonly check: (answer: LoadAnswer, i: number) => boolean;
}

function jsonKind(): Kind {
  const shape = [1, 1, 28, 28];
  const bodies = pictures.map((data) => JSON.stringify({ input: { shape, data: [...data] } }));
  return {
    request: (i) => ({
      path: '/predict',
      headers: { 'content-type': 'application/json' },
      body: bodies[i % 16]!,
    }),
    check: (answer, i) => {
      if (answer.status !== 200) return false;
      const { outputs } = JSON.parse(textOf(answer)) as { outputs: { y: { data: number[] } } };
      return isRight(outputs.y.data, i);
    },
  };
}

function binaryKind(): Kind {
  const shape = [1, 1, 28, 28];
  const head = JSON.stringify({
    inputs: [{ name: 'x', datatype: 'FP32', shape, parameters: { binary_data_size: 3136 } }],
    parameters: { binary_data_output: true },
  });
  const bodies = pictures.map((data) =>
    Buffer.concat([Buffer.from(head), Buffer.from(data.buffer)]),
  );
  return {
    request: (i) => ({
      path: '/v2/models/lenet/infer',
      headers: { 'inference-header-content-length': String(head.length) },
      body: bodies[i % 16]!,
    }),
    check: ({ status, headers, body }, i) => {
      const at = Number(headers['inference-header-content-length']);
      return status === 200 && isRight(new Float32Array(body.slice(at).buffer), i);
    },
  };
}

/** The same text for the same seed, asked alone before. */
async function textKind(url: string, stream: boolean): Promise<Kind> {
  const request = (i: number): LoadRequest => ({
    path: '/v1/completions',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      ...{ model: 'gpt', prompt: 'hello ', max_tokens: 6, temperature: 1, seed: i % 16 },
      stream,
    }),
  });
  const said = (answer: LoadAnswer): string => {
    const text = textOf(answer);
    const parts = stream
      ? text
          .split('\n')
          .filter((line) => line.startsWith('data: {'))
          .map((line) => line.slice(6))
      : [text];
    return parts
      .map((part) => (JSON.parse(part) as { choices: { text: string }[] }).choices[0]!.text)
      .join('');
  };
  const texts: string[] = [];
  for (let i = 0; i < 16; i++) texts.push(said(await sendRequest(url, request(i))));
  expect(new Set(texts).size).toBeGreaterThan(8);
  return { request, check: (answer, i) => answer.status === 200 && said(answer) === texts[i % 16] };
}

/** What is left when the rubbish is collected; what a request still holds on its way out is gone at the next look. */
async function held(worker: BareWorker): Promise<number> {
  const looks: number[] = [];
  for (let look = 0; look < 4; look++) {
    await sendRequest(worker.url, { path: '/collect', method: 'GET' });
    const { objects, buffers } = await worker.heap();
    looks.push(objects + buffers);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  return Math.min(...looks);
}

interface Watched {
  readonly reports: readonly LoadReport[];
  /** Bytes before, and after each round. */
  readonly heap: readonly number[];
  readonly process: readonly number[];
}

async function watch(worker: BareWorker, kind: Kind, count: number): Promise<Watched> {
  const send = (requests: number): Promise<LoadReport> =>
    load({ url: worker.url, concurrency: 64, requests, ...kind });
  // Caches fill and functions are compiled first.
  await send(Math.min(count, 500));
  const heap = [await held(worker)];
  const resident = [(await worker.memory()).anonymous];
  const reports: LoadReport[] = [];
  for (let round = 0; round < rounds; round++) {
    reports.push(await send(count / rounds));
    heap.push(await held(worker));
    resident.push((await worker.memory()).anonymous);
  }
  return { reports, heap, process: resident };
}

/** From the first looks to the last. */
const growth = ({ heap }: Watched): number =>
  Math.min(...heap.slice(-2)) - Math.min(...heap.slice(0, 2));

it(`answers ${requests} requests of each kind at concurrency 64, all right, and holds no more afterwards`, async () => {
  const options = { directory, conditions: ['@hebb/source'], inspect: true, path: '/health' };
  await withBareWorker({ ...options, v8Flags: ['--expose-gc'] }, async ({ worker }) => {
    const kinds: Record<string, Kind> = {
      json: jsonKind(),
      binary: binaryKind(),
      text: await textKind(worker.url, false),
      streams: await textKind(worker.url, true),
    };
    for (const [name, kind] of Object.entries(kinds)) {
      const watched = await watch(worker, kind, requests);
      for (const { wrong, failed, statuses } of watched.reports) {
        expect([name, wrong, failed, statuses]).toEqual([name, 0, 0, { 200: requests / rounds }]);
      }
      if (requests > 1000) {
        const { perSecond, latency } = watched.reports.at(-1)!;
        const heap = watched.heap.map((bytes) => Math.round(bytes / 1024));
        const process = watched.process.map((bytes) => Math.round(bytes / mebibyte));
        console.warn(
          JSON.stringify({ name, heapKiB: heap, processMiB: process, perSecond, latency }),
        );
      }
      expect(growth(watched)).toBeLessThan(noise);
    }
    // A worker that keeps 8 KiB of each request is found out, by far.
    await sendRequest(worker.url, { path: '/leak?bytes=8192', method: 'GET' });
    expect(growth(await watch(worker, kinds['binary']!, 1000))).toBeGreaterThan(3 * noise);
  });
}, 600_000);
