/** Checkpoints on disk. */
import { mkdir, readFile, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { fail } from '@hebb/core';
import type { CheckpointStore } from '../checkpoint/store.ts';
import { removeLeftovers, writeFileWhole } from './write-file.ts';
import type { OpenFile } from './write-file.ts';

export interface CheckpointFolderOptions {
  /** How files are opened; for tests of disks that are full. */
  readonly open?: OpenFile;
}

/**
 * A folder for checkpoints, made when needed. Files are written beside their place, synced and renamed, so
 * that no crash leaves half of one. One process at a time may write to it.
 */
export function checkpointFolder(
  folder: string,
  { open }: CheckpointFolderOptions = {},
): CheckpointStore {
  const at = (name: string): string => {
    if (name !== path.basename(name) || name === '' || name === '.' || name === '..') {
      fail('checkpointFolder', 'not the name of a file', name);
    }
    return path.join(folder, name);
  };
  let tidied = false;
  return {
    place: folder,
    list: async () => {
      await mkdir(folder, { recursive: true });
      if (!tidied) await removeLeftovers(folder);
      tidied = true;
      return readdir(folder);
    },
    read: (name) => readFile(at(name)),
    write: (name, bytes) => writeFileWhole(at(name), bytes, open),
    remove: (name) => rm(at(name), { force: true }),
  };
}
