/** A handler below a path, for platforms where a function has one (`/api` at Vercel, say). */
import { RequestError, errorBody } from '../error.ts';
import type { Handler } from '../handler.ts';

/**
 * `mount(server, '/api')` answers `/api/predict` as the handler answers `/predict`, and 404 to what is elsewhere.
 * @throws RangeError for a prefix that does not begin with a slash.
 */
export function mount(handler: Handler, prefix: string): Handler {
  if (!prefix.startsWith('/')) throw new RangeError(`a path begins with a slash, got ${prefix}`);
  const base = prefix.replace(/\/+$/, '');
  return {
    fetch: async (request) => {
      const url = new URL(request.url);
      const { pathname } = url;
      if (pathname !== base && !pathname.startsWith(`${base}/`)) {
        const error = new RequestError(404, 'not_found', `nothing at ${pathname.slice(0, 200)}`);
        return Response.json(errorBody(pathname, error), { status: 404 });
      }
      url.pathname = pathname.slice(base.length) || '/';
      return handler.fetch(new Request(url, request));
    },
  };
}
