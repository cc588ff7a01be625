/**
 * What a page or a server ships for inference with each contender: one bundle, and the library's own
 * WebAssembly file beside it.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export interface Shipped {
  readonly contender: string;
  /** Source of the bundle's entry, which exports `runner`. */
  readonly entry: string;
  /** Files of the library that are loaded beside the bundle. */
  readonly assets?: readonly (readonly [packageName: string, file: string])[];
  readonly reads: 'onnx' | 'program';
}

const layers = (library: string, start: string): string => `
  ${start}
  import { loadForward } from './${library}/forward.ts';
  export const runner = { load: async (work) => { await start(); return loadForward(work); } };
`;

export const shipped: readonly Shipped[] = [
  {
    contender: 'hebb',
    entry: `
      import { init } from '@hebb/core';
      import { wasm } from '@hebb/backend-wasm';
      ${layers('hebb', 'const start = async () => init(wasm({ threads: 1 }));')}`,
    reads: 'program',
  },
  {
    contender: 'hebb-cpu',
    entry: `
      import { init } from '@hebb/core';
      import { cpu } from '@hebb/backend-cpu';
      ${layers('hebb', 'const start = async () => init(cpu());')}`,
    reads: 'program',
  },
  {
    contender: 'ort',
    entry: `
      import { ortOnWasm } from './peers/ort/on-wasm.ts';
      export const runner = ortOnWasm(1);`,
    assets: [['onnxruntime-web', 'ort-wasm-simd-threaded.wasm']],
    reads: 'onnx',
  },
  {
    contender: 'tfjs',
    entry: `
      import { startWasm } from './peers/tfjs/start-wasm.ts';
      ${layers('peers/tfjs', 'const start = startWasm;')}`,
    assets: [['@tensorflow/tfjs-backend-wasm', 'tfjs-backend-wasm-simd.wasm']],
    reads: 'program',
  },
  {
    contender: 'tfjs-cpu',
    entry: `
      import { startCpu } from './peers/tfjs/start-cpu.ts';
      ${layers('peers/tfjs', 'const start = startCpu;')}`,
    reads: 'program',
  },
  {
    contender: 'jax-js',
    entry: `
      import { start } from './peers/jax/start.ts';
      ${layers('peers/jax', '')}`,
    reads: 'program',
  },
];

export const sources = fileURLToPath(new URL('../../src', import.meta.url));

/** Where the library's WebAssembly files lie. */
export const assetPath = ([name, file]: readonly [string, string]): string =>
  join(dirname(createRequire(import.meta.url).resolve(name)), file);

export interface BundleOptions {
  readonly outfile: string;
  readonly platform: 'browser' | 'node';
  /** What the entry's imports are relative to; the sources of this application when left out. */
  readonly folder?: string;
}

/** Bundles and minifies. Throws with esbuild's first complaint. */
export async function bundle(entry: string, options: BundleOptions): Promise<void> {
  const { outfile, platform, folder = sources } = options;
  const node = platform === 'node';
  await build({
    stdin: { contents: entry, resolveDir: folder, loader: 'ts' },
    outfile,
    bundle: true,
    minify: true,
    treeShaking: true,
    format: 'esm',
    target: 'es2022',
    platform,
    conditions: ['@hebb/source'],
    mainFields: ['module', 'main'],
    // For entries that lie elsewhere.
    nodePaths: [fileURLToPath(new URL('../../../../node_modules', import.meta.url))],
    logLevel: 'silent',
    // Without WebGPU and WebGL: the smaller of its builds.
    alias: node ? {} : { 'onnxruntime-web': 'onnxruntime-web/wasm' },
    external: [
      // It finds its files by where it lies itself.
      ...(node ? ['onnxruntime-web'] : ['fs', 'path', 'os', 'crypto', 'util', 'perf_hooks']),
      'worker_threads',
      'node:*',
    ],
    banner: node
      ? {
          js: `import { createRequire as makeRequire } from 'node:module';
               import { dirname as folderOf } from 'node:path';
               const require = makeRequire(import.meta.url);
               const __filename = import.meta.filename, __dirname = folderOf(__filename);`,
        }
      : {},
  });
}
