/** Request ids: the client's own where it sends a harmless one. */
import type { MiddlewareHandler } from 'hono';
import type { State } from '../router.ts';

export const requestId: MiddlewareHandler<State> = async (c, next) => {
  const given = c.req.header('x-request-id') ?? '';
  // Ids end up in logs: nothing may be smuggled in there.
  const id = /^[\w.:-]{1,128}$/.test(given) ? given : crypto.randomUUID();
  c.set('id', id);
  await next();
  c.header('x-request-id', id);
};
