/** CSV files, plain or gzip-compressed. */

import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { DataError, codeOf, reasonOf } from '../error.ts';
import { csvRecords, readCsvStream } from '../table/csv.ts';
import type { CsvOptions, CsvRecord } from '../table/csv.ts';
import type { Table } from '../table/table.ts';

/** The content of a file in pieces, gunzipped where its name ends in `.gz`. */
export async function* fileChunks(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  const file = createReadStream(path);
  const content = path.endsWith('.gz') ? file.pipe(createGunzip()) : file;
  // Errors do not travel through a pipe.
  file.on('error', (error) => content.destroy(error));
  try {
    yield* content as AsyncIterable<Uint8Array>;
  } catch (cause) {
    const gzip = codeOf(cause)?.startsWith('Z_') === true;
    throw new DataError('readFile', `${path} cannot be read: ${reasonOf(cause)}`, {
      kind: gzip ? 'corrupt' : 'missing',
      cause,
    });
  } finally {
    file.destroy();
  }
}

/**
 * The table in a CSV file, read in pieces; a name that ends in `.gz` is gunzipped. See `readCsv`.
 * @throws DataError naming file and line.
 */
export async function readCsvFile(path: string, options: CsvOptions = {}): Promise<Table> {
  return readCsvStream(fileChunks(path), { name: path, ...options });
}

/** The rows of a CSV file as they come, for files larger than memory. See `csvRecords`. */
export function csvFileRecords(
  path: string,
  options: CsvOptions = {},
): AsyncGenerator<CsvRecord, void, undefined> {
  return csvRecords(fileChunks(path), { name: path, ...options });
}
