/** How invocations share loops: what a graphics processor gets and what a software adapter gets, in odd shapes. */
import { jest } from '@jest/globals';
import { cpu } from '@hebb/backend-cpu';
import { compile, cumsum, matmul, scatter, scatterElements, tensor, withBackend } from '@hebb/core';
import type { Backend, DType, Tensor } from '@hebb/core';
import { layerNorm, softmax } from '@hebb/ops';
import { spied } from './spy.ts';

jest.setTimeout(120_000);

const waves = (shape: readonly number[], step: number, dtype: DType = 'float32'): Tensor => {
  const n = shape.reduce((product, size) => product * size, 1);
  const values = Array.from({ length: n }, (_, i) => Math.sin(i * step) * 3);
  return dtype === 'float32'
    ? tensor(values, { shape })
    : tensor(values.map(Math.round), { shape, dtype: 'int32' }).to(dtype);
};

/** Rows that are contiguous, and columns that are, of few and of many, with positions and several sums at once. */
const reductions = (): Tensor[] => [
  waves([131, 65], 0.37).sum([1]),
  waves([131, 65], 0.37).max([0]),
  waves([5, 1027], 0.37).argmin(1),
  waves([67, 300], 0.37).argmax(0),
  softmax(waves([67, 33], 0.3), 1),
  softmax(waves([67, 33], 0.3), 0),
  waves([5003], 0.37).sum(),
  waves([3, 50, 37], 0.21).sum([1]),
  waves([37, 3, 41], 0.21).sum([0, 2]),
  waves([90, 70], 0.11).gt(0).to('bool').max([0]),
  waves([90, 70], 0.11, 'int64')
    .mul(waves([90, 70], 0.3, 'int64'))
    .sum([0]),
  waves([40, 33], 0.7, 'int8').sum([1]),
];

const products = (): Tensor[] =>
  (
    [
      [1, 70, 37],
      [3, 129, 515],
      [7, 33, 130],
    ] as const
  ).flatMap(([m, k, n]) => {
    const x = waves([m, k], 0.13);
    const w = waves([k, n], 0.19);
    const transposed = waves([n, k], 0.23);
    return [
      matmul(x, w),
      // With code attached to each sum.
      matmul(x, w)
        .add(waves([n], 0.5))
        .tanh(),
      matmul(x, transposed.transpose(0, 1)).mul(0.1),
      matmul(transposed, x.transpose(0, 1)),
      matmul(waves([2, m, k], 0.3), waves([2, k, n], 0.4)).abs(),
    ];
  });

const wholeProducts = (): Tensor[] => [
  matmul(waves([2, 50], 0.3, 'int64'), waves([50, 40], 0.7, 'int64')).add(waves([40], 1, 'int64')),
  matmul(waves([9, 50], 0.3, 'uint8'), waves([50, 40], 0.7, 'uint8')),
];

/** Few sums of so much that they are made in parts: of everything, of rows, of columns, two at once. */
const longSums = (): Tensor[] => {
  const x = waves([70_001], 0.37);
  const [rows, columns] = [waves([3, 20_011], 0.21), waves([2_051, 10], 0.21)];
  return [
    x.sum(),
    x.mul(x).mean().sqrt(),
    rows.max([1]),
    rows.sum([1]).add(waves([3], 1)),
    columns.sum([0]).mul(waves([10], 1)),
    columns.gt(0).to('float32').sum([0]),
  ];
};

/** Running sums over stretches, and what collides in a scatter, in index order. */
const routines = (): Tensor[] => {
  const places = tensor(
    Array.from({ length: 300 }, (_, i) => (i * 7919) % 61),
    { dtype: 'int32' },
  );
  const table = waves([61, 5], 0.3);
  const deep = tensor(
    Array.from({ length: 90 }, (_, i) => (i * 31) % 21),
    { shape: [30, 3], dtype: 'int32' },
  );
  return [
    cumsum(waves([3, 1500], 0.4), 1),
    cumsum(waves([1031, 3], 0.4, 'int64'), 0, { exclusive: true }),
    cumsum(waves([1100], 0.4), 0, { reverse: true }),
    scatter(table, places, waves([300, 5], 0.7), 0, 'add'),
    scatter(table, places, waves([300, 5], 0.7), 0),
    scatterElements(waves([21, 3], 0.2), deep, waves([30, 3], 0.9), 0, 'mul'),
  ];
};

async function on(backend: Backend, make: () => Tensor[]): Promise<number[][]> {
  return withBackend(backend, async () => {
    const results = await compile(() => make())();
    return Promise.all(results.map(async (x) => Array.from(await x.data(), Number)));
  });
}

function close(got: readonly number[][], wanted: readonly number[][]): void {
  expect(got).toHaveLength(wanted.length);
  wanted.forEach((list, k) => {
    const largest = Math.max(1, ...list.map(Math.abs));
    expect(got[k]).toHaveLength(list.length);
    const worst = Math.max(...list.map((x, i) => Math.abs(x - got[k]![i]!)));
    expect({ k, worst: worst <= 1e-4 * largest ? 0 : worst }).toEqual({ k, worst: 0 });
  });
}

describe.each([
  ['a graphics processor', true],
  ['a software adapter', false],
])('%s', (_, asCard) => {
  it.each([
    ['reductions', reductions],
    ['products of few rows', products],
    ['products of integers', wholeProducts],
    ['running sums and scatters', routines],
    ['few long sums', longSums],
  ])('%s are those of the cpu', async (_, make) => {
    const { backend, counts } = await spied({ subgroups: false, autotune: false }, { asCard });
    close(await on(backend, make), await on(cpu(), make));
    const sharing = counts.codes.filter((code) => code.includes('workgroupBarrier'));
    if (asCard) expect(sharing.length).toBeGreaterThan(counts.codes.length / 4);
    await backend.dispose?.();
  });

  it('normalises rows in one pass over the device', async () => {
    const { backend, counts } = await spied({ autotune: false }, { asCard });
    const run = (): Tensor[] => [layerNorm(waves([30, 96], 0.3), [96])];
    close(await on(backend, run), await on(cpu(), run));
    expect(counts.codes.filter((code) => code.includes('sqrt'))).toHaveLength(1);
    await backend.dispose?.();
  });
});

it('one product of few rows is one dispatch, with what follows it', async () => {
  const { backend, counts } = await spied({ autotune: false }, { asCard: true });
  await withBackend(backend, async () => {
    const step = compile((x: Tensor, w: Tensor) => matmul(x, w).add(1).tanh());
    await step(waves([2, 90], 0.1), waves([90, 50], 0.2));
  });
  expect(counts.asynchronous).toBe(1);
  await backend.dispose?.();
});

/** As if the named way were the fastest; nothing runs, since imitated barriers are slow. */
const told = (fastest: string, asked: Set<string>) => ({
  measure: (variant: string): Promise<number> => {
    asked.add(variant);
    return Promise.resolve(variant === fastest ? 1 : 2);
  },
});

it.each([
  ['a graphics processor', true, 'short', 'alone'],
  ['a graphics processor', true, 'whole', 'narrow'],
  ['a graphics processor', true, 'long', 'wide'],
  ['a software adapter', false, 'together', 'together'],
])('%s (%s) may be told to make products in teams: %s, %s', async (_, asCard, rows, columns) => {
  const make = (): Tensor[] => {
    const [x, w] = [waves([3, 260], 0.13), waves([260, 301], 0.19)];
    const [y, v] = [waves([3, 270], 0.13), waves([301, 270], 0.23)];
    return [matmul(x, w).add(1), matmul(y, v.transpose(0, 1)).tanh()];
  };
  const wanted = await on(cpu(), make);
  for (const fastest of new Set([rows, columns])) {
    const asked = new Set<string>();
    const { backend } = await spied({ autotune: told(fastest, asked) }, { asCard });
    close(await on(backend, make), wanted);
    expect(asked).toContain(fastest);
    await backend.dispose?.();
  }
});

it('few long sums are made in parts by a graphics processor', async () => {
  for (const asCard of [true, false]) {
    const { backend, counts } = await spied({ autotune: false }, { asCard });
    await withBackend(backend, () => compile((x: Tensor) => x.sum())(waves([70_001], 0.37)));
    expect(counts.asynchronous).toBe(asCard ? 2 : 1);
    await backend.dispose?.();
  }
});
