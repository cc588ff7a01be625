/** Reference cases on disk: one folder a family, one JSON file a case. */
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { fail } from '@hebb/core';
import type { ReferenceCase } from './case.ts';

/** The folder named by HEBB_REFERENCE, or where the workspace keeps its data, relative to the workspace's root. */
export function referenceFolder(root: string = process.cwd()): string {
  const named = process.env['HEBB_REFERENCE'];
  return path.resolve(root, named ?? '../shared/data/reference/pytorch');
}

/** Names of the families in the folder; `undefined` when there is no such folder. */
export async function listFamilies(folder: string): Promise<string[] | undefined> {
  try {
    const found = await readdir(folder, { withFileTypes: true });
    return found
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The cases of one family, sorted by name. */
export async function readFamily(folder: string, family: string): Promise<ReferenceCase[]> {
  const found = await readdir(path.join(folder, family));
  const names = found.filter((name) => name.endsWith('.json')).sort();
  return Promise.all(
    names.map(async (name) => {
      const file = path.join(folder, family, name);
      return parseCase(await readFile(file, 'utf8'), `${family}/${name}`);
    }),
  );
}

const records = ['attrs', 'inputs', 'params', 'outputs', 'cotangents', 'grads'] as const;

/** A case from its text, with what may be left out filled in. */
export function parseCase(source: string, name: string): ReferenceCase {
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch (cause) {
    return fail('reference', `${name} is not JSON: ${(cause as Error).message}`);
  }
  if (typeof value !== 'object' || value === null || !('op' in value) || !('family' in value)) {
    return fail('reference', `${name} is not a case: it has no op or family`);
  }
  const filled: Record<string, unknown> = { tolerance: { rtol: 1e-5, atol: 1e-6 }, ...value };
  for (const key of records) filled[key] ??= {};
  filled['case'] ??= name;
  return filled as Record<string, unknown> & ReferenceCase;
}
