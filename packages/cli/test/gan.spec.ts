/** Networks against each other on wasm: second-order gradients, and whole steps, as the oracle computes them. */
import { cpu } from '@hebb/backend-cpu';
import { wasm } from '@hebb/backend-wasm';
import { compile, gradients, init, manualSeed, random, tensor } from '@hebb/core';
import type { Backend, DType, Tensor } from '@hebb/core';
import {
  DcganDiscriminator,
  DcganGenerator,
  StyleGenerator,
  gradientPenalty,
  hingeLoss,
  r1Penalty,
} from '@hebb/layers-gan';
import { ArrayDataset, ndarray } from '@hebb/data';
import { Adam, GanTrainer } from '@hebb/train';

const size = { imageSize: 8, imageChannels: 1, features: 4, numClasses: 3 } as const;
const digits = (n: number): Tensor =>
  tensor(
    Array.from({ length: n }, (_, i) => i % 3),
    { dtype: 'int32' },
  );
const numbers = async (x: Tensor): Promise<number[]> => [...(await x.data())].map(Number);

/** Values and gradients of the discriminator's weights under a penalty. */
async function penalties(backend: Backend, dtype: DType): Promise<number[][]> {
  await init(backend);
  manualSeed(4);
  const d = new DcganDiscriminator({ ...size, condition: 'projection', norm: 'none', dtype });
  const run = compile((real: Tensor, fake: Tensor, mix: Tensor, classes: Tensor) => {
    const critic = (x: Tensor): Tensor => d.forward(x, classes);
    const both = gradientPenalty(critic, real, fake, { mix }).add(r1Penalty(critic, real));
    return [
      both,
      ...gradients(
        both,
        d.parameters().map((p) => p.value),
      ),
    ];
  });
  const draw = (seed: number): Tensor =>
    random.normal(random.key(seed), [6, 1, 8, 8]).to(dtype).tanh();
  const mix = tensor([0.1, 0.3, 0.5, 0.7, 0.9, 0.2], { dtype });
  return Promise.all((await run(draw(1), draw(2), mix, digits(6))).map(numbers));
}

/** Largest difference over the largest value. */
function difference(got: readonly number[], wanted: readonly number[]): number {
  expect(got).toHaveLength(wanted.length);
  const largest = wanted.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-6);
  return got.reduce((most, x, i) => Math.max(most, Math.abs(x - wanted[i]!)), 0) / largest;
}

it('penalties on slopes, with gradients through gradients', async () => {
  const oracle = await penalties(cpu(), 'float64');
  const got = await penalties(wasm(), 'float32');
  expect(oracle[0]![0]).toBeGreaterThan(1);
  expect(got).toHaveLength(oracle.length);
  for (const [i, wanted] of oracle.entries())
    expect(difference(got[i]!, wanted)).toBeLessThan(1e-4);
  // All but the bias of the last layer, on which no slope depends.
  expect(oracle.slice(1).map((g) => g.some((x) => x !== 0))).toContain(false);
  expect(oracle.slice(1).filter((g) => g.some((x) => x !== 0))).toHaveLength(3);
});

it('penalties agree with finite differences along a direction', async () => {
  await init(cpu());
  manualSeed(4);
  const d = new DcganDiscriminator({
    ...size,
    condition: 'projection',
    norm: 'none',
    dtype: 'float64',
  });
  const real = random.normal(random.key(1), [3, 1, 8, 8], { dtype: 'float64' });
  const parameters = d.parameters();
  const directions = parameters.map((p, i) =>
    random.normal(random.key(50 + i), p.shape, { dtype: 'float64' }),
  );
  const at = compile((h: Tensor) => {
    const before = parameters.map((p) => p.value);
    parameters.forEach((p, i) => (p.value = before[i]!.add(directions[i]!.mul(h))));
    const moved = parameters.map((p) => p.value);
    const value = r1Penalty((x) => d.forward(x, digits(3)), real);
    const slope = gradients(value, moved).reduce(
      (sum, g, i) => sum.add(g.mul(directions[i]!).sum()),
      tensor(0, { dtype: 'float64' }),
    );
    parameters.forEach((p, i) => (p.value = before[i]!));
    return [value, slope];
  });
  const values = async (h: number): Promise<number[]> =>
    Promise.all((await at(tensor(h, { dtype: 'float64' }))).map(async (x) => x.item()));
  const h = 1e-5;
  const [[up], [down], [, slope]] = [await values(h), await values(-h), await values(0)] as [
    number[],
    number[],
    number[],
  ];
  expect(Math.abs((up! - down!) / (2 * h) / slope! - 1)).toBeLessThan(1e-5);
});

it('a short run of a trainer gives what the oracle gives', async () => {
  const runOn = async (backend: Backend): Promise<number[][]> => {
    await init(backend);
    manualSeed(6);
    const trainer = new GanTrainer({
      generator: new DcganGenerator({ ...size, latentSize: 8 }),
      discriminator: new DcganDiscriminator({
        ...size,
        condition: 'projection',
        norm: 'spectral',
        minibatchStd: true,
      }),
      latentSize: 8,
      loss: hingeLoss(),
      optimizers: {
        generator: new Adam({ lr: 1e-3, eps: 1e-4 }),
        discriminator: new Adam({ lr: 1e-3, eps: 1e-4 }),
      },
      penalty: gradientPenalty,
      criticSteps: 2,
      ema: true,
      collapse: false,
    });
    const image = Float32Array.from({ length: 24 * 64 }, (_, i) => Math.sin(i * i * 0.37));
    const data = new ArrayDataset({
      image: ndarray(image, [24, 1, 8, 8]),
      label: ndarray(Int32Array.from({ length: 24 }, (_, i) => i % 3)),
    });
    const { epochs } = await trainer.fit(data, { batchSize: 6, progress: 'none' });
    const drawn = await trainer.generate(trainer.latents(3), { conditions: [digits(3)] });
    return [[epochs[0]!.loss, ...Object.values(epochs[0]!.metrics)], await numbers(drawn)];
  };
  const [oracle, got] = [await runOn(cpu()), await runOn(wasm())];
  expect(difference(got[0]!, oracle[0]!)).toBeLessThan(1e-3);
  expect(difference(got[1]!, oracle[1]!)).toBeLessThan(5e-3);
});

it('a style-based generator and its gradients', async () => {
  const runOn = async (backend: Backend, dtype: DType): Promise<number[][]> => {
    await init(backend);
    manualSeed(8);
    const g = new StyleGenerator({
      imageSize: 8,
      features: 4,
      latentSize: 6,
      styleSize: 5,
      layers: 2,
      dtype,
    }).eval();
    const run = compile((z: Tensor) => {
      const image = g.forward(z);
      return [
        image,
        ...gradients(
          image.mul(image).mean(),
          g.parameters().map((p) => p.value),
        ),
      ];
    });
    return Promise.all((await run(random.normal(random.key(2), [3, 6]).to(dtype))).map(numbers));
  };
  const [oracle, got] = [await runOn(cpu(), 'float64'), await runOn(wasm(), 'float32')];
  for (const [i, wanted] of oracle.entries())
    expect(difference(got[i]!, wanted)).toBeLessThan(1e-3);
});
