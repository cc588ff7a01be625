/**
 * Who may import whom. Dependencies point one way:
 *
 *     core ← compiler ← backend plugins        core ← ops ← nn ← layer plugins
 *
 * Packages never import plugins and plugins never each other; only composition roots (the command
 * line and the apps) bring them together. Every project carries `scope:NAME` and one `type:` tag in
 * its package.json; a project without tags may import nothing.
 */
const packages = {
  core: [],
  runtime: [],
  ops: ['core'],
  compiler: ['core', 'runtime'],
  nn: ['core', 'ops'],
  train: ['core', 'ops', 'nn'],
  data: ['core', 'ops'],
  onnx: ['core', 'ops', 'nn'],
  // core for dtypes and the types that onnx's own surface speaks in, ops for the sampling of tokens
  edge: ['core', 'ops', 'runtime', 'onnx'],
  explain: ['core', 'ops', 'nn'],
  conformance: ['core', 'ops'],
};

/** Importing nothing means nothing from npm either. */
const withoutDependencies = ['core', 'runtime'];

const scopes = (/** @type {string[]} */ names) => names.map((name) => `scope:${name}`);

const rootsAndPlugins = [
  { sourceTag: 'type:backend', onlyDependOnLibsWithTags: scopes(['core', 'compiler', 'runtime']) },
  { sourceTag: 'type:layers', onlyDependOnLibsWithTags: scopes(['core', 'ops', 'nn']) },
  { sourceTag: 'type:cli', notDependOnLibsWithTags: ['type:app'] },
  { sourceTag: 'type:app', notDependOnLibsWithTags: ['type:app'] },
];

const shared = {
  allow: ['../../jest.preset.js'],
  enforceBuildableLibDependency: false,
  banTransitiveDependencies: true,
};

export const boundaries = {
  ...shared,
  depConstraints: [
    ...Object.entries(packages).map(([name, allowed]) => ({
      sourceTag: `scope:${name}`,
      onlyDependOnLibsWithTags: scopes(allowed),
      ...(withoutDependencies.includes(name) ? { bannedExternalImports: ['*'] } : {}),
    })),
    ...rootsAndPlugins,
  ],
};

/**
 * A test needs numbers, and numbers need a backend: specs of everything may import the oracle, the
 * conformance kit and any package, never a layer plugin other than their own. Sources do not see
 * them, so what is published keeps the order above.
 */
const helpers = ['backend-cpu', 'conformance', 'ops', 'nn', 'train', 'data', 'onnx'];
export const boundariesOfSpecs = {
  ...shared,
  banTransitiveDependencies: false,
  ignoredCircularDependencies: [...Object.keys(packages), 'backend-cpu', 'layers-cnn'].flatMap(
    (name) =>
      helpers
        .filter((helper) => helper !== name)
        .map((helper) => [`@hebb/${name}`, `@hebb/${helper}`]),
  ),
  depConstraints: [
    {
      sourceTag: 'type:package',
      onlyDependOnLibsWithTags: ['type:package', 'scope:backend-cpu'],
    },
    { sourceTag: 'type:backend', onlyDependOnLibsWithTags: ['type:package', 'scope:backend-cpu'] },
    { sourceTag: 'type:layers', onlyDependOnLibsWithTags: ['type:package', 'scope:backend-cpu'] },
    ...rootsAndPlugins.slice(-2),
  ],
};
