/** Files read with a limit, gunzipped where needed, and written whole or not at all. */

import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { DataError, codeOf, reasonOf } from '../error.ts';

const gunzipAsync = promisify(gunzip);

/** Largest file, and largest content of a compressed file, that is read into memory: 2 GiB. */
const MAX_BYTES = 2 ** 31;

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/**
 * The bytes of a file; the content of a gzip file, told by its first two bytes.
 *
 * @throws DataError naming the file: `missing` when it cannot be read, `corrupt` when its gzip data
 *   is damaged, `too-large` beyond `maxBytes`.
 */
export async function readBytes(
  path: string,
  options: { readonly maxBytes?: number } = {},
): Promise<Uint8Array> {
  const { maxBytes = MAX_BYTES } = options;
  const tooLarge = (got?: string): DataError =>
    new DataError('readBytes', `${path} is too large`, {
      kind: 'too-large',
      ...(got === undefined ? {} : { got }),
      wanted: `at most ${maxBytes} bytes`,
    });
  let bytes: Buffer;
  try {
    const { size } = await stat(path);
    if (size > maxBytes) throw tooLarge(`${size} bytes`);
    bytes = await readFile(path);
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw new DataError('readBytes', `${path} cannot be read: ${reasonOf(cause)}`, {
      kind: 'missing',
      cause,
    });
  }
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return await gunzipAsync(bytes, { maxOutputLength: maxBytes });
  } catch (cause) {
    if (codeOf(cause) === 'ERR_BUFFER_TOO_LARGE') throw tooLarge();
    throw new DataError('readBytes', `${path} is damaged gzip data: ${reasonOf(cause)}`, {
      kind: 'corrupt',
      cause,
    });
  }
}

/**
 * Writes a file through a temporary one beside it and a rename, so that no reader and no crash ever
 * meets half of it. Makes the folder when needed.
 */
export async function writeBytes(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new DataError('writeBytes', `${path} cannot be written: ${reasonOf(cause)}`, { cause });
  }
}
