/**
 * Runs the TypeScript examples of the README files and docs pages: every block ```ts that imports
 * something is a program and must end well. A block that cannot stand alone says ```ts no-run.
 *
 *     node tools/check-examples.js [FILE...]
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { projects, root } from './workspace.js';

const seconds = 120;
const pages =
  process.argv.length > 2 ? process.argv.slice(2).map((path) => resolve(path)) : allPages();

let passed = 0;
let failed = 0;
let skipped = 0;
for (const page of pages) {
  const text = readFileSync(page, 'utf8');
  for (const { index, 1: info, 2: code } of text.matchAll(/^```ts\b(.*)\n([\s\S]*?)^```$/gm)) {
    const where = `${relative(root, page)}:${text.slice(0, index).split('\n').length}`;
    if (info?.includes('no-run') || !/^import /m.test(code ?? '')) {
      skipped++;
      continue;
    }
    const problem = run(page, code ?? '');
    if (problem === undefined) passed++;
    else {
      failed++;
      console.error(`${where}: ${problem}`);
    }
  }
}
console.log(`examples: ${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed ? 1 : 0;

function allPages() {
  const docs = existsSync(join(root, 'docs'))
    ? readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
        .filter((path) => path.endsWith('.md') && !path.startsWith('api'))
        .map((path) => join(root, 'docs', path))
    : [];
  const readmes = ['.', ...projects().map(({ folder }) => folder)].map((folder) =>
    join(root, folder, 'README.md'),
  );
  return [...readmes.filter((path) => existsSync(path)), ...docs];
}

/**
 * Runs one example where its imports resolve, in a folder of its own for what it writes.
 *
 * @param {string} page @param {string} code @returns {string | undefined} what went wrong
 */
function run(page, code) {
  const file = join(dirname(page), `.example-${process.pid}.ts`);
  const cwd = mkdtempSync(join(tmpdir(), 'hebb-example-'));
  try {
    writeFileSync(file, code);
    const { status, stderr, error } = spawnSync(
      process.execPath,
      ['--conditions=@hebb/source', '--disable-warning=ExperimentalWarning', file],
      { cwd, encoding: 'utf8', timeout: seconds * 1000 },
    );
    if (error) return error.message;
    if (status === 0) return undefined;
    return stderr
      .replaceAll(file, relative(root, page))
      .trim()
      .split('\n')
      .slice(0, 12)
      .join('\n    ');
  } finally {
    rmSync(file, { force: true });
    rmSync(cwd, { recursive: true, force: true });
  }
}
