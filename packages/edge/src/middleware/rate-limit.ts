/** Rate limits: who counts is the platform, which sees all isolates. */
import type { MiddlewareHandler } from 'hono';
import { nameOfKey } from '../digest.ts';
import { RequestError } from '../error.ts';
import type { State } from '../router.ts';
import { bearerOf } from './keys.ts';

export interface RateLimitOptions {
  /**
   * Counts one request of this key and says whether it may go on. On Cloudflare
   * `(key) => env.LIMITER.limit({ key })`.
   */
  readonly limit: (
    key: string,
    request: Request,
  ) => boolean | { success: boolean } | Promise<boolean | { success: boolean }>;
  /** Whom a request is counted for. Default: its bearer key's digest, else its address. */
  readonly key?: (request: Request) => string | Promise<string>;
  /** Seconds after which a refused client may try again. Default 60. */
  readonly retryAfter?: number;
  /** Told when the limiter fails; requests pass then. */
  readonly onError?: (error: unknown, request: Request) => void;
}

/** The sender: a digest of its key, or where it calls from. */
async function senderOf(request: Request): Promise<string> {
  const key = bearerOf(request);
  if (key === undefined) {
    const address = request.headers.get('cf-connecting-ip') ?? 'unknown';
    return `address:${address}`;
  }
  return `key:${await nameOfKey(key)}`;
}

/** Answers 429 with `retry-after` where the limiter says so. */
export function limitRate({
  limit,
  key = senderOf,
  retryAfter = 60,
  onError,
}: RateLimitOptions): MiddlewareHandler<State> {
  return async (c, next) => {
    const request = c.req.raw;
    let passes = true;
    try {
      const answer = await limit(await key(request), request);
      passes = typeof answer === 'boolean' ? answer : answer.success;
    } catch (error) {
      onError?.(error, request);
    }
    if (!passes) {
      throw new RequestError(429, 'rate_limited', 'too many requests in this time', {
        headers: { 'retry-after': String(retryAfter) },
      });
    }
    await next();
  };
}
