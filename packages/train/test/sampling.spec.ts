import { init } from '@hebb/core';
import { cpu } from '@hebb/backend-cpu';
import { ArrayDataset, ndarray } from '@hebb/data';
import { Linear, mseLoss } from '@hebb/nn';
import {
  BalancedSampler,
  BucketBatches,
  DataLoader,
  RandomSampler,
  SGD,
  SamplerBatches,
  SequentialSampler,
  Trainer,
  WeightedRandomSampler,
  crossValidate,
  kFold,
  stratifiedKFold,
} from '../src/index.ts';
import type { Dataset, Sampler } from '../src/index.ts';

beforeAll(async () => {
  await init(cpu());
});

const list = async (sampler: Sampler, epoch = 0) => [...(await sampler.order(epoch))];
const counted = (values: readonly number[], size: number) =>
  Array.from({ length: size }, (_, i) => values.filter((value) => value === i).length);

describe('samplers', () => {
  it('repeat themselves for a seed and epoch, and change with either', async () => {
    const make = [
      (seed: number) => new RandomSampler(50, { seed }),
      (seed: number) => new RandomSampler(50, { seed, replacement: true }),
      (seed: number) =>
        new WeightedRandomSampler(
          Array.from({ length: 50 }, (_, i) => i + 1),
          { seed },
        ),
      (seed: number) =>
        new WeightedRandomSampler(
          Array.from({ length: 50 }, (_, i) => i + 1),
          {
            seed,
            replacement: false,
            count: 20,
          },
        ),
    ];
    for (const of of make) {
      const first = await list(of(3), 2);
      expect(await list(of(3), 2)).toEqual(first);
      expect(await list(of(4), 2)).not.toEqual(first);
      expect(await list(of(3), 1)).not.toEqual(first);
    }
    expect(await list(new SequentialSampler(4))).toEqual([0, 1, 2, 3]);
  });

  it('draw every sample once, or some of them', async () => {
    expect((await list(new RandomSampler(9))).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(await list(new RandomSampler(9, { count: 4 }))).toHaveLength(4);
    const weighted = new WeightedRandomSampler([1, 0, 5, 2], { replacement: false, count: 3 });
    expect((await list(weighted)).sort()).toEqual([0, 2, 3]);
  });

  it('draw in proportion to weights', async () => {
    const counts = counted(await list(new WeightedRandomSampler([1, 0, 3], { count: 8000 })), 3);
    expect(counts[1]).toBe(0);
    expect(counts[2]! / counts[0]!).toBeGreaterThan(2.7);
    expect(counts[2]! / counts[0]!).toBeLessThan(3.3);
    // The first of those drawn without replacement is drawn in proportion too.
    const first = await Promise.all(
      Array.from({ length: 400 }, async (_, epoch) => {
        const sampler = new WeightedRandomSampler([1, 3], { replacement: false, count: 1 });
        return (await sampler.order(epoch))[0]!;
      }),
    );
    expect(counted(first, 2)[1]! / 400).toBeCloseTo(0.75, 1);
  });

  it('balance classes', async () => {
    const labels = Array.from({ length: 100 }, (_, i) => (i < 90 ? 0 : 1));
    const drawn = await list(new BalancedSampler(labels, { count: 2000 }));
    const share = drawn.filter((i) => labels[i] === 1).length / drawn.length;
    expect(share).toBeCloseTo(0.5, 1);
  });

  it('make batches', async () => {
    const batches = await new SamplerBatches(new SequentialSampler(7), {
      batchSize: 3,
      dropLast: true,
    }).batches(0);
    expect(batches.map((batch) => [...batch])).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ]);
    const lengths = Array.from({ length: 200 }, (_, i) => (i * 37) % 101);
    const buckets = await new BucketBatches(lengths, { batchSize: 10, window: 10 }).batches(0);
    const spread = buckets.map((batch) => {
      const own = [...batch].map((i) => lengths[i]!);
      return Math.max(...own) - Math.min(...own);
    });
    expect(Math.max(...spread)).toBeLessThan(25);
    expect(buckets.flatMap((batch) => [...batch]).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 200 }, (_, i) => i),
    );
  });

  it('refuse what makes no sense', () => {
    expect(() => new WeightedRandomSampler([0, 0])).toThrow('no weight is above 0');
    expect(() => new WeightedRandomSampler([1, -1])).toThrow('weight 1 is not usable (got -1');
    expect(() => new WeightedRandomSampler([1, 0], { replacement: false })).toThrow(
      'not that many samples without replacement (got 2, wanted 1)',
    );
    expect(() => new RandomSampler(3, { count: 4 })).toThrow('without replacement');
  });
});

const data = (count: number): Dataset =>
  new ArrayDataset({
    x: ndarray(
      Float32Array.from({ length: count }, (_, i) => Math.sin(i)),
      [count, 1],
    ),
    y: ndarray(
      Float32Array.from({ length: count }, (_, i) => 2 * Math.sin(i)),
      [count, 1],
    ),
  });

describe('a loader with a sampler', () => {
  it('follows it', async () => {
    const loader = new DataLoader(data(4), {
      batchSize: 2,
      sampler: { length: 3, order: () => Int32Array.of(3, 3, 0) },
    });
    const seen: number[][] = [];
    for await (const { indices } of loader) seen.push([...indices]);
    expect(seen).toEqual([[3, 3], [0]]);
    expect(loader.samples).toBe(3);
    const batches = new DataLoader(data(4), {
      batchSampler: { batches: () => [Int32Array.of(1), Int32Array.of(2, 0)] },
    });
    expect((await batches.plan(0)).map((batch) => [...batch])).toEqual([[1], [2, 0]]);
    expect(() => batches.length).toThrow('length is not known with a batchSampler');
  });

  it('refuses samples that are not there, and two orders at once', async () => {
    const loader = new DataLoader(data(4), {
      sampler: { length: 1, order: () => Int32Array.of(4) },
    });
    await expect(loader.plan(0)).rejects.toThrow('there is no such sample (got 4, wanted 0 to 3)');
    const sampler = new SequentialSampler(4);
    expect(() => new DataLoader(data(4), { sampler, shuffle: true })).toThrow('leave out shuffle');
    const empty = new DataLoader(data(4), { batchSampler: { batches: () => [] } });
    await expect(empty.plan(0)).rejects.toThrow('the sampler gives no batches');
  });

  it('asks ahead where batches are promises, and keeps their order', async () => {
    const whole = data(10);
    let [running, most] = [0, 0];
    const slow: Dataset = {
      length: 10,
      get: (i) => whole.get(i),
      batch: async (indices) => {
        running += 1;
        most = Math.max(most, running);
        // The later ones are done first.
        await new Promise((resolve) => setTimeout(resolve, 12 - indices[0]!));
        running -= 1;
        return whole.batch!(indices);
      },
    };
    const seen: number[] = [];
    for await (const { host } of new DataLoader(slow, { batchSize: 2, prefetch: 3 })) {
      seen.push(host.x!.data[0] as number);
    }
    expect(seen).toEqual([0, 2, 4, 6, 8].map((i) => Math.fround(Math.sin(i))));
    expect(most).toBeGreaterThanOrEqual(3);
    const broken: Dataset = {
      ...slow,
      batch: (indices) =>
        indices[0] === 4
          ? Promise.reject(new Error('cannot be read'))
          : Promise.resolve(whole.batch!(indices)),
    };
    const read = async (): Promise<void> => {
      for await (const { size } of new DataLoader(broken, { batchSize: 2 })) expect(size).toBe(2);
    };
    await expect(read()).rejects.toThrow('cannot be read');
  });
});

describe('folds', () => {
  it('test every sample once', async () => {
    const folds = await kFold(11, { folds: 3, seed: 5 });
    expect(folds.map(({ test }) => test.length).sort()).toEqual([3, 4, 4]);
    expect(folds.flatMap(({ test }) => [...test]).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 11 }, (_, i) => i),
    );
    for (const { train, test } of folds) {
      expect(train.length + test.length).toBe(11);
      expect([...train].some((i) => test.includes(i))).toBe(false);
    }
    expect(await kFold(11, { folds: 3, seed: 5 })).toEqual(folds);
    expect((await kFold(4, { folds: 2, shuffle: false })).map(({ test }) => [...test])).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });

  it('give every class its share', async () => {
    const labels = Array.from({ length: 53 }, (_, i) => (i < 30 ? 'a' : i < 46 ? 'b' : 'c'));
    const folds = await stratifiedKFold(labels, { folds: 5 });
    for (const label of ['a', 'b', 'c']) {
      const counts = folds.map(({ test }) => [...test].filter((i) => labels[i] === label).length);
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }
    const sizes = folds.map(({ test }) => test.length);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    await expect(stratifiedKFold([0, 0, 0, 1], { folds: 2 })).rejects.toThrow(
      'class 1 would be missing from a fold (got 1 samples, wanted at least 2)',
    );
    await expect(kFold(2, { folds: 3 })).rejects.toThrow('more folds than samples');
  });

  it('cross-validate', async () => {
    const seen: number[] = [];
    const result = await crossValidate({
      data: data(40),
      folds: await kFold(40, { folds: 4 }),
      make: () =>
        new Trainer({
          model: new Linear(1, 1),
          loss: mseLoss,
          optimizer: new SGD({ lr: 0.3 }),
          metrics: ['mae'],
        }),
      fit: { epochs: 12, batchSize: 8, progress: 'none' },
      onFold: ({ index }) => void seen.push(index),
    });
    expect(seen).toEqual([0, 1, 2, 3]);
    expect(result.folds.map(({ samples }) => samples)).toEqual([10, 10, 10, 10]);
    expect(result.mean.mae).toBeLessThan(0.05);
    const losses = result.folds.map(({ loss }) => loss);
    const mean = losses.reduce((sum, loss) => sum + loss) / 4;
    expect(result.mean.loss).toBeCloseTo(mean, 12);
    expect(result.std.loss).toBeCloseTo(
      Math.sqrt(losses.reduce((sum, loss) => sum + (loss - mean) ** 2, 0) / 3),
      12,
    );
  });
});
