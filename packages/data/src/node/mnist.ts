/**
 * MNIST from wherever it is: LeCun, Cortes and Burges, 70,000 handwritten digits of 28 x 28 pixels.
 * LeCun et al. 1998, "Gradient-based learning applied to document recognition".
 */

import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ArrayDataset } from '../dataset/array-dataset.ts';
import type { Dataset } from '../dataset/dataset.ts';
import { randomSplit } from '../dataset/split.ts';
import { digits } from '../digits/digits.ts';
import type { DigitSample } from '../digits/digits.ts';
import { DataError, reasonOf } from '../error.ts';
import { ndarray } from '../ndarray.ts';
import { download, sha256 } from './download.ts';
import type { Fetch, RemoteFile } from './download.ts';
import { exists, writeBytes } from './files.ts';
import { readIdxFile } from './idx-file.ts';
import { findPackage } from './workspace.ts';

export type MnistSource = 'dir' | 'HEBB_DATA' | 'shared' | 'download' | 'embedded';

export interface Mnist {
  /** Images uint8 [1,28,28], white on black, and labels uint8 []. */
  readonly train: Dataset<DigitSample>;
  readonly test: Dataset<DigitSample>;
  readonly source: MnistSource;
  /** Where the data came from, as a sentence. */
  readonly message: string;
}

export interface LoadMnistOptions {
  /** A folder with the IDX files, or with a folder `mnist` that has them. Nothing else is tried. */
  readonly dir?: string;
  /** Is told where the data came from, and why other places did not serve. */
  readonly log?: (line: string) => void;
  /** Whether to ask the network when there are no files. Default true. */
  readonly download?: boolean;
  /** Decides which images are held out where there is no test file, and the drawn digits. Default 0. */
  readonly seed?: number;
  /** Sizes of the drawn substitute. Default 20,000 and 4,000. */
  readonly embedded?: { readonly train: number; readonly test: number };
  /** Environment to read HEBB_DATA and HEBB_CACHE from. Default process.env. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Folder from which the workspace is looked for. Default the working directory. */
  readonly cwd?: string;
  /** Default the global fetch. */
  readonly fetch?: Fetch;
  /** Milliseconds until a server must have begun to answer. Default 4,000. */
  readonly timeoutMs?: number;
}

const TRAIN_IMAGES = 'train-images-idx3-ubyte';
const TRAIN_LABELS = 'train-labels-idx1-ubyte';
const TEST_IMAGES = 't10k-images-idx3-ubyte';
const TEST_LABELS = 't10k-labels-idx1-ubyte';

/** The files as first published, and servers that keep them; the original address refuses most requests. */
const SERVERS = [
  'https://ossci-datasets.s3.amazonaws.com/mnist/',
  'https://storage.googleapis.com/cvdf-datasets/mnist/',
];
const REMOTE_FILES: readonly RemoteFile[] = [
  {
    name: `${TEST_LABELS}.gz`,
    bytes: 4542,
    sha256: 'f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6',
  },
  {
    name: `${TRAIN_LABELS}.gz`,
    bytes: 28881,
    sha256: '3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c',
  },
  {
    name: `${TEST_IMAGES}.gz`,
    bytes: 1648877,
    sha256: '8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6',
  },
  {
    name: `${TRAIN_IMAGES}.gz`,
    bytes: 9912422,
    sha256: '440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609',
  },
];

/** How many images are held out where a folder has no test files: as many as MNIST's own. */
const HELD_OUT = 10_000;

/** The path of a file in `dir`, under its usual spellings. */
async function locate(dir: string, name: string): Promise<string | undefined> {
  const dotted = name.replace('-idx', '.idx');
  for (const candidate of [`${name}.gz`, name, `${dotted}.gz`, dotted]) {
    const path = join(dir, candidate);
    if (await exists(path)) return path;
  }
  return undefined;
}

/** Reads a pair of files and checks that they are images and labels of MNIST. */
async function readPair(images: string, labels: string): Promise<ArrayDataset<DigitSample>> {
  const wrong = (path: string, message: string, got: string, wanted: string): DataError =>
    new DataError('loadMnist', `${path} ${message}`, { kind: 'corrupt', got, wanted });
  const [image, label] = await Promise.all([readIdxFile(images), readIdxFile(labels)]);
  const [count = 0, height, width] = image.shape;
  if (image.dtype !== 'uint8' || image.shape.length !== 3 || height !== 28 || width !== 28) {
    const got = `${image.dtype} [${image.shape.join(',')}]`;
    throw wrong(images, 'does not hold the images of MNIST', got, 'uint8 [N,28,28]');
  }
  if (label.dtype !== 'uint8' || label.shape.length !== 1 || label.shape[0] !== count) {
    const got = `${label.dtype} [${label.shape.join(',')}]`;
    throw wrong(labels, `does not hold the labels of ${images}`, got, `uint8 [${count}]`);
  }
  if (count === 0) {
    throw new DataError('loadMnist', `${images} holds no images`, { kind: 'missing' });
  }
  const row = label.data.findIndex((value) => Number(value) > 9);
  if (row >= 0)
    throw wrong(labels, `has no digit in row ${row}`, String(label.data[row]), '0 to 9');
  return new ArrayDataset({ image: ndarray(image.data, [count, 1, 28, 28]), label });
}

interface Loaded {
  readonly train: Dataset<DigitSample>;
  readonly test: Dataset<DigitSample>;
  readonly details: string;
}

/** Reads a folder, or its folder `mnist`; undefined when neither has the training files. */
async function readFolder(folder: string, seed: number): Promise<Loaded | undefined> {
  for (const dir of [join(folder, 'mnist'), folder]) {
    const [trainImages, trainLabels, testImages, testLabels] = await Promise.all(
      [TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS].map((name) => locate(dir, name)),
    );
    if (trainImages === undefined || trainLabels === undefined) continue;
    const all = await readPair(trainImages, trainLabels);
    if (testImages !== undefined && testLabels !== undefined) {
      const test = await readPair(testImages, testLabels);
      return { train: all, test, details: `${all.length} training and ${test.length} test images` };
    }
    const heldOut = Math.min(HELD_OUT, Math.max(1, Math.floor(all.length / 6)));
    const [train, test] = randomSplit(all, [all.length - heldOut, heldOut], {
      seed,
      stratify: all.columns.label.data as Uint8Array,
    });
    return {
      train,
      test,
      details: `${train.length} images to train on; no test files there, so ${heldOut} others, chosen by seed ${seed} and stratified, are held out for testing`,
    };
  }
  return undefined;
}

/** The folder that downloads are kept in. */
async function cacheFolder(env: LoadMnistOptions['env'], cwd: string): Promise<string> {
  const chosen = env?.['HEBB_CACHE'];
  if (chosen !== undefined && chosen !== '') return join(resolve(cwd, chosen), 'mnist');
  const root = (await findPackage('hebb', cwd)) ?? cwd;
  return join(root, 'node_modules', '.cache', 'hebb', 'mnist');
}

/** Whether a kept download is still the file it should be. */
async function isKept(path: string, file: RemoteFile): Promise<boolean> {
  if (!(await exists(path))) return false;
  const bytes = await readFile(path);
  return bytes.length === file.bytes && sha256(bytes) === file.sha256;
}

/** Puts all four files into `folder`, from the first server that has them; says whether any was fetched. */
async function fetchFiles(folder: string, options: LoadMnistOptions): Promise<boolean> {
  const { fetch: fetchOption = globalThis.fetch, timeoutMs = 4000, log } = options;
  let servers = SERVERS;
  let fetched = false;
  for (const file of REMOTE_FILES) {
    const path = join(folder, file.name);
    if (await isKept(path, file)) continue;
    for (;;) {
      const [server] = servers;
      try {
        const bytes = await download(`${server}${file.name}`, file, {
          fetch: fetchOption,
          connectMs: timeoutMs,
          stallMs: 15_000,
        });
        await writeBytes(path, bytes);
        fetched = true;
        break;
      } catch (error) {
        log?.(reasonOf(error));
        servers = servers.slice(1);
        if (servers.length === 0) throw error;
      }
    }
  }
  return fetched;
}

/**
 * Loads MNIST from the first place that has it: the folder `dir`; the folder HEBB_DATA (the IDX
 * files or a folder `mnist` in it); `../shared/data/datasets/mnist` beside the workspace; the
 * network, checked by SHA-256 and kept in HEBB_CACHE or `node_modules/.cache/hebb`; else digits drawn
 * by `digits`, which are a substitute and not MNIST.
 *
 * Where a folder has no test files, a sixth of its images, at most 10,000, are held out: seeded and
 * stratified, the same in every call with the same seed.
 *
 * @returns both parts, the source, and a sentence about it (also given to `log`).
 * @throws DataError when `dir` or HEBB_DATA are given and do not hold MNIST, or files are damaged.
 */
export async function loadMnist(options: LoadMnistOptions = {}): Promise<Mnist> {
  const { env = process.env, cwd = process.cwd(), seed = 0, log } = options;
  const finish = ({ train, test, details }: Loaded, source: MnistSource, where: string): Mnist => {
    const message = `${where}: ${details}.`;
    log?.(message);
    return { train, test, source, message };
  };

  const named = [
    ['dir', options.dir],
    ['HEBB_DATA', env['HEBB_DATA']],
  ] as const;
  for (const [source, folder] of named) {
    if (folder === undefined || folder === '') continue;
    const path = resolve(cwd, folder);
    const loaded = await readFolder(path, seed);
    if (loaded === undefined) {
      throw new DataError('loadMnist', `${source} has no MNIST`, {
        kind: 'missing',
        got: path,
        wanted: `${TRAIN_IMAGES} and ${TRAIN_LABELS} (also .gz), there or in a folder mnist`,
      });
    }
    return finish(loaded, source, `MNIST from ${source === 'dir' ? path : `HEBB_DATA (${path})`}`);
  }

  const root = await findPackage('hebb', cwd);
  if (root !== undefined) {
    const loaded = await readFolder(join(root, '..', 'shared', 'data', 'datasets', 'mnist'), seed);
    if (loaded !== undefined) {
      return finish(loaded, 'shared', 'MNIST from ../shared/data/datasets/mnist');
    }
  }

  if (options.download ?? true) {
    const folder = await cacheFolder(env, cwd);
    try {
      const fetched = await fetchFiles(folder, options);
      const loaded = await readFolder(folder, seed);
      if (loaded !== undefined) {
        const where = fetched
          ? `MNIST downloaded to ${folder}`
          : `MNIST downloaded earlier to ${folder}`;
        return finish(loaded, 'download', where);
      }
    } catch (error) {
      log?.(`MNIST could not be downloaded: ${reasonOf(error)}`);
    }
  }

  const { train: trainCount, test: testCount } = options.embedded ?? { train: 20_000, test: 4_000 };
  return finish(
    {
      // Seeds for images to learn from are even, for images to test on odd: never the same image.
      train: digits({ count: trainCount, seed: seed * 2 }),
      test: digits({ count: testCount, seed: seed * 2 + 1 }),
      details: `${trainCount} to train on and ${testCount} to test on; they stand in for MNIST and are easier`,
    },
    'embedded',
    'Embedded digits, drawn by this package',
  );
}
