/** Graceful overload: what comes beyond the limit is refused at once and told when to come back. */
import type { MiddlewareHandler } from 'hono';
import { RequestError } from '../error.ts';
import type { State } from '../router.ts';
import { whenDone } from './stream.ts';

export interface ConcurrencyOptions {
  /** Requests that are worked on at once, streams until their end. */
  readonly most: number;
  /** Seconds after which a refused client may try again. Default 1. */
  readonly retryAfter?: number;
}

/** Answers 503 with `retry-after` beyond so many requests at once in this isolate or process. */
export function limitConcurrency({
  most,
  retryAfter = 1,
}: ConcurrencyOptions): MiddlewareHandler<State> {
  let busy = 0;
  return async (c, next) => {
    if (busy >= most) {
      throw new RequestError(503, 'overloaded', 'too many requests at once', {
        headers: { 'retry-after': String(retryAfter) },
      });
    }
    busy += 1;
    const done = (): void => void (busy -= 1);
    try {
      await next();
    } catch (error) {
      done();
      throw error;
    }
    const { res } = c;
    const watched = whenDone(res, done);
    if (watched !== res) c.res = watched;
  };
}
