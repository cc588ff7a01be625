import { Generator, compile, gradients, init as start, manualSeed, ones, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { cpu } from '@hebb/backend-cpu';
import * as nn from '../src/index.ts';
import type { Layer } from '../src/index.ts';

beforeAll(async () => {
  await start(cpu());
});

const close = (got: ArrayLike<number | bigint>, want: readonly number[]): void => {
  expect(Array.from(got, Number)).toEqual(want.map((value) => expect.closeTo(value, 5)));
};

describe('Linear', () => {
  it('computes x Wᵀ + b over the last axis, and its gradients', async () => {
    const layer = new nn.Linear(2, 3);
    layer.loadStateDict({
      weight: tensor([
        [1, 2],
        [3, 4],
        [5, 6],
      ]),
      bias: tensor([10, 20, 30]),
    });
    const x = tensor([[[1, -1]], [[0.5, 2]]]);
    const y = layer.forward(x);
    expect(y.shape).toEqual([2, 1, 3]);
    const [dx, dw, db] = gradients(y.sum(), [x, layer.weight.value, layer.bias!.value]);
    expect(await y.toArray()).toEqual([[[9, 19, 29]], [[14.5, 29.5, 44.5]]]);
    expect(await dx!.toArray()).toEqual([[[9, 12]], [[9, 12]]]);
    expect(await dw!.toArray()).toEqual([
      [1.5, 1],
      [1.5, 1],
      [1.5, 1],
    ]);
    expect(await db!.toArray()).toEqual([2, 2, 2]);
  });

  it('refuses sizes that are none', () => {
    expect(() => new nn.Linear(0, 3)).toThrow(
      'Linear: inFeatures is a positive whole number (got 0)',
    );
    expect(() => new nn.Linear(2, 1.5)).toThrow('outFeatures is a positive whole number (got 1.5)');
  });
});

describe('Dropout', () => {
  const x = ones([200, 200]);

  it('drops the given share, scales the rest, and repeats itself with its generator', async () => {
    const run = (seed: number) => new nn.Dropout(0.3, { generator: new Generator(seed) });
    const values = (await run(1).forward(x).data()) as Float32Array;
    const kept = values.filter((value) => value !== 0);
    expect(Math.abs(kept.length / values.length - 0.7)).toBeLessThan(0.01);
    expect(new Set(kept)).toEqual(new Set([Math.fround(1 / 0.7)]));
    expect(await run(1).forward(x).data()).toEqual(values);
    expect(await run(2).forward(x).data()).not.toEqual(values);
    const layer = run(1);
    const first = await layer.forward(x).data();
    expect(await layer.forward(x).data()).not.toEqual(first);
  });

  it('draws from the default generator, in compiled functions too', async () => {
    const layer = new nn.Dropout(0.5);
    const f = compile((y: Tensor) => layer.forward(y));
    const twice = async () => {
      manualSeed(4);
      return [await (await f(x)).data(), await (await f(x)).data()];
    };
    const [a, b] = await twice();
    expect(a).not.toEqual(b);
    expect(await twice()).toEqual([a, b]);
  });

  it('is the identity in evaluation and for p = 0, and gives zeros for p = 1', async () => {
    expect(new nn.Dropout(0.9).eval().forward(x)).toBe(x);
    expect(new nn.Dropout(0).forward(x)).toBe(x);
    expect(await new nn.Dropout(1).forward(x).sum().item()).toBe(0);
  });

  it('drops whole channels', async () => {
    const layer = new nn.Dropout2d(0.5, { generator: new Generator(3) });
    const y = (await layer.forward(ones([8, 16, 3, 3])).data()) as Float32Array;
    for (let channel = 0; channel < 8 * 16; channel++) {
      expect(new Set(y.slice(9 * channel, 9 * channel + 9)).size).toBe(1);
    }
    expect(new Set(y)).toEqual(new Set([0, 2]));
  });

  it.each([-0.1, 1.1, NaN])('refuses p = %d', (p) => {
    expect(() => new nn.Dropout(p)).toThrow('Dropout: p is out of range');
  });
});

describe('Flatten, Unflatten, Identity', () => {
  it('rearrange', () => {
    const x = ones([2, 3, 4, 5]);
    expect(new nn.Flatten().forward(x).shape).toEqual([2, 60]);
    expect(new nn.Flatten(2, 3).forward(x).shape).toEqual([2, 3, 20]);
    expect(new nn.Unflatten(-1, [5, -1]).forward(x).shape).toEqual([2, 3, 4, 5, 1]);
    expect(new nn.Identity().forward(x)).toBe(x);
    expect(() => new nn.Unflatten(1, [2, -1]).forward(x)).toThrow(
      'unflatten: axis 1 of size 3 does not split into [2,-1]',
    );
    expect(() => new nn.Unflatten(1, [-1, -1])).toThrow('at most one of them -1');
  });
});

/** Value at -2, 0.5 and 3, from the definitions. */
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const activations: readonly (readonly [string, Layer, (x: number) => number])[] = [
  ['ReLU', new nn.ReLU(), (x) => Math.max(x, 0)],
  ['ReLU6', new nn.ReLU6(), (x) => Math.min(Math.max(x, 0), 6)],
  ['LeakyReLU', new nn.LeakyReLU(0.2), (x) => (x > 0 ? x : 0.2 * x)],
  ['ELU', new nn.ELU(0.5), (x) => (x > 0 ? x : 0.5 * Math.expm1(x))],
  ['CELU', new nn.CELU(2), (x) => (x > 0 ? x : 2 * Math.expm1(x / 2))],
  ['Sigmoid', new nn.Sigmoid(), sigmoid],
  ['Tanh', new nn.Tanh(), Math.tanh],
  ['SiLU', new nn.SiLU(), (x) => x * sigmoid(x)],
  ['Mish', new nn.Mish(), (x) => x * Math.tanh(Math.log1p(Math.exp(x)))],
  ['Hardswish', new nn.Hardswish(), (x) => (x * Math.min(Math.max(x + 3, 0), 6)) / 6],
  ['Hardsigmoid', new nn.Hardsigmoid(), (x) => Math.min(Math.max(x + 3, 0), 6) / 6],
  ['Hardtanh', new nn.Hardtanh(-1, 2), (x) => Math.min(Math.max(x, -1), 2)],
  ['Softplus', new nn.Softplus(2), (x) => Math.log1p(Math.exp(2 * x)) / 2],
  ['Softsign', new nn.Softsign(), (x) => x / (1 + Math.abs(x))],
  ['LogSigmoid', new nn.LogSigmoid(), (x) => Math.log(sigmoid(x))],
  ['Tanhshrink', new nn.Tanhshrink(), (x) => x - Math.tanh(x)],
  ['Hardshrink', new nn.Hardshrink(1), (x) => (Math.abs(x) > 1 ? x : 0)],
  ['Softshrink', new nn.Softshrink(1), (x) => Math.sign(x) * Math.max(Math.abs(x) - 1, 0)],
  ['Threshold', new nn.Threshold(1, 7), (x) => (x > 1 ? x : 7)],
  [
    'GELU',
    new nn.GELU({ approximate: 'tanh' }),
    (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  ],
  ['PReLU', new nn.PReLU(1, { init: 0.3 }), (x) => (x > 0 ? x : 0.3 * x)],
  [
    'SELU',
    new nn.SELU(),
    (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * Math.expm1(x)),
  ],
];

describe('activations', () => {
  const points = [-2, 0.5, 3];
  it.each(activations)('%s', async (_name, layer, f) => {
    close(await layer.forward(tensor([points])).data(), points.map(f));
  });

  it('along an axis', async () => {
    const x = tensor([[1, 2, 3]]);
    const [e1, e2, e3] = [1, 2, 3].map(Math.exp) as [number, number, number];
    const total = e1 + e2 + e3;
    close(await new nn.Softmax(1).forward(x).data(), [e1 / total, e2 / total, e3 / total]);
    close(
      await new nn.LogSoftmax(-1).forward(x).data(),
      [1, 2, 3].map((v) => v - Math.log(total)),
    );
    close(await new nn.Softmin(1).forward(x.neg()).data(), [e1 / total, e2 / total, e3 / total]);
    close(await new nn.GLU(1).forward(tensor([[3, 0]])).data(), [1.5]);
  });
});

describe('losses', () => {
  it('have the options of their functions', async () => {
    const scores = tensor([
      [1, 2, 0],
      [0, 0, 3],
    ]);
    const labels = tensor([1, 2], { dtype: 'int32' });
    const weight = tensor([1, 2, 3]);
    const loss = new nn.CrossEntropyLoss({ weight, labelSmoothing: 0.1, reduction: 'sum' });
    const same = nn.crossEntropy(scores, labels, { weight, labelSmoothing: 0.1, reduction: 'sum' });
    expect(await loss.forward(scores, labels).data()).toEqual(await same.data());
    expect([...loss.namedBuffers().keys()]).toEqual(['weight']);
    expect(loss.extraRepr()).toBe('labelSmoothing=0.1, reduction=sum');

    const [a, b] = [tensor([1, 2]), tensor([2, 4])];
    expect(await new nn.MSELoss().forward(a, b).item()).toBe(2.5);
    expect(await new nn.MSELoss({ reduction: 'none' }).forward(a, b).toArray()).toEqual([1, 4]);
    expect(await new nn.L1Loss({ reduction: 'sum' }).forward(a, b).item()).toBe(3);
    close([await new nn.HuberLoss({ delta: 1 }).forward(a, b).item()], [1]);
    const posWeight = tensor([3, 3]);
    const bce = new nn.BCEWithLogitsLoss({ posWeight });
    close([await bce.forward(tensor([0, 0]), tensor([1, 0])).item()], [2 * Math.LN2]);
    expect([...bce.namedBuffers().keys()]).toEqual(['pos_weight']);
  });
});
