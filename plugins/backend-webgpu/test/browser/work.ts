/** What a page and a worker of it do on the graphics processor: a part of the kit, and a training. */
import { cpu } from '@hebb/backend-cpu';
import { collect, testBackend } from '@hebb/conformance';
import { compile, manualSeed, tensor, withBackend } from '@hebb/core';
import type { Backend, Tensor } from '@hebb/core';
import { Linear, ReLU, Sequential } from '@hebb/nn';
import { crossEntropy, operators } from '@hebb/ops';
import { AdamW } from '@hebb/train';
import { webgpu } from '../../src/index.ts';

export interface Checked {
  readonly passed: number;
  readonly failed: readonly string[];
  readonly milliseconds: number;
}

/** The tests of the kit whose name fits. */
async function conformance(only: string): Promise<Checked> {
  const { runner, run } = collect();
  testBackend('webgpu', () => webgpu(), {
    oracle: cpu,
    ops: operators,
    subnormals: false,
    trainingSteps: 100,
    runner,
  });
  const start = performance.now();
  const { passed, failed } = await run(new RegExp(only));
  return {
    passed: passed.length,
    failed: failed.map(({ name, error }) => `${name}: ${String(error)}`),
    milliseconds: performance.now() - start,
  };
}

export interface Trained {
  /** Of each step, on the graphics processor and on the oracle. */
  readonly losses: readonly number[];
  readonly wanted: readonly number[];
  /** Share of the points that are classified right in the end. */
  readonly accuracy: number;
  /** Values held after ten steps and in the end. */
  readonly held: readonly [number, number];
}

/** Two half circles that reach into each other, and which of them each point is of. */
function moons(count: number): { x: Float32Array; y: Int32Array } {
  const x = new Float32Array(2 * count);
  const y = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const [label, angle] = [i % 2, (Math.PI * i) / count];
    x[2 * i] = label === 0 ? Math.cos(angle) : 1 - Math.cos(angle);
    x[2 * i + 1] = label === 0 ? Math.sin(angle) : 0.5 - Math.sin(angle);
    y[i] = label;
  }
  return { x, y };
}

const points = 64;
const steps = 120;

async function losses(backend: Backend): Promise<Omit<Trained, 'wanted'>> {
  return withBackend(backend, async () => {
    manualSeed(7);
    const model = new Sequential(new Linear(2, 24), new ReLU(), new Linear(24, 2));
    const optimizer = new AdamW({ lr: 0.05 }).attach([...model.parameters()]);
    const step = compile((x: Tensor, y: Tensor) => {
      const loss = crossEntropy(model.forward(x), y);
      optimizer.minimize(loss);
      return loss;
    });
    const { x, y } = moons(points);
    const [given, labels] = [tensor(x, { shape: [points, 2] }), tensor(y, { dtype: 'int32' })];
    const list: number[] = [];
    let early = 0;
    for (let i = 0; i < steps; i++) {
      const loss = await step(given, labels);
      list.push(await loss.item());
      loss.dispose();
      if (i === 9) early = backend.memory().buffers;
    }
    const late = backend.memory().buffers;
    const classes = await model.forward(given).argmax(1).data();
    const right = y.filter((label, i) => label === Number(classes[i])).length;
    return { losses: list, accuracy: right / points, held: [early, late] };
  });
}

/** The same training on WebGPU and on the oracle. */
async function training(): Promise<Trained> {
  const there = await webgpu();
  const got = await losses(there);
  await there.dispose?.();
  return { ...got, wanted: (await losses(cpu())).losses };
}

/** A backend of its own that loses its device in the middle of work, then one that goes on. */
async function loss(): Promise<{ readonly error: string; readonly after: number[] }> {
  const adapter = (await navigator.gpu.requestAdapter())!;
  let device: GPUDevice | undefined;
  const spied = new Proxy(adapter, {
    get: (target, key) => {
      if (key === 'requestDevice') {
        return async (descriptor: GPUDeviceDescriptor) =>
          (device = await target.requestDevice(descriptor));
      }
      return Reflect.get(target, key, target) as unknown;
    },
  });
  const doomed = await webgpu({ adapter: spied });
  const twice = async (): Promise<number[]> =>
    Array.from(await tensor([1, 2, 3]).mul(2).data(), Number);
  const error = await withBackend(doomed, async () => {
    await twice();
    device!.destroy();
    await device!.lost;
    return twice().then(
      () => 'none',
      (reason: unknown) => String(reason),
    );
  });
  return { error, after: await withBackend(await webgpu(), twice) };
}

/** What opening the backend says, and the adapter's name where it opens. */
async function adapter(): Promise<string> {
  try {
    await (await webgpu()).dispose?.();
    const { vendor, architecture } = (await navigator.gpu.requestAdapter())!.info;
    return `${vendor} ${architecture}`;
  } catch (error) {
    return String(error);
  }
}

export interface Answers {
  conformance: Checked;
  training: Trained;
  loss: Awaited<ReturnType<typeof loss>>;
  adapter: string;
}

/** `only` is for `conformance`. */
export function answer(name: keyof Answers, only: string): Promise<Answers[keyof Answers]> {
  switch (name) {
    case 'conformance':
      return conformance(only);
    case 'training':
      return training();
    case 'loss':
      return loss();
    case 'adapter':
      return adapter();
  }
}
