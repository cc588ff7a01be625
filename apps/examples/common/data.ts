/** Where the data sets are, and what to do where they are not. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export class MissingData extends Error {}

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** The folder above `datasets/` and `models/`: `HEBB_DATA`, or `shared/data` beside the repository. */
export const dataRoot = (): string => process.env['HEBB_DATA'] ?? join(root, '../shared/data');

/**
 * Path of a file or folder below `dataRoot()`, such as `datasets/tabular/iris.csv`.
 *
 * @param from Where a reader gets it: an address, or a sentence.
 * @throws MissingData when it is not there.
 */
export function dataPath(path: string, from: string): string {
  const full = join(dataRoot(), path);
  if (existsSync(full)) return full;
  throw new MissingData(
    `${path} is not in ${dataRoot()}: get it from ${from} and name the folder above ${path.split('/')[0]!} in HEBB_DATA`,
  );
}

/** Whether all of these are there: for tests that skip without data. */
export const hasData = (...paths: readonly string[]): boolean =>
  paths.every((path) => existsSync(join(dataRoot(), path)));
