/** Folders outside the workspace that see its packages as if they were installed. */
import { mkdir, mkdtemp, readFile, realpath, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../..', import.meta.url));

/** A new folder with every package of the workspace in its `node_modules`. */
export async function outsider(): Promise<string> {
  // Its real name, as processes that are started in it report it.
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'hebb-outside-')));
  await linkWorkspace(folder, ['@hebb/edge', '@hebb/runtime']);
  return folder;
}

/** Puts packages into the folder's `node_modules`, and the packages of the workspace that they depend on. */
export async function linkWorkspace(folder: string, names: readonly string[]): Promise<void> {
  const linked = new Set<string>();
  const link = async (name: string): Promise<void> => {
    if (!name.startsWith('@hebb/') || linked.has(name)) return;
    linked.add(name);
    const target = join(root, 'node_modules', name);
    const { dependencies = {} } = JSON.parse(
      await readFile(join(target, 'package.json'), 'utf8'),
    ) as { dependencies?: Record<string, string> };
    const path = join(folder, 'node_modules', name);
    await mkdir(dirname(path), { recursive: true });
    await symlink(await realpath(target), path, 'junction');
    for (const dependency of Object.keys(dependencies)) await link(dependency);
  };
  for (const name of names) await link(name);
}

/**
 * A wrangler that writes its arguments to `calls.jsonl` in that folder and hands what needs no account to the real
 * one; what does, it answers from `account.json`: `{ "deployed": version, "deployCode": exit code }`.
 */
export async function fakeWrangler(folder: string): Promise<void> {
  const own = join(folder, 'node_modules/wrangler');
  await mkdir(join(own, 'bin'), { recursive: true });
  await writeFile(
    join(own, 'package.json'),
    JSON.stringify({ name: 'wrangler', version: '0.0.0' }),
  );
  const real = join(root, 'node_modules/wrangler/bin/wrangler.js');
  await writeFile(
    join(own, 'bin/wrangler.js'),
    `const { spawn } = require('node:child_process');
const { appendFileSync, readFileSync } = require('node:fs');
const args = process.argv.slice(2);
appendFileSync(${JSON.stringify(join(folder, 'calls.jsonl'))}, JSON.stringify(args) + '\\n');
const account = JSON.parse(readFileSync(${JSON.stringify(join(folder, 'account.json'))}, 'utf8'));
if (args[0] === 'dev' || args.includes('--dry-run')) {
  spawn(process.execPath, [${JSON.stringify(real)}, ...args], { stdio: 'inherit' })
    .on('exit', (code) => process.exit(code ?? 1));
} else if (args[0] === 'deployments') {
  if (account.deployed === undefined) process.exit(1);
  console.log(JSON.stringify({ versions: [{ version_id: account.deployed, percentage: 100 }] }));
} else if (args[0] === 'deploy') {
  console.log('Uploaded');
  process.exit(account.deployCode ?? 0);
} else if (args[0] !== 'rollback' && args[0] !== 'login') process.exit(9);
`,
  );
}
