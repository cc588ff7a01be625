/**
 * Loads every export of every built package the way a user's program does, without the source
 * condition: what tests read are sources, what is published are these files. Run it with the oldest
 * supported Node, after a build.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { projects, root } from './workspace.js';

let passed = 0;
let failed = 0;
for (const { folder, manifest } of projects()) {
  if (manifest.private) continue;
  for (const [path, target] of Object.entries(manifest.exports)) {
    if (typeof target === 'string') continue;
    const specifier = path === '.' ? manifest.name : `${manifest.name}/${path.slice(2)}`;
    try {
      if (!existsSync(join(root, folder, target.types))) throw new Error(`no ${target.types}`);
      const url = import.meta.resolve(specifier);
      if (!url.endsWith('.js')) throw new Error(`resolves to ${url}`);
      const loaded = await import(specifier);
      if (Object.keys(loaded).length === 0) throw new Error('exports nothing');
      passed++;
    } catch (error) {
      failed++;
      console.error(`${specifier}: ${error instanceof Error ? error.message : error}`);
    }
  }
}
console.log(`published files under Node ${process.version}: ${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
