/** Runs the worker on real local workerd, through wrangler, as the demo and the tests do. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ModelCard } from './app.ts';

export interface LocalWorkerOptions {
  readonly model: Uint8Array;
  readonly card: ModelCard;
  /** Milliseconds until the worker must answer. Default 60,000. */
  readonly timeout?: number;
}

export interface LocalWorker {
  readonly url: string;
  /** Milliseconds from start to the first answer of `GET /health`. */
  readonly startMs: number;
  /** What wrangler has printed so far. */
  log(): string;
  stop(): Promise<void>;
}

const here = dirname(fileURLToPath(import.meta.url));
const bin = (): string =>
  join(dirname(createRequire(import.meta.url).resolve('wrangler/package.json')), 'bin/wrangler.js');

/** The environment in which wrangler asks nothing, sends nothing and bundles the sources. */
const environment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  NODE_OPTIONS: '',
  WRANGLER_SEND_METRICS: 'false',
  WRANGLER_HIDE_BANNER: 'true',
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
  WRANGLER_BUILD_CONDITIONS: '@hebb/source,workerd,worker,browser',
  NO_COLOR: '1',
  CI: '1',
});

/** Writes a worker project with this model into a temporary folder. */
async function project(model: Uint8Array, card: ModelCard): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hebb-worker-'));
  await writeFile(join(folder, 'model.onnx'), model);
  await writeFile(
    join(folder, 'worker.js'),
    `import model from './model.onnx';
import { createWorker } from ${JSON.stringify(join(here, 'app.ts'))};
const handler = createWorker(model, ${JSON.stringify(card)});
export default { fetch: (request) => handler.fetch(request) };
`,
  );
  await writeFile(
    join(folder, 'wrangler.json'),
    JSON.stringify({
      name: 'hebb-local',
      main: 'worker.js',
      compatibility_date: '2026-04-01',
      rules: [{ type: 'Data', globs: ['**/*.onnx'], fallthrough: true }],
    }),
  );
  return folder;
}

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
  model,
  card,
  timeout = 60_000,
}: LocalWorkerOptions): Promise<LocalWorker> {
  const started = performance.now();
  const folder = await project(model, card);
  const port = await freePort();
  const child = spawn(
    process.execPath,
    [
      bin(),
      'dev',
      '--local',
      ...['--ip', '127.0.0.1'],
      ...['--port', String(port)],
      ...['--inspector-port', '0'],
      '--show-interactive-dev-session=false',
      ...['--persist-to', join(folder, 'state')],
      ...['--log-level', 'warn'],
    ],
    { cwd: folder, env: environment(), stdio: ['ignore', 'pipe', 'pipe'], detached: true },
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
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
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

/** Bundles as `wrangler deploy` would and measures the script. */
export async function bundleSize(model: Uint8Array, card: ModelCard): Promise<BundleSize> {
  const { readFile, readdir } = await import('node:fs/promises');
  const { gzipSync } = await import('node:zlib');
  const folder = await project(model, card);
  try {
    const child = spawn(
      process.execPath,
      [bin(), 'deploy', '--dry-run', '--minify', '--outdir', 'out'],
      { cwd: folder, env: environment(), stdio: 'ignore' },
    );
    const code = await new Promise((resolve) => child.once('exit', resolve));
    if (code !== 0) throw new Error(`wrangler deploy --dry-run ended with code ${String(code)}`);
    const files = (await readdir(join(folder, 'out'))).filter((name) => name.endsWith('.js'));
    const script = await readFile(join(folder, 'out', files[0]!));
    return { script: script.length, gzip: gzipSync(script).length };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
