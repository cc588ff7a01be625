/**
 * The project graph, the build order and what npm installs for a user all come from package.json:
 * checks that it says what the sources import, and that tsconfig.lib.json references the same.
 */
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { projects, readJson, root, sources } from './workspace.js';

const all = projects();
const folders = new Map(all.map(({ folder, manifest }) => [manifest.name, folder]));
// Statements only: an example in a docstring is no import.
const imports = /^(?!\s*(?:\*|\/\/)).*(?:from|import)\s*\(?\s*'(@hebb\/[a-z0-9-]+)[/']/gm;
/** @type {string[]} */
const problems = [];

for (const { folder, manifest } of all) {
  const declared = new Set(
    Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }).filter((name) =>
      folders.has(name),
    ),
  );
  const imported = new Set();
  for (const path of sources(folder)) {
    if (/\.spec\.ts$|\/test\//.test(path)) continue;
    const text = readFileSync(join(root, path), 'utf8');
    for (const [, name] of text.matchAll(imports)) {
      if (name === manifest.name) continue;
      imported.add(name);
    }
  }
  for (const name of imported) {
    if (!declared.has(name))
      problems.push(`${folder}: imports ${name}, package.json does not say so`);
  }
  const references = new Set(
    (readJson(`${folder}/tsconfig.lib.json`).references ?? []).map(
      (/** @type {{ path: string }} */ r) =>
        `@hebb/${basename(r.path.replace('/tsconfig.lib.json', ''))}`,
    ),
  );
  for (const name of declared) {
    if (!references.has(name))
      problems.push(`${folder}: tsconfig.lib.json does not reference ${name}`);
  }
  for (const name of references) {
    if (!declared.has(name))
      problems.push(`${folder}: tsconfig.lib.json references ${name}, package.json does not`);
  }
}

const rootReferences = new Set(
  readJson('tsconfig.json').references.map((/** @type {{ path: string }} */ r) => r.path),
);
for (const { folder, manifest } of all) {
  if (!rootReferences.has(`./${folder}`))
    problems.push(`tsconfig.json does not reference ./${folder}`);
  if (manifest.version !== all[0]?.manifest.version) {
    problems.push(`${folder}: version ${manifest.version} is not the group's`);
  }
}

for (const problem of problems) console.error(problem);
console.log(`dependencies: ${all.length} projects, ${problems.length} problems`);
process.exitCode = problems.length ? 1 : 0;
