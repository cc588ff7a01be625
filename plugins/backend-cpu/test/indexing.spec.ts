import * as h from '@hebb/core';
import type { DType } from '@hebb/core';
import { cpu } from '../src/index.ts';
import { numbers } from './helpers.ts';

beforeAll(async () => void (await h.init(cpu())));

const int = (values: number[] | number[][], dtype: DType = 'int32') => h.tensor(values, { dtype });
const x = h.tensor([
  [0, 1, 2],
  [10, 11, 12],
  [20, 21, 22],
  [30, 31, 32],
]);

describe('gather', () => {
  it('takes slices along an axis, with indices of any integer type', async () => {
    for (const dtype of ['int32', 'int64', 'uint8', 'uint64'] as const) {
      expect(await x.gather(int([3, 0, 0], dtype)).toArray()).toEqual([
        [30, 31, 32],
        [0, 1, 2],
        [0, 1, 2],
      ]);
    }
    expect(
      await x
        .gather(
          int([
            [2, 0],
            [1, 1],
          ]),
          1,
        )
        .index([0, 2])
        .toArray(),
    ).toEqual([
      [
        [2, 0],
        [1, 1],
      ],
      [
        [12, 10],
        [11, 11],
      ],
    ]);
    expect(await x.gather(h.scalar(1, 'int32')).toArray()).toEqual([10, 11, 12]);
    expect(
      await x
        .transpose()
        .gather(int([1]))
        .toArray(),
    ).toEqual([[1, 11, 21, 31]]);
    expect((await numbers(x.gather(int([])))).length).toBe(0);
    const wide = h.iota(200).reshape([2, 100]);
    expect(await numbers(wide.gather(int([1, 0])))).toEqual([
      ...Array.from({ length: 100 }, (_, i) => 100 + i),
      ...Array.from({ length: 100 }, (_, i) => i),
    ]);
  });

  it('takes single elements', async () => {
    expect(
      await x
        .gatherElements(
          int([
            [3, 0, 1],
            [0, 0, 0],
          ]),
          0,
        )
        .toArray(),
    ).toEqual([
      [30, 1, 12],
      [0, 1, 2],
    ]);
    expect(await x.gatherElements(int([[2], [0], [1], [1]]), 1).toArray()).toEqual([
      [2],
      [10],
      [21],
      [31],
    ]);
    expect(
      await x
        .flip([0, 1])
        .gatherElements(
          int([
            [0, 1],
            [2, 2],
          ]),
          1,
        )
        .toArray(),
    ).toEqual([
      [32, 31],
      [20, 20],
    ]);
  });

  it('names op, index and size when an index is out of range', async () => {
    await expect(x.gather(int([0, 4])).data()).rejects.toThrow(
      'gather: index 4 is out of range for axis 0 of size 4',
    );
    await expect(x.gather(int([-1]), 1).data()).rejects.toThrow('gather: index -1');
    await expect(x.gather(int([5], 'int64')).data()).rejects.toThrow('gather: index 5');
    await expect(x.gatherElements(int([[7]]), 0).data()).rejects.toThrow(
      'gatherElements: index 7 is out of range for axis 0 of size 4',
    );
    const s = h.tensor([1, 2]);
    await expect(h.scatter(s, int([2]), h.tensor([1]), 0).data()).rejects.toThrow(
      'scatter: index 2',
    );
    await expect(h.scatterElements(s, int([9]), h.tensor([1]), 0).data()).rejects.toThrow(
      'scatterElements: index 9',
    );
  });

  it('names the layer', async () => {
    const y = h.withPath('embedding', () => x.gather(int([4])));
    await expect(y.data()).rejects.toThrow('gather at embedding: index 4');
  });
});

describe('scatter', () => {
  it('writes slices, the last one winning, and leaves its operand alone', async () => {
    const base = h.zeros([3, 2]).add(1);
    const source = h.tensor([
      [5, 6],
      [7, 8],
      [9, 10],
    ]);
    expect(await h.scatter(base, int([2, 0, 2]), source, 0).toArray()).toEqual([
      [7, 8],
      [1, 1],
      [9, 10],
    ]);
    expect(await base.toArray()).toEqual([
      [1, 1],
      [1, 1],
      [1, 1],
    ]);
    expect(await h.scatter(h.zeros([2, 3]), int([1]), h.tensor([[4], [5]]), 1).toArray()).toEqual([
      [0, 4, 0],
      [0, 5, 0],
    ]);
  });

  it('combines', async () => {
    const base = h.tensor([1, 2, 3]);
    const at = int([1, 1, 0]);
    const source = h.tensor([10, 20, -5]);
    const of = (reduce: h.ScatterReduce) => numbers(h.scatter(base, at, source, 0, reduce));
    expect(await of('add')).toEqual([-4, 32, 3]);
    expect(await of('mul')).toEqual([-5, 400, 3]);
    expect(await of('max')).toEqual([1, 20, 3]);
    expect(await of('min')).toEqual([-5, 2, 3]);
    expect(await numbers(h.scatterElements(base, at, source, 0, 'add'))).toEqual([-4, 32, 3]);
    const nan = h.scatter(base, at, h.tensor([NaN, 5, NaN]), 0, 'max');
    expect(await numbers(nan)).toEqual([NaN, NaN, 3]);
  });

  it('works in integers and halves', async () => {
    const ints = h.scatter(int([1, 2], 'int8'), int([0, 0]), int([100, 100], 'int8'), 0, 'add');
    expect(await numbers(ints)).toEqual([-55, 2]);
    const product = h.scatter(int([123456789]), int([0]), int([987654321]), 0, 'mul');
    expect(await numbers(product)).toEqual([Number(BigInt.asIntN(32, 123456789n * 987654321n))]);
    const big = h.scatter(h.tensor([2n ** 53n]), int([0]), h.tensor([1n]), 0, 'add');
    expect(await numbers(big)).toEqual([2n ** 53n + 1n]);
    const half = h.scatter(
      h.tensor([2048], { dtype: 'float16' }),
      int([0]),
      h.tensor([3], { dtype: 'float16' }),
      0,
      'add',
    );
    expect(await numbers(half)).toEqual([2052]);
  });

  it('writes single elements along any axis', async () => {
    const y = h.scatterElements(
      h.zeros([2, 3]),
      int([
        [2, 0],
        [1, 1],
      ]),
      h.tensor([
        [1, 2],
        [3, 4],
      ]),
      1,
    );
    expect(await y.toArray()).toEqual([
      [2, 0, 1],
      [0, 4, 0],
    ]);
    const z = h.scatterElements(h.zeros([3, 2]), int([[2, 0]]), h.tensor([[1, 2]]), 0);
    expect(await z.toArray()).toEqual([
      [0, 2],
      [0, 0],
      [1, 0],
    ]);
  });
});
