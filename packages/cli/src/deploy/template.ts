/**
 * The worker project around a compiled model, as text. It imports nothing but types: the generator in `tools/` runs
 * it as it stands.
 */

export interface ProjectSpec {
  /** Of the worker, as Cloudflare takes it. */
  readonly name: string;
  /** The model's functions; one of them alone is served under the worker's name. */
  readonly functions: readonly string[];
  /** Whether its weights are in a store and so are there in requests alone. */
  readonly isStored: boolean;
  /** Bindings of the store, as `wrangler.json` beside the model has them. */
  readonly bindings?: Readonly<Record<string, unknown>>;
  /** Of the first output's classes. */
  readonly labels?: readonly string[];
  /** Of `@hebb/edge` and `@hebb/runtime`. */
  readonly version: string;
}

/** Wrangler that starts on every Node that the packages run on. */
const wranglerVersion = '^4.86.0';
const compatibilityDate = '2026-04-01';

/** A name as npm and Cloudflare take it. */
export const slug = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 50)
    .replace(/-+$/, '') || 'model';

/** Names of the models in addresses. */
export const modelNames = ({ name, functions }: ProjectSpec): string[] =>
  functions.length === 1 ? [name] : [...functions];

/** Every file but the compiled model, by path. */
export function projectFiles(spec: ProjectSpec): Map<string, string> {
  return new Map([
    ['src/worker.js', workerScript(spec)],
    ['wrangler.jsonc', configuration(spec)],
    ['package.json', manifest(spec)],
    ['README.md', readme(spec)],
    ['.gitignore', 'node_modules/\n.wrangler/\n.dev.vars\n'],
  ]);
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

function workerScript(spec: ProjectSpec): string {
  const { functions, isStored, labels } = spec;
  const [only] = functions;
  const entry = (name: string, fn: string): string => {
    const key = /^[a-z]\w*$/.test(name) ? name : `'${name}'`;
    if (functions.length === 1) {
      const load = isStored ? 'load: loadModel,\n      unload: unloadModel,' : 'load: () => model,';
      const classes =
        labels === undefined
          ? "// labels: ['first class', 'second class'],"
          : `labels: [${labels.map((label) => `'${label}'`).join(', ')}],`;
      return `    ${key}: {\n      ${load}\n      ${classes}\n    },\n`;
    }
    const got = isStored ? 'await loadModel()' : 'model';
    const unload = isStored ? ', unload: unloadModel' : '';
    return `    ${key}: { load: async () => called(${got}, ${JSON.stringify(fn)})${unload} },\n`;
  };
  const called =
    functions.length === 1
      ? ''
      : `/** One of the model's functions as a model. */
function called(model, name) {
  const { inputs, outputs } = plan.functions.find((fn) => fn.name === name);
  return { inputs, outputs, run: (given) => model.call(name, given) };
}

`;
  const names = [
    'loadModel',
    ...(functions.length === 1 ? [] : ['plan']),
    ...(isStored ? ['unloadModel'] : []),
  ];
  return `import { serve } from '@hebb/edge';
import { ${names.join(', ')} } from '../model/index.js';

${called}${isStored ? '' : '// Before the first request, where it costs no request its time.\nconst model = await loadModel();\n\n'}// What else serve() takes (keys, limits, CORS, pictures as input): the page about serving of @hebb/edge.
const server = serve({
  models: {
${modelNames(spec)
  .map((name, i) => entry(name, functions[i] ?? only ?? 'run'))
  .join('')}  },
  concurrency: { most: 32 },
  log: true,
  onError: (error) => console.error(error),
});

export default { fetch: (request) => server.fetch(request) };
`;
}

function configuration({ name, bindings = {} }: ProjectSpec): string {
  const text = json({
    name,
    main: 'src/worker.js',
    compatibility_date: compatibilityDate,
    // Tells the worker when a client goes away.
    compatibility_flags: ['enable_request_signal'],
    ...bindings,
    observability: { enabled: true },
  });
  return `// Settings: https://developers.cloudflare.com/workers/wrangler/configuration/\n${text}`;
}

const manifest = ({ name, version }: ProjectSpec): string =>
  json({
    name,
    private: true,
    type: 'module',
    scripts: { dev: 'wrangler dev', deploy: 'wrangler deploy' },
    dependencies: { '@hebb/edge': `^${version}`, '@hebb/runtime': `^${version}` },
    devDependencies: { wrangler: wranglerVersion },
  });

function readme(spec: ProjectSpec): string {
  const [first] = modelNames(spec);
  return `# ${spec.name}

A model behind an HTTPS address, made by \`hebb deploy\`.

| file             | whose it is                                                                          |
| ---------------- | ------------------------------------------------------------------------------------ |
| \`model/\`         | written anew by every \`hebb deploy\`                                                  |
| \`smoke.json\`     | a question to the model with its answer, asked after each deployment                 |
| everything else  | yours: \`hebb deploy\` leaves a file alone once it has been changed                    |

- \`npm run dev\` starts it on this machine, \`curl http://localhost:8787/v2/models/${first}\` asks what it takes.
- \`npm run deploy\` deploys it as it is; \`hebb deploy MODEL --dir .\` compiles, checks, deploys and tries it.
`;
}
