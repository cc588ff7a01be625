/** The handler as a server of its own, in Node, Deno and Bun: `import { listen } from '@hebb/edge/server'`. */
import type { Handler } from '../handler.ts';

export interface ListenOptions {
  /** 0 takes a free one. Default 8787. */
  readonly port?: number;
  /** Default 127.0.0.1, which nobody else reaches; `0.0.0.0` in a container. */
  readonly hostname?: string;
}

export interface Listening {
  readonly url: string;
  /** Takes no more requests; resolves when those that are under way have been answered. */
  close(): Promise<void>;
}

interface Address {
  readonly hostname: string;
  readonly port: number;
}

type Fetch = (request: Request) => Promise<Response>;

/** What is used of Deno's and Bun's own servers. */
interface Runtimes {
  readonly Deno?: {
    serve(
      options: Address & { readonly onListen: () => void },
      fetch: Fetch,
    ): { readonly addr: { readonly port: number }; shutdown(): Promise<void> };
  };
  readonly Bun?: {
    serve(options: Address & { readonly fetch: Fetch }): {
      readonly port: number;
      stop(): Promise<void>;
    };
  };
}

/** Starts to answer, by the runtime's own server. @throws Error of the runtime where the port is taken. */
export async function listen(
  handler: Handler,
  { port = 8787, hostname = '127.0.0.1' }: ListenOptions = {},
): Promise<Listening> {
  const address = { hostname, port };
  const fetch: Fetch = (request) => handler.fetch(request);
  const { Deno, Bun } = globalThis as Runtimes;
  if (Deno !== undefined) {
    const server = Deno.serve({ ...address, onListen: () => undefined }, fetch);
    return { url: urlOf(hostname, server.addr.port), close: () => server.shutdown() };
  }
  if (Bun !== undefined) {
    const server = Bun.serve({ ...address, fetch });
    return { url: urlOf(hostname, server.port), close: () => server.stop() };
  }
  return listenInNode(fetch, address);
}

async function listenInNode(fetch: Fetch, { hostname, port }: Address): Promise<Listening> {
  const { createAdaptorServer } = await import('@hono/node-server');
  const server = createAdaptorServer({ fetch, hostname, overrideGlobalObjects: false });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, hostname, resolve);
  });
  const bound = server.address();
  return {
    url: urlOf(hostname, typeof bound === 'object' && bound !== null ? bound.port : port),
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error === undefined ? resolve() : reject(error)));
        if ('closeIdleConnections' in server) server.closeIdleConnections();
      }),
  };
}

const urlOf = (hostname: string, port: number): string =>
  `http://${hostname.includes(':') ? `[${hostname}]` : hostname}:${port}`;
