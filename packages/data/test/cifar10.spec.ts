import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { CIFAR10_CLASSES, loadCifar10 } from '../src/node.ts';
import { shared } from './shared.ts';

/** Records of `labels`, each plane filled with numbers that tell record and plane. */
const records = (labels: number[]): Uint8Array =>
  Uint8Array.from(
    labels.flatMap((label, i) => [
      label,
      ...Array.from({ length: 3072 }, (_, k) => 10 * i + Math.floor(k / 1024)),
    ]),
  );

describe('loadCifar10', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hebb-cifar-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('reads the published files, plain or compressed', async () => {
    await writeFile(join(folder, 'data_batch_1.bin'), records([3, 9]));
    await writeFile(join(folder, 'data_batch_2.bin.gz'), gzipSync(records([0])));
    await writeFile(join(folder, 'test_batch.bin'), records([7]));
    const { train, test, classes } = await loadCifar10({ dir: folder });
    expect([train.length, test.length]).toEqual([3, 1]);
    expect(classes[Number(train.get(1).label.data[0])]).toBe('truck');
    const { shape, data } = train.get(1).image;
    expect([shape, data[0], data[1024], data[3071]]).toEqual([[3, 32, 32], 10, 11, 12]);
    expect(await loadCifar10({ env: { HEBB_DATA: folder } })).toMatchObject({ classes });
  });

  it('names what is missing or damaged', async () => {
    await expect(loadCifar10({ dir: folder })).rejects.toMatchObject({ kind: 'missing' });
    await expect(loadCifar10({ dir: folder })).rejects.toThrow(/cifar-10-binary\.tar\.gz/);
    await writeFile(join(folder, 'data_batch_1.bin'), records([1]).subarray(1));
    await expect(loadCifar10({ dir: folder })).rejects.toThrow(/data_batch_1\.bin does not hold/);
    await writeFile(join(folder, 'data_batch_1.bin'), records([1, 10]));
    await expect(loadCifar10({ dir: folder })).rejects.toThrow(/no class of CIFAR-10 in record 1/);
  });

  const there = existsSync(shared('datasets/cifar10/train_10000.bin.gz'));
  if (!there) console.warn('the shared pictures of CIFAR-10 are not there: they are not read');
  (there ? it : it.skip)(
    'holds out a sixth of the shared pictures, of each class alike',
    async () => {
      const { train, test } = await loadCifar10({ env: { HEBB_DATA: shared('') } });
      expect([train.length, test.length]).toEqual([8334, 1666]);
      const counts = new Array<number>(10).fill(0);
      for (let i = 0; i < test.length; i++) counts[Number(test.get(i).label.data[0])]! += 1;
      expect(Math.min(...counts)).toBeGreaterThanOrEqual(166);
      expect(CIFAR10_CLASSES).toHaveLength(10);
      const again = await loadCifar10({ env: { HEBB_DATA: shared('') }, heldOut: 1000, seed: 1 });
      expect(again.test.length).toBe(1000);
    },
  );
});
