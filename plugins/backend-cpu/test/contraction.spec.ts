import * as h from '@hebb/core';
import type { DType } from '@hebb/core';
import { cpu } from '../src/index.ts';
import { expectClose, given, numbers } from './helpers.ts';
import * as reference from './reference.ts';
import type { ConvSettings } from './reference.ts';

beforeAll(async () => void (await h.init(cpu())));

describe('matmul', () => {
  it.each([
    [1, 1, 1],
    [3, 5, 7],
    [4, 4, 4],
    [17, 33, 9],
    [130, 20, 300],
    [5, 520, 11],
    [1, 64, 100],
    [64, 1, 100],
  ])('%d x %d over %d, in all four transpositions', async (m, n, k) => {
    for (const transposeA of [false, true]) {
      for (const transposeB of [false, true]) {
        const a = reference.noise(transposeA ? [k, m] : [m, k], 1);
        const b = reference.noise(transposeB ? [n, k] : [k, n], 2);
        await expectClose(
          h.matmul(given(a), given(b), { transposeA, transposeB }),
          reference.matmul(a, b, transposeA, transposeB),
          2e-7,
        );
      }
    }
  });

  it.each([
    [
      [2, 3, 4],
      [4, 5],
    ],
    [
      [2, 3, 4],
      [2, 4, 5],
    ],
    [
      [3, 1, 2, 4],
      [2, 4, 3],
    ],
    [
      [1, 3, 4],
      [5, 1, 4, 2],
    ],
    [
      [2, 2, 3, 4],
      [1, 1, 4, 5],
    ],
    [
      [0, 3, 4],
      [4, 5],
    ],
    [
      [2, 0, 4],
      [4, 5],
    ],
  ])('broadcasts batches %j and %j', async (left, right) => {
    const [a, b] = [reference.noise(left, 3), reference.noise(right, 4)];
    await expectClose(h.matmul(given(a), given(b)), reference.matmul(a, b), 1e-6);
  });

  it('gives zeros over an empty inner axis', async () => {
    const y = h.matmul(h.zeros([2, 0]), h.zeros([0, 3]));
    expect(await y.toArray()).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ]);
  });

  it('reads views without copying them wrongly', async () => {
    const a = reference.noise([3, 6, 4], 5);
    const x = given(a).permute([1, 0, 2]).narrow(0, 1, 3).flip(2);
    const plain = reference.build([3, 3, 4], ([i, j, k]) =>
      reference.element(a, [j!, i! + 1, 3 - k!]),
    );
    const b = reference.noise([4, 2], 6);
    await expectClose(h.matmul(x, given(b)), reference.matmul(plain, b), 1e-6);
    await expectClose(
      h.matmul(given(b).transpose(), x, { transposeB: true }),
      reference.matmul(b, plain, true, true),
      1e-6,
    );
  });

  it.each<DType>(['float64', 'float16', 'bfloat16'])('in %s', async (dtype) => {
    const [a, b] = [reference.noise([3, 5], 7), reference.noise([5, 4], 8)];
    const tolerance = { float64: 1e-14, float16: 1e-3, bfloat16: 8e-3 }[dtype as 'float64'];
    await expectClose(
      h.matmul(given(a, dtype), given(b, dtype)),
      reference.matmul(a, b),
      tolerance,
    );
  });

  it('is exact for integers and wraps to their width', async () => {
    const product = async (dtype: DType, value: number | bigint) =>
      numbers(
        h.matmul(h.tensor([[value, value]], { dtype }), h.tensor([[value], [value]], { dtype })),
      );
    expect(await product('int8', 100)).toEqual([(20000 << 24) >> 24]);
    expect(await product('uint8', 200)).toEqual([80000 & 255]);
    expect(await product('int32', 123456789)).toEqual([
      Number(BigInt.asIntN(32, 2n * 123456789n ** 2n)),
    ]);
    expect(await product('uint32', 4000000000)).toEqual([
      Number(BigInt.asUintN(32, 2n * 4000000000n ** 2n)),
    ]);
    expect(await product('int64', 3000000001n)).toEqual([2n * 3000000001n ** 2n - 2n ** 64n]);
    expect(await product('uint64', 3000000001n)).toEqual([2n * 3000000001n ** 2n]);
  });
});

interface ConvCase extends ConvSettings {
  readonly x: readonly number[];
  readonly w: readonly number[];
}
const pair = (low: number, high = low): readonly [number, number] => [low, high];
const cases: [string, ConvCase][] = [
  [
    '1-d',
    { x: [2, 3, 9], w: [4, 3, 3], stride: [1], padding: [pair(1)], dilation: [1], groups: 1 },
  ],
  [
    '2-d same',
    {
      x: [2, 3, 7, 8],
      w: [5, 3, 3, 3],
      stride: [1, 1],
      padding: [pair(1), pair(1)],
      dilation: [1, 1],
      groups: 1,
    },
  ],
  [
    '1 x 1',
    {
      x: [2, 6, 5, 5],
      w: [7, 6, 1, 1],
      stride: [1, 1],
      padding: [pair(0), pair(0)],
      dilation: [1, 1],
      groups: 1,
    },
  ],
  [
    '1 x 1 with stride',
    {
      x: [2, 3, 5, 6],
      w: [4, 3, 1, 1],
      stride: [2, 2],
      padding: [pair(0), pair(0)],
      dilation: [1, 1],
      groups: 1,
    },
  ],
  [
    'stride, dilation, asymmetric padding, groups',
    {
      x: [2, 4, 9, 11],
      w: [6, 2, 3, 2],
      stride: [2, 3],
      padding: [pair(0, 2), pair(3, 1)],
      dilation: [2, 3],
      groups: 2,
    },
  ],
  [
    'depthwise',
    {
      x: [2, 5, 6, 6],
      w: [5, 1, 3, 3],
      stride: [1, 1],
      padding: [pair(1), pair(1)],
      dilation: [1, 1],
      groups: 5,
    },
  ],
  [
    'padding wider than the image',
    {
      x: [1, 2, 2, 3],
      w: [3, 2, 3, 3],
      stride: [1, 2],
      padding: [pair(4), pair(5)],
      dilation: [1, 1],
      groups: 1,
    },
  ],
  [
    '3-d',
    {
      x: [1, 2, 4, 5, 4],
      w: [3, 2, 2, 3, 2],
      stride: [1, 2, 1],
      padding: [pair(0, 1), pair(1), pair(1, 0)],
      dilation: [2, 1, 1],
      groups: 1,
    },
  ],
  [
    'no images',
    {
      x: [0, 2, 4, 4],
      w: [3, 2, 3, 3],
      stride: [1, 1],
      padding: [pair(0), pair(0)],
      dilation: [1, 1],
      groups: 1,
    },
  ],
];

describe.each(cases)('convolution, %s', (_name, { x, w, ...settings }) => {
  const [image, weight] = [reference.noise(x, 9), reference.noise(w, 10)];
  const wanted = reference.conv(image, weight, settings);
  const gradient = reference.noise(wanted.shape, 11);
  it('forward', async () => {
    await expectClose(h.conv(given(image), given(weight), settings), wanted, 1e-6);
  });
  it('to the input', async () => {
    await expectClose(
      h.convTranspose(given(gradient), given(weight), { ...settings, size: x.slice(2) }),
      reference.convTranspose(gradient, weight, settings, x),
      1e-6,
    );
  });
  it('to the weight', async () => {
    await expectClose(
      h.convKernelGrad(given(image), given(gradient), { ...settings, size: w.slice(2) }),
      reference.convKernelGrad(image, gradient, settings, w),
      1e-6,
    );
  });
});

describe('convolution in other types', () => {
  const settings = { stride: [1, 1], padding: [pair(1), pair(0)], dilation: [1, 1], groups: 1 };
  it.each<[DType, number]>([
    ['float64', 1e-14],
    ['float16', 2e-3],
    ['bfloat16', 1.6e-2],
  ])('%s', async (dtype, tolerance) => {
    const [x, w] = [reference.noise([2, 2, 4, 5], 12), reference.noise([3, 2, 3, 2], 13)];
    const wanted = reference.conv(x, w, settings);
    await expectClose(h.conv(given(x, dtype), given(w, dtype), settings), wanted, tolerance);
  });
  it('integers, exact and wrapping', async () => {
    const flat = { stride: [1], padding: [pair(0)], dilation: [1], groups: 1 };
    const small = (value: number, dtype: DType) =>
      h.conv(h.full([1, 1, 2], value, dtype), h.full([1, 1, 2], value, dtype), flat);
    expect(await numbers(small(100, 'int8'))).toEqual([(20000 << 24) >> 24]);
    expect(await numbers(small(3000000001, 'uint64'))).toEqual([2n * 3000000001n ** 2n]);
  });
  it('of views', async () => {
    const x = reference.noise([4, 5, 2, 2], 14);
    const w = reference.noise([3, 2, 3, 2], 15);
    const moved = reference.build([2, 2, 4, 5], ([n, c, i, j]) =>
      reference.element(x, [i!, j!, c!, n!]),
    );
    await expectClose(
      h.conv(given(x).permute([3, 2, 0, 1]), given(w), settings),
      reference.conv(moved, w, settings),
      1e-6,
    );
  });
});

describe('pooling as a reduction of windows', () => {
  it.each([
    [2, 2, 0],
    [3, 2, 1],
    [3, 1, 0],
    [2, 3, 0],
  ])('size %d, stride %d, padding %d', async (size, stride, padding) => {
    const x = reference.noise([2, 3, 7, 9], 16);
    const padded = h.pad(
      given(x),
      { low: [0, 0, padding, padding], high: [0, 0, padding, padding] },
      -Infinity,
    );
    const windows = h.window(padded, {
      size: [size, size],
      stride: [stride, stride],
      dilation: [1, 1],
    });
    await expectClose(windows.max([4, 5]), reference.maxPool(x, size, stride, padding));
  });
});
