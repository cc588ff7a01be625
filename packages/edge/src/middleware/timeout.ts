/** A time for each request. */
import type { MiddlewareHandler } from 'hono';
import { RequestError } from '../error.ts';
import type { State } from '../router.ts';
import { isStream } from './stream.ts';

/**
 * Answers 504 when a request takes longer, and aborts the request's signal, at which generation of text ends
 * too. A model that computes without pause holds up the timer as well: what bounds that is the platform's
 * limit of CPU time.
 */
export function limitTime(ms: number): MiddlewareHandler<State> {
  return async (c, next) => {
    const controller = new AbortController();
    c.set('signal', AbortSignal.any([c.get('signal'), controller.signal]));
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new RequestError(504, 'timeout', `no answer within ${ms} ms`);
    const over = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        controller.abort(late);
        reject(late);
      }, ms);
    });
    over.catch(() => undefined);
    try {
      await Promise.race([next(), over]);
    } finally {
      // A stream goes on: its time ends with the signal.
      if (!isStream(c.res)) clearTimeout(timer);
    }
  };
}
