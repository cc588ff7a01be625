/**
 * Worker projects on real local workerd, through wrangler: `import { startWorker } from '@hebb/edge/node'`.
 * Wrangler is an optional peer dependency.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Inspector } from './inspector.ts';
import type { Heap } from './inspector.ts';
import { environment, freePort, wrangler } from './wrangler.ts';

export { datatypeOf } from './protocols/v2-types.ts';
export { load, sendRequest } from './load.ts';
export type { LoadAnswer, LoadOptions, LoadReport, LoadRequest } from './load.ts';
export { cpuOf, memoryBelow, memoryOf } from './processes.ts';
export type { ProcessMemory } from './processes.ts';
export { storeWeights } from './weights/write.ts';
export type { StoreWeightsOptions, StoredWeights } from './weights/write.ts';
export { uploadWeights } from './weights/upload.ts';
export type { UploadOptions } from './weights/upload.ts';
export { bundleSize, withBundle } from './bundle.ts';
export type { Bundle, BundleOptions, BundleSize } from './bundle.ts';
export { runWrangler } from './wrangler.ts';
export type { WranglerRun } from './wrangler.ts';
export { coldStart, withBareWorker } from './bare.ts';
export type { Heap } from './inspector.ts';
export type { BareOptions, BarePair, BareWorker, ColdStart, ColdStartOptions } from './bare.ts';

export interface StartWorkerOptions {
  /** Folder of the worker project, with its wrangler configuration. */
  readonly directory: string;
  /**
   * The configuration in it; default wrangler's own choice, `wrangler.jsonc` and the like. Of several the first
   * one's worker is asked, the others are those that it is bound to.
   */
  readonly config?: string | readonly string[];
  /** Default: a free one. */
  readonly port?: number;
  /** Milliseconds until `GET /health` must answer. Default 60,000. */
  readonly timeout?: number;
  /** Export conditions for the bundler beside a worker's usual ones. */
  readonly conditions?: readonly string[];
  /** Folder of the local stores, which is kept; default a new one, which is removed. */
  readonly persistTo?: string;
  /** Whether `heap` may be asked. */
  readonly inspect?: boolean;
  /** What wrangler prints; `log` shows what the worker logs. Default `warn`. */
  readonly logLevel?: 'warn' | 'log';
}

export interface LocalWorker {
  readonly url: string;
  /** Milliseconds from start to the first answer of `GET /health`. */
  readonly startMs: number;
  /** Wrangler's process, of which workerd is a descendant. */
  readonly pid: number;
  /** Bytes that the worker itself holds, as V8 counts them. */
  heap(): Promise<Heap>;
  /** The same again and again, until the work is over. */
  heapsDuring(work: Promise<unknown>): Promise<Heap[]>;
  /** What wrangler has printed so far. */
  log(): string;
  stop(): Promise<void>;
}

/**
 * Starts the worker and waits until it answers. Throws, with what wrangler printed, when it stops before
 * that or the time is up; nothing is left running then.
 */
export async function startWorker({
  directory,
  config,
  port: wantedPort,
  timeout = 60_000,
  conditions = [],
  logLevel = 'warn',
  persistTo,
  inspect = false,
}: StartWorkerOptions): Promise<LocalWorker> {
  const started = performance.now();
  const state = persistTo ?? (await mkdtemp(join(tmpdir(), 'hebb-worker-')));
  const port = wantedPort ?? (await freePort());
  const inspectorPort = inspect ? await freePort() : 0;
  const child = spawn(
    process.execPath,
    [
      wrangler(directory),
      'dev',
      '--local',
      ...[config ?? []].flat().flatMap((file) => ['--config', file]),
      ...['--ip', '127.0.0.1'],
      ...['--port', String(port)],
      ...['--inspector-port', String(inspectorPort)],
      '--show-interactive-dev-session=false',
      ...['--persist-to', state],
      ...['--log-level', logLevel],
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
    if (persistTo === undefined) {
      await rm(state, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    }
  };
  // A demo that is interrupted must not leave workerd behind.
  const killNow = (): void => signal(child, 'SIGKILL');
  process.on('exit', killNow);

  const inspected = async <T>(body: (inspector: Inspector) => Promise<T>): Promise<T> => {
    if (!inspect) throw new Error('start the worker with inspect: true');
    const inspector = new Inspector(inspectorPort);
    try {
      return await body(inspector);
    } finally {
      inspector.close();
    }
  };
  const url = `http://127.0.0.1:${port}`;
  try {
    await answers(child, url, started + timeout);
  } catch (error) {
    await stop();
    throw new Error(`the worker did not start: ${(error as Error).message}\n${output}`, {
      cause: error,
    });
  }
  return {
    url,
    startMs: performance.now() - started,
    pid: child.pid!,
    heap: () => inspected((inspector) => inspector.heap()),
    heapsDuring: (work) => inspected((inspector) => inspector.heapsDuring(work)),
    log: () => output,
    stop,
  };
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
