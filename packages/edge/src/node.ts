/**
 * Worker projects on real local workerd, through wrangler: `import { startWorker } from '@hebb/edge/node'`.
 * Wrangler is an optional peer dependency.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

export interface StartWorkerOptions {
  /** Folder of the worker project, with its wrangler configuration. */
  readonly directory: string;
  /** Milliseconds until `GET /health` must answer. Default 60,000. */
  readonly timeout?: number;
  /** Export conditions for the bundler beside a worker's usual ones. */
  readonly conditions?: readonly string[];
}

export interface LocalWorker {
  readonly url: string;
  /** Milliseconds from start to the first answer of `GET /health`. */
  readonly startMs: number;
  /** What wrangler has printed so far. */
  log(): string;
  stop(): Promise<void>;
}

/** Wrangler's executable: the project's own, or the one that this package finds. */
function wrangler(directory: string): string {
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
const environment = (conditions: readonly string[]): NodeJS.ProcessEnv => ({
  ...process.env,
  NODE_OPTIONS: '',
  WRANGLER_SEND_METRICS: 'false',
  WRANGLER_HIDE_BANNER: 'true',
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
  WRANGLER_BUILD_CONDITIONS: [...conditions, 'workerd', 'worker', 'browser'].join(','),
  NO_COLOR: '1',
  CI: '1',
});

async function freePort(): Promise<number> {
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

/**
 * Starts the worker and waits until it answers. Throws, with what wrangler printed, when it stops before
 * that or the time is up; nothing is left running then.
 */
export async function startWorker({
  directory,
  timeout = 60_000,
  conditions = [],
}: StartWorkerOptions): Promise<LocalWorker> {
  const started = performance.now();
  const state = await mkdtemp(join(tmpdir(), 'hebb-worker-'));
  const port = await freePort();
  const child = spawn(
    process.execPath,
    [
      wrangler(directory),
      'dev',
      '--local',
      ...['--ip', '127.0.0.1'],
      ...['--port', String(port)],
      ...['--inspector-port', '0'],
      '--show-interactive-dev-session=false',
      ...['--persist-to', state],
      ...['--log-level', 'warn'],
    ],
    {
      cwd: directory,
      env: environment(conditions),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    },
  );
  let output = '';
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-20_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);

  const stop = async (): Promise<void> => {
    process.off('exit', killNow);
    await kill(child);
    await rm(state, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  };
  // A demo that is interrupted must not leave workerd behind.
  const killNow = (): void => signal(child, 'SIGKILL');
  process.on('exit', killNow);

  const url = `http://127.0.0.1:${port}`;
  try {
    await answers(child, url, started + timeout);
  } catch (error) {
    await stop();
    throw new Error(`the worker did not start: ${(error as Error).message}\n${output}`, {
      cause: error,
    });
  }
  return { url, startMs: performance.now() - started, log: () => output, stop };
}

async function answers(child: ChildProcess, url: string, deadline: number): Promise<void> {
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`wrangler ended with code ${child.exitCode}`);
    try {
      const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(2000) });
      if (response.ok) return;
    } catch {
      // Not listening yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('no answer in time');
}

/** Signals the whole process group: wrangler starts workerd and esbuild as children. */
function signal(child: ChildProcess, name: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, name);
  } catch {
    // Already gone.
  }
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) {
    signal(child, 'SIGKILL');
    return;
  }
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  signal(child, 'SIGTERM');
  const timer = setTimeout(() => signal(child, 'SIGKILL'), 3000);
  await gone;
  clearTimeout(timer);
  signal(child, 'SIGKILL');
}

/** Sizes of the bundle that would be deployed, without the model, in bytes. */
export interface BundleSize {
  readonly script: number;
  readonly gzip: number;
}

/** Bundles as `wrangler deploy` would, without deploying, and measures the script. */
export async function bundleSize({
  directory,
  conditions = [],
}: Pick<StartWorkerOptions, 'directory' | 'conditions'>): Promise<BundleSize> {
  const out = await mkdtemp(join(tmpdir(), 'hebb-bundle-'));
  try {
    const child = spawn(
      process.execPath,
      [wrangler(directory), 'deploy', '--dry-run', '--minify', '--outdir', out],
      { cwd: directory, env: environment(conditions), stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    }
    const code = await new Promise((resolve) => child.once('exit', resolve));
    if (code !== 0)
      throw new Error(`wrangler deploy --dry-run ended with code ${String(code)}\n${output}`);
    const script = (await readdir(out)).find((name) => name.endsWith('.js'));
    if (script === undefined) throw new Error('wrangler wrote no script');
    const bytes = await readFile(join(out, script));
    return { script: bytes.length, gzip: gzipSync(bytes).length };
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}
