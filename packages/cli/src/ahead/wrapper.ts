/** The JavaScript and types around a compiled model. */
import type { Plan, PlanFunction, Signature, Slot, TensorType } from '@hebb/runtime';
import { slug } from '../deploy/template.ts';
import { objectFolder } from './store.ts';
import type { StoreKind, WorkerStore } from './store.ts';

/** Where the code will run, which is how it gets at its files. */
export type CompileTarget = 'worker' | 'node' | 'browser' | 'vercel';
export const targets: readonly CompileTarget[] = ['worker', 'node', 'browser', 'vercel'];

const banner = '// Written by hebb compile: changes are lost when it runs again.\n';

const loaders: Readonly<Record<CompileTarget, string>> = {
  // The bundler hands over a compiled module and an ArrayBuffer.
  worker: `import { load } from '@hebb/runtime';
import module from './model.wasm';
import { plan } from './plan.js';
import weights from './weights.bin';

export async function loadModel() {
  return load({ plan, module, weights });
}
`,
  node: `import { readFile } from 'node:fs/promises';
import { load, pickModule } from '@hebb/runtime';
import { plan } from './plan.js';

const read = (file) => readFile(new URL(file, import.meta.url));

export async function loadModel() {
  const [code, weights] = await Promise.all([read(pickModule(plan).file), read(plan.weights.file)]);
  return load({ plan, module: await WebAssembly.compile(code), weights });
}
`,
  // Its bundler hands over a compiled module; there is no import of other files.
  vercel: `import { load } from '@hebb/runtime';
import module from './model.wasm?module';
import { plan } from './plan.js';
import { weights } from './weights.js';

export async function loadModel() {
  return load({ plan, module, weights });
}
`,
  // One \`new URL\` for each file, so that bundlers find them.
  browser: `import { load, pickModule } from '@hebb/runtime';
import { plan } from './plan.js';

const files = {
FILES
};

async function read(file) {
  const url = files[file];
  const response = await fetch(url);
  if (!response.ok) throw new Error(\`\${url}: \${response.status} \${response.statusText}\`);
  return response.arrayBuffer();
}

export async function loadModel() {
  const [code, weights] = await Promise.all([read(pickModule(plan).file), read(plan.weights.file)]);
  return load({ plan, module: await WebAssembly.compile(code), weights });
}
`,
};

/** Targets whose platform compiles the module: there is one, and no choice to make at run time. */
export const hasOneModule = (target: CompileTarget): boolean =>
  target === 'worker' || target === 'vercel';

/** What the store's function takes, in a request. */
const bindings: Readonly<Record<StoreKind, string>> = {
  r2: 'r2Store(env.WEIGHTS)',
  kv: 'kvStore(env.WEIGHTS)',
  assets: 'assetsStore(env.ASSETS)',
};

/** Bindings are imported, so that `loadModel` needs no arguments; they can be used in requests alone. */
function storeLoader({ kind, stored }: WorkerStore): string {
  const key = stored.manifest.encryption === undefined ? '' : '\n    key: () => env.WEIGHTS_KEY,';
  return `import { env, waitUntil } from 'cloudflare:workers';
import { ${kind}Store, storedModel } from '@hebb/edge';
import { manifest } from './manifest.js';
import module from './model.wasm';
import { plan } from './plan.js';

export function stored(options = {}) {
  return storedModel({
    plan,
    module,
    manifest,
    store: () => ${bindings[kind]},${key}
    waitUntil,
    ...options,
  });
}

export const { load: loadModel, unload: unloadModel } = stored();
`;
}

/** Files of text beside the modules and the weights, by name. */
export function wrapperFiles(
  plan: Plan,
  target: CompileTarget,
  store?: WorkerStore,
): Map<string, string> {
  const binaries = [...plan.modules.map(({ file }) => file), plan.weights.file];
  const urls = binaries
    .map(
      (file) =>
        `  ${JSON.stringify(file)}: new URL(${JSON.stringify(`./${file}`)}, import.meta.url),`,
    )
    .join('\n');
  const files = new Map([
    ['plan.js', `${banner}export const plan = ${JSON.stringify(plan)};\n`],
    [
      'index.js',
      `${banner}${store === undefined ? loaders[target].replace('FILES', urls) : storeLoader(store)}\nexport { plan };\n`,
    ],
    ['index.d.ts', declarations(plan, store !== undefined)],
    ['package.json', manifest(plan, target)],
  ]);
  if (store !== undefined) {
    const text = JSON.stringify(store.stored.manifest);
    files.set('manifest.js', `${banner}export const manifest = ${text};\n`);
  }
  if (target === 'node') files.set('server.js', serverScript(plan));
  if (target === 'vercel') files.set('edge.js', edgeScript(plan));
  if (target === 'worker') {
    files.set('worker.js', store === undefined ? workerScript(plan) : storeScript(plan));
    files.set('wrangler.json', workerConfiguration(plan, store?.kind));
  }
  return files;
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

const manifest = (plan: Plan, target: CompileTarget): string =>
  json({
    name: slug(plan.name),
    private: true,
    type: 'module',
    exports: { '.': { types: './index.d.ts', default: './index.js' } },
    dependencies: {
      '@hebb/runtime': '^0.1.0',
      ...(target === 'browser' ? {} : { '@hebb/edge': '^0.1.0' }),
    },
  });

/** A handler with one model to serve for each function, loaded before the first request. */
const handlerScript = (plan: Plan): string => `import { loadModel, plan } from './index.js';

// Before the first request, where it costs no request its time.
const model = await loadModel();
const models = plan.functions.map(({ name, inputs, outputs }) => [
  plan.functions.length === 1 ? ${JSON.stringify(slug(plan.name))} : name,
  { load: () => ({ inputs, outputs, run: (given) => model.call(name, given) }) },
]);
const handler = serve({ models: Object.fromEntries(models) });
`;

const workerScript = (plan: Plan): string => `${banner}import { serve } from '@hebb/edge';
${handlerScript(plan)}
export default { fetch: (request) => handler.fetch(request) };
`;

/** For Node, Deno and Bun. */
const serverScript = (plan: Plan): string => `${banner}import { serve } from '@hebb/edge';
import { listen } from '@hebb/edge/server';
${handlerScript(plan)}
const { url, close } = await listen(handler, {
  hostname: process.env.HOST ?? '127.0.0.1',
  port: Number(process.env.PORT ?? 8787),
});
console.log(url);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void close());
`;

/** For Vercel's Edge Functions; as `api/[...path].js`, say, it answers below `/api`. */
const edgeScript = (plan: Plan): string => `${banner}import { mount, serve } from '@hebb/edge';
import { loadModel, plan } from './index.js';

// At the first request: not every bundler takes an await at the top level.
let loaded;
const models = plan.functions.map(({ name, inputs, outputs }) => [
  plan.functions.length === 1 ? ${JSON.stringify(slug(plan.name))} : name,
  {
    load: async () => {
      const model = await (loaded ??= loadModel());
      return { inputs, outputs, run: (given) => model.call(name, given) };
    },
  },
]);
const handler = mount(serve({ models: Object.fromEntries(models) }), '/api');

export const config = { runtime: 'edge' };

export default (request) => handler.fetch(request);
`;

/** The same, loaded by the first request that needs it: a worker reads nothing before. */
const storeScript = (plan: Plan): string => `${banner}import { serve } from '@hebb/edge';
import { loadModel, plan, unloadModel } from './index.js';

const models = plan.functions.map(({ name, inputs, outputs }) => [
  plan.functions.length === 1 ? ${JSON.stringify(slug(plan.name))} : name,
  {
    load: async () => {
      const model = await loadModel();
      return { inputs, outputs, run: (given) => model.call(name, given) };
    },
    unload: unloadModel,
  },
]);
const handler = serve({
  models: Object.fromEntries(models),
  onError: (error) => console.error(error),
});

export default { fetch: (request) => handler.fetch(request) };
`;

/** Bucket that `wrangler.json` names. */
const bucket = 'hebb-weights';

const workerConfiguration = (plan: Plan, kind?: StoreKind): string => {
  const stores = {
    r2: { r2_buckets: [{ binding: 'WEIGHTS', bucket_name: bucket }] },
    // `wrangler deploy` makes the namespace where it has no id.
    kv: { kv_namespaces: [{ binding: 'WEIGHTS' }] },
    assets: {
      assets: {
        directory: `./${objectFolder('assets')}`,
        binding: 'ASSETS',
        // Else anybody could read the weights.
        run_worker_first: true,
      },
    },
  };
  return json({
    name: slug(plan.name),
    main: 'worker.js',
    compatibility_date: '2026-04-01',
    ...(kind === undefined ? {} : stores[kind]),
  });
};

// --- types ---

const tuple = (shape: readonly number[]): string => `readonly [${shape.join(', ')}]`;

function declarations(plan: Plan, isStored: boolean): string {
  const parts = [
    banner,
    isStored ? "import type { StoredModelOptions } from '@hebb/edge';\n" : '',
    "import type { ArrayOf, HostTensor, Model, Plan, TensorInput } from '@hebb/runtime';\n",
    describe(plan),
    "export interface CompiledModel extends Omit<Model, 'run' | 'call' | 'state' | 'loadState'> {\n",
  ];
  for (const [f, fn] of plan.functions.entries()) {
    for (const signature of fn.signatures) {
      const inputs = inputType(fn, signature);
      const outputs = outputType(fn.outputs, signature.outputs);
      if (f === 0) parts.push(`  run(inputs: ${inputs}): ${outputs};\n`);
      parts.push(`  call(name: ${JSON.stringify(fn.name)}, inputs: ${inputs}): ${outputs};\n`);
    }
  }
  parts.push(`  state(): ${stateType(plan, 'HostTensor')};\n`);
  parts.push(`  loadState(values: Partial<${stateType(plan, 'TensorInput')}>): void;\n`);
  parts.push('}\n\n');
  parts.push(
    '/** Makes the model ready to run. Throws PlayerError when files do not belong together. */\n',
    'export declare function loadModel(): Promise<CompiledModel>;\n',
    isStored ? storedDeclarations : '',
    'export declare const plan: Plan;\n',
  );
  return parts.join('');
}

const storedDeclarations = `/** Lets go of the model; the next request that needs it loads it again. */
export declare function unloadModel(): void;
/** The same with another store, key or times. */
export declare function stored(
  options?: Partial<Omit<StoredModelOptions, 'plan' | 'module' | 'manifest'>>,
): { readonly load: () => Promise<CompiledModel>; readonly unload: () => void };
`;

function describe({ name, functions }: Plan): string {
  const list = (types: readonly TensorType[]): string =>
    types.map((type) => `${type.name} ${type.dtype}[${type.shape.join(',')}]`).join(', ');
  const lines = functions.map(
    (fn) => ` * - ${fn.name}: ${list(fn.inputs)} -> ${list(fn.outputs)}\n`,
  );
  // A name must not end the comment.
  const text = ` * Model ${name}:\n${lines.join('')}`.replaceAll('*/', '* /');
  return `\n/**\n${text} */\n`;
}

function inputType(fn: PlanFunction, signature: Signature): string {
  const fields = fn.inputs.map(({ name, dtype }, i) => {
    const { shape } = signature.inputs[i]!;
    const tensor = `TensorInput<'${dtype}', ${tuple(shape)}>`;
    // With several signatures a bare array would not say which one is meant.
    const bare = fn.signatures.length === 1 ? ` | ArrayOf<'${dtype}'>` : '';
    return `readonly ${JSON.stringify(name)}: ${tensor}${bare}`;
  });
  return `{ ${fields.join('; ')} }`;
}

function outputType(types: readonly TensorType[], slots: readonly Slot[]): string {
  const fields = types.map(
    ({ name, dtype }, i) =>
      `${JSON.stringify(name)}: HostTensor<'${dtype}', ${tuple(slots[i]!.shape)}>`,
  );
  return `{ ${fields.join('; ')} }`;
}

function stateType({ state }: Plan, type: 'HostTensor' | 'TensorInput'): string {
  if (state.length === 0) return 'Record<never, never>';
  const fields = state.map(
    ({ name, dtype, shape }) => `${JSON.stringify(name)}: ${type}<'${dtype}', ${tuple(shape)}>`,
  );
  return `{ ${fields.join('; ')} }`;
}
