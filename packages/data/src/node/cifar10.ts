/** CIFAR-10 in its binary form: a label byte and three planes of 32 x 32 bytes a picture. */

import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ArrayDataset } from '../dataset/array-dataset.ts';
import { ConcatDataset } from '../dataset/combine.ts';
import type { Dataset } from '../dataset/dataset.ts';
import { randomSplit } from '../dataset/split.ts';
import { DataError } from '../error.ts';
import { ndarray } from '../ndarray.ts';
import type { NDArray } from '../ndarray.ts';
import { readBytes } from './files.ts';
import { findPackage } from './workspace.ts';

export interface Cifar10Sample extends Record<string, NDArray> {
  /** uint8 [3, 32, 32], red, green and blue. */
  readonly image: NDArray;
  /** uint8 scalar, a number of `CIFAR10_CLASSES`. */
  readonly label: NDArray;
}

export const CIFAR10_CLASSES: readonly string[] = [
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  'truck',
];

/** Mean and standard deviation of the 50,000 training pictures by channel, pixels scaled to 0..1. */
export const CIFAR10_NORMALIZATION = {
  mean: [0.4914, 0.4822, 0.4465],
  std: [0.247, 0.2435, 0.2616],
} as const;

export interface LoadCifar10Options {
  /** A folder with the files; nothing else is tried. */
  readonly dir?: string;
  /** Decides which pictures are held out where there are no test files. Default 0. */
  readonly seed?: number;
  /** How many are held out then; default a sixth. */
  readonly heldOut?: number;
  /** Environment to read HEBB_DATA from. Default process.env. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Folder from which the workspace is looked for. Default the working directory. */
  readonly cwd?: string;
}

export interface Cifar10 {
  readonly train: Dataset<Cifar10Sample>;
  readonly test: Dataset<Cifar10Sample>;
  readonly classes: readonly string[];
  /** Where it comes from and how it is divided. */
  readonly message: string;
}

const RECORD = 1 + 3 * 32 * 32;
const TRAIN = /^(data_batch_\d+|train.*)\.bin(\.gz)?$/;
const TEST = /^test.*\.bin(\.gz)?$/;

/**
 * The pictures of one file, gzip-compressed or not.
 * @throws DataError naming the file, and the record whose label is none.
 */
export async function readCifar10File(path: string): Promise<ArrayDataset<Cifar10Sample>> {
  const op = 'readCifar10File';
  const bytes = await readBytes(path);
  const count = bytes.length / RECORD;
  if (!Number.isInteger(count) || count === 0) {
    throw new DataError(op, `${path} does not hold pictures of CIFAR-10`, {
      kind: 'corrupt',
      got: `${bytes.length} bytes`,
      wanted: `a multiple of ${RECORD}`,
    });
  }
  const pixels = new Uint8Array(count * (RECORD - 1));
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const at = i * RECORD;
    const label = bytes[at]!;
    if (label > 9) {
      throw new DataError(op, `${path} has no class of CIFAR-10 in record ${i}`, {
        kind: 'corrupt',
        got: String(label),
        wanted: '0 to 9',
      });
    }
    labels[i] = label;
    pixels.set(bytes.subarray(at + 1, at + RECORD), i * (RECORD - 1));
  }
  return new ArrayDataset({
    image: ndarray(pixels, [count, 3, 32, 32]),
    label: ndarray(labels),
  });
}

/** Folders to look in, the most particular first. */
async function folders(options: LoadCifar10Options): Promise<string[]> {
  const { env = process.env, cwd = process.cwd() } = options;
  const within = (folder: string): string[] =>
    ['cifar10', 'cifar-10-batches-bin', 'datasets/cifar10', ''].map((name) => join(folder, name));
  if (options.dir !== undefined) return within(resolve(cwd, options.dir)).reverse();
  const named = env['HEBB_DATA'];
  if (named !== undefined && named !== '') return within(resolve(cwd, named));
  const root = await findPackage('hebb', cwd);
  return root === undefined ? [] : [join(root, '..', 'shared', 'data', 'datasets', 'cifar10')];
}

/**
 * Loads CIFAR-10 from the folder `dir`, from HEBB_DATA (the files themselves, or a folder `cifar10`,
 * `cifar-10-batches-bin` or `datasets/cifar10` in it), or from `../shared/data/datasets/cifar10` beside the
 * workspace. Files are `data_batch_1.bin` ... and `test_batch.bin` as published, or others that begin with
 * `train` and `test`; all may be gzip-compressed. Where there are no test files, some pictures are held out:
 * seeded and stratified, the same in every call with the same seed.
 *
 * @throws DataError: `missing`, saying where to get it, or `corrupt`, naming the file.
 */
export async function loadCifar10(options: LoadCifar10Options = {}): Promise<Cifar10> {
  const tried = await folders(options);
  for (const folder of tried) {
    const names = (await readdir(folder).catch((): string[] => [])).sort();
    const read = (pattern: RegExp): Promise<ArrayDataset<Cifar10Sample>[]> =>
      Promise.all(
        names
          .filter((name) => pattern.test(name))
          .map((name) => readCifar10File(join(folder, name))),
      );
    const [training, testing] = [await read(TRAIN), await read(TEST)];
    if (training.length === 0) continue;
    const all = joined(training);
    if (testing.length > 0) {
      const test = joined(testing);
      const message = `CIFAR-10 from ${folder}: ${all.length} training and ${test.length} test pictures.`;
      return { train: all, test, classes: CIFAR10_CLASSES, message };
    }
    const { heldOut = Math.floor(all.length / 6), seed = 0 } = options;
    const [train, test] = randomSplit(all, [all.length - heldOut, heldOut], {
      seed,
      stratify: 'label',
    });
    const message = `CIFAR-10 from ${folder}: ${train.length} pictures to train on; no test files there, so ${heldOut} others, chosen by seed ${seed} and stratified, are held out.`;
    return { train, test, classes: CIFAR10_CLASSES, message };
  }
  throw new DataError('loadCifar10', 'CIFAR-10 is not there', {
    kind: 'missing',
    got: tried.join(', ') || 'no folder to look in',
    wanted:
      'data_batch_1.bin ... and test_batch.bin of https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz, unpacked into a folder named by HEBB_DATA',
  });
}

const joined = (parts: readonly ArrayDataset<Cifar10Sample>[]): Dataset<Cifar10Sample> =>
  parts.length === 1 ? parts[0]! : new ConcatDataset<Cifar10Sample>(parts);
