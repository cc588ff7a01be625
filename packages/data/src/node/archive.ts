/** Files in tar archives, plain or gzip-compressed. The reader is modern-tar. */

import { unpackTar } from 'modern-tar';
import { DataError, reasonOf } from '../error.ts';
import { readBytes } from './files.ts';

export interface TarFile {
  /** With `/` between folders. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * The files of an archive whose names match, in its order; folders and links are left out.
 * @throws DataError naming the archive: `corrupt` when a checksum is wrong or it ends too early.
 */
export async function readTar(path: string, name: RegExp = /(?:)/): Promise<TarFile[]> {
  const bytes = await readBytes(path);
  try {
    const entries = await unpackTar(new Uint8Array(bytes), {
      strict: true,
      filter: (header) => header.type === 'file' && name.test(header.name),
    });
    return entries.map((entry) => ({
      name: entry.header.name,
      bytes: entry.data ?? new Uint8Array(),
    }));
  } catch (cause) {
    throw new DataError('readTar', `${path} is a damaged archive: ${reasonOf(cause)}`, {
      kind: 'corrupt',
      cause,
    });
  }
}
