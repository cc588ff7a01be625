import { wasm } from '@hebb/backend-wasm';
import { init } from '@hebb/core';
import { Contest } from './contest.ts';
import { cloudSampler, clouds, pictureSampler, pictureSize, pictures } from './data.ts';
import { losses, opinionSize } from './settings.ts';

const rates = { generator: 2e-3, discriminator: 2e-3 };

it.each(clouds)('%s lies in the plane, the same for a seed', (name) => {
  const points = cloudSampler(name, 4)(500);
  expect(points).toHaveLength(1000);
  expect(points.every((x) => Math.abs(x) < 1.3)).toBe(true);
  expect(cloudSampler(name, 4)(500)).toEqual(points);
});

it.each(pictures)('%s are pictures of some ink, not all alike', (name) => {
  const pixels = pictureSize ** 2;
  const made = pictureSampler(name, 2)(20);
  expect(Math.min(...made)).toBe(-1);
  expect(Math.max(...made)).toBe(1);
  const ink = Array.from(
    { length: 20 },
    (_, i) => made.subarray(i * pixels, (i + 1) * pixels).filter((x) => x > 0).length,
  );
  for (const n of ink) expect(n).toBeGreaterThan(8);
  expect(new Set(ink).size).toBeGreaterThan(3);
});

describe('the contest', () => {
  beforeAll(async () => void (await init(wasm({ threads: 1 }))));

  /** Share of points on the ring of radius 0.72. */
  const onRing = (points: Float32Array): number => {
    let count = 0;
    for (let i = 0; i < points.length; i += 2) {
      count += Number(Math.abs(Math.hypot(points[i]!, points[i + 1]!) - 0.72) < 0.15);
    }
    return count / (points.length / 2);
  };

  it('brings points onto the ring', async () => {
    const contest = new Contest({ target: 'ring', loss: 'non-saturating', seed: 1, batch: 64 });
    contest.rates = rates;
    expect(onRing(contest.real(256))).toBeGreaterThan(0.99);
    expect(onRing(await contest.samples(256, 0))).toBeLessThan(0.2);
    await contest.advance(350);
    expect(onRing(await contest.samples(256, 0))).toBeGreaterThan(0.4);
    expect(contest.news().updates).toBe(350);
    expect(await contest.opinion()).toHaveLength(opinionSize ** 2);
    contest.dispose();
  });

  it.each(losses)('goes on by the loss %s, in points and pictures', async (loss) => {
    for (const target of ['moons', 'shapes'] as const) {
      const contest = new Contest({ target, loss, seed: 1, batch: 8 });
      contest.rates = rates;
      const before = await contest.samples(4, 7);
      await contest.advance(2);
      const { generator, discriminator } = contest.news();
      expect([generator, discriminator].every(Number.isFinite)).toBe(true);
      const after = await contest.samples(4, 7);
      expect(after).not.toEqual(before);
      expect(await contest.samples(4, 7)).toEqual(after);
      const way = await contest.between(1, 2, 5);
      const size = after.length / 4;
      expect(way).toHaveLength(5 * size);
      const one = Array.from(await contest.samples(1, 1));
      expect(one).toEqual(
        Array.from(way.subarray(0, size), (x) => expect.closeTo(x, 4) as unknown),
      );
      contest.dispose();
    }
  });
});
