/** What `wrangler deploy` would upload: its size, and how fast it starts on bare workerd. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { environment, freePort, wrangler } from './wrangler.ts';

export interface BundleOptions {
  /** Folder of the worker project, with its wrangler configuration. */
  readonly directory: string;
  /** Configuration file in that folder, where it is not the usual one. */
  readonly configuration?: string;
  /** Export conditions for the bundler beside a worker's usual ones. */
  readonly conditions?: readonly string[];
}

/** Sizes in bytes, without the model's weights. */
export interface BundleSize {
  readonly script: number;
  /** The script compressed. */
  readonly gzip: number;
  /** WebAssembly modules, and the same compressed. */
  readonly wasm: number;
  readonly wasmGzip: number;
}

/** Bundles as `wrangler deploy` would, without deploying, and measures the code. */
export async function bundleSize(options: BundleOptions): Promise<BundleSize> {
  return withBundle(options, async (folder, { main, modules }) => {
    const script = await readFile(join(folder, main));
    const size = { script: script.length, gzip: gzipSync(script).length, wasm: 0, wasmGzip: 0 };
    for (const name of modules.filter((file) => file.endsWith('.wasm'))) {
      const bytes = await readFile(join(folder, name));
      size.wasm += bytes.length;
      size.wasmGzip += gzipSync(bytes).length;
    }
    return size;
  });
}

interface Bundle {
  readonly main: string;
  /** Files that the script imports. */
  readonly modules: readonly string[];
}

async function withBundle<T>(
  { directory, configuration, conditions = [] }: BundleOptions,
  body: (folder: string, bundle: Bundle) => Promise<T>,
): Promise<T> {
  const out = await mkdtemp(join(tmpdir(), 'hebb-bundle-'));
  try {
    const config = configuration === undefined ? [] : ['--config', configuration];
    const child = spawn(
      process.execPath,
      [wrangler(directory), 'deploy', ...config, '--dry-run', '--minify', '--outdir', out],
      { cwd: directory, env: environment(conditions), stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    }
    const code = await new Promise((resolve) => child.once('exit', resolve));
    if (code !== 0)
      throw new Error(`wrangler deploy --dry-run ended with code ${String(code)}\n${output}`);
    const files = await readdir(out);
    const main = files.find((name) => name.endsWith('.js'));
    if (main === undefined) throw new Error('wrangler wrote no script');
    const others = (name: string): boolean => name !== main && !/\.map$|^README/.test(name);
    return await body(out, { main, modules: files.filter(others) });
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}

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
  return withBundle(options, async (folder, { main, modules }) => {
    const full = await configure(folder, main, modules);
    const bare = join(folder, 'empty');
    await mkdir(bare);
    await writeFile(join(bare, 'empty.js'), emptyWorker);
    const empty = await configure(bare, 'empty.js', []);
    const binary = workerdBinary(options.directory);
    const times: { full: number[]; empty: number[] } = { full: [], empty: [] };
    let answer = '';
    for (let run = 0; run < runs; run++) {
      times.empty.push((await firstAnswer(binary, empty, {})).ms);
      const first = await firstAnswer(binary, full, options);
      times.full.push(first.ms);
      answer = first.answer;
    }
    const median = (list: number[]): number => list.sort((a, b) => a - b)[list.length >> 1]!;
    const totalMs = median(times.full);
    const emptyMs = median(times.empty);
    const bestMs = Math.min(...times.full) - Math.min(...times.empty);
    return { totalMs, emptyMs, ms: totalMs - emptyMs, bestMs, answer };
  });
}

function workerdBinary(directory: string): string {
  const own = createRequire(wrangler(directory));
  return join(dirname(own.resolve('workerd/package.json')), 'bin/workerd');
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
): Promise<Configured> {
  const port = await freePort();
  const kind = (name: string): string =>
    name.endsWith('.wasm') ? 'wasm' : /\.(bin|onnx)$/.test(name) ? 'data' : 'text';
  const list = modules.map((name) => `(name = "${name}", ${kind(name)} = embed "${name}")`);
  const file = join(folder, 'workerd.capnp');
  await cp(join(folder, main), join(folder, 'main.mjs'));
  await writeFile(
    file,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
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

async function firstAnswer(
  binary: string,
  { file, port }: Configured,
  asked: Pick<ColdStartOptions, 'path' | 'body' | 'type'>,
): Promise<{ ms: number; answer: string }> {
  const started = performance.now();
  const child = spawn(binary, ['serve', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  try {
    for (;;) {
      if (child.exitCode !== null || performance.now() - started > 30_000) {
        throw new Error(`workerd did not answer\n${errors}`);
      }
      const answer = await ask(port, asked);
      if (answer !== undefined) return { ms: performance.now() - started, answer };
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  } finally {
    await ended(child);
  }
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
