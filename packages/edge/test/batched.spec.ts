/** Requests computed together: the same answers, whoever comes, leaves or is wrong. */
import { batched } from '../src/index.ts';
import type { ServedModel, ServedTensor } from '../src/index.ts';
import { callsFor } from '../src/batch/sizes.ts';

const row = (...values: number[]): Record<string, ServedTensor> => ({
  x: { dtype: 'float32', shape: [1, values.length], data: Float32Array.from(values) },
});
const rows = (count: number, of = 2): Record<string, ServedTensor> => ({
  x: {
    dtype: 'float32',
    shape: [count, of],
    data: Float32Array.from({ length: count * of }, (_, i) => i),
  },
});

/** Sums each row; calls are noted, and a negative number breaks the whole call. */
function summing(more: Partial<ServedModel> = {}): { model: ServedModel; calls: number[] } {
  const calls: number[] = [];
  const model: ServedModel = {
    inputs: [{ name: 'x', dtype: 'float32', shape: ['n', null] }],
    outputs: [{ name: 'sum', dtype: 'float32', shape: ['n'] }],
    run: async ({ x }) => {
      const [count = 0, width = 0] = x!.shape;
      calls.push(count);
      const data = x!.data as Float32Array;
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (data.some((value) => value < 0)) throw new Error('negative');
      const sum = Float32Array.from({ length: count }, (_, i) =>
        data.subarray(i * width, (i + 1) * width).reduce((a, b) => a + b, 0),
      );
      return { sum: { dtype: 'float32', shape: [count], data: sum } };
    },
    ...more,
  };
  return { model, calls };
}

const sums = async (answer: ReturnType<ServedModel['run']>): Promise<number[]> =>
  Array.from((await answer)['sum']!.data as Float32Array);

it('computes what comes together in one call, each answer its own', async () => {
  const { model, calls } = summing();
  const together = batched(model, { most: 8 });
  const answers = await Promise.all(
    Array.from({ length: 7 }, (_, i) => sums(together.run(i === 3 ? rows(2) : row(i, 1)))),
  );
  expect(answers).toEqual([[1], [2], [3], [1, 5], [5], [6], [7]]);
  expect(calls).toEqual([8]);
});

it('never exceeds its limit, takes turns, and leaves other shapes apart', async () => {
  const { model, calls } = summing();
  const together = batched(model, { most: 4 });
  const answers = await Promise.all([
    ...Array.from({ length: 10 }, (_, i) => sums(together.run(row(i)))),
    sums(together.run(row(1, 2, 3))),
    sums(together.run(rows(5))),
  ]);
  expect(answers.flat()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 6, 1, 5, 9, 13, 17]);
  expect([...calls].sort()).toEqual([1, 2, 4, 4, 5]);
});

it('lets one leave without harm to the others', async () => {
  const { model, calls } = summing();
  const together = batched(model);
  const early = new AbortController();
  const late = new AbortController();
  const answers = [
    sums(together.run(row(1))),
    sums(together.run(row(2), { signal: early.signal })),
    sums(together.run(row(3), { signal: late.signal })),
  ];
  setTimeout(() => late.abort(new Error('left late')), 1);
  early.abort(new Error('left early'));
  const settled = await Promise.allSettled(answers);
  expect(settled[0]).toEqual({ status: 'fulfilled', value: [1] });
  expect(settled[1]).toMatchObject({ status: 'rejected', reason: { message: 'left early' } });
  expect(calls[0]).toBe(2);
  const gone = batched(model).run(row(1), { signal: early.signal });
  await expect(gone).rejects.toThrow('left early');
  expect(await sums(together.run(row(9)))).toEqual([9]);
});

it('lets a bad one fail alone', async () => {
  const { model } = summing();
  const together = batched(model);
  const settled = await Promise.allSettled([1, -2, 3].map((x) => sums(together.run(row(x)))));
  expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(settled[2]).toMatchObject({ value: [3] });
});

it('calls a compiled model with sizes that it has, and fills the rest', async () => {
  const signature = (size: number) => ({ inputs: [{ shape: [size, 2] }] });
  const inputs = [{ name: 'x' }];
  const plan = { functions: [{ inputs, signatures: [1, 4, 8].map(signature) }] };
  const { model, calls } = summing({ plan });
  const filled: number[] = [];
  const together = batched(model, { most: 16, onCall: (_, more) => filled.push(more) });
  const answers = await Promise.all(
    Array.from({ length: 11 }, (_, i) => sums(together.run(row(i, i)))),
  );
  expect(answers.flat()).toEqual(Array.from({ length: 11 }, (_, i) => 2 * i));
  expect([calls, filled]).toEqual([
    [8, 4],
    [0, 1],
  ]);
  expect(await sums(together.run(rows(3)))).toEqual([1, 5, 9]);
  expect(together.plan).toBe(plan);
});

it('chooses calls that cost least', () => {
  const sizes = (total: number) =>
    callsFor(total, [1, 8, 32]).map(({ size, rows: n }) => [size, n]);
  expect(sizes(1)).toEqual([[1, 1]]);
  expect(sizes(5)).toEqual([[8, 5]]);
  expect(sizes(17)).toEqual([[32, 17]]);
  expect(sizes(34)).toEqual([
    [32, 32],
    [1, 1],
    [1, 1],
  ]);
  expect(callsFor(5, undefined)).toEqual([{ size: 5, rows: 5 }]);
  expect(callsFor(3, [4, 8])).toEqual([{ size: 4, rows: 3 }]);
});

it('refuses models without an open batch axis, and limits that are none', () => {
  const { model } = summing();
  const fixed = { ...model, inputs: [{ name: 'x', dtype: 'float32', shape: [1, 2] }] };
  expect(() => batched(fixed)).toThrow('x has [1,2]: batching needs its first axis open');
  expect(() => batched({ ...model, outputs: [{ name: 'y', shape: [] }] })).toThrow(TypeError);
  expect(() => batched(model, { most: 0 })).toThrow(RangeError);
  expect(() => batched(model, { wait: -1 })).toThrow(RangeError);
});

it('says so when an output has no row for each input', async () => {
  const { model } = summing({
    run: () => ({ sum: { dtype: 'float32', shape: [1], data: Float32Array.of(1) } }),
  });
  const together = batched(model);
  const both = Promise.all([together.run(row(1)), together.run(row(2))]);
  // Each by itself is what the model gives without batching.
  expect((await both).map(({ sum }) => sum!.shape)).toEqual([[1], [1]]);
  await expect(together.run(rows(2))).resolves.toMatchObject({ sum: { shape: [1] } });
});
