import * as h from '@hebb/core';
import type { DType, Tensor } from '@hebb/core';
import { cpu } from '../src/index.ts';
import { expectClose, given, numbers } from './helpers.ts';
import { build, element, noise, positions } from './reference.ts';
import type { Plain } from './reference.ts';

beforeAll(async () => void (await h.init(cpu())));

/** A movement on a tensor and the same on positions: where each element of the result comes from. */
interface Move {
  readonly apply: (x: Tensor) => Tensor;
  readonly plain: (x: Plain) => Plain;
}

const permute = (axes: number[]): Move => ({
  apply: (x) => x.permute(axes),
  plain: (x) =>
    build(
      axes.map((a) => x.shape[a]!),
      (at) => {
        const from = new Array<number>(at.length);
        axes.forEach((axis, i) => (from[axis] = at[i]!));
        return element(x, from);
      },
    ),
});
const flip = (axes: number[]): Move => ({
  apply: (x) => x.flip(axes),
  plain: (x) =>
    build(x.shape, (at) =>
      element(
        x,
        at.map((i, axis) => (axes.includes(axis) ? x.shape[axis]! - 1 - i : i)),
      ),
    ),
});
const slice = (starts: number[], sizes: number[], steps: number[]): Move => ({
  apply: (x) => h.slice(x, { starts, sizes, steps }),
  plain: (x) =>
    build(sizes, (at) =>
      element(
        x,
        at.map((i, axis) => starts[axis]! + i * steps[axis]!),
      ),
    ),
});
const reshape = (shape: number[]): Move => ({
  apply: (x) => x.reshape(shape),
  plain: (x) => ({ shape, data: x.data }),
});
const expand = (shape: number[]): Move => ({
  apply: (x) => x.expand(shape),
  plain: (x) =>
    build(shape, (at) =>
      element(
        x,
        at.slice(shape.length - x.shape.length).map((i, axis) => (x.shape[axis] === 1 ? 0 : i)),
      ),
    ),
});
const window = (size: number[], stride: number[], dilation: number[]): Move => ({
  apply: (x) => h.window(x, { size, stride, dilation }),
  plain: (x) => {
    const lead = x.shape.length - size.length;
    const counts = size.map(
      (s, i) => Math.floor((x.shape[lead + i]! - (s - 1) * dilation[i]! - 1) / stride[i]!) + 1,
    );
    return build([...x.shape.slice(0, lead), ...counts, ...size], (at) =>
      element(x, [
        ...at.slice(0, lead),
        ...size.map(
          (_, i) => at[lead + i]! * stride[i]! + at[lead + size.length + i]! * dilation[i]!,
        ),
      ]),
    );
  },
});
const pad = (low: number[], high: number[], interior: number[], value: number): Move => ({
  apply: (x) => h.pad(x, { low, high, interior }, value),
  plain: (x) =>
    build(
      x.shape.map((d, i) => low[i]! + high[i]! + d + Math.max(0, d - 1) * interior[i]!),
      (at) => {
        const from = at.map((i, axis) => (i - low[axis]!) / (interior[axis]! + 1));
        const inside = from.every((i, axis) => Number.isInteger(i) && i >= 0 && i < x.shape[axis]!);
        return inside ? element(x, from) : value;
      },
    ),
});

const chains: [string, number[], Move[]][] = [
  ['a transpose', [3, 5], [permute([1, 0])]],
  ['a transpose, reshaped', [3, 4, 2], [permute([2, 0, 1]), reshape([6, 4]), reshape([24])]],
  ['a merge that needs no copy', [2, 3, 4, 5], [permute([2, 3, 0, 1]), reshape([20, 6])]],
  ['a flip of a slice', [7, 6], [slice([1, 0], [3, 3], [2, 2]), flip([0, 1]), reshape([9])]],
  ['slices of slices', [9, 8], [slice([1, 1], [4, 7], [2, 1]), slice([1, 2], [2, 2], [2, 3])]],
  [
    'a broadcast, cut and turned',
    [1, 4],
    [expand([3, 2, 4]), permute([2, 0, 1]), flip([0]), reshape([8, 3])],
  ],
  ['windows', [2, 5, 6], [window([2, 3], [1, 2], [2, 1])]],
  [
    'windows of a turned view',
    [6, 5],
    [permute([1, 0]), flip([1]), window([2, 2], [2, 1], [1, 2]), reshape([2, 16])],
  ],
  ['windows of windows', [9], [window([3], [1], [2]), window([2], [1], [1])]],
  ['padding', [2, 3], [pad([1, 0], [0, 2], [1, 2], 7)]],
  [
    'padding of a view',
    [3, 2],
    [permute([1, 0]), flip([0]), pad([0, 1], [1, 1], [0, 0], -1), permute([1, 0])],
  ],
  ['sizes of one', [1, 3, 1], [permute([2, 0, 1]), reshape([3, 1]), expand([3, 4]), reshape([12])]],
  ['nothing', [0, 3], [permute([1, 0]), reshape([0]), reshape([2, 0, 5]), flip([0, 1])]],
  ['an empty slice', [4, 3], [slice([4, 1], [0, 2], [1, 1]), reshape([2, 0])]],
  ['padding of nothing', [0, 2], [pad([1, 1], [1, 0], [1, 0], 3)]],
  ['a scalar', [], [reshape([1, 1]), expand([2, 3]), slice([1, 0], [1, 2], [1, 2])]],
];

describe('movement', () => {
  it.each(chains)('%s', async (_name, shape, moves) => {
    for (const dtype of ['float32', 'float64', 'float16'] as const) {
      const start = noise(shape, 20);
      let x = given(start, dtype);
      let wanted = start;
      for (const move of moves) {
        x = move.apply(x);
        wanted = move.plain(wanted);
      }
      await expectClose(x, wanted);
      // Used in arithmetic, the view is read in place.
      await expectClose(x.add(1), { ...wanted, data: wanted.data.map((v) => v + 1) }, 1e-3);
    }
  });

  it.each<DType>(['bool', 'int8', 'uint16', 'int64', 'uint64', 'bfloat16'])(
    'in %s',
    async (dtype) => {
      const x = h.tensor([1, 0, 1, 1, 0, 0], { shape: [2, 3], dtype });
      const got = await numbers(h.pad(x.transpose().flip(0), { low: [1, 0], high: [0, 1] }, 1));
      expect(got.map(Number)).toEqual([1, 1, 1, 1, 0, 1, 0, 0, 1, 1, 1, 1]);
    },
  );
});

describe('concat', () => {
  it('joins views, empty parts and repeats along any axis', async () => {
    const a = noise([2, 3], 21);
    const x = given(a);
    const wanted = build([2, 9], ([i, j]) =>
      j! < 3
        ? element(a, [i!, j!])
        : j! < 6
          ? element(a, [1 - i!, j! - 3])
          : element(a, [i!, 8 - j!]),
    );
    await expectClose(h.concat([x, x.flip(0), h.zeros([2, 0]), x.flip(1)], 1), wanted);
    expect(await numbers(h.concat([h.tensor([1n]), h.tensor([2n, 3n])]))).toEqual([1n, 2n, 3n]);
    expect(await h.stack([h.tensor([1, 2]), h.tensor([3, 4])], 1).toArray()).toEqual([
      [1, 3],
      [2, 4],
    ]);
  });
});

describe('fold', () => {
  it.each([
    [
      [2, 3],
      [1, 2],
      [1, 1],
      [5, 6],
    ],
    [
      [2, 2],
      [2, 2],
      [1, 1],
      [6, 4],
    ],
    [[3], [2], [2], [11]],
    [[2], [3], [1], [7]],
  ])('adds up windows %j by %j, dilated %j, over %j', async (size, stride, dilation, spatial) => {
    const counts = spatial.map(
      (d, i) => Math.floor((d - (size[i]! - 1) * dilation[i]! - 1) / stride[i]!) + 1,
    );
    const x = noise([2, ...counts, ...size], 22);
    const sums = new Map<string, number>();
    const n = size.length;
    for (const at of positions(x.shape)) {
      const to = [
        at[0]!,
        ...size.map((_, i) => at[1 + i]! * stride[i]! + at[1 + n + i]! * dilation[i]!),
      ];
      sums.set(to.join(), (sums.get(to.join()) ?? 0) + element(x, at));
    }
    const wanted = build([2, ...spatial], (at) => sums.get(at.join()) ?? 0);
    for (const dtype of ['float32', 'float64'] as const) {
      await expectClose(h.fold(given(x, dtype), { size, stride, dilation, spatial }), wanted);
    }
  });
});

describe('full and iota', () => {
  it('fill every type', async () => {
    for (const dtype of h.dtypes) {
      expect((await numbers(h.full([2, 2], 1, dtype))).map(Number)).toEqual([1, 1, 1, 1]);
      if (dtype !== 'bool') {
        expect((await numbers(h.iota(4, dtype))).map(Number)).toEqual([0, 1, 2, 3]);
      }
    }
    expect(await numbers(h.full([1], 2n ** 63n, 'uint64'))).toEqual([2n ** 63n]);
    expect(await numbers(h.full([], -0))).toEqual([-0]);
    expect((await numbers(h.iota(0))).length).toBe(0);
  });
});
