/** Many requests at once on real workerd, each answer held against the first: LeNet compiled. `HEBB_LOAD=10000` sends more. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cpu } from '@hebb/backend-cpu';
import { compileFunctions, writeCompiled } from '@hebb/cli';
import { init, manualSeed, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { digits } from '@hebb/data';
import { load, memoryBelow, startWorker } from '@hebb/edge/node';
import type { LoadReport } from '@hebb/edge/node';
import { Conv2d, MaxPool2d } from '@hebb/layers-cnn';
import { Flatten, Linear, ReLU, Sequential, Softmax } from '@hebb/nn';

const requests = Number(process.env['HEBB_LOAD'] ?? 1000);
const out = join(dirname(fileURLToPath(import.meta.url)), '../out');

it(`answers ${requests} requests at concurrency 64, in JSON and in binary, all right and in flat memory`, async () => {
  await init(cpu());
  manualSeed(3);
  const net = new Sequential(
    ...[new Conv2d(1, 6, 5, { padding: 2 }), new ReLU(), new MaxPool2d(2)],
    ...[new Conv2d(6, 16, 5), new ReLU(), new MaxPool2d(2), new Flatten()],
    ...[new Linear(400, 120), new ReLU(), new Linear(120, 84), new ReLU(), new Linear(84, 10)],
    new Softmax(1),
  ).eval();
  const built = await compileFunctions(
    {
      name: 'lenet',
      functions: {
        run: { run: (x: Tensor) => net.forward(x), input: { x: [1, 1, 28, 28] }, output: 'y' },
      },
    },
    { simd: ['relaxed'] },
  );
  await mkdir(out, { recursive: true });
  const directory = await mkdtemp(join(out, 'load-'));
  await writeCompiled(built, 'worker', directory);
  const drawn = digits({ count: 16, seed: 5 });
  const pictures = Array.from({ length: 16 }, (_, i) =>
    Float32Array.from(drawn.get(i).image.data as Uint8Array, (x) => x / 255),
  );
  const wanted = await Promise.all(
    pictures.map(async (data) =>
      Float32Array.from(await net.forward(tensor(data, { shape: [1, 1, 28, 28] })).data(), Number),
    ),
  );
  const isRight = (got: ArrayLike<number>, i: number): boolean =>
    got.length === 10 && wanted[i % 16]!.every((x, k) => Math.abs(got[k]! - x) < 1e-5);
  const shape = [1, 1, 28, 28];
  const json = pictures.map((data) => JSON.stringify({ input: { shape, data: [...data] } }));
  const head = JSON.stringify({
    inputs: [{ name: 'x', datatype: 'FP32', shape, parameters: { binary_data_size: 3136 } }],
    parameters: { binary_data_output: true },
  });
  const binary = pictures.map((data) =>
    Buffer.concat([Buffer.from(head), Buffer.from(data.buffer)]),
  );
  const worker = await startWorker({ directory, conditions: ['@hebb/source'] });
  try {
    const common = {
      url: worker.url,
      concurrency: 64,
      memory: () => memoryBelow(worker.pid, 'workerd'),
    };
    const plain = (count: number): Promise<LoadReport> =>
      load({
        ...common,
        requests: count,
        request: (i) => ({
          path: '/predict',
          headers: { 'content-type': 'application/json' },
          body: json[i % 16]!,
        }),
        check: ({ status, body }, i) => {
          if (status !== 200) return false;
          const answer = JSON.parse(Buffer.from(body).toString()) as {
            outputs: { y: { data: number[] } };
          };
          return isRight(answer.outputs.y.data, i);
        },
      });
    // workerd's heap grows to its size first.
    await plain(Math.min(requests, 2000));
    const reports = [
      await plain(requests),
      await load({
        ...common,
        requests,
        request: (i) => ({
          path: '/v2/models/lenet/infer',
          headers: { 'inference-header-content-length': String(head.length) },
          body: binary[i % 16]!,
        }),
        check: ({ status, headers, body }, i) => {
          const at = Number(headers['inference-header-content-length']);
          return status === 200 && isRight(new Float32Array(body.slice(at).buffer), i);
        },
      }),
    ];
    for (const { wrong, failed, statuses, memory } of reports) {
      expect([wrong, failed, statuses]).toEqual([0, 0, { 200: requests }]);
      expect(Math.max(...memory.slice(-3))).toBeLessThan(memory[0]! + 100 * 2 ** 20);
    }
    if (requests > 1000) {
      for (const { memory, ...report } of reports) {
        const megabytes = memory.map((bytes) => Math.round(bytes / 2 ** 20));
        console.warn(JSON.stringify({ ...report, megabytes }));
      }
    }
  } finally {
    await worker.stop();
    await rm(directory, { recursive: true, force: true });
  }
}, 600_000);
