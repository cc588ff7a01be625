/** Answers that are kept and given again to the same request, by the platform's Cache API. */
import type { Metrics } from '../middleware/metrics.ts';
import type { RequestContext } from '../router.ts';
import { digestOf } from '../digest.ts';
import { canonicalJson } from './canonical.ts';

/** What the Cache API has: `caches.default` of workers, what `caches.open` gives elsewhere. */
export interface AnswerCache {
  match(request: Request): Promise<Response | undefined>;
  put(request: Request, response: Response): Promise<void>;
}

export interface CacheOptions {
  /** Seconds that an answer is kept, here and by clients. */
  readonly maxAge: number;
  /**
   * What answers depend on beside a model's name and version: the deployment's id, or a checksum of the weights.
   * The platform's cache outlives deployments; what changes this makes all answers anew.
   */
  readonly version: string | (() => string);
  /** Default: the platform's, and none where it has none. */
  readonly cache?: () => AnswerCache | undefined | Promise<AnswerCache | undefined>;
  /** Keeps the worker alive until the answer is kept (`waitUntil` of `cloudflare:workers`). Default: the answer waits. */
  readonly waitUntil?: (promise: Promise<unknown>) => void;
}

/** What decides about an answer. */
export interface Asked {
  /** Name of the model, its version, and what else the answer's form depends on. */
  readonly model: string;
  readonly version: string;
  readonly form: readonly (string | undefined)[];
  /** The body: as JSON, whose spaces and order of names make no difference, or as it is. */
  readonly body: { readonly json: () => unknown } | { readonly bytes: Uint8Array };
}

export interface Answers {
  /** The kept answer, or the one that `compute` gives. */
  get(c: RequestContext, asked: Asked, compute: () => Promise<Response>): Promise<Response>;
}

/** Where nothing is kept. */
export const noAnswers: Answers = { get: (_, __, compute) => compute() };

/** The cache of this platform, if it has one. */
async function platformCache(): Promise<AnswerCache | undefined> {
  const { caches } = globalThis as { caches?: { default?: AnswerCache } & Partial<CacheStorage> };
  return caches?.default ?? (await caches?.open?.('hebb'));
}

/** Headers that belong to the answer; others belong to one request. */
const kept = ['content-type', 'inference-header-content-length'];

const isCacheable = (response: Response): boolean =>
  response.status === 200 && !response.headers.get('content-type')?.startsWith('text/event-stream');

export class CachedAnswers implements Answers {
  readonly #options: CacheOptions;
  readonly #metrics: Metrics;
  readonly #onError: (error: unknown, request: Request) => void;
  /** Whether only this client's own cache may keep the answer. */
  readonly #isPrivate: boolean;

  /** @throws RangeError for a time that is no positive whole number. */
  constructor(
    options: CacheOptions,
    {
      metrics,
      onError,
      isPrivate,
    }: {
      readonly metrics: Metrics;
      readonly onError: (error: unknown, request: Request) => void;
      readonly isPrivate: boolean;
    },
  ) {
    const { maxAge } = options;
    if (!Number.isSafeInteger(maxAge) || maxAge < 1) {
      throw new RangeError(`cache.maxAge is a number of seconds, got ${maxAge}`);
    }
    this.#options = options;
    this.#metrics = metrics;
    this.#onError = onError;
    this.#isPrivate = isPrivate;
  }

  async get(c: RequestContext, asked: Asked, compute: () => Promise<Response>): Promise<Response> {
    const count = (outcome: string): void =>
      this.#metrics.cache.add({ model: asked.model, outcome });
    const wanted = c.req.header('cache-control') ?? '';
    const key = /no-store/i.test(wanted) ? undefined : await this.#keyOf(asked);
    if (key === undefined) {
      count('bypass');
      return compute();
    }
    const etag = `"${key}"`;
    if (matches(c.req.header('if-none-match'), etag)) {
      count('revalidated');
      return new Response(null, { status: 304, headers: this.#headers(etag, 'hit') });
    }
    const address = new Request(`https://answers.hebb.invalid/${key}`);
    const cache = await this.#attempt(c, () => (this.#options.cache ?? platformCache)());
    if (cache === undefined) {
      count('bypass');
      return compute();
    }
    if (!/no-cache|max-age=0(?!\d)/i.test(wanted)) {
      const found = await this.#attempt(c, () => cache.match(address));
      if (found !== undefined) {
        count('hit');
        return this.#answer(found, etag, 'hit');
      }
    }
    count('miss');
    const response = await compute();
    if (!isCacheable(response)) return response;
    const copy = new Response(response.clone().body, { headers: this.#stored(response) });
    const put = this.#attempt(c, () => cache.put(address, copy));
    if (this.#options.waitUntil === undefined) await put;
    else this.#options.waitUntil(put);
    return this.#answer(response, etag, 'fwd=miss; stored');
  }

  /** A cache that fails is one that has nothing. */
  async #attempt<T>(c: RequestContext, work: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.#onError(error, c.req.raw);
      return undefined;
    }
  }

  async #keyOf({ model, version, form, body }: Asked): Promise<string | undefined> {
    const { version: own } = this.#options;
    const head = JSON.stringify([
      ...[model, version, typeof own === 'string' ? own : own()],
      ...form.map((each) => each ?? null),
    ]);
    const rest = 'json' in body ? canonicalJson(body.json()) : body.bytes;
    return rest === undefined ? undefined : digestOf(`${head}\n`, rest);
  }

  #stored(response: Response): Headers {
    const headers = new Headers({ 'cache-control': `public, max-age=${this.#options.maxAge}` });
    for (const name of kept) {
      const value = response.headers.get(name);
      if (value !== null) headers.set(name, value);
    }
    return headers;
  }

  #headers(etag: string, status: string): Record<string, string> {
    const who = this.#isPrivate ? 'private' : 'public';
    return {
      'cache-control': `${who}, max-age=${this.#options.maxAge}`,
      'cache-status': `hebb; ${status}`,
      etag,
    };
  }

  #answer(response: Response, etag: string, status: string): Response {
    const headers = new Headers();
    for (const name of kept) {
      const value = response.headers.get(name);
      if (value !== null) headers.set(name, value);
    }
    for (const [name, value] of Object.entries(this.#headers(etag, status))) {
      headers.set(name, value);
    }
    return new Response(response.body, { status: response.status, headers });
  }
}

/** Whether the header names the tag; weak ones count as well, as for GET. */
function matches(header: string | undefined, etag: string): boolean {
  return (header ?? '').split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
}
