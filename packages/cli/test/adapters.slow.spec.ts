/**
 * The same compiled model behind the same handler in Node, Deno, Bun and Vercel's Edge Runtime, each of them started
 * for real. Deno and Bun are larger than the rest of this repository: `npm install --prefix tmp/runtimes deno bun`
 * brings them, and their tests skip where that was not done.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cpu } from '@hebb/backend-cpu';
import { init, manualSeed, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Conv2d } from '@hebb/layers-cnn';
import { Flatten, Linear, ReLU, Sequential, Softmax } from '@hebb/nn';
import { EdgeVM } from '@edge-runtime/vm';
import { build } from 'esbuild';
import type { Plugin } from 'esbuild';
import { compileFunctions, writeCompiled } from '../src/index.ts';
import type { CompileTarget } from '../src/index.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const runtimes = process.env['HEBB_RUNTIMES'] ?? join(root, 'tmp/runtimes');

await init(cpu());
manualSeed(5);
const net = new Sequential(
  new Conv2d(1, 4, 3, { padding: 1 }),
  new ReLU(),
  new Flatten(),
  new Linear(4 * 8 * 8, 3),
  new Softmax(1),
).eval();
const pixels = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i));
const shape = [1, 1, 8, 8];
const wanted = Array.from(await net.forward(tensor(pixels, { shape })).data(), Number);
const body = JSON.stringify({ input: { shape, data: [...pixels] } });
const built = await compileFunctions(
  {
    name: 'net',
    functions: {
      run: { run: (x: Tensor) => net.forward(x), input: { x: shape }, output: 'scores' },
    },
  },
  { simd: ['relaxed', 'plain'] },
);

let out: string;
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), 'hebb-adapters-'));
});
afterAll(() => rm(out, { recursive: true, force: true }));

const compiled = async (target: CompileTarget): Promise<string> => {
  const folder = join(out, target);
  await writeCompiled(built, target, folder);
  return folder;
};

/** As an installed package would be found. */
const conditions = ['@hebb/source'];

async function expectRight(send: (path: string, init?: RequestInit) => Promise<Response>) {
  const health = await send('/health');
  expect([health.status, await health.json()]).toEqual([200, { status: 'ok', models: ['net'] }]);
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
  const response = await send('/predict', init);
  const answer = (await response.json()) as { outputs: { scores: { data: number[] } } };
  expect(response.status).toBe(200);
  answer.outputs.scores.data.forEach((x, k) => expect(x).toBeCloseTo(wanted[k]!, 5));
  expect(answer.outputs.scores.data).toHaveLength(3);
  const refused = await send('/predict', { ...init, body: '{' });
  expect([
    refused.status,
    ((await refused.json()) as { error: { code: string } }).error.code,
  ]).toEqual([400, 'bad_json']);
  expect((await send('/nowhere')).status).toBe(404);
}

describe('server.js of --target node', () => {
  let script: string;
  beforeAll(async () => {
    const folder = await compiled('node');
    script = join(folder, 'bundled.mjs');
    await build({
      entryPoints: [join(folder, 'server.js')],
      outfile: script,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'es2022',
      conditions,
      nodePaths: [join(root, 'node_modules')],
      logLevel: 'error',
    });
  });

  async function address(child: ChildProcess): Promise<string> {
    let text = '';
    child.stderr!.on('data', (chunk: Buffer) => (text += chunk.toString()));
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`ended with code ${code}\n${text}`)));
      child.stdout!.on('data', (chunk: Buffer) => {
        const url = /http:\/\/\S+/.exec((text += chunk.toString()))?.[0];
        if (url !== undefined) resolve(url);
      });
    });
  }

  async function served(command: string, args: readonly string[]): Promise<void> {
    const child = spawn(command, [...args, script], {
      cwd: out,
      env: {
        PATH: process.env['PATH'],
        HOME: out,
        PORT: '0',
        NO_COLOR: '1',
        DENO_NO_UPDATE_CHECK: '1',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = once(child, 'exit');
    try {
      const url = await address(child);
      await expectRight((path, init) => fetch(`${url}${path}`, init));
      const many = await Promise.all(
        Array.from({ length: 32 }, () =>
          fetch(`${url}/predict`, {
            method: 'POST',
            headers: { 'content-type': 'application/json', connection: 'close' },
            body,
          }),
        ),
      );
      expect(many.map(({ status }) => status)).toEqual(Array.from({ length: 32 }, () => 200));
      await Promise.all(many.map((response) => response.arrayBuffer()));
      // A container that is stopped ends by itself.
      child.kill('SIGTERM');
      expect((await ended)[1]).toBeNull();
    } finally {
      child.kill('SIGKILL');
      await ended;
    }
  }

  it('answers in Node', () => served(process.execPath, []));

  const deno = ['linux-x64-glibc', 'linux-arm64-glibc', 'darwin-arm64', 'darwin-x64']
    .map((name) => join(runtimes, 'node_modules/@deno', name, 'deno'))
    .find((file) => existsSync(file));
  (deno === undefined ? it.skip : it)(
    'answers in Deno, which may listen, read its own folder and the environment, and nothing else (skips without tmp/runtimes)',
    () =>
      served(deno!, [
        ...['run', '--no-prompt', '--no-config', '--allow-net=127.0.0.1', '--allow-env'],
        `--allow-read=${join(out, 'node')}`,
      ]),
  );

  const bun = ['linux-x64', 'linux-aarch64', 'darwin-aarch64', 'darwin-x64']
    .map((name) => join(runtimes, 'node_modules/@oven', `bun-${name}`, 'bin/bun'))
    .find((file) => existsSync(file));
  (bun === undefined ? it.skip : it)('answers in Bun (skips without tmp/runtimes)', () =>
    served(bun!, ['run']),
  );
});

/** As Vercel's bundler has it: the module is compiled when it is deployed, and given by name. */
const vercelModules: Plugin = {
  name: 'wasm?module',
  setup(bundler) {
    bundler.onResolve({ filter: /\.wasm\?module$/ }, ({ path }) => ({ path, namespace: 'wasm' }));
    bundler.onLoad({ filter: /.*/, namespace: 'wasm' }, () => ({
      contents: 'export default globalThis.deployedModule;',
    }));
  },
};

describe('edge.js of --target vercel', () => {
  it('answers in the Edge Runtime, where code is neither evaluated nor compiled', async () => {
    const folder = await compiled('vercel');
    const { outputFiles } = await build({
      entryPoints: [join(folder, 'edge.js')],
      write: false,
      bundle: true,
      format: 'iife',
      globalName: 'edge',
      platform: 'browser',
      target: 'es2022',
      conditions,
      nodePaths: [join(root, 'node_modules')],
      plugins: [vercelModules],
      logLevel: 'error',
    });
    const module = await WebAssembly.compile(await readFile(join(folder, 'model.wasm')));
    const vm = new EdgeVM({
      codeGeneration: { strings: false, wasm: false },
      extend: (context) => Object.assign(context, { deployedModule: module, WebAssembly }),
    });
    expect(() => vm.evaluate<unknown>(`new Function('return 1')()`)).toThrow(/disallowed/);
    vm.evaluate(outputFiles[0]!.text);
    expect(vm.evaluate<unknown>('edge.config')).toEqual({ runtime: 'edge' });
    vm.evaluate(
      `addEventListener('fetch', (event) => event.respondWith(edge.default(event.request)))`,
    );
    const send = (path: string, init?: RequestInit): Promise<Response> =>
      vm.dispatchFetch(`http://localhost/api${path === '/' ? '' : path}`, init);
    await expectRight(send);
    // Elsewhere there is nothing.
    const outside = await vm.dispatchFetch('http://localhost/predict');
    expect(outside.status).toBe(404);
  });
});
