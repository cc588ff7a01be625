/** Finding wrangler, and running it quietly. */
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';

/** Wrangler's executable: the project's own, or the one that this package finds. */
export function wrangler(directory: string): string {
  for (const from of [join(directory, 'package.json'), import.meta.url]) {
    try {
      const manifest = createRequire(from).resolve('wrangler/package.json');
      return join(dirname(manifest), 'bin/wrangler.js');
    } catch {
      // Not from here.
    }
  }
  throw new Error('wrangler is not installed: npm install --save-dev wrangler');
}

/** The environment in which wrangler asks nothing and sends nothing. */
export const environment = (conditions: readonly string[]): NodeJS.ProcessEnv => ({
  ...process.env,
  NODE_OPTIONS: '',
  WRANGLER_SEND_METRICS: 'false',
  WRANGLER_HIDE_BANNER: 'true',
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
  WRANGLER_BUILD_CONDITIONS: [...conditions, 'workerd', 'worker', 'browser'].join(','),
  NO_COLOR: '1',
  CI: '1',
});

export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
