/** Putting objects into a store, with wrangler. */
import { runWrangler } from '../wrangler.ts';

export interface UploadOptions {
  /** Folder of the worker project, with its wrangler configuration. */
  readonly directory: string;
  readonly store:
    | { readonly kind: 'r2'; readonly bucket: string }
    | { readonly kind: 'kv'; readonly namespace: string };
  /** Files by key. */
  readonly objects: ReadonlyMap<string, string>;
  /** Into Cloudflare's store; else into the local one. */
  readonly remote?: boolean;
  /** Folder of the local one. Default: wrangler's own, `.wrangler/state` in the project. */
  readonly persistTo?: string;
}

/**
 * Uploads one object after the other. What is there already is written again: objects with equal keys are equal.
 * @throws Error with what wrangler printed.
 */
export async function uploadWeights(options: UploadOptions): Promise<void> {
  const { directory, store, objects, remote = false, persistTo } = options;
  const where = [
    remote ? '--remote' : '--local',
    ...(remote || persistTo === undefined ? [] : ['--persist-to', persistTo]),
  ];
  for (const [key, file] of objects) {
    const what =
      store.kind === 'r2'
        ? ['r2', 'object', 'put', `${store.bucket}/${key}`, '--file', file]
        : ['kv', 'key', 'put', key, '--path', file, '--namespace-id', store.namespace];
    await run(directory, [...what, ...where]);
  }
}

async function run(directory: string, args: readonly string[]): Promise<void> {
  const { code, output } = await runWrangler(directory, args);
  if (code !== 0) {
    throw new Error(`wrangler ${args.slice(0, 3).join(' ')} ended with code ${code}\n${output}`);
  }
}
