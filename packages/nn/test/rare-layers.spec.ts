/** Layers that no reference case covers, against values by PyTorch 1.13.1 in float64, here in float32. */
import { cpu } from '@hebb/backend-cpu';
import { gradients, init, ones, tensor } from '@hebb/core';
import type { Shape, Tensor } from '@hebb/core';
import * as nn from '../src/index.ts';

beforeAll(async () => {
  await init(cpu());
});

/** sin(k i + 1) to two digits. */
function ramp(shape: Shape, k: number): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  const values = Float32Array.from(
    { length: size },
    (_, i) => Math.round(Math.sin(k * i + 1) * 100) / 100,
  );
  return tensor(values, { shape });
}
const near = (values: readonly number[], digits = 5): number[] =>
  values.map((value) => expect.closeTo(value, digits) as number);
const listed = async (x: Tensor): Promise<number[]> => Array.from(await x.data(), Number);

describe('AdaptiveLogSoftmaxWithLoss', () => {
  const make = (): nn.AdaptiveLogSoftmaxWithLoss => {
    const layer = new nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], { divValue: 2, headBias: true });
    [...layer.namedParameters().values()].forEach((parameter, i) => {
      parameter.value = ramp(parameter.shape, 7 + i);
    });
    return layer;
  };
  const input = () => ramp([5, 8], 5);
  const target = tensor(Int32Array.of(0, 4, 11, 2, 7));

  it('has the parameters, values and gradient of PyTorch', async () => {
    const layer = make();
    expect([...layer.namedParameters().keys()]).toEqual([
      'head.weight',
      'head.bias',
      'tail.0.0.weight',
      'tail.0.1.weight',
      'tail.1.0.weight',
      'tail.1.1.weight',
    ]);
    const x = input();
    const [output, loss] = layer.forward(x, target);
    const [gx] = gradients(loss, [x]);
    expect(await listed(output)).toEqual(
      near([-2.360549, -4.398641, -1.404893, -3.401018, -9.651971]),
    );
    expect(await loss.item()).toBeCloseTo(4.243414, 5);
    expect((await listed(gx!)).slice(0, 8)).toEqual(
      near([-0.282094, -0.216877, -0.043817, 0.150578, 0.269107, 0.2569, 0.118548, -0.07988]),
    );
  });

  it('gives all log-probabilities and the likeliest class', async () => {
    const layer = make();
    const all = layer.logProb(input());
    expect((await listed(all)).slice(0, 6)).toEqual(
      near([-2.360549, -2.461649, -3.336749, -2.861907, -4.453564, -3.547318]),
    );
    const sums = await listed(all.exp().sum(1));
    expect(sums).toEqual(near([1, 1, 1, 1, 1]));
    expect(await listed(layer.predict(input()))).toEqual([7, 0, 7, 0, 0]);
  });

  it.each<[string, () => unknown, RegExp]>([
    ['none', () => new nn.AdaptiveLogSoftmaxWithLoss(4, 5, []), /cutoffs do not fit \(got \[\]/],
    ['falling', () => new nn.AdaptiveLogSoftmaxWithLoss(4, 9, [5, 2]), /cutoffs do not fit/],
    ['too high', () => new nn.AdaptiveLogSoftmaxWithLoss(4, 5, [5]), /from 1 to 4/],
    [
      'target',
      () => new nn.AdaptiveLogSoftmaxWithLoss(4, 5, [2]).forward(ones([3, 4]), ones([2])),
      /input and target do not fit \(got \[3,4\], \[2\]/,
    ],
  ])('refuses bad input: %s', (_, act, message) => {
    expect(act).toThrow(message);
  });
});

describe('TripletMarginWithDistanceLoss', () => {
  const [a, p, n] = [1, 2, 3].map((k) => ramp([3, 4], k)) as [Tensor, Tensor, Tensor];
  const cosine = (x: Tensor, y: Tensor): Tensor => nn.cosineSimilarity(x, y).neg().add(1);

  it.each<[string, nn.Module & { forward(...x: Tensor[]): Tensor }, number[]]>([
    [
      'a distance of its own',
      new nn.TripletMarginWithDistanceLoss({ distanceFunction: cosine, margin: 0.5 }),
      [0.495821038],
    ],
    [
      'swapped',
      new nn.TripletMarginWithDistanceLoss({ distanceFunction: cosine, swap: true }),
      [1.276730538],
    ],
    [
      'as it is',
      new nn.TripletMarginWithDistanceLoss({ reduction: 'none' }),
      [1.191436, 0.823722, 1.849435],
    ],
  ])('%s', async (_, loss, wanted) => {
    expect(await listed(loss.forward(a, p, n))).toEqual(near(wanted));
  });
});

it('parameters in lists and by name are found, named and saved', async () => {
  class Gains extends nn.Module {
    readonly list = new nn.ParameterList(
      new nn.Parameter(ones([2])),
      new nn.Parameter(ones([3]).mul(2)),
    );
    readonly named = new nn.ParameterDict({ left: new nn.Parameter(ones([])) });
    forward(x: Tensor): Tensor {
      return x.mul(this.list.item(-1).value).add(this.named.get('left').value);
    }
  }
  const gains = new Gains();
  expect([...gains.namedParameters().keys()]).toEqual(['list.0', 'list.1', 'named.left']);
  expect(Object.keys(await gains.stateDict())).toEqual(['list.0', 'list.1', 'named.left']);
  expect(await gains.forward(ones([3])).toArray()).toEqual([3, 3, 3]);
  expect([...gains.list].length).toBe(gains.list.length);
  expect([...gains.named].map(([name]) => name)).toEqual(gains.named.keys());
  expect(gains.named.size).toBe(1);
  expect(() => gains.list.item(2)).toThrow(/there is no such entry \(got 2, wanted 0 to 1\)/);
  expect(() => gains.named.get('right')).toThrow(/got right, wanted left/);
  expect(() => new nn.ParameterDict({ 'a.b': new nn.Parameter(ones([])) })).toThrow(/a dot/);
});
