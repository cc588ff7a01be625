import {
  HebbError,
  add,
  arange,
  broadcastShapes,
  concat,
  expand,
  normalizeAxes,
  pad,
  reshape,
  resolveShape,
  slice,
  squeeze,
  stack,
  sumToShape,
  tensor,
  window,
  zeros,
} from '../src/index.ts';
import { expectClose, numbers, start } from './support.ts';

beforeAll(start);

describe('broadcasting', () => {
  it.each<[number[], number[], number[]]>([
    [[], [], []],
    [[3], [], [3]],
    [[2, 1], [3], [2, 3]],
    [
      [4, 1, 3],
      [2, 1],
      [4, 2, 3],
    ],
    [[0], [1], [0]],
    [
      [1, 0],
      [5, 1],
      [5, 0],
    ],
  ])('%j with %j gives %j', (a, b, want) => {
    expect(broadcastShapes('add', a, b)).toEqual(want);
    expect(broadcastShapes('add', b, a)).toEqual(want);
    expect(add(zeros(a), zeros(b)).shape).toEqual(want);
  });

  it('refuses sizes that differ, naming both shapes', () => {
    expect(() => add(zeros([2, 3]), zeros([4]))).toThrow(/^add: .*\[2,3\] and \[4\]/);
    expect(() => add(zeros([0]), zeros([3]))).toThrow(HebbError);
  });

  it('computes what loops compute', async () => {
    const a = arange(6).reshape([2, 1, 3]);
    const b = arange(4).reshape([4, 1]);
    const got = await numbers(a.mul(10).add(b));
    const want: number[] = [];
    for (let i = 0; i < 2; i++)
      for (let j = 0; j < 4; j++) for (let k = 0; k < 3; k++) want.push((i * 3 + k) * 10 + j);
    expect(got).toEqual(want);
  });

  it('is undone by sumToShape', async () => {
    const x = arange(6).reshape([2, 3]);
    await expectClose(sumToShape(x, [3]), [3, 5, 7]);
    await expectClose(sumToShape(x, [2, 1]), [3, 12]);
    await expectClose(sumToShape(x, []), [15]);
    await expectClose(sumToShape(zeros([0, 3]), [1, 3]), [0, 0, 0]);
  });
});

describe('shapes', () => {
  it('resolves -1', () => {
    expect(resolveShape('reshape', [2, -1], 6)).toEqual([2, 3]);
    expect(resolveShape('reshape', [-1], 0)).toEqual([0]);
    expect(() => resolveShape('reshape', [4, -1], 6)).toThrow(/cannot infer -1/);
    expect(() => resolveShape('reshape', [-1, -1], 6)).toThrow(/cannot infer -1/);
    expect(() => reshape(zeros([6]), [4])).toThrow(/sizes differ.*\[6\].*\[4\]/);
    expect(() => reshape(zeros([6]), [-2, -3])).toThrow(HebbError);
    expect(() => reshape(zeros([6]), [1.5, 4])).toThrow(HebbError);
  });

  it('normalizes axes', () => {
    expect(normalizeAxes('sum', [-1, 0], 3)).toEqual([0, 2]);
    expect(normalizeAxes('sum', undefined, 2)).toEqual([0, 1]);
    expect(() => normalizeAxes('sum', [0, -2], 2)).toThrow(/named twice/);
    expect(() => normalizeAxes('sum', 2, 2)).toThrow(/out of range/);
    expect(() => normalizeAxes('sum', 0.5, 2)).toThrow(/out of range/);
  });

  it('keeps, drops and adds axes as PyTorch does', () => {
    expect(expand(zeros([3, 1]), [2, -1, 4]).shape).toEqual([2, 3, 4]);
    expect(squeeze(zeros([1, 2, 1])).shape).toEqual([2]);
    expect(squeeze(zeros([1, 2, 1]), [0, 1]).shape).toEqual([2, 1]);
    expect(stack([zeros([2]), zeros([2])], -1).shape).toEqual([2, 2]);
    expect(zeros([2, 3, 4]).flatten(1).shape).toEqual([2, 12]);
    expect(zeros([2, 3, 4]).transpose().shape).toEqual([2, 4, 3]);
    expect(concat([zeros([2], 'int32'), zeros([3])], 0).dtype).toBe('float32');
  });

  it.each<[string, () => unknown]>([
    ['concat of nothing', () => concat([])],
    ['concat of other shapes', () => concat([zeros([2, 2]), zeros([2, 3])], 0)],
    ['a permutation that is none', () => zeros([2, 3]).permute([0, 0])],
    ['a permutation too short', () => zeros([2, 3]).permute([0])],
    ['a slice outside', () => zeros([3]).narrow(0, 2, 2)],
    [
      'a slice with a list too short',
      () => slice(zeros([3, 3]), { starts: [0], sizes: [1], steps: [1] }),
    ],
    ['a slice at a fraction', () => slice(zeros([3]), { starts: [0.5], sizes: [1], steps: [1] })],
    ['a negative pad', () => pad(zeros([3]), { low: [-1], high: [0] })],
    [
      'a window larger than the axis',
      () => window(zeros([3]), { size: [4], stride: [1], dilation: [1] }),
    ],
    [
      'a window without strides',
      () => window(zeros([3]), { size: [2], stride: [], dilation: [1] }),
    ],
    ['an expand that shrinks', () => expand(zeros([3]), [1])],
  ])('refuses %s', (_, call) => {
    expect(call).toThrow(HebbError);
  });

  it('pads between elements and around none', async () => {
    const x = pad(tensor([1, 2, 3]), { low: [1], high: [0], interior: [1] }, 9);
    expect(await numbers(x)).toEqual([9, 1, 9, 2, 9, 3]);
    expect(await numbers(pad(zeros([0]), { low: [1], high: [1] }, 5))).toEqual([5, 5]);
  });
});

describe('mean', () => {
  it('averages integers without wrapping', async () => {
    const bytes = tensor(Uint8Array.of(200, 200, 200));
    expect(await bytes.mean().item()).toBe(200);
    expect(bytes.mean().dtype).toBe('float32');
  });

  it('of nothing is NaN', async () => {
    expect(await zeros([0]).mean().item()).toBeNaN();
  });
});
