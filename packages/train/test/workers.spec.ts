import { init, manualSeed } from '@hebb/core';
import { cpu } from '@hebb/backend-cpu';
import { workerDataset } from '@hebb/data/node';
import { CrossEntropyLoss, Flatten, Linear, Sequential } from '@hebb/nn';
import { DataLoader, SGD, Trainer } from '../src/index.ts';

beforeAll(async () => {
  await init(cpu());
});

const source = (slow = 0) => ({
  module: new URL('worker-source.ts', import.meta.url),
  export: 'pictures',
  args: [slow],
});

async function batches(workers: number, epoch: number) {
  await using data = await workerDataset(source(), { workers });
  const found = [];
  for await (const batch of new DataLoader(data, { batchSize: 10, shuffle: true, seed: 4 }).epoch(
    epoch,
  )) {
    found.push({ host: batch.host, indices: [...batch.indices], index: batch.index });
  }
  return found;
}

async function train(workers: number, slow = 0) {
  await using data = await workerDataset(source(slow), { workers });
  manualSeed(1);
  const model = new Sequential(new Flatten(), new Linear(16, 2));
  using trainer = new Trainer({
    model,
    loss: new CrossEntropyLoss(),
    optimizer: new SGD({ lr: 0.1 }),
    metrics: ['accuracy'],
    seed: 2,
  });
  const history = await trainer.fit(data, { epochs: 3, batchSize: 8, progress: 'none' });
  const weights = await Promise.all([...model.parameters()].map((p) => p.value.data()));
  return { weights, epochs: history.epochs };
}

describe('a loader over worker threads', () => {
  it('gives the same batches in the same order as without, bit for bit', async () => {
    for (const epoch of [0, 1]) {
      expect(await batches(2, epoch)).toEqual(await batches(0, epoch));
    }
    expect((await batches(0, 0))[0]).not.toEqual((await batches(0, 1))[0]);
  });

  it('trains to the same weights, each epoch on other pictures', async () => {
    const [here, there] = [await train(0), await train(2)];
    expect(there.weights).toEqual(here.weights);
    expect(there.epochs.map(({ loss }) => loss)).toEqual(here.epochs.map(({ loss }) => loss));
  });

  it('says which share of the time it waited', async () => {
    // Six batches of 100 milliseconds, and next to nothing to compute.
    const slow = await train(0, 100);
    const shares = slow.epochs.map(({ waiting }) => waiting ?? 0);
    expect(Math.max(...shares)).toBeLessThanOrEqual(1);
    // Once all is compiled.
    expect(Math.max(...shares.slice(1))).toBeGreaterThan(0.3);
  });

  it('may be left in the middle', async () => {
    await using data = await workerDataset(source(), { workers: 1 });
    const loader = new DataLoader(data, { batchSize: 4 });
    for await (const batch of loader) {
      if (batch.index === 1) break;
    }
    expect((await loader.batch(Int32Array.of(5))).size).toBe(1);
  });
});
