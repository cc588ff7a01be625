/** IDX files, plain or gzip-compressed. */

import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { readIdx, writeIdx } from '../idx/idx.ts';
import type { NDArray } from '../ndarray.ts';
import { readBytes, writeBytes } from './files.ts';

const gzipAsync = promisify(gzip);

/**
 * Reads an IDX file; gzip is recognised by content, whatever the name.
 *
 * @throws DataError naming the file, see readIdx and readBytes.
 */
export async function readIdxFile(
  path: string,
  options: { readonly maxBytes?: number } = {},
): Promise<NDArray> {
  return readIdx(await readBytes(path, options), { name: path });
}

/** Writes an IDX file whole or not at all, gzip-compressed when the name ends in `.gz`. */
export async function writeIdxFile(path: string, array: NDArray): Promise<void> {
  const bytes = writeIdx(array);
  await writeBytes(path, path.endsWith('.gz') ? await gzipAsync(bytes) : bytes);
}
