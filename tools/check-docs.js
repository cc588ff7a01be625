/**
 * Follows the docs literally: every TypeScript block of docs/ and of the packages' READMEs is a program
 * that must run to its end. A block that starts with `// excerpt` is part of one and is left alone.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './workspace.js';

/** @param {string} folder */
const markdown = (folder) =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder))
        .filter((name) => name.endsWith('.md'))
        .map((name) => `${folder}/${name}`)
    : [];
const only = process.argv.slice(2);
const files = [
  'README.md',
  ...markdown('docs'),
  ...['packages', 'plugins', 'apps'].flatMap((group) =>
    readdirSync(join(root, group)).map((name) => `${group}/${name}/README.md`),
  ),
].filter((file) => existsSync(join(root, file)) && (only.length === 0 || only.includes(file)));

// Inside the workspace, so that packages resolve as they do for a user.
const scratch = join(root, 'apps/examples/out/docs');
rmSync(scratch, { recursive: true, force: true });
mkdirSync(scratch, { recursive: true });

let passed = 0;
let failed = 0;
for (const file of files) {
  const text = readFileSync(join(root, file), 'utf8');
  let k = 0;
  for (const [, block] of text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)) {
    k += 1;
    if (block === undefined || block.startsWith('// excerpt')) continue;
    const program = join(scratch, `${file.replaceAll(/[/.]/g, '-')}-${k}.ts`);
    writeFileSync(program, `${block}\nexport {};\n`);
    const run = spawnSync(process.execPath, ['--conditions=@hebb/source', program], {
      cwd: scratch,
      encoding: 'utf8',
      timeout: 120_000,
    });
    if (run.status === 0) passed += 1;
    else {
      failed += 1;
      console.log(`${file}, block ${k}:\n${run.stderr || run.error || run.stdout}`);
    }
  }
}
rmSync(scratch, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
