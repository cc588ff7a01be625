import { cpu } from '@hebb/backend-cpu';
import { testLayer } from '@hebb/conformance';
import { Generator, compile, gradients, init, manualSeed, ones, random, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { Module } from '@hebb/nn';
import { verifyOnnx } from '@hebb/onnx/node';
import { toOnnx } from '@hebb/onnx';
import {
  DcganDiscriminator,
  DcganGenerator,
  EqualizedLinear,
  MappingNetwork,
  ModulatedConv2d,
  PatchDiscriminator,
  StyleGenerator,
  UnetGenerator,
} from '../src/index.ts';

beforeAll(async () => {
  await init(cpu());
  manualSeed(0);
});

const z = (n: number, width: number): Tensor => random.normal(random.key(7), [n, width]);
const images = (...shape: number[]): Tensor => random.normal(random.key(8), shape).tanh();
const digits = (...list: number[]): Tensor => tensor(list, { dtype: 'int32' });
const sequence = (n: number, a: number, b: number): number[] =>
  Array.from({ length: n }, (_, i) => (((i * a + b) % 17) - 8) / 8);

describe('DCGAN', () => {
  it('draws and scores, with and without classes', async () => {
    for (const numClasses of [undefined, 10]) {
      const given = numClasses === undefined ? [] : [digits(3, 7)];
      const size = { imageSize: 28, imageChannels: 1, features: 2 };
      const classes = numClasses === undefined ? {} : { numClasses };
      const joins = new DcganGenerator({ ...size, ...classes, latentSize: 8, condition: 'concat' });
      expect(joins.forward(z(2, 8), ...given).shape).toEqual([2, 1, 28, 28]);
      const g = new DcganGenerator({ ...size, ...classes, latentSize: 8 });
      const drawn = g.forward(z(2, 8), ...given);
      expect(drawn.shape).toEqual([2, 1, 28, 28]);
      for (const condition of ['channel', 'projection'] as const) {
        for (const norm of ['batch', 'spectral', 'none'] as const) {
          const d = new DcganDiscriminator({ ...size, ...classes, condition, norm });
          const score = d.forward(drawn, ...given);
          expect(score.shape).toEqual([2]);
          expect([...(await score.data())].every((x) => Number.isFinite(Number(x)))).toBe(true);
        }
      }
    }
  });
  it('projection adds the product of class vector and features', async () => {
    const d = new DcganDiscriminator({
      imageSize: 8,
      imageChannels: 1,
      features: 2,
      numClasses: 3,
      condition: 'projection',
      norm: 'none',
    });
    const x = images(2, 1, 8, 8);
    const features = d.main.forward(x).sum([2, 3]);
    const vectors = d.embedding!.forward(digits(2, 0));
    const wanted = d.linear!.forward(features).flatten(0).add(features.mul(vectors).sum(1));
    const got = await d.forward(x, digits(2, 0)).data();
    const data = await wanted.data();
    got.forEach((value, i) => expect(Number(value)).toBeCloseTo(Number(data[i]), 5));
  });
  it('names what does not fit', () => {
    const g = new DcganGenerator({ imageSize: 8, features: 2, latentSize: 4, numClasses: 3 });
    expect(() => g.forward(z(2, 5), digits(0, 1))).toThrow('got [2,5], wanted [N,4]');
    expect(() => g.forward(z(2, 4))).toThrow('needs the class of each sample');
    expect(() => g.forward(z(2, 4), digits(0))).toThrow('got int32[1], wanted int32[2]');
    expect(() => new DcganGenerator({ imageSize: 3 })).toThrow('imageSize does not halve');
    expect(() => new DcganDiscriminator({ norm: 'layer' as never })).toThrow('unknown norm');
    const d = new DcganDiscriminator({ imageSize: 8, features: 2 });
    expect(() => d.forward(images(2, 1, 8, 8))).toThrow('got [2,1,8,8], wanted [N,3,8,8]');
    expect(() => d.forward(images(2, 3, 8, 8), digits(0, 1))).toThrow('takes no classes');
  });
});

describe('style-based generator', () => {
  // By weights of each sample and a grouped convolution, as the paper's code does it, in PyTorch 1.13.
  it('modulates as PyTorch does', async () => {
    const conv = new ModulatedConv2d(2, 3, 3, 2, { dtype: 'float64' });
    const put = (data: number[], shape: number[]): Tensor =>
      tensor(data, { shape, dtype: 'float64' });
    conv.weight.set(put(sequence(54, 5, 3), [3, 2, 3, 3]));
    conv.affine.weight.set(put(sequence(4, 3, 1), [2, 2]));
    conv.affine.bias.set(put([1, 0.5], [2]));
    const y = await conv
      .forward(put(sequence(64, 7, 2), [2, 2, 4, 4]), put(sequence(4, 11, 4), [2, 2]))
      .data();
    const wanted = new Map([
      [0, -0.3338443],
      [1, 1.4745277],
      [17, 0.2177693],
      [31, -0.323097],
      [47, -0.3390523],
      [48, -0.3585392],
      [63, 0.5284579],
      [72, 0.1380779],
      [95, -0.5746364],
    ]);
    for (const [i, value] of wanted) expect(Number(y[i])).toBeCloseTo(value, 6);
  });
  it('draws the same image for the same noise in evaluation, others in training', async () => {
    const g = new StyleGenerator({
      imageSize: 8,
      features: 2,
      latentSize: 4,
      styleSize: 6,
      layers: 2,
    });
    for (const block of g.blocks) block.conv1.noiseStrength.set(tensor(0.5));
    const draw = async (): Promise<number[]> => [...(await g.forward(z(2, 4)).data())].map(Number);
    const [a, b] = [await draw(), await draw()];
    expect(a).not.toEqual(b);
    g.eval();
    const [c, d] = [await draw(), await draw()];
    expect(c).toEqual(d);
    expect(c).toHaveLength(2 * 3 * 8 * 8);
    g.truncation = 0;
    const flat = await draw();
    expect(flat.slice(0, 192)).toEqual(flat.slice(192));
  });
  it('keeps the mean style while training', async () => {
    const m = new MappingNetwork({ latentSize: 4, styleSize: 3, layers: 1, numClasses: 2 });
    const step = compile((x: Tensor, y: Tensor) => m.forward(x, y));
    const w = await (await step(z(2, 4), digits(0, 1))).data();
    const mean = await m.meanStyle.value.data();
    for (let i = 0; i < 3; i++) {
      expect(Number(mean[i])).toBeCloseTo(((Number(w[i]) + Number(w[i + 3])) / 2) * 0.005, 6);
    }
  });
  it('refuses an even kernel and a style too few', () => {
    expect(() => new ModulatedConv2d(2, 2, 4, 3)).toThrow('kernelSize is not odd');
    const conv = new ModulatedConv2d(2, 2, 3, 3);
    expect(() => conv.forward(images(2, 2, 4, 4), z(1, 3))).toThrow(
      'needs a style for each sample',
    );
  });
});

describe('pix2pix', () => {
  it('draws images from images and scores patches', () => {
    const g = new UnetGenerator({ levels: 3, features: 2, inChannels: 1 });
    const x = images(2, 1, 16, 16);
    const drawn = g.forward(x);
    expect(drawn.shape).toEqual([2, 3, 16, 16]);
    const d = new PatchDiscriminator({ levels: 1, features: 2, inChannels: 1 });
    expect(d.forward(drawn, x).shape).toEqual([2, 1, 6, 6]);
    expect(() => g.forward(images(1, 1, 12, 12))).toThrow('multiples of 8');
  });
});

const generator = (): Generator => new Generator(5);
testLayer(
  'EqualizedLinear',
  () => new EqualizedLinear(3, 2, { generator: generator(), lrMultiplier: 0.5, bias: 1 }),
  { backend: cpu, input: [2, 3], output: [2, 2], parameters: { weight: [2, 3], bias: [2] } },
);

describe('gradients reach every weight', () => {
  const networks: [string, Module, () => Tensor][] = (() => {
    const g = new DcganGenerator({ imageSize: 8, features: 2, latentSize: 4, numClasses: 3 });
    const s = new StyleGenerator({
      imageSize: 8,
      features: 2,
      latentSize: 4,
      styleSize: 3,
      layers: 2,
    });
    const u = new UnetGenerator({ levels: 3, features: 2 });
    const p = new PatchDiscriminator({ levels: 1, features: 2 });
    return [
      ['DcganGenerator', g, () => g.forward(z(3, 4), digits(0, 1, 2))],
      ['StyleGenerator', s, () => s.forward(z(3, 4))],
      ['UnetGenerator', u, () => u.forward(images(2, 3, 16, 16))],
      ['PatchDiscriminator', p, () => p.forward(images(2, 3, 16, 16), ones([2, 3, 16, 16]))],
    ];
  })();
  it.each(networks)('%s', async (_name, model, forward) => {
    const parameters = [...model.namedParameters()];
    const run = compile(() => {
      const y = forward();
      const weights = random.normal(random.key(3), y.shape);
      return gradients(
        y.mul(weights).sum(),
        parameters.map(([, parameter]) => parameter.value),
      );
    });
    const grads = await run();
    for (const [i, [name]] of parameters.entries()) {
      const data = [...(await grads[i]!.data())].map(Number);
      expect([name, data.every(Number.isFinite), data.some((x) => x !== 0)]).toEqual([
        name,
        true,
        true,
      ]);
    }
  });
});

describe('ONNX Runtime gives the same', () => {
  const cases: [
    string,
    () => Module & { forward(...x: Tensor[]): Tensor },
    Record<string, () => Tensor>,
  ][] = [
    [
      'DcganGenerator',
      () =>
        new DcganGenerator({
          imageSize: 28,
          imageChannels: 1,
          features: 4,
          latentSize: 8,
          numClasses: 10,
        }),
      { z: () => z(3, 8), digit: () => digits(1, 4, 9) },
    ],
    [
      'DcganDiscriminator',
      () =>
        new DcganDiscriminator({
          imageSize: 28,
          imageChannels: 1,
          features: 4,
          numClasses: 10,
          condition: 'projection',
          norm: 'spectral',
        }),
      { image: () => images(3, 1, 28, 28), digit: () => digits(1, 4, 9) },
    ],
    [
      'StyleGenerator',
      () =>
        new StyleGenerator({ imageSize: 16, features: 4, latentSize: 8, styleSize: 8, layers: 2 }),
      { z: () => z(3, 8) },
    ],
    [
      'UnetGenerator',
      () => new UnetGenerator({ levels: 3, features: 4 }),
      { image: () => images(2, 3, 16, 16) },
    ],
    [
      'PatchDiscriminator',
      () => new PatchDiscriminator({ levels: 1, features: 4 }),
      { drawn: () => images(2, 3, 16, 16), given: () => images(2, 3, 16, 16) },
    ],
  ];
  it.each(cases)('%s', async (_name, make, inputs) => {
    const model = make().eval();
    const given = Object.fromEntries(
      Object.entries(inputs).map(([name, value]) => [name, value()]),
    );
    const input = Object.fromEntries(
      Object.entries(given).map(([name, { shape, dtype }]) => [
        name,
        { shape: ['batch', ...shape.slice(1)], dtype },
      ]),
    );
    const file = await toOnnx(model, { input, output: ['y'] });
    const result = await verifyOnnx(file, model, { cases: [given], rtol: 1e-4, atol: 1e-5 });
    expect(result.ok).toBe(true);
  });
});
