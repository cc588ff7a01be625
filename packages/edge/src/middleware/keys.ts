/** Bearer keys. */
import type { MiddlewareHandler } from 'hono';
import { RequestError } from '../error.ts';
import type { State } from '../router.ts';

/** Keys, or a function that reads them where secrets are only there in a request. */
export type Keys =
  readonly string[] | ((request: Request) => readonly string[] | Promise<readonly string[]>);

const digest = async (text: string): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));

/** Whether two digests are equal, in a time that does not depend on where they differ. */
function sameDigest(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}

/**
 * Whether the key is one of the list. Digests are compared instead of texts, all of them to the end, so that
 * time tells neither how much of a key was right nor which one it was.
 */
export async function isOneOf(key: string, keys: readonly string[]): Promise<boolean> {
  const given = await digest(key);
  let found = false;
  for (const each of await Promise.all(keys.map(digest))) {
    if (sameDigest(given, each)) found = true;
  }
  return found;
}

/** The key of `authorization: Bearer KEY`. */
export const bearerOf = (request: Request): string | undefined =>
  /^bearer +(\S+) *$/i.exec(request.headers.get('authorization') ?? '')?.[1];

/** Lets requests through that carry one of the keys. An empty list lets nobody through. */
export function requireKey(keys: Keys): MiddlewareHandler<State> {
  return async (c, next) => {
    const key = bearerOf(c.req.raw);
    const known = typeof keys === 'function' ? await keys(c.req.raw) : keys;
    if (key === undefined || !(await isOneOf(key, known))) {
      const message = key === undefined ? 'send authorization: Bearer KEY' : 'the key is not known';
      const challenge = key === undefined ? 'Bearer' : 'Bearer error="invalid_token"';
      throw new RequestError(401, 'unauthorized', message, {
        headers: { 'www-authenticate': challenge },
      });
    }
    await next();
  };
}
