/** The worker on real local workerd: right answers to PNG and JSON, clear errors, still alive after each. */
import { existsSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cpu } from '@hebb/backend-cpu';
import { compile, init, manualSeed, tensor } from '@hebb/core';
import { MNIST_NORMALIZATION, digits, encodePng, pngToTensorArray } from '@hebb/data';
import { startWorker } from '@hebb/edge/node';
import type { LocalWorker } from '@hebb/edge/node';
import { BatchNorm2d, Conv2d, MaxPool2d } from '@hebb/layers-cnn';
import { Flatten, Linear, ReLU, Sequential, Softmax } from '@hebb/nn';
import { decodeTensor, toOnnx } from '@hebb/onnx';
import type { ModelCard } from '../src/card.ts';
import { writeProject } from './project.ts';

const conditions = ['@hebb/source'];
const image = { size: 28, ...MNIST_NORMALIZATION };
const labels = Array.from({ length: 10 }, (_, i) => String(i));

await init(cpu());
manualSeed(3);
const net = new Sequential(
  new Conv2d(1, 4, 5, { stride: 2, padding: 2 }),
  new BatchNorm2d(4),
  new ReLU(),
  new MaxPool2d(2),
  new Flatten(),
  new Linear(4 * 7 * 7, 10),
  new Softmax(1),
).eval();
const predict = compile((x: ReturnType<typeof tensor>) => net.forward(x));

interface Answer {
  readonly outputs: Readonly<Record<string, { shape: number[]; dtype: string; data: number[] }>>;
  readonly predictions: readonly { label: string; index: number; score: number }[];
  readonly error?: { code: string; message: string };
}

/** Starts a worker around a model; the test stops it. */
async function workerFor(
  model: Uint8Array,
  card: ModelCard,
): Promise<{ worker: LocalWorker; stop: () => Promise<void> }> {
  const directory = await writeProject(model, card);
  const worker = await startWorker({ directory, conditions });
  return {
    worker,
    stop: async () => {
      await worker.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function post(
  { url }: LocalWorker,
  body: BodyInit,
  type: string,
  path = '/predict',
): Promise<{ status: number; answer: Answer }> {
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    body,
    headers: { 'content-type': type },
  });
  return { status: response.status, answer: (await response.json()) as Answer };
}

const drawn = digits({ count: 12, seed: 5 });
const picture = (i: number): Uint8Array<ArrayBuffer> => {
  const { image: pixels } = drawn.get(i);
  return Uint8Array.from(
    encodePng({
      data: Uint8Array.from(pixels.data as Uint8Array),
      width: 28,
      height: 28,
      channels: 1,
    }),
  );
};

describe('a model of our own', () => {
  let worker: LocalWorker;
  let stop: () => Promise<void>;
  beforeAll(async () => {
    const model = await toOnnx(net, { input: { image: ['batch', 1, 28, 28] }, output: ['scores'] });
    ({ worker, stop } = await workerFor(model, {
      name: 'digits',
      description: 'test',
      labels,
      image,
    }));
  });
  afterAll(async () => {
    await stop();
  });

  it('answers PNG and JSON as Node does', async () => {
    for (let i = 0; i < 12; i++) {
      const input = pngToTensorArray(picture(i), image);
      const here = Array.from(
        await (await predict(tensor(input.data, { shape: input.shape }))).data(),
        Number,
      );
      const json = JSON.stringify({ input: { shape: input.shape, data: Array.from(input.data) } });
      for (const [body, type] of [
        [picture(i), 'image/png'],
        [json, 'application/json'],
      ] as const) {
        const { status, answer } = await post(worker, body, type);
        expect(status).toBe(200);
        const { data, shape } = answer.outputs['scores']!;
        expect(shape).toEqual([1, 10]);
        data.forEach((x, k) => expect(Math.abs(x - here[k]!)).toBeLessThan(1e-6));
        expect(answer.predictions[0]!.index).toBe(here.indexOf(Math.max(...here)));
      }
    }
  });
  it('answers a batch', async () => {
    const one = pngToTensorArray(picture(0), image);
    const data = [...one.data, ...one.data, ...one.data];
    const body = JSON.stringify({ input: { shape: [3, 1, 28, 28], data } });
    const { answer } = await post(worker, body, 'application/json');
    expect(answer.outputs['scores']!.shape).toEqual([3, 10]);
    expect(answer.predictions).toHaveLength(3);
  });
  it('says what it serves', async () => {
    const answer = (await (await fetch(`${worker.url}/models/digits`)).json()) as {
      inputs: { name: string; dtype: string; shape: unknown[] }[];
    };
    expect(answer.inputs[0]).toMatchObject({
      name: 'image',
      dtype: 'float32',
      shape: ['batch', 1, 28, 28],
    });
  });

  const png = picture(1);
  const bad: [what: string, body: BodyInit, type: string, status: number, code: string][] = [
    ['a truncated PNG', png.slice(0, 40), 'image/png', 400, 'bad_image'],
    ['text called a PNG', 'hello', 'image/png', 400, 'bad_image'],
    ['another media type', png, 'image/gif', 415, 'unsupported_media_type'],
    ['broken JSON', '{"input": [', 'application/json', 400, 'bad_json'],
    ['a wrong shape', '{"input": [[1, 2, 3]]}', 'application/json', 400, 'bad_input'],
    ['a wrong type', '{"input": "digit"}', 'application/json', 400, 'bad_input'],
    ['an empty body', '', 'application/json', 400, 'bad_input'],
    ['a huge body', new Uint8Array(3 << 20), 'image/png', 413, 'payload_too_large'],
  ];
  it.each(bad)('refuses %s and goes on', async (_what, body, type, status, code) => {
    const refused = await post(worker, body, type);
    expect([refused.status, refused.answer.error?.code]).toEqual([status, code]);
    expect(refused.answer.error?.message).toMatch(/\w/);
    expect((await post(worker, png, 'image/png')).status).toBe(200);
  });
  it('knows no other addresses or methods', async () => {
    expect((await post(worker, png, 'image/png', '/models/cats/predict')).status).toBe(404);
    expect((await fetch(`${worker.url}/predict`)).status).toBe(405);
    expect((await fetch(`${worker.url}/nothing`)).status).toBe(404);
  });
  it('answers many at once, each with its own', async () => {
    const answers = await Promise.all(
      Array.from({ length: 24 }, (_, i) => post(worker, picture(i % 12), 'image/png')),
    );
    const alone = await Promise.all(
      Array.from({ length: 12 }, (_, i) => post(worker, picture(i), 'image/png')),
    );
    answers.forEach(({ answer }, i) => {
      expect(answer.outputs).toEqual(alone[i % 12]!.answer.outputs);
    });
  });
});

const data =
  process.env['HEBB_MODELS'] ??
  join(dirname(fileURLToPath(import.meta.url)), '../../../../shared/data/models');
const present = existsSync(join(data, 'mnist-12'));
// The trained models are no part of the repository.
(present ? describe : describe.skip)('mnist-12 of the ONNX model zoo', () => {
  it('gives its published outputs in workerd', async () => {
    const read = (name: string) => new Uint8Array(readFileSync(join(data, 'mnist-12', name)));
    const input = decodeTensor(read('test_data_set_0/input_0.pb'));
    const wanted = decodeTensor(read('test_data_set_0/output_0.pb'));
    const { worker, stop } = await workerFor(read('model.onnx'), {
      name: 'mnist',
      description: 'test',
      labels,
      image: { size: 28, mean: 0, std: 1 / 255 },
    });
    try {
      const body = JSON.stringify({
        input: { shape: input.shape, data: Array.from(input.data, Number) },
      });
      const { answer } = await post(worker, body, 'application/json');
      const got = Object.values(answer.outputs)[0]!.data;
      Array.from(wanted.data, Number).forEach((x, k) => {
        expect(Math.abs(got[k]! - x)).toBeLessThan(1e-7 + 1e-3 * Math.abs(x));
      });
    } finally {
      await stop();
    }
  });
});

it('refuses to start around a file that is no model, and says so per request', async () => {
  const { worker, stop } = await workerFor(Uint8Array.of(1, 2, 3), {
    name: 'none',
    description: 'test',
    labels,
    image,
  });
  try {
    const { status, answer } = await post(worker, '{"input": [1]}', 'application/json');
    expect([status, answer.error]).toEqual([500, { code: 'internal', message: 'internal error' }]);
  } finally {
    await stop();
  }
});
