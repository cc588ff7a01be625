/**
 * Proves the plugin generator: generates one into this workspace, runs its four targets through Nx
 * and removes it again. Writes `N passed, N failed`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const name = 'layers-generated-proof';
const folder = `${root}plugins/${name}`;
const shared = `${root}tsconfig.json`;

/** @param {string[]} args */
function nx(...args) {
  console.log(`> nx ${args.join(' ')}`);
  const { status } = spawnSync(
    process.execPath,
    [`${root}node_modules/nx/dist/bin/nx.js`, ...args],
    {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  return status === 0;
}

if (existsSync(folder))
  throw new Error(`plugins/${name} is left from a run that was cut off: remove it`);
const before = readFileSync(shared);
let passed = 0;
let failed = 0;
try {
  // Not installed: the workspace's links to the packages it depends on are there already.
  if (!nx('g', './tools:plugin', name, '--skipInstall', '--no-interactive')) failed++;
  else {
    for (const target of ['build', 'test', 'lint', 'typecheck']) {
      if (nx('run', `@hebb/${name}:${target}`, '--skipNxCache')) passed++;
      else failed++;
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
  writeFileSync(shared, before);
}
console.log(`generator: ${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
