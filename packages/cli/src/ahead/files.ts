/** Compiled models as folders, written whole or not at all. */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { UsageError } from '../errors.ts';
import type { Built } from './build.ts';
import { objectFolder } from './store.ts';
import type { WorkerStore } from './store.ts';
import { hasOneModule, wrapperFiles } from './wrapper.ts';
import type { CompileTarget } from './wrapper.ts';

/** Every name that any target writes: a folder with others in it is somebody's. */
const ours = new Set([
  // What `wrangler dev` leaves.
  '.wrangler',
  'assets',
  'edge.js',
  'index.d.ts',
  'index.js',
  'manifest.js',
  'model.plain.wasm',
  'model.relaxed.wasm',
  'model.wasm',
  'package.json',
  'plan.js',
  'server.js',
  'weights',
  'weights.bin',
  'weights.js',
  'worker.js',
  'wrangler.json',
]);

/**
 * Writes the folder of a compiled model, beside it first and then renamed into its place: nobody meets half
 * of it. Replaces what an earlier run wrote there, and nothing else. Returns the files by name.
 *
 * @param store For workers: the weights as their store takes them, from `storeFor`; else they are bundled.
 * @throws UsageError when the folder holds other files; errors of the file system.
 */
export async function writeCompiled(
  built: Built,
  target: CompileTarget,
  folder: string,
  store?: WorkerStore,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = compiledFiles(built, target, store);
  const out = resolve(folder);
  const existing = await entriesOf(out);
  if (existing !== undefined && existing.length > 0) await checkOurs(folder, existing);
  await mkdir(dirname(out), { recursive: true });
  const id = randomUUID();
  const fresh = join(dirname(out), `.${basename(out)}.${id}.tmp`);
  const old = join(dirname(out), `.${basename(out)}.${id}.old`);
  try {
    await mkdir(fresh);
    for (const [name, bytes] of files) {
      await mkdir(dirname(join(fresh, name)), { recursive: true });
      await writeFile(join(fresh, name), bytes, { flush: true });
    }
    if (existing !== undefined) await rename(out, old);
    try {
      await rename(fresh, out);
    } catch (error) {
      if (existing !== undefined) await rename(old, out);
      throw error;
    }
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  await rm(old, { recursive: true, force: true });
  return files;
}

/**
 * All files of the folder. With a store the weights are objects for it, in a folder of their own.
 * @throws UsageError for a store of another target than a worker.
 */
export function compiledFiles(
  built: Built,
  target: CompileTarget,
  store?: WorkerStore,
): Map<string, Uint8Array> {
  if (store !== undefined && target !== 'worker') {
    throw new UsageError(`only workers read their weights from a store, not the target ${target}`);
  }
  const { modules, weights } = built;
  const whole = store?.stored.plan ?? built.plan;
  const text = new TextEncoder();
  const plan = hasOneModule(target) ? { ...whole, modules: whole.modules.slice(0, 1) } : whole;
  const files = new Map<string, Uint8Array>();
  for (const { file } of plan.modules) files.set(file, modules.get(file)!);
  if (target === 'vercel') files.set('weights.js', text.encode(weightsScript(weights)));
  else if (store === undefined) files.set(plan.weights.file, weights);
  else {
    for (const [key, bytes] of store.stored.objects) {
      files.set(`${objectFolder(store.kind)}/${key}`, bytes);
    }
  }
  for (const [name, content] of wrapperFiles(plan, target, store)) {
    files.set(name, text.encode(content));
  }
  return files;
}

/** Bytes as a script, which every bundler takes. */
const weightsScript = (weights: Uint8Array): string =>
  `const text = '${Buffer.from(weights).toString('base64')}';
export const weights = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
`;

async function entriesOf(folder: string): Promise<string[] | undefined> {
  try {
    return await readdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    if (code === 'ENOTDIR')
      throw new UsageError(`${folder} is a file, not a folder, or lies below one`);
    throw error;
  }
}

async function checkOurs(folder: string, entries: readonly string[]): Promise<void> {
  const others = entries.filter((name) => !ours.has(name));
  const plan =
    others.length > 0 ? '' : await readFile(join(folder, 'plan.js'), 'utf8').catch(() => '');
  // A formatter may have been there.
  if (!/format['"]?: ?['"]hebb-plan/.test(plan)) {
    const what = others.length > 0 ? `holds ${others.slice(0, 3).join(', ')}` : 'is not empty';
    throw new UsageError(
      `${folder} ${what} and was not written by hebb compile: name another folder with --out`,
    );
  }
}
