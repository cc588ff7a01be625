import { init } from '@hebb/core';
import { cpu } from '@hebb/backend-cpu';
import { ArrayDataset, mapSamples, ndarray } from '@hebb/data';
import { DataLoader } from '../src/index.ts';

beforeAll(async () => {
  await init(cpu());
});

const data = (count: number) =>
  new ArrayDataset({
    x: ndarray(
      Float32Array.from({ length: 2 * count }, (_, i) => i),
      [count, 2],
    ),
    y: ndarray(Uint8Array.from({ length: count }, (_, i) => i % 3)),
  });

async function sizes(loader: DataLoader): Promise<number[]> {
  const found: number[] = [];
  for await (const batch of loader) found.push(batch.size);
  return found;
}

const firstOf = async (loader: DataLoader) => (await loader.epoch().next()).value!;

describe('DataLoader', () => {
  it('gives tensors of whole batches, the last one smaller or left out', async () => {
    const loader = new DataLoader(data(7), { batchSize: 3 });
    expect(await sizes(loader)).toEqual([3, 3, 1]);
    expect([loader.length, loader.samples]).toEqual([3, 7]);
    const dropped = new DataLoader(data(7), { batchSize: 3, dropLast: true });
    expect(await sizes(dropped)).toEqual([3, 3]);
    expect([dropped.length, dropped.samples]).toEqual([2, 6]);
    const first = await firstOf(loader);
    expect(await first.tensors.x!.toArray()).toEqual([
      [0, 1],
      [2, 3],
      [4, 5],
    ]);
    expect(first.tensors.y!.dtype).toBe('uint8');
    expect([...first.indices]).toEqual([0, 1, 2]);
  });

  it('stacks samples of a data set without batches', async () => {
    const squared = mapSamples(data(4), ({ x, y }) => ({
      x: { ...x, data: Float32Array.from(x.data as Float32Array, (v) => v * v) },
      y,
    }));
    const batch = await firstOf(new DataLoader(squared, { batchSize: 2 }));
    expect(await batch.tensors.x!.toArray()).toEqual([
      [0, 1],
      [4, 9],
    ]);
  });

  it('shuffles by seed and epoch', async () => {
    const order = async (seed: number, epoch: number) => [
      ...(await new DataLoader(data(100), { shuffle: true, seed }).order(epoch)),
    ];
    const first = await order(1, 0);
    expect(first.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(await order(1, 0)).toEqual(first);
    expect(await order(1, 1)).not.toEqual(first);
    expect(await order(2, 0)).not.toEqual(first);
    expect(await order(2 ** 40 + 1, 0)).not.toEqual(first);
  });

  it('refuses what cannot be batched', () => {
    expect(() => new DataLoader(data(0))).toThrow('DataLoader: the data set is empty');
    expect(() => new DataLoader(data(3), { batchSize: 0 })).toThrow('batchSize is not usable');
    expect(() => new DataLoader(data(3), { dropLast: true })).toThrow('no batch is full');
    expect(() => new DataLoader(data(3), { batchsize: 3 } as object)).toThrow(
      'unknown option (got batchsize',
    );
    expect(() => new DataLoader([] as never)).toThrow('the data set is empty');
    expect(() => new DataLoader({} as never)).toThrow('it has no length');
  });

  it.each([NaN, Infinity, -Infinity])('names sample and column that hold %d', async (bad) => {
    const set = data(9);
    (set.columns.x.data as Float32Array)[11] = bad;
    const loader = new DataLoader(set, { batchSize: 4 });
    await expect(sizes(loader)).rejects.toThrow(`column "x" of sample 5 holds ${bad}`);
    expect(await sizes(new DataLoader(set, { batchSize: 4, checkFinite: false }))).toHaveLength(3);
  });

  it('sees non-finite half-precision values by their bits', async () => {
    const half = new ArrayDataset({ x: ndarray(Uint16Array.of(0x3c00, 0x7e00), [2], 'float16') });
    await expect(sizes(new DataLoader(half))).rejects.toThrow('column "x" of sample 1 holds NaN');
  });

  it('names a sample whose shape differs', async () => {
    const ragged = mapSamples(data(4), ({ x, y }, i) => ({
      x: i === 2 ? ndarray(new Float32Array(3)) : x,
      y,
    }));
    await expect(sizes(new DataLoader(ragged))).rejects.toThrow(
      'column "x" of sample 2 differs from that of sample 0 (got float32[3], wanted float32[2])',
    );
  });
});
