/**
 * `npm run examples [-- NAME...] [--quick] [--table]`: runs the named examples, or all, one after the other,
 * then writes the table of `docs/examples.md` from the results of full runs. `--table` only writes the table.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { savedResults } from './common/results.ts';
import { updatePage } from './common/table.ts';

const here = fileURLToPath(new URL('./', import.meta.url));
const page = fileURLToPath(new URL('../../docs/examples.md', import.meta.url));

async function names(): Promise<string[]> {
  const entries = await readdir(here, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && existsSync(join(here, entry.name, 'main.ts')))
    .map(({ name }) => name)
    .sort();
}

/** The example in a process of its own: none inherits the memory of the one before. */
function runOne(name: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      ['--conditions=@hebb/source', join(here, name, 'main.ts'), ...args],
      { stdio: 'inherit' },
    );
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    table: { type: 'boolean', default: false },
  },
});
const known = await names();
const unknown = positionals.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`no example ${unknown.join(', ')}: there is ${known.join(', ')}\n`);
  process.exit(2);
}
const failed: string[] = [];
for (const name of values.table ? [] : positionals.length > 0 ? positionals : known) {
  process.stdout.write(`\n== ${name}\n`);
  if ((await runOne(name, values.quick ? ['--quick'] : [])) !== 0) failed.push(name);
}
const results = await savedResults();
await updatePage(page, results);
process.stdout.write(`\ndocs/examples.md: ${results.length} results\n`);
if (failed.length > 0) {
  process.stderr.write(`failed: ${failed.join(', ')}\n`);
  process.exitCode = 1;
}
