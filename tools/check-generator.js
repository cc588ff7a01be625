/**
 * Proves the generators: a plugin and a worker are generated into this workspace, their targets run through Nx, and
 * they are removed again. Writes `N passed, N failed`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const proofs = [
  {
    generator: 'plugin',
    name: 'layers-generated-proof',
    group: 'plugins',
    targets: ['build', 'test', 'lint', 'typecheck'],
  },
  {
    generator: 'worker',
    name: 'generated-proof-worker',
    group: 'apps',
    targets: ['lint', 'typecheck'],
  },
];
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

const before = readFileSync(shared);
let passed = 0;
let failed = 0;
for (const { generator, name, group, targets } of proofs) {
  const folder = `${root}${group}/${name}`;
  if (existsSync(folder)) {
    throw new Error(`${group}/${name} is left from a run that was cut off: remove it`);
  }
  try {
    // Not installed: the workspace's links to the packages it depends on are there already.
    if (!nx('g', `./tools:${generator}`, name, '--skipInstall', '--no-interactive')) {
      failed++;
      continue;
    }
    for (const target of targets) {
      if (nx('run', `@hebb/${name}:${target}`, '--skipNxCache')) passed++;
      else failed++;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
    writeFileSync(shared, before);
  }
}
console.log(`generators: ${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
