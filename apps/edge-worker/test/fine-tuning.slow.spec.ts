/** A compiled training step on real local workerd: it learns there as it does in Node, from saved state on too. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cpu } from '@hebb/backend-cpu';
import { compileFunctions, writeCompiled } from '@hebb/cli';
import { compile, init, manualSeed, random, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { startWorker } from '@hebb/edge/node';
import type { LocalWorker } from '@hebb/edge/node';
import { Linear, ReLU, Sequential, crossEntropy } from '@hebb/nn';
import { AdamW } from '@hebb/train';

/** Keeps one model for all requests: `/step` trains, `/predict` asks, `/state` saves and restores. */
const script = `import { loadModel } from './compiled/index.js';
import { supports } from '@hebb/runtime';
const model = await loadModel();
const answer = (values) =>
  Response.json(Object.fromEntries(Object.entries(values).map(([name, x]) => [name, Array.from(x.data, Number)])));
export default {
  async fetch(request) {
    switch (new URL(request.url).pathname) {
      case '/health':
        return Response.json({ relaxed: supports('relaxed-simd') });
      case '/step': {
        const { x, y } = await request.json();
        return answer(model.run({ x: Float32Array.from(x), y: Int32Array.from(y) }));
      }
      case '/predict':
        return answer(model.call('predict', { x: Float32Array.from((await request.json()).x) }));
      case '/state': {
        if (request.method === 'GET') return answer(model.state());
        const now = model.state();
        const given = await request.json();
        const values = Object.entries(given).map(([name, data]) => [
          name,
          { shape: now[name].shape, data: now[name].data.constructor.from(data) },
        ]);
        model.loadState(Object.fromEntries(values));
        return new Response(null, { status: 204 });
      }
    }
    return new Response(null, { status: 404 });
  },
};
`;

await init(cpu());
manualSeed(5);
const net = new Sequential(new Linear(6, 16), new ReLU(), new Linear(16, 3));
const optimizer = new AdamW({ lr: 0.02 }).attach(net.parameters());
const step = (x: Tensor, y: Tensor) => {
  const loss = crossEntropy(net.forward(x), y);
  optimizer.minimize(loss);
  return { loss };
};
const images = random.normal(random.key(1), [12, 6]);
const classes = Array.from({ length: 12 }, (_, i) => i % 3);

let directory: string;
let worker: LocalWorker;
beforeAll(async () => {
  const out = join(dirname(fileURLToPath(import.meta.url)), '../out');
  await mkdir(out, { recursive: true });
  directory = await mkdtemp(join(out, 'tuning-'));
  const built = await compileFunctions(
    {
      name: 'tuning',
      functions: {
        step: { run: step, input: { x: [12, 6], y: { shape: [12], dtype: 'int32' } } },
        predict: { run: (x) => net.forward(x), input: { x: [1, 6] }, output: 'scores' },
      },
      state: { net, optimizer },
    },
    { simd: ['relaxed'] },
  );
  await writeCompiled(built, 'worker', join(directory, 'compiled'));
  await writeFile(join(directory, 'worker.js'), script);
  const configuration = { name: 'tuning', main: 'worker.js', compatibility_date: '2026-04-01' };
  await writeFile(join(directory, 'wrangler.json'), JSON.stringify(configuration));
  worker = await startWorker({ directory, conditions: ['@hebb/source'] });
});
afterAll(async () => {
  await worker.stop();
  await rm(directory, { recursive: true, force: true });
});

type Answer = Record<string, number[]>;
async function ask(path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(
    `${worker.url}${path}`,
    body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) },
  );
  expect(response.ok).toBe(true);
  return response.status === 204 ? {} : ((await response.json()) as Answer);
}

it('learns in the worker as the library does in Node, and goes on from saved state', async () => {
  expect(await ask('/health')).toEqual({ relaxed: true });
  const x = Array.from(await images.data(), Number);
  const here = compile(step);
  const labels = tensor(classes, { dtype: 'int32' });
  const losses: number[] = [];
  let saved: Answer = {};
  for (let i = 0; i < 30; i++) {
    if (i === 15) saved = await ask('/state');
    const { loss } = await ask('/step', { x, y: classes });
    losses.push(loss![0]!);
    const [wanted] = await (await here(images, labels)).loss.data();
    expect(Math.abs(loss![0]! - Number(wanted))).toBeLessThan(1e-4);
  }
  expect(losses.at(-1)).toBeLessThan(losses[0]! / 2);
  const { scores } = await ask('/predict', { x: x.slice(0, 6) });
  const learned = await net.forward(tensor([x.slice(0, 6)])).data();
  scores!.forEach((score, k) => expect(Math.abs(score - Number(learned[k]))).toBeLessThan(1e-3));
  // From the middle once more: the same losses to the bit.
  await ask('/state', saved);
  for (let i = 15; i < 30; i++) {
    expect((await ask('/step', { x, y: classes }))['loss']).toEqual([losses[i]]);
  }
});
