/** What `wrangler deploy` would upload, and its size. */
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { runWrangler } from './wrangler.ts';

export interface BundleOptions {
  /** Folder of the worker project, with its wrangler configuration. */
  readonly directory: string;
  /** Configuration file in that folder, where it is not the usual one. */
  readonly configuration?: string;
  /** Export conditions for the bundler beside a worker's usual ones. */
  readonly conditions?: readonly string[];
  /** What `withBundle` gave: nothing is bundled again. */
  readonly bundle?: Bundle;
}

/** Sizes in bytes. */
export interface BundleSize {
  readonly script: number;
  /** The script compressed. */
  readonly gzip: number;
  /** WebAssembly modules, and the same compressed. */
  readonly wasm: number;
  readonly wasmGzip: number;
  /** Whatever else is imported, weights above all, and the same compressed. */
  readonly data: number;
  readonly dataGzip: number;
}

/** Bundles as `wrangler deploy` would, without deploying, and measures the code. */
export async function bundleSize(options: BundleOptions): Promise<BundleSize> {
  return withBundle(options, async ({ folder, main, modules }) => {
    const script = await readFile(join(folder, main));
    const sum = { wasm: 0, wasmGzip: 0, data: 0, dataGzip: 0 };
    for (const name of modules) {
      const bytes = await readFile(join(folder, name));
      const kind = name.endsWith('.wasm') ? 'wasm' : 'data';
      sum[kind] += bytes.length;
      sum[`${kind}Gzip`] += gzipSync(bytes).length;
    }
    return { script: script.length, gzip: gzipSync(script).length, ...sum };
  });
}

export interface Bundle {
  readonly folder: string;
  /** The script in it. */
  readonly main: string;
  /** Files that the script imports. */
  readonly modules: readonly string[];
}

/** Bundles into a temporary folder, which is gone when `body` has ended. */
export async function withBundle<T>(
  { directory, configuration, conditions = [], bundle }: BundleOptions,
  body: (bundle: Bundle) => Promise<T>,
): Promise<T> {
  if (bundle !== undefined) return body(bundle);
  const out = await mkdtemp(join(tmpdir(), 'hebb-bundle-'));
  try {
    const config = configuration === undefined ? [] : ['--config', configuration];
    const args = ['deploy', ...config, '--dry-run', '--minify', '--outdir', out];
    const { code, output } = await runWrangler(directory, args, { conditions });
    if (code !== 0) throw new Error(`wrangler deploy --dry-run ended with code ${code}\n${output}`);
    const files = await readdir(out);
    const main = files.find((name) => name.endsWith('.js'));
    if (main === undefined) throw new Error('wrangler wrote no script');
    const others = (name: string): boolean => name !== main && !/\.map$|^README/.test(name);
    return await body({ folder: out, main, modules: files.filter(others) });
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}
