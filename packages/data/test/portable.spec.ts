import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** All files and packages reached from an entry by static imports. */
function reach(entry: string): { files: Set<string>; packages: Set<string> } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const visit = (file: string): void => {
    if (files.has(file)) return;
    files.add(file);
    const source = readFileSync(file, 'utf8');
    for (const [, specifier = ''] of source.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)) {
      if (specifier.startsWith('.')) visit(join(dirname(file), specifier));
      else packages.add(specifier);
    }
  };
  visit(entry);
  return { files, packages };
}

const source = (name: string) => fileURLToPath(new URL(`../src/${name}`, import.meta.url));

describe('entry points', () => {
  it('reach no Node module from the portable one, and reach them from node', () => {
    const portable = reach(source('index.ts'));
    expect(portable.files.size).toBeGreaterThan(10);
    expect([...portable.packages].filter(isBuiltin)).toEqual([]);
    expect([...portable.packages].sort()).toEqual([
      '@hebb/core',
      'fast-png',
      'fflate',
      'papaparse',
    ]);
    expect([...reach(source('node.ts')).packages].filter(isBuiltin)).toContain('node:fs/promises');
  });
});
