/** Metrics and one log line for each request, when its answer is over. */
import type { MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import { RequestError } from '../error.ts';
import type { State } from '../router.ts';
import type { Metrics } from './metrics.ts';
import { watch } from './stream.ts';

/** Nothing of a body, a key or a header stands in it. */
export interface LogEntry {
  readonly time: string;
  readonly level: 'info' | 'warn' | 'error';
  readonly id: string;
  readonly method: string;
  /** Pattern of the route; `unmatched` for addresses that nothing stands at. */
  readonly route: string;
  readonly status: number;
  /** Milliseconds. Production workers stop their clock while they compute. */
  readonly ms: number;
  readonly model?: string;
  /** Code of the error. */
  readonly code?: string;
  /** The model was loaded for this request. */
  readonly cold?: true;
  /** The client left before the end of a stream. */
  readonly aborted?: true;
}

export type Log = (entry: LogEntry) => void;

/** Prints entries as JSON, one a line. */
// eslint-disable-next-line no-console -- standard output is where log collectors read
export const jsonLog: Log = (entry) => console.log(JSON.stringify(entry));

const isKnown = (method: string): boolean =>
  ['GET', 'POST', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PATCH'].includes(method);

export function observe(metrics: Metrics, log: Log | undefined): MiddlewareHandler<State> {
  return async (c, next) => {
    const started = performance.now();
    // Known before the route itself runs: what is refused on the way there counts for it.
    c.set('route', matchedRoutes(c).findLast(({ path }) => path !== '/*')?.path ?? 'unmatched');
    c.set('cold', false);
    const slot = metrics.active.enter();
    await next();
    const { error, res } = c;
    const { status } = res;
    const done = (whole: boolean): void => {
      const ms = performance.now() - started;
      const route = c.get('route');
      const method = isKnown(c.req.method) ? c.req.method : 'other';
      const code =
        error === undefined ? undefined : error instanceof RequestError ? error.code : 'internal';
      metrics.active.leave(slot);
      metrics.requests.add({ route, method, status: String(status) });
      metrics.latency.observe({ route }, ms / 1000);
      if (code !== undefined) metrics.errors.add({ route, code });
      if (c.get('cold')) metrics.coldStarts.add({});
      const model = c.get('model');
      log?.({
        time: new Date().toISOString(),
        level: status >= 500 ? 'error' : status >= 400 ? 'warn' : 'info',
        id: c.get('id'),
        method,
        route,
        status,
        ms: Math.round(ms * 1000) / 1000,
        ...(model === undefined ? {} : { model }),
        ...(code === undefined ? {} : { code }),
        ...(c.get('cold') ? { cold: true } : {}),
        ...(whole ? {} : { aborted: true }),
      });
    };
    const watched = watch(res, {
      done,
      read: () => metrics.active.read(slot),
      signal: c.req.raw.signal,
    });
    if (watched !== res) c.res = watched;
  };
}
