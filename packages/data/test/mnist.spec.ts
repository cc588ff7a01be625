import { existsSync } from 'node:fs';
import { mkdtemp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  digits,
  ndarray,
  type ArrayDataset,
  type DigitSample,
  type NDArray,
  type Subset,
} from '../src/index.ts';
import { loadMnist, writeIdxFile, type Fetch } from '../src/node.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const shared = join(root, '../shared/data/datasets/mnist');

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hebb-mnist-'));
});
afterEach(() => rm(dir, { recursive: true }));

const noFetch: Fetch = () => Promise.reject(new Error('this test has no network'));
const offline = { env: {}, fetch: noFetch } as const;

async function write(folder: string, prefix: string, count: number, seed = 0): Promise<void> {
  const { image, label } = digits({ count, seed }).columns;
  const images: NDArray = { ...image, shape: [count, 28, 28] };
  await writeIdxFile(join(folder, `${prefix}-images-idx3-ubyte.gz`), images);
  await writeIdxFile(join(folder, `${prefix}-labels-idx1-ubyte`), label);
}

const classCounts = (part: { length: number; get(i: number): { label: NDArray } }) => {
  const counts = new Array<number>(10).fill(0);
  for (let i = 0; i < part.length; i++) counts[Number(part.get(i).label.data[0])]! += 1;
  return counts;
};

describe('loadMnist from files', () => {
  it('reads training and test files from a folder, or a folder mnist in it', async () => {
    await write(join(dir, 'mnist'), 'train', 60);
    await write(join(dir, 'mnist'), 't10k', 20, 1);
    const lines: string[] = [];
    const loaded = await loadMnist({ ...offline, dir, log: (line) => lines.push(line) });
    expect(loaded.source).toBe('dir');
    expect([loaded.train.length, loaded.test.length]).toEqual([60, 20]);
    expect(loaded.train.get(7).image).toEqual(digits({ count: 60 }).get(7).image);
    expect(loaded.test.get(3)).toEqual(digits({ count: 20, seed: 1 }).get(3));
    expect(lines).toEqual([loaded.message]);
    expect(loaded.message).toBe(`MNIST from ${dir}: 60 training and 20 test images.`);

    const env = { HEBB_DATA: join(dir, 'mnist') };
    expect((await loadMnist({ ...offline, env })).source).toBe('HEBB_DATA');
  });

  it('holds out seeded, stratified images where there is no test file', async () => {
    await write(dir, 'train', 120);
    const load = (seed: number) => loadMnist({ ...offline, dir, seed });
    const [a, again, other] = [await load(1), await load(1), await load(2)];
    expect([a.train.length, a.test.length]).toEqual([100, 20]);
    expect(classCounts(a.test)).toEqual(new Array(10).fill(2));
    expect(classCounts(a.train)).toEqual(new Array(10).fill(10));
    const held = (m: typeof a) => [...(m.test as Subset<DigitSample>).indices];
    expect(held(again)).toEqual(held(a));
    expect(held(other)).not.toEqual(held(a));
    expect(held(a).some((i) => (a.train as Subset<DigitSample>).indices.includes(i))).toBe(false);
    expect(a.message).toContain('held out');
  });

  it('finds the shared folder beside the workspace', async () => {
    await mkdir(join(dir, 'hebb/packages/x'), { recursive: true });
    await writeFile(join(dir, 'hebb/package.json'), '{"name":"hebb"}');
    await writeFile(join(dir, 'hebb/packages/x/package.json'), '{"name":"other"}');
    await write(join(dir, 'shared/data/datasets/mnist'), 'train', 60);
    const loaded = await loadMnist({ ...offline, cwd: join(dir, 'hebb/packages/x') });
    expect(loaded.source).toBe('shared');
    expect(loaded.test.length).toBe(10);
  });

  it('names the folder and the file that are wrong', async () => {
    await expect(loadMnist({ ...offline, dir })).rejects.toThrow(
      `loadMnist: dir has no MNIST (got ${dir}, wanted train-images-idx3-ubyte and`,
    );
    const env = { HEBB_DATA: join(dir, 'nowhere') };
    await expect(loadMnist({ ...offline, env })).rejects.toThrow('HEBB_DATA has no MNIST');

    const images = join(dir, 'train-images-idx3-ubyte');
    const labels = join(dir, 'train-labels-idx1-ubyte');
    const put = async (image: NDArray, label: NDArray) => {
      await writeIdxFile(images, image);
      await writeIdxFile(labels, label);
    };
    const refused = (message: string) =>
      expect(loadMnist({ ...offline, dir })).rejects.toThrow(message);
    const blank = (n: number, side = 28) =>
      ndarray(new Uint8Array(n * side * side), [n, side, side]);
    await put(blank(2, 27), ndarray(new Uint8Array(2)));
    await refused(`${images} does not hold the images of MNIST (got uint8 [2,27,27]`);
    await put(blank(2), ndarray(new Uint8Array(3)));
    await refused(`${labels} does not hold the labels`);
    await put(blank(2), ndarray(Uint8Array.of(3, 10)));
    await refused(`${labels} has no digit in row 1 (got 10, wanted 0 to 9)`);
    await put(blank(0), ndarray(new Uint8Array(0)));
    await refused('holds no images');
    await writeFile(labels, 'abcdefgh');
    await refused(`${labels} is not an IDX file`);
  });
});

describe('loadMnist without files', () => {
  const quick = { embedded: { train: 50, test: 20 } } as const;

  it('draws digits when the network is not there either, and says so', async () => {
    const lines: string[] = [];
    const asked: string[] = [];
    const loaded = await loadMnist({
      ...offline,
      ...quick,
      cwd: dir,
      fetch: (url) => {
        asked.push(url);
        return Promise.reject(new TypeError('fetch failed', { cause: new Error('no route') }));
      },
      log: (line) => lines.push(line),
    });
    expect(loaded.source).toBe('embedded');
    expect([loaded.train.length, loaded.test.length]).toEqual([50, 20]);
    expect(asked).toHaveLength(2);
    expect(lines[0]).toMatch(/cannot be downloaded: no route$/);
    expect(lines.at(-1)).toMatch(/^Embedded digits, drawn by this package: 50 to train on/);
    const train = (loaded.train as ArrayDataset<DigitSample>).columns.image.data as Uint8Array;
    const test = (loaded.test as ArrayDataset<DigitSample>).columns.image.data as Uint8Array;
    expect(train.subarray(0, 784)).not.toEqual(test.subarray(0, 784));
  });

  it('does not ask the network when told not to', async () => {
    const fetch: Fetch = () => {
      throw new Error('asked');
    };
    const lines: string[] = [];
    const log = (line: string) => lines.push(line);
    const options = { ...quick, env: {}, cwd: dir, fetch, log, download: false };
    expect((await loadMnist(options)).source).toBe('embedded');
    expect(lines.join()).not.toContain('asked');
  });

  it('takes nothing but the very files: wrong bytes, sizes and statuses leave nothing behind', async () => {
    const answers: [() => Response, string][] = [
      [() => new Response('gone', { status: 404 }), 'the server answered 404'],
      [() => new Response('short'), 'it ended after 5 of 4542 bytes'],
      [() => new Response(new Uint8Array(4542)), 'its checksum is wrong'],
      [() => new Response(new Uint8Array(4543)), 'it is larger than 4542 bytes'],
      [() => new Response(null), 'the answer has no body'],
    ];
    for (const [answer, message] of answers) {
      const lines: string[] = [];
      const loaded = await loadMnist({
        ...quick,
        cwd: dir,
        env: { HEBB_CACHE: join(dir, 'cache') },
        fetch: () => Promise.resolve(answer()),
        log: (line) => lines.push(line),
      });
      expect(loaded.source).toBe('embedded');
      expect(lines[0]).toContain(message);
      expect(await readdir(dir)).toEqual([]);
    }
  });

  it('gives up on a server that does not answer', async () => {
    const lines: string[] = [];
    const loaded = await loadMnist({
      ...quick,
      cwd: dir,
      env: {},
      timeoutMs: 20,
      fetch: (_url, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        }),
      log: (line) => lines.push(line),
    });
    expect(loaded.source).toBe('embedded');
    expect(lines[0]).toContain('no answer for 20 ms');
  });
});

// Needs the real files: without them these cases cannot say anything about MNIST.
const real = existsSync(shared) ? describe : describe.skip;
real(
  'loadMnist with the real images in ../shared/data (skipped where that folder is missing)',
  () => {
    it('holds out 10,000 of 60,000 with the shares of each digit', async () => {
      const loaded = await loadMnist({ ...offline, cwd: root });
      expect(loaded.source).toBe('shared');
      expect(loaded.train.length).toBe(50_000);
      expect(loaded.test.length).toBe(10_000);
      // Published counts of the 60,000 training labels.
      const published = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949];
      const [train, test] = [classCounts(loaded.train), classCounts(loaded.test)];
      expect(train.map((count, k) => count + (test[k] as number))).toEqual(published);
      published.forEach((count, k) =>
        expect(Math.abs((test[k] as number) - count / 6)).toBeLessThanOrEqual(1),
      );
      const subset = loaded.train as Subset<DigitSample>;
      // The first labels of the file are 5 0 4 1 9.
      expect([0, 1, 2, 3, 4].map((i) => Number(subset.dataset.get(i).label.data[0]))).toEqual([
        5, 0, 4, 1, 9,
      ]);
      let sum = 0;
      for (let i = 0; i < 60_000; i++) {
        for (const v of subset.dataset.get(i).image.data as Uint8Array) sum += v;
      }
      expect(sum / 60_000 / 784 / 255).toBeCloseTo(0.1307, 4);
    });
  },
);
