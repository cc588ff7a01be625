/** A compiled worker as it lies on the disk. */
import { readFile, readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { WeightsManifest } from '@hebb/edge';
import { checkPlan, checksum } from '@hebb/runtime';
import type { LoadOptions, Plan } from '@hebb/runtime';
import { objectFolder, storeKinds } from '../ahead/store.ts';
import type { StoreKind } from '../ahead/store.ts';
import { UsageError } from '../errors.ts';
import { reasonOf } from '../paths.ts';

export interface CompiledFolder {
  readonly directory: string;
  readonly plan: Plan;
  readonly module: Uint8Array<ArrayBuffer>;
  /** Absent where a store holds them. */
  readonly weights?: Uint8Array<ArrayBuffer>;
  readonly store?: {
    readonly kind: StoreKind;
    readonly manifest: WeightsManifest;
    /** Bytes of each object. */
    readonly objects: readonly number[];
  };
  /** Bytes of the plan's text. */
  readonly planText: number;
}

/** @throws UsageError for a folder that `hebb compile --target worker` did not write. */
export async function readCompiled(folder: string): Promise<CompiledFolder> {
  const directory = resolve(folder);
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(
      `${folder}: ${reasonOf(error)}; an .onnx file or a folder that hebb compile wrote is wanted`,
    );
  });
  if (!names.includes('plan.js')) {
    throw new UsageError(`${folder} was not written by hebb compile: it has no plan.js`);
  }
  if (!names.includes('worker.js')) {
    throw new UsageError(
      `${folder} was compiled for another place than a worker: hebb compile --target worker`,
    );
  }
  const { plan } = await imported<{ plan: unknown }>(join(directory, 'plan.js'));
  const checked = checkPlan(plan);
  const [planText, module] = await Promise.all([
    stat(join(directory, 'plan.js')),
    bytesOf(join(directory, checked.modules[0]!.file)),
  ]);
  const common = { directory, plan: checked, module, planText: planText.size };
  if (!names.includes('manifest.js')) {
    return { ...common, weights: await bytesOf(join(directory, checked.weights.file)) };
  }
  const { manifest } = await imported<{ manifest: WeightsManifest }>(
    join(directory, 'manifest.js'),
  );
  const kind = await storeKindOf(directory);
  const objects = await Promise.all(
    manifest.objects.map(async ({ key }) => {
      const { size } = await stat(join(directory, objectFolder(kind), key));
      return size;
    }),
  );
  return { ...common, store: { kind, manifest, objects } };
}

/** The module as it is now: a folder may have been written anew since the last time. */
async function imported<T>(file: string): Promise<T> {
  const { mtimeMs } = await stat(file);
  return (await import(`${pathToFileURL(file).href}?${mtimeMs}`)) as T;
}

const bytesOf = async (file: string): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await readFile(file));

async function storeKindOf(directory: string): Promise<StoreKind> {
  const text = await readFile(join(directory, 'wrangler.json'), 'utf8');
  const configuration = JSON.parse(text) as object;
  const found = { r2: 'r2_buckets', kv: 'kv_namespaces', assets: 'assets' };
  const kind = storeKinds.find((name) => found[name] in configuration);
  if (kind !== undefined) return kind;
  throw new UsageError(`wrangler.json of ${directory} names no store for the weights`);
}

/** What `load` of `@hebb/runtime` takes. Weights that are in a store are zeros, which compute no faster. */
export async function loadable({ plan, module, weights }: CompiledFolder): Promise<LoadOptions> {
  const compiled = await WebAssembly.compile(module);
  if (weights !== undefined) return { plan, module: compiled, weights };
  const zeros = new Uint8Array(plan.weights.bytes);
  const known = { ...plan, weights: { ...plan.weights, checksum: checksum(zeros) } };
  return { plan: known, module: compiled, weights: zeros };
}
