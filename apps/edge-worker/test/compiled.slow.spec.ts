/**
 * The compiled worker on real local workerd: Node's answers, small, quick to start. (workerd refuses to evaluate
 * code and to compile WebAssembly, so answering at all shows that neither happens.)
 */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cpu } from '@hebb/backend-cpu';
import { compileFunctions, writeCompiled } from '@hebb/cli';
import { compile, init, manualSeed, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { MNIST_NORMALIZATION, digits, encodePng, pngToTensorArray } from '@hebb/data';
import { loadMnist } from '@hebb/data/node';
import { bundleSize, coldStart, startWorker } from '@hebb/edge/node';
import type { LocalWorker } from '@hebb/edge/node';
import { BatchNorm2d, Conv2d, MaxPool2d, mobilenetV2 } from '@hebb/layers-cnn';
import { Flatten, Linear, ReLU, Sequential, Softmax } from '@hebb/nn';
import { decodeTensor, importOnnx, toOnnx } from '@hebb/onnx';
import type { ModelCard } from '../src/card.ts';
import { writeCompiledProject } from './project.ts';

const conditions = ['@hebb/source'];
const image = { size: 28, ...MNIST_NORMALIZATION };
const labels = Array.from({ length: 10 }, (_, i) => String(i));
const card: ModelCard = { name: 'digits', description: 'test', labels, image };

interface Answer {
  readonly outputs: Readonly<Record<string, { shape: number[]; dtype: string; data: number[] }>>;
  readonly predictions: readonly { label: string; index: number; score: number }[];
  readonly error?: { code: string; message: string };
}

async function post(
  { url }: LocalWorker,
  body: BodyInit,
  type: string,
): Promise<{ status: number; answer: Answer }> {
  const response = await fetch(`${url}/predict`, {
    method: 'POST',
    body,
    headers: { 'content-type': type },
  });
  return { status: response.status, answer: (await response.json()) as Answer };
}

function expectClose(got: readonly number[], wanted: readonly number[], tolerance: number): void {
  expect(got).toHaveLength(wanted.length);
  got.forEach((x, k) => expect(Math.abs(x - wanted[k]!)).toBeLessThan(tolerance));
}

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
const predict = compile((x: Tensor) => net.forward(x));

const root = fileURLToPath(new URL('../../..', import.meta.url));
// Handwritten digits where MNIST is at hand, drawn ones elsewhere.
const mnist = await loadMnist({ download: false, cwd: root }).then(
  ({ test, source }) => ({ test, real: source !== 'embedded' }),
  () => ({ test: digits({ count: 50, seed: 5 }), real: false }),
);
const pictures = Array.from({ length: 50 }, (_, i) => {
  const { image: pixels, label } = mnist.test.get(i);
  const data = Uint8Array.from(pixels.data as Uint8Array);
  const png = encodePng({ data, width: 28, height: 28, channels: 1 });
  return { png: Uint8Array.from(png), label: Number(label.data[0]) };
});
const picture = (i: number): Uint8Array<ArrayBuffer> => pictures[i]!.png;

describe('a model of our own, compiled for batches of 1 and 3', () => {
  let directory: string;
  let worker: LocalWorker;
  beforeAll(async () => {
    const model = await toOnnx(net, { input: { image: ['batch', 1, 28, 28] }, output: ['scores'] });
    directory = await writeCompiledProject(model, card, [{ batch: 1 }, { batch: 3 }]);
    worker = await startWorker({ directory, conditions });
  });
  afterAll(async () => {
    await worker.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('answers PNG and JSON as Node does, to 1e-5', async () => {
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
        expectClose(answer.outputs['scores']!.data, here, 1e-5);
        expect(answer.predictions[0]!.index).toBe(here.indexOf(Math.max(...here)));
      }
    }
  });
  it('answers the other shape it was compiled for, and names both for any other', async () => {
    const one = Array.from(pngToTensorArray(picture(0), image).data);
    const ask = (n: number) =>
      post(
        worker,
        JSON.stringify({
          input: { shape: [n, 1, 28, 28], data: Array.from({ length: n }, () => one).flat() },
        }),
        'application/json',
      );
    const alone = (await ask(1)).answer.outputs['scores']!.data;
    const three = await ask(3);
    expect(three.answer.outputs['scores']!.shape).toEqual([3, 10]);
    expect(three.answer.predictions).toHaveLength(3);
    expectClose(three.answer.outputs['scores']!.data, [...alone, ...alone, ...alone], 1e-5);
    const refused = await ask(2);
    expect([refused.status, refused.answer.error?.code]).toEqual([400, 'bad_input']);
    expect(refused.answer.error?.message).toMatch(
      /got image \[2,1,28,28\], wanted image \[1,1,28,28\] or image \[3,1,28,28\]/,
    );
    expect((await ask(1)).status).toBe(200);
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
  it('is a worker as it was written, without a line of anybody’s own', async () => {
    const own = await startWorker({ directory: join(directory, 'compiled'), conditions });
    try {
      const input = pngToTensorArray(picture(0), image);
      const body = JSON.stringify({ input: { shape: input.shape, data: Array.from(input.data) } });
      const { status, answer } = await post(own, body, 'application/json');
      const wanted = (await post(worker, body, 'application/json')).answer;
      expect([status, answer.outputs]).toEqual([200, wanted.outputs]);
    } finally {
      await own.stop();
    }
  });
  it('is small, and starts by itself on bare workerd', async () => {
    const size = await bundleSize({ directory, conditions });
    expect(size.wasm).toBeGreaterThan(0);
    expect(size.gzip + size.wasmGzip).toBeLessThan(60_000);
    const input = pngToTensorArray(picture(0), image);
    const body = JSON.stringify({ input: { shape: input.shape, data: Array.from(input.data) } });
    const first = await coldStart({ directory, conditions, path: '/predict', body, runs: 1 });
    const { answer } = await post(worker, body, 'application/json');
    expect(JSON.parse(first.answer)).toEqual(answer);
  });
});

it('fits MobileNetV2 into 100 KB of compressed code, weights apart', async () => {
  const out = join(root, 'apps/edge-worker/out');
  await mkdir(out, { recursive: true });
  const directory = await mkdtemp(join(out, 'size-'));
  try {
    const mobile = mobilenetV2().eval();
    const built = await compileFunctions(
      {
        name: 'mobilenet',
        functions: { run: { run: (x) => mobile.forward(x), input: { image: [1, 3, 224, 224] } } },
      },
      { simd: ['relaxed'] },
    );
    await writeCompiled(built, 'worker', join(directory, 'worker'));
    const size = await bundleSize({ directory: join(directory, 'worker'), conditions });
    expect(built.weights.length).toBeGreaterThan(13e6);
    expect(size.wasm).toBeGreaterThan(50_000);
    expect(size.gzip + size.wasmGzip).toBeLessThan(100_000);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

const data =
  process.env['HEBB_MODELS'] ??
  join(dirname(fileURLToPath(import.meta.url)), '../../../../shared/data/models');
const present = existsSync(join(data, 'mnist-12'));
// The trained models are no part of the repository.
(present ? describe : describe.skip)('mnist-12 of the ONNX model zoo', () => {
  it('gives its published outputs, and Node’s, in compiled form', async () => {
    const read = (name: string) => new Uint8Array(readFileSync(join(data, 'mnist-12', name)));
    const input = decodeTensor(read('test_data_set_0/input_0.pb'));
    const wanted = decodeTensor(read('test_data_set_0/output_0.pb'));
    const model = importOnnx(read('model.onnx'));
    const zoo: ModelCard = {
      name: 'mnist',
      description: 'test',
      labels,
      image: { size: 28, mean: 0, std: 1 / 255 },
    };
    const directory = await writeCompiledProject(read('model.onnx'), zoo, [{}]);
    const worker = await startWorker({ directory, conditions });
    try {
      const body = JSON.stringify({
        input: { shape: input.shape, data: Array.from(input.data, Number) },
      });
      const { answer } = await post(worker, body, 'application/json');
      const [got] = Object.values(answer.outputs);
      Array.from(wanted.data, Number).forEach((x, k) => {
        expect(Math.abs(got!.data[k]! - x)).toBeLessThan(1e-7 + 1e-5 * Math.abs(x));
      });
      // Pictures as clients send them.
      let right = 0;
      for (const [i, { label }] of pictures.entries()) {
        const pixels = pngToTensorArray(picture(i), zoo.image);
        const [name] = model.inputs.map((type) => type.name);
        const outputs = await model.run({
          [name!]: tensor(pixels.data, { shape: pixels.shape }),
        });
        const here = Array.from(await Object.values(outputs)[0]!.data(), Number);
        const scale = Math.max(...here.map(Math.abs));
        const there = (await post(worker, picture(i), 'image/png')).answer;
        expectClose(Object.values(there.outputs)[0]!.data, here, 1e-5 * Math.max(1, scale));
        expect(there.predictions[0]!.index).toBe(here.indexOf(Math.max(...here)));
        if (there.predictions[0]!.index === label) right += 1;
      }
      if (mnist.real) expect(right).toBeGreaterThan(45);
    } finally {
      await worker.stop();
      await rm(directory, { recursive: true, force: true });
    }
  });
});
