/** Routes with their methods: whatever else is asked at a known address is answered with 405 and `allow`. */
import { Hono } from 'hono';
import type { Context } from 'hono';
import { RequestError } from './error.ts';

/** What the middlewares and routes of a request know. */
export interface State {
  Variables: {
    /** The route's pattern, for metrics and logs: never an address that a client made up. */
    route: string;
    /** The request's id. */
    id: string;
    /** Aborted when the client is gone or the time is up. */
    signal: AbortSignal;
    /** Whether a model had to be loaded for this request. */
    cold: boolean;
    model: string;
  };
}

export type RequestContext = Context<State>;
export type Route = (c: RequestContext) => Response | Promise<Response>;
export type Method = 'GET' | 'POST';

export class Router {
  readonly app = new Hono<State>();
  readonly #methods = new Map<string, Method[]>();

  get(path: string, route: Route): void {
    this.#add('GET', path, route);
  }
  post(path: string, route: Route): void {
    this.#add('POST', path, route);
  }
  /** Refuses other methods; call it once, when all routes are there. */
  seal(): void {
    for (const [path, methods] of this.#methods) {
      const allow = methods.join(', ');
      this.app.all(path, (c) => {
        c.set('route', path);
        const message = `${c.req.method} is not allowed here; use ${allow}`;
        throw new RequestError(405, 'method_not_allowed', message, { headers: { allow } });
      });
    }
  }

  #add(method: Method, path: string, route: Route): void {
    this.#methods.set(path, [...(this.#methods.get(path) ?? []), method]);
    this.app.on(method, path, async (c) => {
      c.set('route', path);
      try {
        return await route(c);
      } catch (error) {
        // Hono answers for errors alone; whatever else is thrown must not get past it.
        throw error instanceof Error ? error : new Error(String(error), { cause: error });
      }
    });
  }
}
