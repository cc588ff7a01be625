import { formatFiles, installPackagesTask, readJson, updateJson } from '@nx/devkit';
// One template for `hebb create`, `hebb deploy` and this. Node strips its types; the package's name would want it built
// before a generator can run.
// eslint-disable-next-line @nx/enforce-module-boundaries
import { projectFiles, slug } from '../../packages/cli/src/deploy/template.ts';

/**
 * `nx g ./tools:worker NAME`: a worker project under apps/NAME, as `hebb create` writes it, with what a project of this
 * workspace has besides. `hebb compile MODEL --target worker --out apps/NAME/model` brings the model.
 *
 * @param {import('@nx/devkit').Tree} tree
 * @param {{ name: string, functions?: string, stored?: boolean, skipInstall?: boolean }} options
 */
export async function worker(tree, { name, functions = 'run', stored = false, skipInstall }) {
  if (name !== slug(name)) {
    throw new Error(`worker: name must be lower-case words joined by hyphens, got "${name}"`);
  }
  const root = `apps/${name}`;
  if (tree.exists(root)) throw new Error(`worker: ${root} exists already`);
  const { version } = readJson(tree, 'packages/core/package.json');
  const { devDependencies } = readJson(tree, 'apps/edge-worker/package.json');
  const files = projectFiles({
    name,
    functions: functions.split(',').map((fn) => fn.trim()),
    isStored: stored,
    version,
  });
  for (const [path, text] of files) {
    // The workspace's own is enough.
    if (path !== '.gitignore') tree.write(`${root}/${path}`, text);
  }
  updateJson(tree, `${root}/package.json`, (manifest) => ({
    ...manifest,
    name: `@hebb/${name}`,
    version,
    description: 'A worker around a compiled model',
    license: 'MIT',
    author: 'The Hebb authors',
    engines: { node: '>=20.19' },
    // Wrangler of the workspace, which is not beside every project.
    scripts: Object.fromEntries(
      ['dev', 'deploy'].map((command) => [
        command,
        `node ../../node_modules/wrangler/bin/wrangler.js ${command}`,
      ]),
    ),
    devDependencies: { wrangler: devDependencies.wrangler },
    nx: { tags: [`scope:${name}`, 'type:app'], includedScripts: [] },
  }));
  const dependencies = ['runtime', 'edge'].map((dependency) => ({
    path: `../../packages/${dependency}/tsconfig.lib.json`,
  }));
  const base = { extends: '../../tsconfig.base.json', files: [] };
  tree.write(
    `${root}/tsconfig.json`,
    JSON.stringify({ ...base, references: [{ path: './tsconfig.lib.json' }] }),
  );
  tree.write(`${root}/tsconfig.lib.json`, JSON.stringify({ ...base, references: dependencies }));
  updateJson(tree, 'tsconfig.json', (config) => {
    const paths = new Set(
      config.references.map((/** @type {{ path: string }} */ reference) => reference.path),
    );
    paths.add(`./${root}`);
    config.references = [...paths].sort().map((path) => ({ path }));
    return config;
  });
  await formatFiles(tree);
  return skipInstall ? undefined : () => installPackagesTask(tree, true);
}

export default worker;
