import * as h from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { cpu } from '../src/index.ts';
import { expectClose, given, numbers } from './helpers.ts';
import { build, element, noise, positions } from './reference.ts';
import type { Plain } from './reference.ts';

beforeAll(async () => void (await h.init(cpu())));

const { NaN: nan } = Number;

function reduced(
  x: Plain,
  axes: readonly number[],
  start: number,
  f: (a: number, b: number) => number,
): Plain {
  const kept = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const totals = new Map<string, number>();
  for (const at of positions(x.shape)) {
    const key = kept.map((i) => at[i]!).join();
    totals.set(key, f(totals.get(key) ?? start, element(x, at)));
  }
  return build(
    kept.map((i) => x.shape[i]!),
    (at) => totals.get(at.join()) ?? start,
  );
}

const shapes: [number[], number[]][] = [
  [[5], [0]],
  [[3, 4], [0]],
  [[3, 4], [1]],
  [
    [3, 4],
    [0, 1],
  ],
  [[2, 3, 4, 5], [1]],
  [
    [2, 3, 4, 5],
    [0, 2],
  ],
  [
    [2, 3, 4, 5],
    [0, 2, 3],
  ],
  [
    [2, 3, 4, 5],
    [1, 3],
  ],
  [
    [2, 3, 2, 3, 2],
    [0, 2, 4],
  ],
  [
    [1, 3, 1],
    [0, 2],
  ],
  [[4, 20], [0]],
];

describe.each(shapes)('reducing %j over %j', (shape, axes) => {
  const x = noise(shape, 30);
  const cases: [string, (x: Tensor) => Tensor, number, (a: number, b: number) => number][] = [
    ['sum', (t) => t.sum(axes), 0, (a, b) => a + b],
    ['prod', (t) => t.prod(axes), 1, (a, b) => a * b],
    ['max', (t) => t.max(axes), -Infinity, Math.max],
    ['min', (t) => t.min(axes), Infinity, Math.min],
  ];
  it.each(cases)('%s, also of views', async (_name, reduce, start, f) => {
    const wanted = reduced(x, axes, start, f);
    for (const dtype of ['float32', 'float64'] as const) {
      const t = given(x, dtype);
      await expectClose(reduce(t), wanted, 1e-6);
      // The same elements in storage that runs the other way: transposed twice, and reversed twice.
      const order = shape.map((_, i) => shape.length - 1 - i);
      const turned = t.permute(order).add(0).permute(order);
      await expectClose(reduce(turned), wanted, 1e-6);
      await expectClose(reduce(t.flip().add(0).flip()), wanted, 1e-6);
    }
  });
});

describe('reductions at the edges', () => {
  it('adds float32 in double precision', async () => {
    // One large number and many small ones, each below its last digit.
    const values = new Float32Array(1001).fill(0.01);
    values[0] = 1e6;
    expect(await numbers(h.tensor(values).sum())).toEqual([
      Math.fround(1e6 + 1000 * Math.fround(0.01)),
    ]);
    expect(await numbers(h.tensor([3e38, 3e38, -3e38]).sum())).toEqual([Math.fround(3e38)]);
  });

  it('gives identities for nothing', async () => {
    expect(await numbers(h.zeros([0, 2]).sum(0))).toEqual([0, 0]);
    expect(await numbers(h.zeros([0, 2]).prod(0))).toEqual([1, 1]);
    expect((await numbers(h.zeros([0, 2]).max(1))).length).toBe(0);
    expect(await numbers(h.zeros([0], 'bool').max())).toEqual([0]);
    expect(await numbers(h.zeros([0], 'bool').min())).toEqual([1]);
  });

  it('hands NaN on', async () => {
    const x = h.tensor([
      [1, nan, 3],
      [4, 5, 6],
    ]);
    expect(await numbers(x.max(1))).toEqual([nan, 6]);
    expect(await numbers(x.min(1))).toEqual([nan, 4]);
    expect(await numbers(x.max(0))).toEqual([4, nan, 6]);
    expect(await numbers(x.argmax(1))).toEqual([1, 2]);
    expect(await numbers(x.argmin(1))).toEqual([1, 0]);
    expect(await numbers(x.sum(1))).toEqual([nan, 15]);
  });

  it('reduces integers exactly, wrapping at their width', async () => {
    expect(await numbers(h.tensor([100, 100], { dtype: 'int8' }).sum())).toEqual([-56]);
    expect(await numbers(h.full([3], 2147483647, 'int32').sum())).toEqual([2147483645]);
    expect(await numbers(h.tensor([65536, 65537], { dtype: 'int32' }).prod())).toEqual([65536]);
    expect(await numbers(h.full([2], 4294967295, 'uint32').sum())).toEqual([4294967294]);
    const big = 2n ** 53n + 1n;
    expect(await numbers(h.tensor([big, big]).sum())).toEqual([2n * big]);
    expect(await numbers(h.tensor([big, -big]).max())).toEqual([big]);
    expect(await numbers(h.tensor([-5n, -7n]).max())).toEqual([-5n]);
    expect(await numbers(h.tensor([true, false, true]).sum())).toEqual([2]);
    expect(await numbers(h.tensor([200, 100], { dtype: 'uint8' }).min())).toEqual([100]);
  });

  it('rounds halves once, at the end', async () => {
    expect(await numbers(h.full([4096], 1, 'float16').sum())).toEqual([4096]);
    expect(await numbers(h.tensor([1, nan], { dtype: 'float16' }).max())).toEqual([nan]);
  });

  it('takes the first of equals in argmax and argmin', async () => {
    const x = h.tensor(
      [
        [2, 7, 7],
        [1, 1, 0],
      ],
      { dtype: 'int32' },
    );
    expect(await numbers(x.argmax(1))).toEqual([1, 0]);
    expect(await numbers(x.argmin(0))).toEqual([1, 1, 1]);
    expect(await numbers(x.transpose().argmax(0))).toEqual([1, 0]);
    expect(await numbers(h.tensor([3n, 9n, 9n]).argmax())).toEqual([1]);
    expect(await numbers(h.tensor([1, 3, 2], { dtype: 'bfloat16' }).argmax())).toEqual([1]);
  });
});

describe('cumsum', () => {
  it('runs either way, with or without the element itself', async () => {
    const x = h.tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(await numbers(h.cumsum(x, 1))).toEqual([1, 3, 6, 4, 9, 15]);
    expect(await numbers(h.cumsum(x, 1, { exclusive: true }))).toEqual([0, 1, 3, 0, 4, 9]);
    expect(await numbers(h.cumsum(x, 0, { reverse: true }))).toEqual([5, 7, 9, 4, 5, 6]);
    expect(await numbers(h.cumsum(x.transpose(), 0, { exclusive: true, reverse: true }))).toEqual([
      5, 11, 3, 6, 0, 0,
    ]);
    expect(await numbers(h.cumsum(h.tensor([100, 100], { dtype: 'int8' }), 0))).toEqual([100, -56]);
    expect(await numbers(h.cumsum(h.tensor([2n ** 62n, 2n ** 62n]), 0))).toEqual([
      2n ** 62n,
      -(2n ** 63n),
    ]);
    expect((await numbers(h.cumsum(h.zeros([0, 4]), 0))).length).toBe(0);
  });
});

describe('sort', () => {
  it('is stable both ways, with NaN as the largest', async () => {
    const x = h.tensor([2, nan, 1, 2, -Infinity, nan, 1]);
    const [up, from] = x.sort(0);
    expect(await numbers(up)).toEqual([-Infinity, 1, 1, 2, 2, nan, nan]);
    expect(await numbers(from)).toEqual([4, 2, 6, 0, 3, 1, 5]);
    const [down, back] = x.sort(0, { descending: true });
    expect(await numbers(down)).toEqual([nan, nan, 2, 2, 1, 1, -Infinity]);
    expect(await numbers(back)).toEqual([1, 5, 0, 3, 2, 6, 4]);
  });

  it('sorts along any axis, in any type, and many', async () => {
    const x = h.tensor(
      [
        [3, 1],
        [2, 5],
        [1, 4],
      ],
      { dtype: 'int32' },
    );
    expect(await x.sort(0)[0].toArray()).toEqual([
      [1, 1],
      [2, 4],
      [3, 5],
    ]);
    expect(await x.transpose().sort(1)[1].toArray()).toEqual([
      [2, 1, 0],
      [0, 2, 1],
    ]);
    const big = 2n ** 60n;
    expect(await numbers(h.tensor([big + 1n, big, big + 2n]).sort()[0])).toEqual([
      big,
      big + 1n,
      big + 2n,
    ]);
    expect(await numbers(h.tensor([1.5, -2, 0.25], { dtype: 'float16' }).sort()[0])).toEqual([
      -2, 0.25, 1.5,
    ]);
    const many = Float64Array.from({ length: 1000 }, (_, i) => (i * 7919) % 1009);
    expect(await numbers(h.tensor(many).sort()[0])).toEqual([...many].sort((a, b) => a - b));
    expect((await numbers(h.zeros([2, 0]).sort(1)[0])).length).toBe(0);
  });
});
