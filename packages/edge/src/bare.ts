/** Worker bundles on bare workerd, without what wrangler puts around them: how they start, what they take. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { withBundle } from './bundle.ts';
import type { BundleOptions } from './bundle.ts';
import { Inspector } from './inspector.ts';
import type { Heap } from './inspector.ts';
import { cpuOf, memoryOf } from './processes.ts';
import type { ProcessMemory } from './processes.ts';
import { freePort, wrangler } from './wrangler.ts';

export interface ColdStartOptions extends BundleOptions {
  /** What is asked first. */
  readonly path?: string;
  readonly body?: string | Uint8Array;
  readonly type?: string;
  /** Process starts that the medians are of. Default 5. */
  readonly runs?: number;
}

export interface ColdStart {
  /** Milliseconds from the start of the process to the first answer. */
  readonly totalMs: number;
  /** The same for a worker that does nothing. */
  readonly emptyMs: number;
  /** The difference: loading the worker's modules and answering for the first time. */
  readonly ms: number;
  /** The same of the fastest starts, which says more on a machine that is busy with other things. */
  readonly bestMs: number;
  /**
   * Milliseconds of processor time to load the worker's modules and run its top level, which is what a platform counts
   * at start-up, and to answer for the first time; least of the runs. NaN where there is no /proc.
   */
  readonly startupMs: number;
  /** The first answer. */
  readonly answer: string;
}

const emptyWorker = "export default { fetch: () => new Response('ok') };";

/**
 * Times fresh workerd processes from their start to their first answer, in turn with those of a worker that
 * does nothing, whose time is workerd's own.
 */
export async function coldStart(options: ColdStartOptions): Promise<ColdStart> {
  const { runs = 5 } = options;
  return withBundle(options, async ({ folder, main, modules }) => {
    const full = await configure(folder, main, modules);
    const empty = await configureEmpty(folder);
    const binary = workerdBinary(options.directory);
    const lazy = await configureLazy(folder, main, modules);
    const times: { full: number[]; empty: number[] } = { full: [], empty: [] };
    const cpu: number[] = [];
    let answer = '';
    for (let run = 0; run < runs; run++) {
      times.empty.push((await firstAnswer(binary, empty, {})).ms);
      const first = await firstAnswer(binary, full, options);
      times.full.push(first.ms);
      answer = first.answer;
      cpu.push(await loadingTime(binary, lazy, options));
    }
    const median = (list: number[]): number => list.sort((a, b) => a - b)[list.length >> 1]!;
    const totalMs = median(times.full);
    const emptyMs = median(times.empty);
    const bestMs = Math.min(...times.full) - Math.min(...times.empty);
    return { totalMs, emptyMs, ms: totalMs - emptyMs, bestMs, startupMs: Math.min(...cpu), answer };
  });
}

function workerdBinary(directory: string): string {
  const own = createRequire(wrangler(directory));
  return join(dirname(own.resolve('workerd/package.json')), 'bin/workerd');
}

async function configureEmpty(folder: string): Promise<Configured> {
  const own = join(folder, 'empty');
  await mkdir(own, { recursive: true });
  await writeFile(join(own, 'empty.js'), emptyWorker);
  return configure(own, 'empty.js', []);
}

const nothing = '/nothing';

/** The worker behind a script that loads it at the first request that wants it. */
async function configureLazy(
  folder: string,
  main: string,
  modules: readonly string[],
): Promise<Configured> {
  const own = join(folder, 'lazy');
  await mkdir(own, { recursive: true });
  for (const name of [main, ...modules]) await cp(join(folder, name), join(own, name));
  await writeFile(
    join(own, 'lazy.js'),
    `export default {
  async fetch(request, ...rest) {
    if (new URL(request.url).pathname === '${nothing}') return new Response('ok');
    const { default: worker } = await import(${JSON.stringify(`./${main}`)});
    return worker.fetch(request, ...rest);
  },
};
`,
  );
  return configure(own, 'lazy.js', [main, ...modules]);
}

interface Configured {
  readonly file: string;
  readonly port: number;
}

/** Writes a configuration for bare workerd beside the bundle. */
async function configure(
  folder: string,
  main: string,
  modules: readonly string[],
  v8Flags: readonly string[] = [],
): Promise<Configured> {
  const port = await freePort();
  const kind = (name: string): string =>
    name.endsWith('.wasm')
      ? 'wasm'
      : name.endsWith('.js')
        ? 'esModule'
        : /\.(bin|onnx)$/.test(name)
          ? 'data'
          : 'text';
  const list = modules.map((name) => `(name = "${name}", ${kind(name)} = embed "${name}")`);
  const file = join(folder, 'workerd.capnp');
  await cp(join(folder, main), join(folder, 'main.mjs'));
  await writeFile(
    file,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  v8Flags = ${JSON.stringify(v8Flags)},
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [${[`(name = "${main}", esModule = embed "main.mjs")`, ...list].join(', ')}],
  compatibilityDate = "2026-04-01",
);
`,
  );
  return { file, port };
}

/** A worker bundle on a workerd process of its own. */
export interface BareWorker {
  readonly url: string;
  readonly pid: number;
  /** Milliseconds of processor time of all its threads so far. @throws Error where there is no /proc. */
  cpuMs(): Promise<number>;
  /** Bytes that the process holds, and the most that it ever held. @throws Error where there is no /proc. */
  memory(): Promise<ProcessMemory>;
  /** Bytes that the worker itself holds, as V8 counts them. Needs `inspect`. */
  heap(): Promise<Heap>;
}

/** Starts the bundle, waits for its first answer, and stops it when `body` has ended. */
async function withProcess<T>(
  binary: string,
  { file, port }: Configured,
  asked: Pick<ColdStartOptions, 'path' | 'body' | 'type'>,
  body: (worker: BareWorker, first: { ms: number; answer: string }) => Promise<T>,
  inspectorPort?: number,
): Promise<T> {
  const started = performance.now();
  const inspected = inspectorPort === undefined ? [] : [`-i127.0.0.1:${inspectorPort}`];
  const child = spawn(binary, ['serve', ...inspected, file], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  // Whoever measures may be interrupted.
  const killNow = (): void => void child.kill('SIGKILL');
  process.on('exit', killNow);
  let inspector: Inspector | undefined;
  try {
    for (;;) {
      if (child.exitCode !== null || performance.now() - started > 30_000) {
        throw new Error(`workerd did not answer\n${errors}`);
      }
      const answer = await ask(port, asked);
      if (answer !== undefined) {
        const pid = child.pid!;
        if (inspectorPort !== undefined) inspector = new Inspector(inspectorPort);
        const worker: BareWorker = {
          url: `http://127.0.0.1:${port}`,
          pid,
          cpuMs: () => cpuOf(pid),
          memory: () => memoryOf(pid),
          heap: () => {
            if (inspector === undefined) throw new Error('start the worker with inspect: true');
            return inspector.heap();
          },
        };
        return await body(worker, { ms: performance.now() - started, answer });
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  } finally {
    process.off('exit', killNow);
    inspector?.close();
    await ended(child);
  }
}

const firstAnswer = (
  binary: string,
  configured: Configured,
  asked: Pick<ColdStartOptions, 'path' | 'body' | 'type'>,
): Promise<{ ms: number; answer: string }> =>
  withProcess(binary, configured, asked, (_, first) => Promise.resolve(first));

/** Processor time of the request that loads the worker. */
const loadingTime = (
  binary: string,
  lazy: Configured,
  asked: Pick<ColdStartOptions, 'path' | 'body' | 'type'>,
): Promise<number> =>
  withProcess(binary, lazy, { path: nothing }, async (worker) => {
    const cpu = (): Promise<number> => worker.cpuMs().catch(() => NaN);
    const before = await cpu();
    await ask(lazy.port, asked);
    return (await cpu()) - before;
  });

/** Two processes of the same workerd: the project's worker, and one that does nothing. */
export interface BarePair {
  readonly worker: BareWorker;
  readonly empty: BareWorker;
}

export interface BareOptions extends BundleOptions, Pick<ColdStartOptions, 'path'> {
  /** Whether `heap` may be asked. */
  readonly inspect?: boolean;
  /** For V8: with `--expose-gc` the worker's script may call `gc()`. */
  readonly v8Flags?: readonly string[];
}

/**
 * Bundles as `wrangler deploy` would and runs the bundle on bare workerd beside a worker that does nothing, whose
 * memory and processor time are workerd's own. Both have answered `path` once.
 */
export async function withBareWorker<T>(
  options: BareOptions,
  body: (pair: BarePair) => Promise<T>,
): Promise<T> {
  const { path = '/health', inspect = false, v8Flags = [] } = options;
  return withBundle(options, async ({ folder, main, modules }) => {
    const full = await configure(folder, main, modules, v8Flags);
    const bare = await configureEmpty(folder);
    const binary = workerdBinary(options.directory);
    const inspectorPort = inspect ? await freePort() : undefined;
    return withProcess(binary, bare, {}, (empty) =>
      withProcess(binary, full, { path }, (worker) => body({ worker, empty }), inspectorPort),
    );
  });
}

/** The answer, or `undefined` where nobody listens yet. */
function ask(
  port: number,
  { path = '/', body, type = 'application/json' }: Pick<ColdStartOptions, 'path' | 'body' | 'type'>,
): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST';
    const headers = body === undefined ? {} : { 'content-type': type };
    const call = request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve(text));
      response.on('error', reject);
    });
    call.on('error', () => resolve(undefined));
    call.end(body);
  });
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}
