import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import {
  ShardedDataset,
  augment,
  batched,
  fetchBatch,
  ndarray,
  shuffled,
  writeNpz,
} from '../src/index.ts';
import type { Shard } from '../src/index.ts';
import { shardFiles } from '../src/node.ts';

/** Shards of 10, 20, ... samples, numbered through. */
function shardsOf(lengths: number[]): Shard<{ x: ReturnType<typeof ndarray> }>[] {
  let start = 0;
  return lengths.map((length, k) => {
    const first = start;
    start += length;
    return {
      name: `shard ${k}`,
      length,
      read: () => ({ x: ndarray(Int32Array.from({ length }, (_, i) => first + i)) }),
    };
  });
}

describe('ShardedDataset', () => {
  it('gives any samples in any order', () => {
    const data = new ShardedDataset(shardsOf([3, 0, 5, 2]));
    expect(data.length).toBe(10);
    expect([...data.batch([9, 0, 4, 3, 2, 9]).x.data]).toEqual([9, 0, 4, 3, 2, 9]);
    expect(data.get(7).x.data[0]).toBe(7);
    expect(data.get(7).x.shape).toEqual([]);
    expect(() => data.get(10)).toThrow('no such sample');
  });

  it('mixes neighbouring shards, reads each once, and repeats an epoch', () => {
    const lengths = Array.from({ length: 12 }, (_, k) => 8 + k);
    const data = new ShardedDataset(shardsOf(lengths), { maxBytes: 4 * 40 });
    const sampler = data.sampler({ seed: 5, together: 2 });
    const order = sampler.order(1);
    expect([...order].sort((a, b) => a - b)).toEqual([...order.keys()]);
    expect(sampler.order(1)).toEqual(order);
    expect(sampler.order(2)).not.toEqual(order);
    expect(data.sampler({ seed: 6 }).order(1)).not.toEqual(order);
    for (let at = 0; at < order.length; at += 7) {
      const part = order.subarray(at, at + 7);
      expect([...data.batch(part).x.data]).toEqual([...part]);
      expect(data.bytesKept).toBeLessThanOrEqual(160);
    }
    expect(data.reads).toBeLessThanOrEqual(lengths.length + 2);
    // Neighbours in the order come from several places.
    const steps = order.slice(1).map((index, i) => Math.abs(index - order[i]!));
    expect(steps.filter((step) => step === 1).length).toBeLessThan(order.length / 5);
  });

  it('names the shard that is wrong', () => {
    const [good] = shardsOf([4]);
    const bad = (read: () => Record<string, ReturnType<typeof ndarray>>) =>
      new ShardedDataset([good!, { name: 'b.npz', length: 4, read } as never]);
    const four = new Int32Array(4);
    expect(() => bad(() => ({ x: ndarray(new Int32Array(3)) })).get(4)).toThrow(
      'column "x" of shard b.npz has changed (got 3 samples, wanted 4)',
    );
    expect(() => bad(() => ({ x: ndarray(new Float32Array(4)) })).batch([0, 5])).toThrow(
      'column "x" of shard b.npz differs',
    );
    expect(() => bad(() => ({ x: ndarray(four), y: ndarray(four) })).batch([5, 0])).toThrow(
      'column "y"',
    );
    expect(() =>
      bad(() => {
        throw new Error('gone');
      }).get(5),
    ).toThrow('shard b.npz: gone');
    expect(() => new ShardedDataset([good!], { maxBytes: 15 }).get(0)).toThrow(
      /shard 0 is larger than what may be kept \(got 16 bytes/,
    );
    expect(() => new ShardedDataset([])).toThrow('there are no samples');
    expect(() => new ShardedDataset([good!]).sampler({ together: 0 })).toThrow('together');
  });
});

describe('shardFiles', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hebb-shards-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('reads .npz files, or what a reader makes of bytes', async () => {
    const [a, b, c] = ['a.npz', 'b.npz', 'c.bin.gz'].map((name) => join(folder, name));
    const columns = (...values: number[]) => ({
      x: ndarray(Uint8Array.from(values), [values.length, 1]),
    });
    await writeFile(a!, writeNpz(columns(1, 2)));
    await writeFile(b!, writeNpz(columns(3)));
    await writeFile(c!, gzipSync(Uint8Array.of(7, 8)));
    expect([...fetchBatch(shardFiles([a!, b!]), [2, 0])['x']!.data]).toEqual([3, 1]);
    const own = shardFiles([c!], { read: (bytes) => columns(...bytes) });
    expect([...own.batch([0, 1]).x.data]).toEqual([7, 8]);
    expect(() => shardFiles([a!, c!])).toThrow(/c\.bin\.gz: .*no \.npz file/);
    expect(() => shardFiles([join(folder, 'none')])).toThrow(/none: ENOENT/);
    // Transforms sit on top as on any other data set.
    const pictures = { image: ndarray(new Uint8Array(24), [2, 3, 2, 2]) };
    await writeFile(a!, writeNpz(pictures));
    const mapped = augment(shardFiles([a!]), (picture) => picture);
    expect(fetchBatch(mapped, [1])['image']!.shape).toEqual([1, 3, 2, 2]);
  });

  const linux = existsSync('/proc/self/status');
  if (!linux) console.warn('the peak of memory is measured on Linux only');
  (linux ? it : it.skip)('keeps to its limit while it reads 512 MiB', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--conditions=@hebb/source',
      '--disable-warning=ExperimentalWarning',
      '--expose-gc',
      join(import.meta.dirname, 'shards-child.ts'),
      folder,
    ]);
    const { seen, most, reads, mib } = JSON.parse(stdout) as Record<string, number>;
    expect(seen).toBe(64 * 128);
    expect(reads).toBe(64);
    expect(most).toBeLessThanOrEqual(2 ** 25);
    // 32 MiB are kept; a file being read, a batch and the module itself come on top (100 MiB in all).
    // Keeping every file takes 540: that is what must be told apart.
    expect(mib).toBeLessThan(256);
  });
});

async function* numbers(count: number): AsyncGenerator<number> {
  for (let i = 0; i < count; i++) yield i;
}
async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const each of stream) found.push(each);
  return found;
}

describe('streams', () => {
  it('are mixed within a buffer, the same each time', async () => {
    const order = await all(shuffled(numbers(200), { buffer: 20, seed: 1 }));
    expect([...order].sort((a, b) => a - b)).toEqual([...Array(200).keys()]);
    // What comes out as number i has come in by number i + 20.
    order.forEach((value, i) => expect(value).toBeLessThan(i + 21));
    expect(order.filter((value, i) => value === i).length).toBeLessThan(40);
    expect(await all(shuffled(numbers(200), { buffer: 20, seed: 1 }))).toEqual(order);
    expect(await all(shuffled(numbers(200), { buffer: 20, seed: 1, epoch: 1 }))).not.toEqual(order);
    expect(await all(shuffled([1, 2, 3], { buffer: 1 }))).toEqual([1, 2, 3]);
    await expect(all(shuffled([1], { buffer: 0 }))).rejects.toThrow('buffer is a positive');
  });

  it('become batches, from the middle on where a run was interrupted', async () => {
    const samples = Array.from({ length: 10 }, (_, i) => ({ x: ndarray(Int32Array.of(i), []) }));
    const values = async (options: object) =>
      (await all(batched(samples, { batchSize: 4, ...options }))).map(({ x }) => [...x.data]);
    expect(await values({})).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ]);
    expect(await values({ dropLast: true, skip: 1 })).toEqual([[4, 5, 6, 7]]);
    expect(await values({ skip: 2 })).toEqual([[8, 9]]);
    await expect(values({ batchSize: 0 })).rejects.toThrow('batchSize is a positive');
  });
});
