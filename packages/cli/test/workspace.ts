/** Folders outside the workspace that see its packages as if they were installed. */
import { mkdir, mkdtemp, readdir, realpath, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../..', import.meta.url));

/** A new folder with every `@hebb` package and `more` of the root's in its `node_modules`. */
export async function outsider(more: readonly string[] = []): Promise<string> {
  // Its real name, as processes that are started in it report it.
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'hebb-outside-')));
  const links = new Map(more.map((name) => [name, join(root, 'node_modules', name)]));
  for (const group of ['packages', 'plugins']) {
    for (const name of await readdir(join(root, group))) {
      links.set(`@hebb/${name}`, join(root, group, name));
    }
  }
  for (const [name, target] of links) {
    const link = join(folder, 'node_modules', name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(target, link, 'junction');
  }
  return folder;
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
    `const { appendFileSync, readFileSync } = require('node:fs');
const args = process.argv.slice(2);
appendFileSync(${JSON.stringify(join(folder, 'calls.jsonl'))}, JSON.stringify(args) + '\\n');
const account = JSON.parse(readFileSync(${JSON.stringify(join(folder, 'account.json'))}, 'utf8'));
if (args[0] === 'dev' || args.includes('--dry-run')) {
  process.argv[1] = ${JSON.stringify(real)};
  require(${JSON.stringify(real)});
} else if (args[0] === 'deployments') {
  if (account.deployed === undefined) process.exit(1);
  console.log(JSON.stringify({ versions: [{ version_id: account.deployed, percentage: 100 }] }));
} else if (args[0] === 'deploy') {
  console.log('Uploaded');
  process.exit(account.deployCode ?? 0);
} else if (args[0] !== 'rollback') process.exit(9);
`,
  );
}
