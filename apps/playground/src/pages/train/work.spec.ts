import { cpu } from '@hebb/backend-cpu';
import { init } from '@hebb/core';
import { importOnnx } from '@hebb/onnx';
import type { Burst, Settings, Snapshot, TestResult, View } from './session.ts';
import { create } from './work.ts';

const settings: Settings = {
  architecture: 'linear',
  optimizer: 'adamw',
  lr: 0.003,
  batchSize: 16,
  seed: 1,
};

/** Trains until so many bursts have come. */
async function train(work: ReturnType<typeof create>, count: number) {
  const heard = {
    bursts: [] as Burst[],
    tests: [] as TestResult[],
    views: [] as View[],
    snapshots: [] as Snapshot[],
  };
  await work.run({
    burst: (burst) => {
      heard.bursts.push(burst);
      if (heard.bursts.length >= count) work.pause();
    },
    test: (result) => void heard.tests.push(result),
    view: (view) => void heard.views.push(view),
    snapshot: (snapshot) => void heard.snapshots.push(snapshot),
  });
  return heard;
}

describe('the loop of the training page', () => {
  beforeAll(() => init(cpu()));

  it('tells what happens, pauses, and ends with a state to go on from', async () => {
    const work = create();
    expect(await work.build(settings)).toBe('6000 drawn digits');
    const { bursts, tests, views, snapshots } = await train(work, 3);
    expect(bursts).toHaveLength(3);
    const { step, loss, accuracy } = bursts.at(-1)!;
    expect(step).toBeGreaterThanOrEqual(3);
    expect(loss).toBeGreaterThan(0);
    expect(accuracy).toBeLessThanOrEqual(1);
    expect(tests.at(-1)!.step).toBe(step);
    const { weights, layers, samples, wanted, given } = views.at(-1)!;
    expect([weights.count, weights.height, weights.width]).toEqual([10, 28, 28]);
    expect([layers.length, samples.count, wanted.length, given.length]).toEqual([0, 24, 24, 24]);

    // The same steps after the state, in another worker: the same numbers.
    const other = create();
    await other.build({ ...settings, seed: 1 }, snapshots.at(-1)!);
    expect(await other.step()).toEqual(await work.step());
    expect((await other.test()).loss).toBe((await work.test()).loss);
  });

  it('begins a new run while the last says how it ended', async () => {
    const work = create();
    await work.build(settings);
    const first = train(work, 1);
    // At its first burst it was told to pause; here its last test and picture are still to come.
    while ((await work.test()).step === 0);
    const second = train(work, 4);
    expect((await first).bursts).toHaveLength(1);
    const { bursts, snapshots } = await second;
    expect(bursts).toHaveLength(4);
    // There is a state to go on from since the first burst.
    expect(snapshots[0]!.step).toBe(bursts[0]!.step);
  });

  it('changes the rate of the network that runs', async () => {
    const work = create();
    await work.build(settings);
    await work.step();
    await work.setLearningRate(0);
    const before = (await work.test()).loss;
    await work.step();
    expect((await work.test()).loss).toBe(before);
  });

  it('ends when the loss is no longer a number, and says what to do', async () => {
    const work = create();
    await work.build({ ...settings, optimizer: 'sgd', lr: 1e36 });
    await expect(train(work, 50)).rejects.toThrow(
      /The loss is no longer a number at step \d+: the learning rate is too high\. Lower it/,
    );
    // It goes on with a fresh network.
    await work.build(settings);
    expect((await work.step()).step).toBe(1);
  });

  it('exports what it is', async () => {
    const work = create();
    await work.build({ ...settings, architecture: 'cnn' });
    const model = importOnnx(await work.onnx());
    expect(model.inputs.map(({ name }) => name)).toEqual(['image']);
    expect(model.outputs.map(({ name }) => name)).toEqual(['probabilities']);
  });
});
