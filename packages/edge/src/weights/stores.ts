/** Where weights are kept. Structural: the platform's bindings fit without their types. */
import { WeightsError } from './error.ts';

export type Bytes = ReadableStream<Uint8Array>;

export interface WeightsStore {
  /** Whether parts of an object can be read; else all of it is sent and what is not wanted is passed over. */
  readonly ranges: boolean;
  /**
   * Bytes of an object from `offset` on; `undefined` when there is none of that key. A store without ranges sends
   * it from its beginning.
   */
  read(
    key: string,
    offset: number,
    length: number,
    signal: AbortSignal,
  ): Promise<Bytes | undefined>;
}

/** The part of an R2 bucket that is used here. */
export interface BucketLike {
  get(
    key: string,
    options: { range: { offset: number; length: number } },
  ): Promise<{ body: Bytes } | null>;
}

/** Weights in an R2 bucket: `() => r2Store(env.WEIGHTS)`. */
export const r2Store = (bucket: BucketLike): WeightsStore => ({
  ranges: true,
  read: async (key, offset, length) =>
    (await bucket.get(key, { range: { offset, length } }))?.body ?? undefined,
});

/** The part of a KV namespace that is used here. */
export interface NamespaceLike {
  get(key: string, options: { type: 'stream'; cacheTtl?: number }): Promise<Bytes | null>;
}

/** Weights in a KV namespace. Objects never change under their key, so they are cached for a day. */
export const kvStore = (namespace: NamespaceLike): WeightsStore => ({
  ranges: false,
  read: async (key) =>
    (await namespace.get(key, { type: 'stream', cacheTtl: 86_400 })) ?? undefined,
});

/** Static assets, or anything else that answers requests. */
export interface FetcherLike {
  fetch(request: Request): Promise<Response>;
}

/** Weights among a worker's static assets. Give it `run_worker_first`, or anybody may read them. */
export const assetsStore = (assets: FetcherLike): WeightsStore => ({
  ranges: false,
  read: (key, _offset, _length, signal) =>
    bodyOf(assets.fetch(new Request(`https://assets.local/${pathOf(key)}`, { signal })), [200]),
});

/** Weights on any server that knows ranges, below that address. */
export const httpStore = (
  base: string | URL,
  fetcher: FetcherLike = { fetch: (request) => fetch(request) },
): WeightsStore => ({
  ranges: true,
  read: (key, offset, length, signal) => {
    const url = new URL(pathOf(key), `${String(base).replace(/\/+$/, '')}/`);
    const range = `bytes=${offset}-${offset + length - 1}`;
    return bodyOf(fetcher.fetch(new Request(url, { headers: { range }, signal })), [206]);
  },
});

const pathOf = (key: string): string => key.split('/').map(encodeURIComponent).join('/');

async function bodyOf(
  answer: Promise<Response>,
  wanted: readonly number[],
): Promise<Bytes | undefined> {
  const response = await answer;
  if (wanted.includes(response.status) && response.body !== null) return response.body;
  await response.body?.cancel();
  if (response.status === 404) return undefined;
  throw new WeightsError('unreadable', `the store answered ${response.status}`);
}
