/** Writing the project, and writing it again without losing what its owner changed. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeBytes } from '@hebb/data/node';
import { UsageError } from '../errors.ts';

/** Hashes of the files as they were written. */
const record = '.hebb.json';

interface Written {
  readonly format: 'hebb-project';
  readonly files: Readonly<Record<string, string>>;
}

export type FileFate = 'written' | 'updated' | 'unchanged' | 'kept';

const hash = (text: string): string => createHash('sha256').update(text).digest('hex');

const textOf = async (file: string): Promise<string | undefined> => {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
};

/**
 * Writes what is not there, and anew what is as an earlier run wrote it. Files that were changed since, and files of
 * these names that no run wrote, are kept. Returns what became of each.
 */
export async function writeProject(
  directory: string,
  files: ReadonlyMap<string, string>,
): Promise<ReadonlyMap<string, FileFate>> {
  const before = await readRecord(directory);
  const hashes: Record<string, string> = {};
  const fates = new Map<string, FileFate>();
  for (const [path, text] of files) {
    const there = await textOf(join(directory, path));
    if (there === text) fates.set(path, 'unchanged');
    else if (there === undefined) fates.set(path, 'written');
    else fates.set(path, hash(there) === before[path] ? 'updated' : 'kept');
    const fate = fates.get(path);
    if (fate === 'kept') {
      // What it was before it was changed: changed back, it is followed again.
      if (before[path] !== undefined) hashes[path] = before[path];
      continue;
    }
    hashes[path] = hash(text);
    if (fate !== 'unchanged') await write(join(directory, path), text);
  }
  const written: Written = { format: 'hebb-project', files: { ...before, ...hashes } };
  await write(join(directory, record), `${JSON.stringify(written, null, 2)}\n`);
  return fates;
}

const write = (file: string, text: string): Promise<void> =>
  writeBytes(file, new TextEncoder().encode(text));

/** Whether a folder is a project of `hebb deploy`. */
export const isProject = async (directory: string): Promise<boolean> =>
  (await textOf(join(directory, record))) !== undefined;

async function readRecord(directory: string): Promise<Readonly<Record<string, string>>> {
  const text = await textOf(join(directory, record));
  if (text === undefined) return {};
  try {
    const { format, files } = JSON.parse(text) as Written;
    if (format === 'hebb-project' && typeof files === 'object') return files;
  } catch {
    // As good as another program's.
  }
  throw new UsageError(`${join(directory, record)} is not what hebb deploy wrote: remove it`);
}
