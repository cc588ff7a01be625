import path from 'node:path';
import { Generator, init, ones, tensor, zeros } from '@hebb/core';
import { cpu } from '@hebb/backend-cpu';
import {
  failureLine,
  listFamilies,
  readFamily,
  referenceFolder,
  runCase,
} from '@hebb/conformance/reference';
import { Sequential, spectralNorm } from '@hebb/nn';
import {
  AdaptiveAvgPool2d,
  BatchNorm1d,
  BatchNorm2d,
  Conv1d,
  Conv2d,
  ConvTranspose2d,
  GroupNorm,
  InstanceNorm2d,
  LPPool1d,
  MaxPool2d,
  MaxPool2dWithIndices,
  MaxUnpool2d,
  StochasticDepth,
  Upsample,
  ZeroPad2d,
  resnetCifar,
} from '../src/index.ts';
import { layerCases } from './layer-cases.ts';

beforeAll(async () => {
  await init(cpu());
});

const folder = referenceFolder(path.resolve(import.meta.dirname, '../../..'));
const present = (await listFamilies(folder)) ?? [];

describe.each(['float32', 'float64'] as const)('layers follow PyTorch in %s', (dtype) => {
  for (const [family, table] of Object.entries(layerCases)) {
    if (!present.includes(family)) {
      it.skip(`${family}: needs the reference cases in ${folder}`, () => undefined);
      continue;
    }
    it(family, async () => {
      const cases = (await readFamily(folder, family)).filter(({ op }) => op in table);
      const results = [];
      for (const given of cases) results.push(await runCase(given, { tables: layerCases, dtype }));
      expect(results.filter(({ verdict }) => verdict === 'failed').map(failureLine)).toEqual([]);
      const passed = results.filter(({ verdict }) => verdict === 'passed').length;
      expect(passed).toBeGreaterThan(family === 'convolution' ? 75 : 18);
    });
  }
});

describe('batch normalisation', () => {
  it('averages all batches when momentum is null', async () => {
    const layer = new BatchNorm1d(1, { momentum: null });
    for (const value of [1, 3, 8]) await layer.forward(ones([4, 1]).mul(value)).data();
    expect(await layer.runningMean!.value.item()).toBeCloseTo(4, 5);
    expect(await layer.numBatchesTracked!.value.item()).toBe(3);
  });
});

describe('instance normalisation', () => {
  it('keeps statistics where asked to, and uses them in evaluation', async () => {
    const layer = new InstanceNorm2d(1, { trackRunningStats: true, momentum: 1 });
    const x = tensor([[[[1, 3]]], [[[5, 11]]]]);
    await layer.forward(x).data();
    expect(await layer.runningMean!.value.toArray()).toEqual([5]);
    expect(await layer.runningVar!.value.toArray()).toEqual([10]); // of (2, 18), with Bessel's correction
    const y = (await layer.eval().forward(x).data()) as Float32Array;
    expect(Array.from(y)).toEqual([-4, -2, 0, 6].map((d) => expect.closeTo(d / Math.sqrt(10), 4)));
    expect(Object.keys(await layer.stateDict())).toEqual([
      'running_mean',
      'running_var',
      'num_batches_tracked',
    ]);
  });
});

describe('maximum pooling and back', () => {
  it('puts the maxima where they were', async () => {
    const x = tensor([
      [
        [
          [1, 5, 2],
          [3, 4, 9],
          [7, 0, 6],
        ],
      ],
    ]);
    const [values, at] = new MaxPool2dWithIndices(2).forward(x);
    expect(await values.toArray()).toEqual([[[[5]]]]);
    const back = new MaxUnpool2d(2).forward(values, at, { outputSize: [3, 3] });
    expect(await back.toArray()).toEqual([
      [
        [
          [0, 5, 0],
          [0, 0, 0],
          [0, 0, 0],
        ],
      ],
    ]);
  });
});

describe('stochastic depth', () => {
  it('leaves out whole items, or the whole batch', async () => {
    const x = ones([200, 3]);
    const rows = new StochasticDepth(0.25, { generator: new Generator(1) });
    const y = (await rows.forward(x).toArray()) as number[][];
    const kept = y.filter((row) => row[0] !== 0);
    expect(kept.length / 200).toBeCloseTo(0.75, 1);
    expect(kept[0]).toEqual([4 / 3, 4 / 3, 4 / 3].map((v) => expect.closeTo(v, 5)));
    const batch = new StochasticDepth(0.5, { mode: 'batch', generator: new Generator(1) });
    const means = [];
    for (let i = 0; i < 12; i++) means.push(Number(await batch.forward(x).mean().item()));
    expect(new Set(means)).toEqual(new Set([0, 2]));
    expect(rows.eval().forward(x)).toBe(x);
    expect(() => new StochasticDepth(2)).toThrow('p is a probability (got 2');
  });
});

describe('models', () => {
  it('start blocks as the identity where asked to', async () => {
    const model = resnetCifar({ depth: 8, channels: 4, zeroInitResidual: true });
    const weights = [...model.namedParameters()].filter(([name]) => name.endsWith('bn2.weight'));
    expect(weights).toHaveLength(3);
    for (const [, weight] of weights) expect(await weight.value.sum().item()).toBe(0);
  });

  it('are the same for the same generator, and convolutions keep their variance backwards', async () => {
    const make = () => resnetCifar({ depth: 8, generator: new Generator(4) }).stateDict();
    const [a, b] = [await make(), await make()];
    for (const [name, value] of Object.entries(a)) {
      expect(await b[name]!.data()).toEqual(await value.data());
    }
    const weight = (await a['layer3.0.conv2.weight']!.data()) as Float32Array;
    const std = Math.sqrt(weight.reduce((sum, w) => sum + w * w, 0) / weight.length);
    expect(std).toBeCloseTo(Math.sqrt(2 / (64 * 9)), 3);
  });
});

it('spectral normalisation knows the outputs of a transposed convolution', () => {
  const layer = spectralNorm(new ConvTranspose2d(3, 5, 2));
  const shapes = [...layer.namedBuffers()].map(([name, { shape }]) => [name, shape]);
  expect(shapes).toEqual([
    ['parametrizations.weight.0._u', [5]],
    ['parametrizations.weight.0._v', [12]],
  ]);
});

describe('start values', () => {
  it.each([
    [new Conv2d(4, 6, 3), 1 / Math.sqrt(4 * 9)],
    [new Conv2d(4, 6, 3, { groups: 2 }), 1 / Math.sqrt(2 * 9)],
    [new ConvTranspose2d(4, 6, 3), 1 / Math.sqrt(6 * 9)],
    [new Conv1d(500, 2, 2), 1 / Math.sqrt(1000)],
  ])("lie within PyTorch's bound", async (layer, bound) => {
    for (const parameter of layer.parameters()) {
      const values = (await parameter.value.data()) as Float32Array;
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      expect(largest).toBeLessThanOrEqual(bound * (1 + 1e-6));
      if (values.length > 100) expect(largest).toBeGreaterThan(0.95 * bound);
    }
  });
});

describe('errors', () => {
  it('name op, path, what was given and what was wanted', () => {
    const model = new Sequential({ encoder: new Sequential(new Conv2d(1, 32, 3)) });
    expect(() => model.forward(zeros([8, 3, 28, 28]))).toThrow(
      'conv2d at encoder.0: input has 3 channels, weight wants 1 (input [8,3,28,28], weight [32,1,3,3])',
    );
    const norm = new Sequential(new BatchNorm2d(3));
    expect(() => norm.forward(zeros([8, 4, 2, 2]))).toThrow(
      'batchNorm at 0: input does not fit (got [8,4,2,2], wanted [N,3,H,W])',
    );
    expect(() => new MaxPool2d(5).forward(zeros([1, 1, 3, 3]))).toThrow(
      'maxPool2d: the kernel does not fit',
    );
  });

  it('come at construction where settings make no sense', () => {
    expect(() => new Conv2d(3, 8, 0)).toThrow('Conv2d: kernelSize does not fit (got [0,0]');
    expect(() => new Conv2d(3, 8, [3, 3, 3])).toThrow('kernelSize does not fit (got [3,3,3]');
    expect(() => new Conv2d(3, 8, 3, { groups: 2 })).toThrow('channels do not divide into groups');
    expect(() => new Conv2d(3, 8, 3, { padding: 'same', stride: 2 })).toThrow(
      "padding 'same' needs stride 1",
    );
    expect(() => new Conv2d(3, 8, 3, { padding: 'full' as 'same' })).toThrow('unknown padding');
    expect(() => new Conv2d(3, 8, 3, { paddingMode: 'mirror' as 'zeros' })).toThrow(
      'unknown paddingMode (got mirror, wanted zeros, reflect, replicate, circular)',
    );
    expect(() => new Conv2d(0, 8, 3)).toThrow('inChannels is a positive whole number');
    expect(() => new MaxPool2d(2, { stride: 0 })).toThrow('MaxPool2d: stride does not fit');
    expect(() => new BatchNorm2d(3, { momentum: 2 })).toThrow('momentum is between 0 and 1');
    expect(() => new BatchNorm2d(3, { eps: -1 })).toThrow('eps is at least 0');
    expect(() => new GroupNorm(2, 3)).toThrow('channels do not divide into groups (got 3 and 2)');
    expect(() => new GroupNorm(1, 3).forward(zeros([1, 2, 2]))).toThrow(
      'groupNorm: input does not fit (got [1,2,2], wanted [N,3,...])',
    );
    expect(() => new InstanceNorm2d(3).forward(zeros([1, 3, 2]))).toThrow(
      'instanceNorm: input does not fit (got [1,3,2], wanted [N, 3, 2 spatial axes])',
    );
    expect(() => new AdaptiveAvgPool2d([2, 2, 2] as never)).toThrow(
      'AdaptiveAvgPool2d: outputSize does not fit (got [2,2,2]',
    );
    expect(() => new LPPool1d(0, 2)).toThrow('LPPool1d: normType is a positive number (got 0)');
    expect(() => new ZeroPad2d([1, 2])).toThrow('ZeroPad2d: padding does not fit (got [1,2]');
    expect(() => new ZeroPad2d(1).forward(zeros([2, 2]))).toThrow('wrong number of axes');
    expect(() => new Upsample({})).toThrow('Upsample: give either size or scaleFactor');
  });
});

it('prints its settings', () => {
  expect(String(new Conv2d(3, 8, [3, 5], { padding: 1, groups: 1, bias: false }))).toBe(
    'Conv2d(3, 8, kernelSize=3x5, padding=1, bias=false)',
  );
  expect(String(new MaxPool2d(2, { stride: 1 }))).toBe('MaxPool2d(kernelSize=2, stride=1)');
});
