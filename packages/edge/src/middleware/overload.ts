/** Graceful overload: what comes beyond the limit is refused at once and told when to come back. */
import type { MiddlewareHandler } from 'hono';
import { RequestError } from '../error.ts';
import { Active } from './active.ts';
import type { State } from '../router.ts';
import { watch } from './stream.ts';

export interface ConcurrencyOptions {
  /** Requests that are worked on at once, streams until their end. */
  readonly most: number;
  /** Seconds after which a refused client may try again. Default 1. */
  readonly retryAfter?: number;
  /** Seconds after which a stream that nobody reads any more gives its place away. Default 30. */
  readonly idle?: number;
}

/** Answers 503 with `retry-after` beyond so many requests at once in this isolate or process. */
export function limitConcurrency({
  most,
  retryAfter = 1,
  idle = 30,
}: ConcurrencyOptions): MiddlewareHandler<State> {
  const busy = new Active(idle * 1000);
  return async (c, next) => {
    if (busy.size >= most) {
      throw new RequestError(503, 'overloaded', 'too many requests at once', {
        headers: { 'retry-after': String(retryAfter) },
      });
    }
    const slot = busy.enter();
    const done = (): void => busy.leave(slot);
    try {
      await next();
    } catch (error) {
      done();
      throw error;
    }
    const { res } = c;
    const read = (): void => busy.read(slot);
    const watched = watch(res, { done, read, signal: c.req.raw.signal });
    if (watched !== res) c.res = watched;
  };
}
