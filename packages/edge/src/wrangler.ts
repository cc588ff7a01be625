/** Finding wrangler, and running it quietly. */
import { spawn } from 'node:child_process';
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

export interface WranglerRun {
  /** Export conditions for the bundler beside a worker's usual ones. */
  readonly conditions?: readonly string[];
  /** Told what wrangler prints, as it does. */
  readonly echo?: (text: string) => void;
}

/** Runs a command of wrangler to its end. Returns its exit code and what it printed. */
export async function runWrangler(
  directory: string,
  args: readonly string[],
  { conditions = [], echo }: WranglerRun = {},
): Promise<{ readonly code: number; readonly output: string }> {
  const child = spawn(process.execPath, [wrangler(directory), ...args], {
    cwd: directory,
    env: environment(conditions),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      echo?.(chunk.toString());
    });
  }
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve(status ?? 1));
  });
  return { code, output };
}

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
