/** Layers that no reference case covers, against values by PyTorch 1.13.1 in float64. */
import { cpu } from '@hebb/backend-cpu';
import { gradients, init, manualSeed, ones, sum, tensor } from '@hebb/core';
import type { Shape, Tensor } from '@hebb/core';
import { fractionalMaxPool2d, pdist } from '@hebb/ops';
import * as cnn from '../src/index.ts';

beforeAll(async () => {
  await init(cpu());
});

/** sin(k i + 1) to two digits. */
function ramp(shape: Shape, k = 7): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  const values = Float64Array.from(
    { length: size },
    (_, i) => Math.round(Math.sin(k * i + 1) * 100) / 100,
  );
  return tensor(values, { shape });
}
const listed = async (x: Tensor): Promise<number[]> => Array.from(await x.data(), Number);
const near = (values: readonly number[]): number[] =>
  values.map((value) => expect.closeTo(value, 5) as number);

describe('fractional maximum pooling', () => {
  const randomSamples = tensor(Float64Array.of(0.3, 0.9, 0.65, 0.1), { shape: [1, 2, 2] });

  it('chooses the windows that PyTorch chooses, and sends gradients where it does', async () => {
    const x = ramp([1, 2, 6, 7]);
    const layer = new cnn.FractionalMaxPool2dWithIndices([2, 3], {
      outputSize: [3, 4],
      randomSamples,
    });
    const [y, at] = layer.forward(x);
    const [gx] = gradients(sum(y.mul(ramp([1, 2, 3, 4], 3))), [x]);
    expect(await listed(y)).toEqual([
      0.99, 0.99, 0.95, 0.51, -0.1, 0.58, 0.97, 1, 0.99, 0.99, 0.04, 0.24, 0.9, 0.96, 0.96, 0.96,
      0.82, 0.03, 0.68, 0.99, 1, 0.97, 0.97, 0.59,
    ]);
    expect(await listed(at)).toEqual([
      1, 1, 10, 11, 16, 17, 18, 27, 36, 36, 38, 34, 2, 3, 3, 11, 21, 18, 19, 20, 29, 38, 38, 39,
    ]);
    const g = await listed(gx!);
    expect(g.slice(0, 18)).toEqual(
      near([0, 0.08, 0, 0, 0, 0, 0, 0, 0, 0, 0.66, -0.54, 0, 0, 0, 0, 0.42, -0.29]),
    );
    expect(g.slice(59, 64)).toEqual(near([0, 0.99, -1, 0.99, -0.95]));
  });

  it('takes the size from a ratio', async () => {
    const options = { outputRatio: [0.5, 0.7], randomSamples };
    const y = fractionalMaxPool2d(ramp([1, 2, 6, 7]), 2, options);
    expect(y.shape).toEqual([1, 2, 3, 4]);
    expect((await listed(y)).slice(0, 8)).toEqual([0.99, 0.95, 0.95, -0.18, -0.34, 0.58, 0.97, 1]);
  });

  it('in three dimensions', async () => {
    const samples = tensor(Float64Array.of(0.2, 0.5, 0.8), { shape: [1, 1, 3] });
    const options = { outputSize: [3, 2, 2], randomSamples: samples };
    const [y, at] = new cnn.FractionalMaxPool3dWithIndices(2, options).forward(
      ramp([1, 1, 5, 6, 4]),
    );
    expect(await listed(y)).toEqual([
      0.99, 1, 0.96, 0.97, 0.96, 1, 0.96, 1, 0.99, 0.88, 0.95, 0.98,
    ]);
    expect(await listed(at)).toEqual([1, 27, 45, 18, 53, 27, 45, 71, 97, 79, 88, 115]);
  });

  it('draws other windows in each call, the same after the same seed', async () => {
    const layer = new cnn.FractionalMaxPool2d(2, { outputSize: 9 });
    const x = ramp([1, 4, 16, 16]);
    manualSeed(3);
    const first = await listed(layer.forward(x));
    const second = await listed(layer.forward(x));
    expect(second).not.toEqual(first);
    manualSeed(3);
    expect(await listed(layer.forward(x))).toEqual(first);
  });

  it.each<[string, () => unknown, RegExp]>([
    ['no size', () => new cnn.FractionalMaxPool2d(2, {}), /give either outputSize or outputRatio/],
    [
      'too many windows',
      () => new cnn.FractionalMaxPool2d(3, { outputSize: 4 }).forward(ones([1, 1, 5, 9])),
      /does not fit axis 2 \(got 4 windows of 3 in 5, wanted at most 3 windows\)/,
    ],
    [
      'ratio',
      () => new cnn.FractionalMaxPool2d(2, { outputRatio: 1.5 }).forward(ones([1, 1, 5, 5])),
      /outputRatio does not fit/,
    ],
    [
      'samples',
      () =>
        new cnn.FractionalMaxPool2d(2, { outputSize: 2, randomSamples }).forward(
          ones([2, 3, 5, 5]),
        ),
      /randomSamples does not fit \(got \[1,2,2\], wanted \[2,3,2\]\)/,
    ],
  ])('refuses bad input: %s', (_, act, message) => {
    expect(act).toThrow(message);
  });
});

it('upsampling by name', async () => {
  const x = ramp([1, 1, 2, 3]);
  const nearest = new cnn.UpsamplingNearest2d({ scaleFactor: 2 }).forward(x);
  expect((await listed(nearest)).slice(6, 14)).toEqual([
    0.84, 0.84, 0.99, 0.99, 0.65, 0.65, -0.01, -0.01,
  ]);
  const bilinear = new cnn.UpsamplingBilinear2d({ size: [3, 5] }).forward(x);
  expect((await listed(bilinear)).slice(0, 8)).toEqual(
    near([0.84, 0.915, 0.99, 0.82, 0.65, 0.415, 0.29, 0.165]),
  );
});

it('distances of all pairs of rows', async () => {
  const x = ramp([3, 4], 1);
  expect(await listed(pdist(x))).toEqual(near([2.826482, 1.906672, 2.653488]));
  expect(await listed(pdist(x, 1))).toEqual(near([5.26, 3.24, 4.82]));
});
