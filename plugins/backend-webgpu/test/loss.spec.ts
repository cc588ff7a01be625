/** A device that is lost, or out of memory, in the middle of training: an error, and the run goes on from its checkpoint. */
import { ArrayDataset, ndarray } from '@hebb/data';
import { HebbError, init, manualSeed, tensor, withBackend } from '@hebb/core';
import { Dropout, Linear, ReLU, Sequential, crossEntropy } from '@hebb/nn';
import { AdamW, Trainer, memoryStore } from '@hebb/train';
import type { Callback, CheckpointStore } from '@hebb/train';
import { webgpu } from '../src/index.ts';
import { gpu } from './software-gpu.ts';
import { adapterWith, spied, wrap } from './spy.ts';

/** Points around three corners. */
function clusters(count: number): ArrayDataset {
  const x = new Float32Array(2 * count);
  const y = Uint8Array.from({ length: count }, (_, i) => i % 3);
  for (let i = 0; i < count; i++) {
    const angle = (2 * Math.PI * y[i]!) / 3;
    x[2 * i] = Math.cos(angle) + 0.3 * Math.sin(7 * i);
    x[2 * i + 1] = Math.sin(angle) + 0.3 * Math.cos(5 * i);
  }
  return new ArrayDataset({ x: ndarray(x, [count, 2]), y: ndarray(y) });
}

const data = clusters(24);
const fit = { epochs: 3, batchSize: 6, progress: 'none', resume: true } as const;

/** Everything that a program begins with, as after a restart. */
function trainerOf(store: CheckpointStore, callbacks: Callback[] = []): Trainer {
  manualSeed(7);
  return new Trainer({
    model: new Sequential(new Linear(2, 8), new ReLU(), new Dropout(0.2), new Linear(8, 3)),
    loss: crossEntropy,
    optimizer: new AdamW({ lr: 0.02 }),
    seed: 3,
    checkpoint: { store, everySteps: 2 },
    callbacks,
  });
}
const weightsOf = async (trainer: Trainer): Promise<number[]> => {
  const lists = Object.values(await trainer.model.stateDict());
  return (await Promise.all(lists.map(async (x) => Array.from(await x.data(), Number)))).flat();
};

let wanted: { weights: number[]; losses: number[] };
beforeAll(async () => {
  await init(await webgpu({ gpu: gpu() }));
  const whole = trainerOf(memoryStore());
  const { epochs } = await whole.fit(data, fit);
  wanted = { weights: await weightsOf(whole), losses: epochs.map(({ loss }) => loss) };
  expect(wanted.losses[2]).toBeLessThan(wanted.losses[0]!);
});

/** Loses the device after so many updates. */
const loses = (updates: number, device: GPUDevice): Callback => ({
  stepEnd: async ({ updates: now }) => {
    if (now !== updates) return;
    device.destroy();
    await device.lost;
  },
});

it.each([5, 6])(
  'a run whose device is lost after %d updates ends as an unbroken one',
  async (updates) => {
    const store = memoryStore();
    const { backend, device } = await spied();
    await init(backend);
    const broken = trainerOf(store, [loses(updates, device)]);
    const error = await broken.fit(data, fit).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(HebbError);
    expect(String(error)).toMatch(/the device is lost.*make a new backend.*last checkpoint/);
    await backend.dispose?.();

    await init(await webgpu({ gpu: gpu() }));
    const resumed = trainerOf(store);
    const { epochs } = await resumed.fit(data, fit);
    expect(epochs.map(({ loss }) => loss)).toEqual(wanted.losses);
    expect(await weightsOf(resumed)).toEqual(wanted.weights);
  },
);

it('memory that cannot be had is an error that names the value', async () => {
  const scopes: boolean[] = [];
  const adapter = await adapterWith((device) => {
    let refused = false;
    wrap(device, 'pushErrorScope', (call) => (filter) => {
      scopes.push(filter === 'out-of-memory');
      call(filter);
    });
    wrap(device, 'createBuffer', (call) => (descriptor) => {
      refused = descriptor.size >= 1 << 20;
      return call(descriptor);
    });
    // A software device takes what the machine has: what a real one would say is put in its place.
    wrap(device, 'popErrorScope', (call) => async () => {
      const isMemory = scopes.pop();
      const says = isMemory === true && refused;
      const error = await call();
      return says ? ({ message: 'out of memory' } as GPUError) : error;
    });
  });
  const backend = await webgpu({ adapter });
  await withBackend(backend, async () => {
    const x = tensor([1, 2, 3]);
    expect(Array.from(await x.mul(2).data(), Number)).toEqual([2, 4, 6]);
    await expect(
      x
        .sum()
        .expand([1 << 18])
        .mul(2)
        .data(),
    ).rejects.toThrow(
      /the device has no memory for float32\[262144\], 1048576 bytes.*last checkpoint with a smaller batch/,
    );
    await expect(x.mul(2).data()).rejects.toThrow(/no memory for float32/);
  });
  await backend.dispose?.();
});
