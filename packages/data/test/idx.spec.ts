import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { DataError, ndarray, readIdx, writeIdx } from '../src/index.ts';
import { readIdxFile, writeIdxFile } from '../src/node.ts';

const arrays = [
  ndarray(Uint8Array.of(0, 1, 254, 255, 7, 9), [2, 3]),
  ndarray(Int8Array.of(-128, 127, 0), [3]),
  ndarray(Int16Array.of(-32768, 32767, 258, -2), [2, 1, 2]),
  ndarray(Int32Array.of(-2147483648, 2147483647, 66051), [3]),
  ndarray(Float32Array.of(0.5, -0, 3.4e38, NaN), [4, 1]),
  ndarray(Float64Array.of(Math.PI, -Infinity), [1, 2]),
];

describe('readIdx and writeIdx', () => {
  it.each(arrays.map((a) => [a.dtype, a] as const))('round-trips %s', (_dtype, array) => {
    expect(readIdx(writeIdx(array))).toEqual(array);
  });

  it('writes the published layout: type, rank, big-endian sizes and values', () => {
    expect([...writeIdx(ndarray(Int16Array.of(258, -2), [1, 2]))]).toEqual([
      0, 0, 0x0b, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 0xff, 0xfe,
    ]);
  });

  it('handles an empty array and a scalar', () => {
    const empty = ndarray(new Uint8Array(0), [0, 28, 28]);
    expect(readIdx(writeIdx(empty))).toEqual(empty);
    const scalar = ndarray(Float32Array.of(1.5), []);
    expect(readIdx(writeIdx(scalar))).toEqual(scalar);
  });

  it('reads bytes that start at an odd offset of their buffer', () => {
    const array = arrays[5] as (typeof arrays)[number];
    const bytes = writeIdx(array);
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    expect(readIdx(shifted.subarray(3))).toEqual(array);
  });

  it('refuses a file cut at any byte, and one with a byte too many', () => {
    for (const array of arrays) {
      const bytes = writeIdx(array);
      for (let end = 0; end < bytes.length; end++) {
        expect(() => readIdx(bytes.subarray(0, end), { name: 'a.idx' })).toThrow(
          /^readIdx: a\.idx (ends within|is truncated)/,
        );
      }
      const longer = new Uint8Array(bytes.length + 1);
      longer.set(bytes);
      expect(() => readIdx(longer)).toThrow('has bytes after the data');
    }
  });

  it('names what is wrong with foreign bytes, and allocates nothing for an absurd size', () => {
    expect(() => readIdx(Uint8Array.of(0x50, 0x4b, 3, 4, 0))).toThrow('magic number 50 4b 03 04');
    expect(() => readIdx(Uint8Array.of(0, 0, 0x0a, 1, 0, 0, 0, 0))).toThrow('not an IDX file');
    expect(() => readIdx(gzipSync(Uint8Array.of(1)))).toThrow('is gzip-compressed');
    const absurd = Uint8Array.of(0, 0, 0x0e, 2, 255, 255, 255, 255, 255, 255, 255, 255);
    expect(() => readIdx(absurd)).toThrow('is truncated');
  });

  it('refuses types that IDX cannot hold', () => {
    expect(() => writeIdx(ndarray(BigInt64Array.of(1n)))).toThrow(
      'IDX has no such type (got int64, wanted uint8',
    );
  });
});

describe('IDX files', () => {
  let dir = '';
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hebb-idx-'));
  });
  afterAll(() => rm(dir, { recursive: true }));

  it('reads plain and compressed files alike and leaves no temporary file', async () => {
    const array = arrays[0] as (typeof arrays)[number];
    await writeIdxFile(join(dir, 'plain'), array);
    await writeIdxFile(join(dir, 'packed.gz'), array);
    expect(gunzipSync(await readFile(join(dir, 'packed.gz')))).toEqual(
      await readFile(join(dir, 'plain')),
    );
    for (const name of ['plain', 'packed.gz']) {
      const read = await readIdxFile(join(dir, name));
      expect([...(read.data as Uint8Array)]).toEqual([...(array.data as Uint8Array)]);
      expect(read.shape).toEqual([2, 3]);
    }
    expect((await readdir(dir)).sort()).toEqual(['packed.gz', 'plain']);
  });

  it('names the file that is missing, damaged or too large', async () => {
    await expect(readIdxFile(join(dir, 'nowhere'))).rejects.toThrow(/nowhere cannot be read/);
    const packed = gzipSync(writeIdx(ndarray(new Uint8Array(1000))));
    await writeFile(join(dir, 'cut.gz'), packed.subarray(0, packed.length - 9));
    await expect(readIdxFile(join(dir, 'cut.gz'))).rejects.toThrow(/cut\.gz is damaged gzip data/);
    await writeFile(join(dir, 'bomb.gz'), gzipSync(new Uint8Array(5_000_000)));
    const bomb = readIdxFile(join(dir, 'bomb.gz'), { maxBytes: 1_000_000 });
    await expect(bomb).rejects.toThrow(/bomb\.gz is too large/);
    await expect(bomb).rejects.toBeInstanceOf(DataError);
  });
});
