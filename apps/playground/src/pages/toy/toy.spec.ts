import { wasm } from '@hebb/backend-wasm';
import { init } from '@hebb/core';
import { datasets, extent, makePoints } from './data.ts';
import { ToyTraining } from './network.ts';
import { mostPoints, resolution } from './settings.ts';
import type { Architecture } from './settings.ts';

const architecture: Architecture = {
  layers: [5, 3],
  features: ['x', 'y'],
  activation: 'tanh',
  optimizer: 'adam',
  seed: 3,
};
const rates = { lr: 0.03, l1: 0, l2: 0, batch: 10 };

describe('points', () => {
  it.each(datasets)('of %s: half of each kind, inside, the same for a seed', (name) => {
    const options = { count: 200, noise: 0.2, seed: 5 };
    const points = makePoints(name, options);
    expect(points.filter(({ kind }) => kind === 1)).toHaveLength(100);
    expect(points.every(({ x, y }) => Math.abs(x) <= extent && Math.abs(y) <= extent)).toBe(true);
    expect(makePoints(name, options)).toEqual(points);
    expect(makePoints(name, { ...options, seed: 6 })).not.toEqual(points);
  });
});

describe('the network', () => {
  beforeAll(async () => void (await init(wasm({ threads: 1 }))));
  const points = makePoints('circles', { count: 300, noise: 0.1, seed: 1 });

  it('learns circles, and shows what each unit sees', async () => {
    const training = new ToyTraining(architecture);
    training.rates = rates;
    training.data(points.slice(0, 150), points.slice(150));
    const before = await training.look();
    expect(before.step).toBe(0);
    await training.train(400);
    const after = await training.look();
    expect(after.step).toBe(400);
    expect(after.train.loss).toBeLessThan(before.train.loss / 4);
    expect(after.test.accuracy).toBeGreaterThan(0.95);
    // Kind 1 is in the middle of the plane.
    const middle = (resolution / 2) * resolution + resolution / 2;
    expect(after.surface[middle]).toBeGreaterThan(0.9);
    expect(after.surface[0]).toBeLessThan(0.1);
    expect(after.units).toHaveLength(8 * resolution ** 2);
    expect(after.weights.map(({ length }) => length)).toEqual([10, 15, 3]);
    training.dispose();
  });

  it('shrinks weights that are punished, and stands still at a rate of 0', async () => {
    const size = async (l2: number): Promise<number> => {
      const training = new ToyTraining({ ...architecture, optimizer: 'sgd' });
      training.rates = { ...rates, lr: 0.1, l2 };
      training.data(points, []);
      await training.train(150);
      const { weights, test } = await training.look();
      expect(test.loss).toBeNaN();
      training.dispose();
      return weights.flatMap((w) => [...w]).reduce((sum, w) => sum + w * w, 0);
    };
    expect(await size(0.1)).toBeLessThan((await size(0)) / 2);
    const still = new ToyTraining(architecture);
    still.rates = { ...rates, lr: 0 };
    still.data(points, []);
    const { weights } = await still.look();
    await still.train(3);
    expect((await still.look()).weights).toEqual(weights);
    still.dispose();
  });

  it('takes no points, one point and too many', async () => {
    const training = new ToyTraining({ ...architecture, layers: [] });
    training.rates = rates;
    training.data([], []);
    await training.train(5);
    const none = await training.look();
    expect(none.step).toBe(0);
    expect(none.units).toHaveLength(0);
    training.data([{ x: 1, y: 2, kind: 1 }], []);
    await training.train(5);
    expect((await training.look()).train.loss).toBeLessThan(1);
    training.data(makePoints('xor', { count: mostPoints + 50, noise: 0, seed: 0 }), []);
    await training.train(1);
    expect(Number.isFinite((await training.look()).train.loss)).toBe(true);
    training.dispose();
  });
});
