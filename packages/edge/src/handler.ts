/** The fetch handler: a standard Request in, a standard Response out, so it runs wherever fetch handlers do. */
import { cors } from 'hono/cors';
import type { MiddlewareHandler } from 'hono';
import { CachedAnswers, noAnswers } from './cache/answers.ts';
import type { CacheOptions } from './cache/answers.ts';
import { RequestError, errorBody } from './error.ts';
import { requireKey } from './middleware/keys.ts';
import type { Keys } from './middleware/keys.ts';
import { Metrics } from './middleware/metrics.ts';
import { jsonLog, observe } from './middleware/observe.ts';
import type { Log } from './middleware/observe.ts';
import { limitConcurrency } from './middleware/overload.ts';
import type { ConcurrencyOptions } from './middleware/overload.ts';
import { limitRate } from './middleware/rate-limit.ts';
import type { RateLimitOptions } from './middleware/rate-limit.ts';
import { requestId } from './middleware/request-id.ts';
import { limitTime } from './middleware/timeout.ts';
import type { ModelEntry, VersionedEntry } from './model.ts';
import { Models } from './models.ts';
import { openapi } from './openapi.ts';
import { testPage, wantsPage } from './page.ts';
import { describe, plainRoutes } from './protocols/plain.ts';
import { v2Routes } from './protocols/v2.ts';
import { Router } from './router.ts';
import type { RequestContext, State } from './router.ts';
import { loadFor } from './service.ts';
import type { Extension, Service } from './service.ts';
import { VersionSource } from './versions/source.ts';
import type { VersionsOptions } from './versions/source.ts';

export interface CorsOptions {
  /** Origins that pages may ask from; `'*'` for all. */
  readonly origin: string | readonly string[];
  /** Seconds for which browsers remember it. Default 600. */
  readonly maxAge?: number;
}

export interface ServeOptions {
  /** Models by the name they have in the address. */
  readonly models: Readonly<Record<string, ModelEntry | VersionedEntry>>;
  /**
   * Where all isolates read which version of a model is current. Left out: what `current` of the model says, and
   * `Models.use` in this isolate alone.
   */
  readonly versions?: VersionsOptions;
  /** Runs once before the first model loads: `() => init(cpu())`. */
  readonly init?: () => Promise<unknown>;
  /** Largest body accepted, in bytes. Default 4 MiB. */
  readonly maxBodyBytes?: number;
  /** Told about failures that a client only sees as "internal error". */
  readonly onError?: (error: unknown, request: Request) => void;
  /** Further protocols, such as `textApi`. */
  readonly extensions?: readonly Extension[];
  /** Title of the OpenAPI description. Default "Models". */
  readonly title?: string;
  /** Bearer keys; left out, everybody may ask. `/health`, `/v2/health/*` and the test page need none. */
  readonly keys?: Keys;
  /** Which pages of other origins may ask. Left out: none. */
  readonly cors?: CorsOptions;
  /** The platform's rate limiter. */
  readonly rateLimit?: RateLimitOptions;
  /** Requests at once. Left out: no limit. */
  readonly concurrency?: ConcurrencyOptions;
  /** Milliseconds for each request. Left out: no limit of the handler's own. */
  readonly timeout?: number;
  /** Keeps predictions and gives them again to the same request. Left out: every request is computed. */
  readonly cache?: CacheOptions;
  /** One entry a request: `true` prints JSON lines. */
  readonly log?: boolean | Log;
  /** `GET /metrics` for Prometheus. Default: not there. */
  readonly metrics?: boolean;
}

export interface Handler {
  fetch(request: Request): Promise<Response>;
}

export interface Server extends Handler {
  /** Versions and their switch. */
  readonly models: Models;
  /** What has been counted, whether or not `/metrics` is served. */
  readonly metrics: Metrics;
}

/**
 * A handler with
 * - `GET /` the models and their signatures (a test page for browsers), `GET /health`, `GET /models/NAME`,
 *   `GET /openapi.json`, `GET /metrics` where it is switched on,
 * - `POST /models/NAME/predict` (and `POST /predict` when there is one model): JSON
 *   `{ "input": [...] }` or `{ "inputs": { name: [...] } }`, or a body of a media type that the model has
 *   a decoder for. The answer holds every output, and the class when the model has labels.
 * - `/v2`: the Open Inference Protocol with binary tensors,
 * - what the extensions bring.
 *
 * Every failure is JSON: `{ "error": { "code", "message" } }` (in the protocol's own form under `/v1` and `/v2`)
 * with a status of `RequestError`.
 *
 * @throws RangeError for a version that is not there, or a limit that is no positive number.
 */
export function serve(options: ServeOptions): Server {
  const metrics = new Metrics();
  const models = new Models(options.models, {
    init: options.init,
    onLoad: (model, version, ms) => {
      metrics.loads.add({ model, version });
      metrics.loadTime.observe({ model }, ms / 1000);
    },
  });
  const onError = (error: unknown, request: Request): void => options.onError?.(error, request);
  const versions =
    options.versions === undefined
      ? undefined
      : new VersionSource(options.versions, { metrics, onError });
  models.follow(versions);
  const service: Service = {
    models,
    ...(versions === undefined ? {} : { versions }),
    metrics,
    maxBodyBytes: positive('maxBodyBytes', options.maxBodyBytes ?? 4 * 1024 * 1024),
    answers:
      options.cache === undefined
        ? noAnswers
        : new CachedAnswers(options.cache, {
            metrics,
            onError,
            isPrivate: options.keys !== undefined,
          }),
    onError,
  };
  const { extensions = [] } = options;
  const router = new Router();
  const { app } = router;
  app.use(requestId, observe(metrics, logOf(options.log)));
  for (const middleware of guards(options, onError)) app.use(middleware);

  router.get('/', async (c) => {
    if (wantsPage(c.req.header('accept'))) return testPage();
    c.header('vary', 'accept');
    return c.json({
      models: await Promise.all(models.names.map((name) => describe(c, service, name))),
      ...Object.fromEntries(extensions.flatMap((x) => Object.entries(x.describe?.() ?? {}))),
    });
  });
  router.get('/openapi.json', async (c) => {
    const described = await Promise.all(
      models.names.map((name) => loadFor(c, service.models, name)),
    );
    const more = extensions.map((extension) => extension.paths?.() ?? {});
    const { title = 'Models' } = options;
    return c.json(openapi(described, { title, keys: options.keys !== undefined, more }));
  });
  if (options.metrics === true) {
    router.get('/metrics', (c) =>
      c.body(metrics.toString(), 200, {
        'content-type': 'text/plain; version=0.0.4',
      }),
    );
  }
  plainRoutes(router, service);
  v2Routes(router, service, extensions);
  for (const extension of extensions) extension.mount(router, service);
  router.seal();
  app.notFound((c) =>
    problem(c, new RequestError(404, 'not_found', `nothing at ${c.req.path.slice(0, 200)}`)),
  );
  app.onError((error, c) => {
    const known = error instanceof RequestError;
    // The wish of a client that is gone is nobody's failure.
    if (!known || (error.cause !== undefined && error.code !== 'aborted')) {
      onError(known ? error.cause : error, c.req.raw);
    }
    return problem(c, known ? error : new RequestError(500, 'internal', 'internal error'));
  });
  return { fetch: async (request) => app.fetch(request), models, metrics };
}

function problem(c: RequestContext, error: RequestError): Response {
  // Hono's types do not list 499, which nobody is left to read.
  return Response.json(errorBody(c.req.path, error), {
    status: error.status,
    headers: error.headers,
  });
}

function positive(name: string, value: number): number {
  if (value > 0) return value;
  throw new RangeError(`${name} is a positive number, got ${value}`);
}

const logOf = (log: boolean | Log | undefined): Log | undefined =>
  log === true ? jsonLog : log === false ? undefined : log;

/** Addresses that answer anybody: what load balancers ask, and the page without any content of its own. */
function isOpen(request: Request): boolean {
  const { pathname } = new URL(request.url);
  if (/^\/(v2\/)?health(\/|$)/.test(pathname)) return true;
  const { method, headers } = request;
  return pathname === '/' && method === 'GET' && wantsPage(headers.get('accept') ?? undefined);
}

/** Keys, limits and times, in the order in which they cost least. */
function guards(
  options: ServeOptions,
  onError: Service['onError'],
): readonly MiddlewareHandler<State>[] {
  const { keys, rateLimit, concurrency, timeout } = options;
  const list: MiddlewareHandler<State>[] = [];
  if (keys !== undefined) list.push(requireKey(keys));
  if (rateLimit !== undefined) list.push(limitRate({ onError, ...rateLimit }));
  if (timeout !== undefined) list.push(limitTime(positive('timeout', timeout)));
  if (concurrency !== undefined) {
    positive('concurrency.most', concurrency.most);
    list.push(limitConcurrency(concurrency));
  }
  const guarded = list.map(
    (guard): MiddlewareHandler<State> =>
      (c, next) =>
        isOpen(c.req.raw) ? next() : guard(c, next),
  );
  const signals: MiddlewareHandler<State> = async (c, next) => {
    c.set('signal', c.req.raw.signal);
    await next();
  };
  return options.cors === undefined
    ? [signals, ...guarded]
    : [corsOf(options.cors), signals, ...guarded];
}

function corsOf({ origin, maxAge = 600 }: CorsOptions): MiddlewareHandler<State> {
  return cors({
    origin: typeof origin === 'string' ? origin : [...origin],
    allowMethods: ['GET', 'POST'],
    allowHeaders: [
      'authorization',
      'cache-control',
      'content-encoding',
      'content-type',
      'if-none-match',
      'inference-header-content-length',
      'x-request-id',
    ],
    exposeHeaders: [
      'cache-status',
      'etag',
      'inference-header-content-length',
      'retry-after',
      'x-request-id',
    ],
    maxAge,
  });
}
