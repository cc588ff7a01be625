/** The drawing worker on real local workerd: the same address is the same picture, and Node's. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { cpu } from '@hebb/backend-cpu';
import { compileOnnx, writeCompiled } from '@hebb/cli';
import { concat, init, manualSeed } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Philox, decodePng, tensorArrayToImage } from '@hebb/data';
import { startWorker } from '@hebb/edge/node';
import type { LocalWorker } from '@hebb/edge/node';
import { BatchNorm2d, ConvTranspose2d, Embedding, Module, ReLU } from '@hebb/nn';
import { importOnnx, toOnnx } from '@hebb/onnx';
import type { Model } from '@hebb/runtime';
import { createDrawingWorker, drawnFrom } from '../src/draw-app.ts';

/** A generator in small, with weights that nobody has trained. */
class Generator extends Module {
  readonly classes = new Embedding(10, 4);
  readonly first = new ConvTranspose2d(12, 6, 7);
  readonly norm = new BatchNorm2d(6);
  readonly relu = new ReLU();
  readonly last = new ConvTranspose2d(6, 1, 4, { stride: 4 });
  forward(z: Tensor, digit: Tensor): Tensor {
    const x = concat([z, this.classes.forward(digit)], 1).reshape([-1, 12, 1, 1]);
    return this.last.forward(this.relu.forward(this.norm.forward(this.first.forward(x)))).tanh();
  }
}

const sources = join(dirname(fileURLToPath(import.meta.url)), '../src');
let directory: string;
let worker: LocalWorker;
let model: Model;
beforeAll(async () => {
  await init(cpu());
  manualSeed(3);
  const file = await toOnnx(new Generator().eval(), {
    input: { z: ['batch', 8], digit: { shape: ['batch'], dtype: 'int32' } },
    output: ['image'],
  });
  const out = join(sources, '../out');
  await mkdir(out, { recursive: true });
  directory = await mkdtemp(join(out, 'draw-'));
  const built = await compileOnnx(
    importOnnx(file),
    { name: 'generator', shapes: [{ batch: 1 }] },
    { simd: ['relaxed'] },
  );
  await writeCompiled(built, 'worker', join(directory, 'generator'));
  await writeCompiled(built, 'node', join(directory, 'node'));
  const compiled = (await import(pathToFileURL(join(directory, 'node/index.js')).href)) as {
    loadModel(): Promise<Model>;
  };
  model = await compiled.loadModel();
  await writeFile(
    join(directory, 'worker.js'),
    `import { loadModel } from './generator/index.js';
import { createDrawingWorker } from ${JSON.stringify(join(sources, 'draw-app.ts'))};
const handler = createDrawingWorker(await loadModel());
export default { fetch: (request) => handler.fetch(request) };
`,
  );
  const config = { name: 'draw-test', main: 'worker.js', compatibility_date: '2026-04-01' };
  await writeFile(join(directory, 'other.json'), JSON.stringify(config));
  worker = await startWorker({ directory, config: 'other.json', conditions: ['@hebb/source'] });
});
afterAll(async () => {
  await worker.stop();
  await rm(directory, { recursive: true, force: true });
});

const draw = async (query: string, method = 'GET'): Promise<Response> =>
  fetch(`${worker.url}/draw${query}`, { method });

it('draws what Node draws, pixel for pixel', async () => {
  for (const [digit, seed] of [
    [7, 3],
    [0, 0],
    [9, 4_294_967_295],
  ] as const) {
    const response = await draw(`?digit=${digit}&seed=${seed}`);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'image/png']);
    const image = decodePng(new Uint8Array(await response.arrayBuffer()));
    const here = model.run({ z: new Philox(seed, digit).bells(8), digit: Int32Array.of(digit) });
    const wanted = tensorArrayToImage(
      { shape: here['image']!.shape, data: Float32Array.from(here['image']!.data, Number) },
      { low: -1 },
    );
    expect([image.width, image.height, image.channels]).toEqual([28, 28, 1]);
    expect(Buffer.compare(image.data, wanted.data)).toBe(0);
    expect(new Set(image.data).size).toBeGreaterThan(10);
  }
});

it('draws something else for another seed and another digit', async () => {
  const bytes = async (query: string): Promise<string> =>
    Buffer.from(await (await draw(query)).arrayBuffer()).toString('base64');
  const [a, b, c, d] = [
    await bytes('?digit=7&seed=3'),
    await bytes('?digit=7&seed=3'),
    await bytes('?digit=7&seed=4'),
    await bytes('?digit=8&seed=3'),
  ];
  expect(b).toBe(a);
  expect(new Set([a, c, d]).size).toBe(3);
});

it.each([
  ['', 'digit is a whole number from 0 to 9, got none'],
  ['?digit=10&seed=1', 'digit is a whole number from 0 to 9, got "10"'],
  ['?digit=1', 'seed is a whole number'],
  ['?digit=1&seed=-1', 'got "-1"'],
  ['?digit=1&seed=4294967296', 'seed is a whole number'],
  ['?digit=1e0&seed=1', 'got "1e0"'],
])('refuses %j and goes on', async (query, message) => {
  const response = await draw(query);
  const { error } = (await response.json()) as { error: { code: string; message: string } };
  expect([response.status, error.code]).toEqual([400, 'bad_input']);
  expect(error.message).toContain(message);
  expect((await draw('?digit=1&seed=1')).status).toBe(200);
});

it('takes GET alone, keeps the other routes, and refuses a model of another kind', async () => {
  const posted = await draw('?digit=1&seed=1', 'POST');
  expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET']);
  expect((await fetch(`${worker.url}/health`)).status).toBe(200);
  const other = { ...model, inputs: [{ name: 'x', dtype: 'float32', shape: [1, 8] }] } as Model;
  expect(() => createDrawingWorker(other)).toThrow('takes x; a generator takes z and digit');
  expect(drawnFrom(8, 7, 3)).toEqual(drawnFrom(8, 7, 3));
});
