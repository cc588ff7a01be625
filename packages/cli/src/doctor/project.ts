/** A compiled folder where its imports resolve, so that it can be bundled wherever it lies. */
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

/** Export conditions with which a bundler sees what this program sees: sources, or what is published. */
export const bundleConditions: readonly string[] = import.meta.url.endsWith('.ts')
  ? ['@hebb/source']
  : [];

/** Folder of an installed package, from the folder's view or else from this program's. */
function packageFolder(name: string, directory: string): string | undefined {
  for (const from of [join(directory, 'package.json'), import.meta.url]) {
    try {
      return dirname(createRequire(from).resolve(`${name}/package.json`));
    } catch {
      // Not from here.
    }
  }
  return undefined;
}

/**
 * Gives `body` a copy of the folder in which `@hebb/edge`, `@hebb/runtime` and wrangler are found, or `undefined`
 * where wrangler is not installed.
 */
export async function withProject<T>(
  directory: string,
  body: (project: string | undefined) => Promise<T>,
): Promise<T> {
  if (packageFolder('wrangler', directory) === undefined) return body(undefined);
  const temporary = await mkdtemp(join(tmpdir(), 'hebb-doctor-'));
  try {
    for (const name of ['@hebb/edge', '@hebb/runtime', 'wrangler']) {
      const found = packageFolder(name, directory);
      const link = join(temporary, 'node_modules', name);
      await mkdir(dirname(link), { recursive: true });
      if (found !== undefined) await symlink(found, link, 'junction');
    }
    const project = join(temporary, basename(directory));
    await cp(directory, project, { recursive: true });
    return await body(project);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}
