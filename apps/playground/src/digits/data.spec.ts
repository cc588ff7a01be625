import { gzipSync } from 'node:zlib';
import { digits, ndarray, writeIdx } from '@hebb/data';
import { drawnDigits, mnistFiles } from './data.ts';

/** A pair of IDX files as MNIST's. */
function pair(count: number, name: string) {
  const { image, label } = digits({ count, seed: count }).batch(
    Int32Array.from({ length: count }, (_, i) => i),
  );
  return [
    { name: `${name}-images`, bytes: writeIdx(ndarray(image.data, [count, 28, 28])) },
    { name: `${name}-labels`, bytes: writeIdx(label) },
  ] as const;
}
const packed = <T extends { readonly bytes: Uint8Array<ArrayBuffer> }>(file: T) => ({
  ...file,
  bytes: Uint8Array.from(gzipSync(file.bytes)),
});

describe('images to learn from', () => {
  it('are the same for the same seed, from 0 to 1, all digits', () => {
    const [a, b] = [drawnDigits(1, 50, 20), drawnDigits(1, 50, 20)];
    expect(a.train.images).toEqual(b.train.images);
    expect([a.train.count, a.test.count]).toEqual([50, 20]);
    expect(new Set(a.train.labels).size).toBe(10);
    expect(Math.max(...a.train.images)).toBe(1);
    expect(drawnDigits(2, 50, 20).train.images).not.toEqual(a.train.images);
  });

  it('come from MNIST files in any order, packed or not', async () => {
    const [trainImages, trainLabels] = pair(40, 'train');
    const [testImages, testLabels] = pair(20, 't10k');
    const sets = await mnistFiles([
      testLabels,
      packed(trainImages),
      packed(testImages),
      trainLabels,
    ]);
    expect([sets.train.count, sets.test.count, sets.name]).toEqual([
      40,
      20,
      '40 images of your files',
    ]);
    const { image, label } = digits({ count: 40, seed: 40 }).get(7);
    expect(sets.train.labels[7]).toBe(Number(label.data[0]));
    expect(sets.train.images[7 * 784 + 300]).toBeCloseTo(Number(image.data[300]) / 255, 6);
  });

  it('splits one pair alone', async () => {
    const sets = await mnistFiles(pair(70, 'train'));
    expect([sets.train.count, sets.test.count]).toEqual([60, 10]);
  });

  it('says which files are wanted', async () => {
    const [images, labels] = pair(20, 'train');
    const text = { name: 'notes.txt', bytes: new TextEncoder().encode('no idx at all') };
    const cut = packed(images);
    const colours = {
      name: 'x',
      bytes: writeIdx(ndarray(new Uint8Array(20 * 27 * 27), [20, 27, 27])),
    };
    const letters = { name: 'y', bytes: writeIdx(ndarray(new Uint8Array(20).fill(11))) };
    await expect(mnistFiles([text, labels])).rejects.toThrow(
      /notes\.txt is not an IDX file[^]*train-images/,
    );
    await expect(mnistFiles([{ ...cut, bytes: cut.bytes.slice(0, 900) }, labels])).rejects.toThrow(
      'train-images is damaged',
    );
    await expect(mnistFiles([colours, labels])).rejects.toThrow(
      'x holds uint8 [20, 27, 27], not MNIST',
    );
    await expect(mnistFiles([images])).rejects.toThrow(
      'no file of images with a file of as many labels',
    );
    await expect(mnistFiles([images, pair(30, 'other')[1]])).rejects.toThrow('as many labels');
    await expect(mnistFiles([images, letters])).rejects.toThrow('numbers above 9');
  });
});
