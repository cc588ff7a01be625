import {
  Generator,
  defaultGenerator,
  manualSeed,
  random,
  randomBits,
  tensor,
} from '../src/index.ts';
import type { DType, Tensor } from '../src/index.ts';
import { numbers, start } from './support.ts';

beforeAll(start);

const moments = (x: readonly number[]) => {
  const mean = x.reduce((a, b) => a + b, 0) / x.length;
  const at = (p: number) => x.reduce((a, b) => a + (b - mean) ** p, 0) / x.length;
  const variance = at(2);
  return { mean, variance, skew: at(3) / variance ** 1.5, kurtosis: at(4) / variance ** 2 };
};

describe('random bits', () => {
  it('are Philox4x32-10: the known answer for key and counter 0', async () => {
    // kat_vectors of Random123 (Salmon et al. 2011).
    const bits = await randomBits(tensor(Uint32Array.of(0, 0)), [4]).data();
    expect([...bits]).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
  });

  it('depend on the position alone, not on the shape', async () => {
    const key = random.key(3);
    const long = await numbers(randomBits(key, [10]));
    expect(await numbers(randomBits(key, [7]))).toEqual(long.slice(0, 7));
    expect(await numbers(randomBits(key, [2, 5]))).toEqual(long);
    expect(await numbers(randomBits(key, [0]))).toEqual([]);
  });

  it('repeat for a key, and differ between keys', async () => {
    const draw = (key: Tensor) => numbers(random.uniform(key, [100]));
    expect(await draw(random.key(1))).toEqual(await draw(random.key(1)));
    expect(await draw(random.key(1))).not.toEqual(await draw(random.key(2)));
    expect(await draw(random.key(1))).not.toEqual(await draw(random.key(1 + 2 ** 40)));
    const [a, b] = random.split(random.key(1));
    const all = await Promise.all([a!, b!, random.key(1)].map(draw));
    expect(new Set(all.map(String)).size).toBe(3);
  });
});

describe('distributions', () => {
  const n = 20000;

  it.each<[DType]>([['float32'], ['float64'], ['float16'], ['bfloat16']])(
    'uniform in %s lies in [0, 1) with the right moments',
    async (dtype) => {
      const u = random.uniform(random.key(11), [n], { dtype });
      expect(u.dtype).toBe(dtype);
      const x = await numbers(u);
      expect(Math.min(...x)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...x)).toBeLessThan(1);
      const { mean, variance } = moments(x);
      // Four standard errors of the mean are 0.008; the coarse grid of bfloat16 costs 2^-9.
      expect(Math.abs(mean - 0.5)).toBeLessThan(0.011);
      expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.003);
    },
  );

  it('uniform takes bounds', async () => {
    const x = await numbers(random.uniform(random.key(1), [n], { low: -3, high: 5 }));
    expect(Math.min(...x)).toBeGreaterThanOrEqual(-3);
    expect(Math.max(...x)).toBeLessThanOrEqual(5);
    expect(Math.abs(moments(x).mean - 1)).toBeLessThan(0.07);
  });

  it.each<[DType]>([['float32'], ['float64']])(
    'normal in %s has the right moments',
    async (dtype) => {
      const x = await numbers(random.normal(random.key(5), [n], { dtype }));
      expect(x.every(Number.isFinite)).toBe(true);
      const { mean, variance, skew, kurtosis } = moments(x);
      expect(Math.abs(mean)).toBeLessThan(0.03);
      expect(Math.abs(variance - 1)).toBeLessThan(0.04);
      expect(Math.abs(skew)).toBeLessThan(0.07);
      expect(Math.abs(kurtosis - 3)).toBeLessThan(0.15);
      const within = x.filter((v) => Math.abs(v) < 1).length / n;
      expect(Math.abs(within - 0.6827)).toBeLessThan(0.014);
      // The two halves of Box and Muller's transform are not correlated.
      const half = n / 2;
      const cross = x.slice(0, half).reduce((s, v, i) => s + v * x[half + i]!, 0) / half;
      expect(Math.abs(cross)).toBeLessThan(0.04);
    },
  );

  it('normal takes mean, deviation and odd sizes', async () => {
    const x = random.normal(random.key(5), [3, 7], { mean: 10, std: 0 });
    expect(x.shape).toEqual([3, 7]);
    expect(await numbers(x)).toEqual(Array.from({ length: 21 }, () => 10));
    expect(random.normal(random.key(5), []).shape).toEqual([]);
    expect(await numbers(random.normal(random.key(5), [0]))).toEqual([]);
  });

  it('bernoulli hits its probability, and 0 and 1 exactly', async () => {
    const count = async (p: number) =>
      (await numbers(random.bernoulli(random.key(8), [n], p))).reduce((a, b) => a + b, 0);
    expect(Math.abs((await count(0.3)) / n - 0.3)).toBeLessThan(0.014);
    expect(await count(0)).toBe(0);
    expect(await count(1)).toBe(n);
  });

  it('integers cover their range evenly, negative bounds included', async () => {
    const x = random.integers(random.key(4), [n], -3, 4);
    expect(x.dtype).toBe('int32');
    const counts = new Map<number, number>();
    for (const v of await numbers(x)) counts.set(v, (counts.get(v) ?? 0) + 1);
    expect([...counts.keys()].sort((a, b) => a - b)).toEqual([-3, -2, -1, 0, 1, 2, 3]);
    for (const count of counts.values()) expect(Math.abs(count / n - 1 / 7)).toBeLessThan(0.011);
  });

  it('permutation has each position once, in an order of its own', async () => {
    for (const n of [0, 1, 2, 257]) {
      const p = await numbers(random.permutation(random.key(n + 1), n));
      expect([...p].sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
    }
    const p = await numbers(random.permutation(random.key(1), 100));
    expect(p).not.toEqual([...p].sort((a, b) => a - b));
    expect(p).not.toEqual(await numbers(random.permutation(random.key(2), 100)));
  });
});

describe('generators', () => {
  it('give other keys each time, the same ones for a seed, and start over', async () => {
    const g = new Generator(42);
    const first = [await numbers(g.next()), await numbers(g.next())];
    expect(first[0]).not.toEqual(first[1]);
    g.seed(42);
    expect([await numbers(g.next()), await numbers(g.next())]).toEqual(first);
    expect(await numbers(new Generator(43).next())).not.toEqual(first[0]);
  });

  it('have a default one that manualSeed seeds', async () => {
    manualSeed(7);
    const a = await numbers(defaultGenerator.next());
    manualSeed(7);
    expect(await numbers(defaultGenerator.next())).toEqual(a);
    expect(() => manualSeed(0.5)).toThrow(/seed/);
  });

  it('do not build up a chain when many keys are drawn before any is used', async () => {
    const g = new Generator(1);
    const keys = Array.from({ length: 2000 }, () => g.next());
    const last = await numbers(keys.at(-1)!);
    expect(last).toHaveLength(2);
  });
});
