/** Functions without a record of their own, against answers worked out by hand. */
import { cpu } from '@hebb/backend-cpu';
import { grad, gradients, init, tensor } from '@hebb/core';
import type { NestedArray, NestedList, Tensor } from '@hebb/core';
import * as ops from '../src/index.ts';

beforeAll(async () => {
  await init(cpu());
});

const t = (data: NestedList): Tensor => tensor(data, { dtype: 'float64' });
const int = (data: NestedList): Tensor => tensor(data, { dtype: 'int32' });
const list = async (...tensors: Tensor[]): Promise<NestedArray[]> =>
  Promise.all(tensors.map((x) => x.toArray()));

describe('indexing', () => {
  const x = t([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  it('gathers and scatters in PyTorch’s argument order', async () => {
    const at = int([
      [2, 0],
      [1, 1],
    ]);
    expect(await list(ops.gather(x, 1, at))).toEqual([
      [
        [3, 1],
        [5, 5],
      ],
    ]);
    expect(await list(ops.scatter(x, 1, at, -1))).toEqual([
      [
        [-1, 2, -1],
        [4, -1, 6],
      ],
    ]);
    expect(
      await list(
        ops.scatterAdd(
          x,
          1,
          at,
          t([
            [10, 20, 99],
            [1, 2, 99],
          ]),
        ),
      ),
    ).toEqual([
      [
        [21, 2, 13],
        [4, 8, 6],
      ],
    ]);
    expect(
      await list(
        ops.scatterReduce(
          x,
          1,
          at,
          t([
            [9, 9],
            [1, 3],
          ]),
          'mean',
          { includeSelf: false },
        ),
      ),
    ).toEqual([
      [
        [9, 2, 9],
        [4, 2, 6],
      ],
    ]);
    expect(await list(ops.takeAlongDim(x, int([[0], [2]]), 1))).toEqual([[[1], [6]]]);
    expect(await list(ops.indexAdd(x, 0, int([1, 1]), x, { alpha: 2 }))).toEqual([
      [
        [1, 2, 3],
        [14, 19, 24],
      ],
    ]);
    expect(await list(ops.indexFill(x, 1, int([1]), 0))).toEqual([
      [
        [1, 0, 3],
        [4, 0, 6],
      ],
    ]);
  });
  it('selects by masks, differentiably', async () => {
    const mask = tensor([
      [true, false, true],
      [false, true, false],
    ]);
    const picked = await ops.maskedSelect(x, mask);
    expect(await list(gradients(picked, [x], { cotangents: [t([7, 8, 9])] })[0]!)).toEqual([
      [
        [7, 0, 8],
        [0, 9, 0],
      ],
    ]);
    expect(await list(await ops.maskedSelect(x, tensor([true, false, true])))).toEqual([
      [1, 3, 4, 6],
    ]);
    expect(await list(await ops.booleanIndex(x, tensor([false, true])))).toEqual([[[4, 5, 6]]]);
    expect(await list(await ops.booleanIndexPut(x, mask, t([-1, -2, -3])))).toEqual([
      [
        [-1, 2, -2],
        [4, -3, 6],
      ],
    ]);
    expect(await list(await ops.nonzero(mask))).toEqual([
      [
        [0, 0],
        [0, 2],
        [1, 1],
      ],
    ]);
    expect((await ops.maskedSelect(x, tensor([[false], [false]]))).shape).toEqual([0]);
  });
  it('looks up rows and bags of rows', async () => {
    const table = t([
      [1, 1],
      [2, 2],
      [4, 4],
    ]);
    const loss = (w: Tensor) => ops.embedding(int([0, 2, 2]), w, { paddingIdx: 0 }).sum();
    expect(await list(grad(loss)(table))).toEqual([
      [
        [0, 0],
        [0, 0],
        [2, 2],
      ],
    ]);
    const index = int([0, 1, 2, 2]);
    const bags = (mode: 'sum' | 'mean' | 'max') =>
      ops.embeddingBag(index, table, int([0, 3, 3]), { mode });
    expect(await list(bags('sum'), bags('mean'), bags('max'))).toEqual([
      [
        [7, 7],
        [0, 0],
        [4, 4],
      ],
      [
        [7 / 3, 7 / 3],
        [0, 0],
        [4, 4],
      ],
      [
        [4, 4],
        [0, 0],
        [4, 4],
      ],
    ]);
    expect(await list(ops.oneHot(int([1, 0]), 3), ops.bincount(int([1, 1, 3]), 4))).toEqual([
      [
        [0, 1, 0],
        [1, 0, 0],
      ],
      [0, 2, 0, 1],
    ]);
  });
});

describe('order', () => {
  it('ranks, with NaN where there is one', async () => {
    const x = t([
      [5, 1, 3],
      [2, NaN, 0],
    ]);
    expect(await list(...ops.medianWithIndices(x, 1))).toEqual([
      [3, NaN],
      [2, 1],
    ]);
    expect(await list(...ops.kthvalue(t([5, 1, 3]), 2, 0))).toEqual([3, 2]);
    expect(await list(...ops.topk(t([5, 1, 3]), 2, 0, { largest: false }))).toEqual([
      [1, 3],
      [1, 2],
    ]);
    expect(await list(ops.quantile(t([1, 2, 4, 8]), [0.5, 1], 0))).toEqual([[3, 8]]);
    expect(await list(ops.quantile(t([1, NaN, 2]), 0.5))).toEqual([NaN]);
  });
  it('finds places in sorted rows', async () => {
    const edges = t([1, 3, 3, 5]);
    const values = t([0, 1, 3, 4, 9]);
    expect(
      await list(
        ops.searchsorted(edges, values),
        ops.searchsorted(edges, values, { right: true }),
        ops.bucketize(t([2]), edges),
      ),
    ).toEqual([[0, 0, 1, 3, 4], [0, 1, 3, 3, 4], [1]]);
    expect(await list(ops.searchsorted(t([]), values))).toEqual([[0, 0, 0, 0, 0]]);
  });
});

describe('arrangement', () => {
  const x = t([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  it('repeats, rolls and splits', async () => {
    expect(await list(ops.repeatInterleave(x, [2, 0], 0), ops.repeatInterleave(x, 2))).toEqual([
      [
        [1, 2, 3],
        [1, 2, 3],
      ],
      [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6],
    ]);
    expect(await list(ops.roll(x, 1), ops.roll(x, [-1], [1]))).toEqual([
      [
        [6, 1, 2],
        [3, 4, 5],
      ],
      [
        [2, 3, 1],
        [5, 6, 4],
      ],
    ]);
    expect(await list(...ops.chunk(x, 2, 1))).toEqual([
      [
        [1, 2],
        [4, 5],
      ],
      [[3], [6]],
    ]);
    expect(await list(...ops.unbind(x))).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(await list(ops.rot90(x), ops.rot90(x, -1))).toEqual([
      [
        [3, 6],
        [2, 5],
        [1, 4],
      ],
      [
        [4, 1],
        [5, 2],
        [6, 3],
      ],
    ]);
    expect(await list(...ops.meshgrid([t([1, 2]), t([3, 4, 5])], { indexing: 'xy' }))).toEqual([
      [
        [1, 2],
        [1, 2],
        [1, 2],
      ],
      [
        [3, 3],
        [4, 4],
        [5, 5],
      ],
    ]);
  });
  it('pads in every mode, and crops', async () => {
    const v = t([[[1, 2, 3, 4]]]);
    const padded = (mode: ops.PadMode) => ops.pad(v, [2, 1], { mode });
    expect(
      await list(padded('constant'), padded('reflect'), padded('replicate'), padded('circular')),
    ).toEqual([
      [[[0, 0, 1, 2, 3, 4, 0]]],
      [[[3, 2, 1, 2, 3, 4, 3]]],
      [[[1, 1, 1, 2, 3, 4, 4]]],
      [[[3, 4, 1, 2, 3, 4, 1]]],
    ]);
    expect(await list(ops.pad(v, [-1, 1], { value: 9 }))).toEqual([[[[2, 3, 4, 9]]]]);
  });
  it('builds diagonals', async () => {
    expect(await list(ops.diagEmbed(t([1, 2]), -1), ops.diagonal(x, 1), ops.trace(x))).toEqual([
      [
        [0, 0, 0],
        [1, 0, 0],
        [0, 2, 0],
      ],
      [2, 6],
      6,
    ]);
  });
});

describe('values that overflow or vanish when computed naively', () => {
  it.each([
    ['softplus', ops.softplus, [-800, 0, 800], [0, Math.LN2, 800]],
    ['logSigmoid', ops.logSigmoid, [-800, 0, 800], [-800, -Math.LN2, 0]],
    ['sigmoid', ops.sigmoid, [-800, 0, 800], [0, 0.5, 1]],
    ['elu', ops.elu, [-800, 0, 800], [-1, 0, 800]],
    ['asinh', ops.asinh, [-1e200, 0, 1e200], [-461.2101657793691, 0, 461.2101657793691]],
    ['acosh', ops.acosh, [1, 1e200], [0, 461.2101657793691]],
    ['erfc', ops.erfc, [0, 5, 10], [1, 1.5374597944280349e-12, 2.088487583762545e-45]],
    ['logsumexp', (x: Tensor) => ops.logsumexp(x), [1000, 1000], 1000 + Math.LN2],
  ] as const)('%s', async (_, f, input, expected) => {
    const x = t(input);
    const y = f(x);
    const slope = gradients(y.sum(), [x])[0]!;
    const got = [await y.data(), expected].map((v) => (typeof v === 'number' ? [v] : [...v]));
    got[0]!.forEach((value, i) => {
      const want = Number(got[1]![i]);
      expect(Math.abs(Number(value) - want)).toBeLessThanOrEqual(1e-12 * Math.abs(want));
    });
    for (const g of await slope.data()) if (_ !== 'acosh') expect(Number(g)).toBeLessThan(Infinity);
  });
  it('has the gradient 0 at a deviation, a norm and a distance of 0', async () => {
    const x = t([
      [2, 2],
      [2, 2],
    ]);
    const zero = [
      [0, 0],
      [0, 0],
    ];
    const d = (f: (x: Tensor) => Tensor) => grad((y: Tensor) => f(y).sum())(x);
    expect(
      await list(
        d((y) => ops.std(y, 1)),
        d((y) => ops.norm(y.sub(x), 2, 1)),
        d((y) => ops.cdist(y, x)),
      ),
    ).toEqual([zero, zero, zero]);
  });
});

describe('pooling', () => {
  it('never lets the border win', async () => {
    const x = tensor(new Float64Array(9).fill(-Infinity), { shape: [1, 1, 3, 3] });
    const [values, at] = ops.maxPool2dWithIndices(x, 3, { stride: 2, padding: 1 });
    expect(await list(values, at)).toEqual([
      [
        [
          [
            [-Infinity, -Infinity],
            [-Infinity, -Infinity],
          ],
        ],
      ],
      [
        [
          [
            [0, 1],
            [3, 4],
          ],
        ],
      ],
    ]);
  });
  it('gives the whole gradient of a tie to the first', async () => {
    const x = t([
      [
        [
          [1, 1],
          [1, 1],
        ],
      ],
    ]);
    expect(await list(grad((y: Tensor) => ops.maxPool2d(y, 2).sum())(x))).toEqual([
      [
        [
          [
            [1, 0],
            [0, 0],
          ],
        ],
      ],
    ]);
  });
  it('puts pooled values back', async () => {
    const x = t([
      [
        [
          [1, 2, 0, 0],
          [0, 3, 0, 4],
        ],
      ],
    ]);
    const [values, at] = ops.maxPool2dWithIndices(x, 2);
    expect(await list(ops.maxUnpool2d(values, at, 2))).toEqual([
      [
        [
          [
            [0, 0, 0, 0],
            [0, 3, 0, 4],
          ],
        ],
      ],
    ]);
  });
});

describe('normalisation in training', () => {
  it('moves running statistics by the unbiased variance', async () => {
    const x = t([[1], [3]]);
    const [y, mean, spread] = ops.batchNormTraining(x, t([0]), t([1]), null, null, {
      momentum: 0.5,
      eps: 0,
    });
    expect(await list(y, mean, spread)).toEqual([[[-1], [1]], [1], [1.5]]);
  });
  it('drops with the right expectation, and the same for a seed', async () => {
    const x = t(new Array(1000).fill(1) as number[]);
    const { Generator } = await import('@hebb/core');
    const draw = (seed: number) => ops.dropout(x, 0.25, { generator: new Generator(seed) }).data();
    const [a, b] = [await draw(3), await draw(3)];
    expect(a).toEqual(b);
    const kept = [...a].filter((v) => Number(v) !== 0);
    expect(new Set(kept)).toEqual(new Set([1 / 0.75]));
    expect(kept.length).toBeGreaterThan(690);
    expect(kept.length).toBeLessThan(810);
    expect(ops.dropout(x, 0.5, { training: false })).toBe(x);
  });
});
