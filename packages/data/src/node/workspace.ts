/** Where data and caches lie. */

import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

/** The nearest folder at or above `from` whose package.json is named `name`. */
export async function findPackage(name: string, from: string): Promise<string | undefined> {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    try {
      const manifest: unknown = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
      if (typeof manifest === 'object' && manifest !== null && 'name' in manifest) {
        if (manifest.name === name) return folder;
      }
    } catch {
      // No manifest here, or not a readable one: look further up.
    }
    if (folder === dirname(folder)) return undefined;
  }
}
