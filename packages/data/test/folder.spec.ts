import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { augment, randomResizedCrop, take } from '../src/index.ts';
import { fingerprint, imageFolder } from '../src/node.ts';

/** A PNG that pngjs wrote: a ramp in red, `tint` in green. */
function png(width: number, height: number, tint: number): Buffer {
  const image = new PNG({ width, height });
  for (let i = 0; i < width * height; i++) image.data.set([i % 256, tint, 0, 255], 4 * i);
  return PNG.sync.write(image);
}

async function jpeg(width: number, height: number): Promise<Uint8Array> {
  const require = createRequire(import.meta.url);
  const encoder = await import('@jsquash/jpeg/encode.js');
  const wasm = await readFile(require.resolve('@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm'));
  const init = encoder.init as (module: WebAssembly.Module) => Promise<unknown>;
  await init(await WebAssembly.compile(wasm));
  const data = new Uint8ClampedArray(width * height * 4).fill(200);
  const image = { data, width, height, colorSpace: 'srgb' } as ImageData;
  return new Uint8Array(await encoder.default(image));
}

describe('imageFolder', () => {
  let root = '';
  const path = (...names: string[]) => join(root, ...names);
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'hebb-folder-'));
    await mkdir(path('dog', 'small'), { recursive: true });
    await mkdir(path('cat'));
    await mkdir(path('.hidden'));
    await writeFile(path('cat', 'a.png'), png(6, 4, 10));
    await writeFile(path('dog', 'b.JPG'), await jpeg(16, 12));
    await writeFile(path('dog', 'small', 'c.png'), png(4, 4, 30));
    await writeFile(path('dog', 'notes.txt'), 'no picture');
  });
  afterEach(() => rm(root, { recursive: true }));

  it('finds classes and pictures in the order of their names', async () => {
    const data = await imageFolder(root);
    expect(data.classes).toEqual(['cat', 'dog']);
    expect(data.files.map(({ label }) => label)).toEqual([0, 1, 1]);
    const { image, label } = data.get(0);
    expect([image.shape, image.dtype, label.shape, label.dtype]).toEqual([
      [3, 4, 6],
      'uint8',
      [],
      'int32',
    ]);
    expect([...image.data.subarray(0, 6)]).toEqual([0, 1, 2, 3, 4, 5]);
    expect([...image.data.subarray(24, 48)]).toEqual(new Array(24).fill(10));
    const photo = data.get(1).image;
    expect(photo.shape).toEqual([3, 12, 16]);
    for (const value of photo.data) expect(Math.abs(Number(value) - 200)).toBeLessThan(3);
    expect(data.get(2).label.data[0]).toBe(1);
    const chosen = await imageFolder(root, { classes: ['dog'], channels: 1 });
    expect([chosen.length, chosen.get(0).image.shape[0]]).toEqual([2, 1]);
  });

  it('brings pictures to one size for batches', async () => {
    const data = await imageFolder(root, { size: [4, 4] });
    const { image, label } = data.batch!([2, 0, 1]);
    expect([image.shape, [...label.data]]).toEqual([
      [3, 3, 4, 4],
      [1, 0, 1],
    ]);
    // The middle four columns of six.
    expect([...image.data.subarray(48, 52)]).toEqual([1, 2, 3, 4]);
    const wide = await imageFolder(root, { size: [2, 8], fit: 'stretch' });
    expect(wide.get(0).image.shape).toEqual([3, 2, 8]);
    // Or a transform does.
    const cropped = augment(await imageFolder(root), randomResizedCrop(5));
    expect(cropped.batch!([0, 1, 2], 1).image.shape).toEqual([3, 3, 5, 5]);
  });

  it('names a picture that cannot be read, or leaves it out', async () => {
    await writeFile(path('dog', 'broken.png'), png(4, 4, 1).subarray(0, 40));
    await writeFile(path('dog', 'cut.jpg'), Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0));
    await writeFile(path('dog', 'empty.png'), '');
    const stops = await imageFolder(root, { size: 4 });
    expect(() => stops.batch!([2])).toThrow(/broken\.png: .*/);
    expect(() => stops.get(3)).toThrow(/cut\.jpg: decodeImage: broken jpeg/);
    expect(() => stops.get(4)).toThrow(/empty\.png: .*unknown format/);
    const skipped: string[] = [];
    const sound = await imageFolder(root, {
      onCorrupt: 'skip',
      onSkip: (error) => skipped.push(/\w+\.\w+(?=:)/.exec(error.message)?.[0] ?? ''),
    });
    expect(skipped).toEqual(['broken.png', 'cut.jpg', 'empty.png']);
    expect(sound.length).toBe(3);
    expect(sound.get(1).image.shape).toEqual([3, 12, 16]);
    await expect(imageFolder(root, { maxPixels: 10 }).then((data) => data.get(0))).rejects.toThrow(
      /a\.png: .*too large/,
    );
  });

  it('names folders without pictures', async () => {
    await mkdir(path('fish'));
    await expect(imageFolder(root)).rejects.toThrow(/class fish has no pictures/);
    await expect(imageFolder(path('cat'))).rejects.toThrow('has no subfolders');
    await expect(imageFolder(path('none'))).rejects.toMatchObject({ kind: 'missing' });
    await expect(imageFolder(root, { size: 0 })).rejects.toThrow('size is a positive');
  });

  it('has a fingerprint of its content and what is done to it', async () => {
    const data = await imageFolder(root, { size: 4 });
    const print = fingerprint(data);
    expect(print).toMatch(/^[0-9a-f]{64}$/);
    expect(fingerprint(await imageFolder(root, { size: 4 }))).toBe(print);
    // The same samples one by one.
    expect(fingerprint({ length: 3, get: (i) => data.get(i) })).toBe(print);
    expect(fingerprint(data, { describe: { a: 1, b: 2 } })).toBe(
      fingerprint(data, { describe: { b: 2, a: 1 } }),
    );
    const others = [
      fingerprint(data, { describe: { a: 1 } }),
      fingerprint(take(data, 2)),
      fingerprint(augment(data, randomResizedCrop(4), { seed: 1 })),
      fingerprint(augment(data, randomResizedCrop(4), { seed: 1 }), { epoch: 1 }),
    ];
    await writeFile(path('cat', 'a.png'), png(6, 4, 11));
    others.push(fingerprint(data));
    expect(new Set([print, ...others]).size).toBe(6);
  });
});
