/** `hebb upload`: the weights of a compiled worker into the store that it reads them from. */
import { access, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { WeightsManifest } from '@hebb/edge';
import { uploadWeights } from '@hebb/edge/node';
import type { UploadOptions } from '@hebb/edge/node';
import { UsageError } from '../errors.ts';
import { bytes } from '../format.ts';

interface Options {
  readonly remote?: boolean;
  readonly persistTo?: string;
  readonly to?: string;
}

/** What of `wrangler.json` matters here. */
interface Configuration {
  readonly r2_buckets?: readonly { readonly binding: string; readonly bucket_name?: string }[];
  readonly kv_namespaces?: readonly { readonly binding: string; readonly id?: string }[];
  readonly assets?: object;
}

export async function upload(
  folder: string,
  { remote = false, persistTo, to }: Options,
  print: (line: string) => void,
): Promise<void> {
  const directory = resolve(folder);
  const [manifest, configuration] = await readFolder(folder);
  if (configuration.assets !== undefined) {
    throw new UsageError(
      `the weights of ${folder} are assets: wrangler deploys them with the worker`,
    );
  }
  const objects = new Map<string, string>();
  let total = 0;
  for (const { key } of manifest.objects) {
    const file = join(directory, 'weights', key);
    objects.set(key, file);
    total += (await stat(file)).size;
  }
  const store = storeOf(configuration, remote, to);
  await uploadWeights({
    directory,
    store,
    objects,
    remote,
    ...(persistTo === undefined ? {} : { persistTo: resolve(persistTo) }),
  });
  const name = store.kind === 'r2' ? `bucket ${store.bucket}` : `namespace ${store.namespace}`;
  const where = remote ? '' : 'local ';
  print(`${objects.size} objects, ${bytes(total)}, to the ${where}${name}`);
}

async function readFolder(folder: string): Promise<[WeightsManifest, Configuration]> {
  const directory = resolve(folder);
  try {
    await access(join(directory, 'manifest.js')).catch(() => {
      throw new Error('it has no manifest.js');
    });
    const module = (await import(pathToFileURL(join(directory, 'manifest.js')).href)) as {
      manifest: WeightsManifest;
    };
    const text = await readFile(join(directory, 'wrangler.json'), 'utf8');
    return [module.manifest, JSON.parse(text) as Configuration];
  } catch (error) {
    throw new UsageError(
      `${folder} was not written by hebb compile --weights-store: ${(error as Error).message}`,
    );
  }
}

function storeOf(
  { r2_buckets: buckets = [], kv_namespaces: namespaces = [] }: Configuration,
  remote: boolean,
  to: string | undefined,
): UploadOptions['store'] {
  const [bucket] = buckets;
  if (bucket !== undefined) return { kind: 'r2', bucket: to ?? bucket.bucket_name! };
  const id = to ?? namespaces[0]?.id;
  if (remote && id === undefined) {
    throw new UsageError('name the namespace: --to ID, as `wrangler kv namespace list` prints it');
  }
  // The local one of a namespace without an id goes by its binding.
  return { kind: 'kv', namespace: id ?? namespaces[0]?.binding ?? 'WEIGHTS' };
}
