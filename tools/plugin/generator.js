import { fileURLToPath } from 'node:url';
import {
  formatFiles,
  generateFiles,
  installPackagesTask,
  readJson,
  readProjectConfiguration,
  updateJson,
} from '@nx/devkit';

const templates = fileURLToPath(new URL('./files', import.meta.url));

/**
 * `nx g ./tools:plugin NAME`: a layer plugin under plugins/NAME with one composite op, one module
 * and their tests, registered in the root tsconfig.json and linked into node_modules.
 *
 * @param {import('@nx/devkit').Tree} tree
 * @param {{ name: string, description?: string, skipInstall?: boolean }} options
 */
export async function plugin(tree, options) {
  const { name } = options;
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) {
    throw new Error(`plugin: name must be lower-case words joined by hyphens, got "${name}"`);
  }
  if (name.startsWith('backend-')) {
    throw new Error(
      'plugin: a backend is not a set of layers: start from plugins/backend-cpu and CONTRIBUTING.md',
    );
  }
  const root = `plugins/${name}`;
  if (tree.exists(root)) throw new Error(`plugin: ${root} exists already`);
  if (isTaken(tree, `@hebb/${name}`)) throw new Error(`plugin: @hebb/${name} exists already`);

  const { version } = readJson(tree, 'packages/core/package.json');
  const title = name
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join(' ');
  generateFiles(tree, templates, root, {
    name,
    version,
    description: options.description ?? `${title} for Hebb`,
    tmpl: '',
  });
  updateJson(tree, 'tsconfig.json', (config) => {
    const paths = new Set(config.references.map((/** @type {{ path: string }} */ r) => r.path));
    paths.add(`./${root}`);
    config.references = [...paths].sort().map((path) => ({ path }));
    return config;
  });
  await formatFiles(tree);
  return options.skipInstall ? undefined : () => installPackagesTask(tree, true);
}

/** @param {import('@nx/devkit').Tree} tree @param {string} project */
function isTaken(tree, project) {
  try {
    readProjectConfiguration(tree, project);
    return true;
  } catch {
    return false;
  }
}

export default plugin;
