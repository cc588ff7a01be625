/** `hebb compile` as a user meets it: what it writes, refuses and prints; and whether the folder works. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cpu } from '@hebb/backend-cpu';
import { init, manualSeed, random } from '@hebb/core';
import { Conv2d } from '@hebb/layers-cnn';
import { Flatten, Linear, ReLU, Sequential } from '@hebb/nn';
import {
  encodeModel,
  makeAttribute,
  makeGraph,
  makeModel,
  makeNode,
  makeValueInfo,
} from '@hebb/onnx';
import { exportOnnx } from '@hebb/onnx/node';
import type { Plan } from '@hebb/runtime';
import { build } from 'esbuild';
import { main } from '../src/index.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../..', import.meta.url));
const folder = await mkdtemp(join(tmpdir(), 'hebb-compile-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

async function hebb(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const code = await main(args, { out: (text) => (out += text), err: (text) => (err += text) });
  return { code, out, err };
}

await init(cpu());
manualSeed(1);
const net = new Sequential(
  new Conv2d(1, 2, 3),
  new ReLU(),
  new Flatten(),
  new Linear(2 * 6 * 6, 3),
).eval();
const model = join(folder, 'net.onnx');
await exportOnnx(net, model, { input: { image: ['batch', 1, 8, 8] }, output: ['scores'] });
const x = random.normal(random.key(3), [2, 1, 8, 8]);
const image = Array.from(await x.data(), Number);
const scores = Array.from(await net.forward(x).data(), Number);

// The player as it is published: one package of plain JavaScript, for any Node.
await mkdir(join(folder, 'node_modules/@hebb'), { recursive: true });
const player = join(folder, 'node_modules/@hebb/runtime');
await build({
  entryPoints: [join(root, 'packages/runtime/src/index.ts')],
  bundle: true,
  format: 'esm',
  outfile: join(player, 'index.js'),
});
await symlink(join(root, 'packages/runtime/src'), join(player, 'src'));
await writeFile(
  join(player, 'package.json'),
  JSON.stringify({
    name: '@hebb/runtime',
    type: 'module',
    exports: { '.': { types: './src/index.ts', default: './index.js' } },
  }),
);

/** The Node that runs this, and whatever other one is installed. */
async function nodes(): Promise<[version: string, path: string][]> {
  const found = new Map<string, string>([[process.version, process.execPath]]);
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(directory, 'node');
    try {
      const { stdout } = await run(path, ['--version']);
      const version = stdout.trim();
      if (/^v(2\d|[3-9]\d)\./.test(version) && !found.has(version)) found.set(version, path);
    } catch {
      // None here.
    }
  }
  return [...found];
}

async function planOf(out: string): Promise<Plan> {
  const text = await readFile(join(out, 'plan.js'), 'utf8');
  return JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1)) as Plan;
}

describe('the folder', () => {
  it.each([
    ['worker', ['index.d.ts', 'index.js', 'model.wasm', 'package.json', 'plan.js', 'weights.bin']],
    ['node', ['index.d.ts', 'index.js', 'model.plain.wasm', 'model.wasm', 'package.json']],
    ['browser', ['index.d.ts', 'index.js', 'model.plain.wasm', 'model.wasm', 'package.json']],
  ])('for a %s holds its files, and nothing is left beside it', async (target, files) => {
    const out = join(folder, 'sets', target);
    const args = ['--target', target, '--shape', 'batch=1', '--shape', 'batch=4', '--out', out];
    const { code, out: text, err } = await hebb('compile', model, ...args);
    expect([code, err]).toEqual([0, '']);
    expect(text).toMatch(/run +image \[1,1,8,8\] +scores \[1,3\]/);
    expect(text).toMatch(/run +image \[4,1,8,8\] +scores \[4,3\]/);
    expect(await readdir(out)).toEqual(expect.arrayContaining(files));
    expect((await readdir(out)).includes('worker.js')).toBe(target === 'worker');
    expect((await readdir(join(folder, 'sets'))).filter((name) => name.includes('.'))).toEqual([]);
    const plan = await planOf(out);
    expect(plan.functions[0]!.signatures.map((s) => s.inputs[0]!.shape[0])).toEqual([1, 4]);
  });
  it('is replaced when it is written again, and only then', async () => {
    const out = join(folder, 'again');
    const args = ['compile', model, '--target', 'node', '--out', out];
    expect((await hebb(...args, '--shape', 'batch=1')).code).toBe(0);
    await mkdir(join(out, '.wrangler'));
    expect((await hebb(...args, '--shape', 'batch=3', '--simd', 'plain')).code).toBe(0);
    expect(await readdir(out)).not.toContain('model.plain.wasm');
    const plan = await planOf(out);
    expect(plan.functions[0]!.signatures[0]!.inputs[0]!.shape).toEqual([3, 1, 8, 8]);
    expect(plan.modules).toEqual([{ file: 'model.wasm', features: ['simd'] }]);

    await writeFile(join(out, 'notes.txt'), 'mine');
    const refused = await hebb(...args, '--shape', 'batch=1');
    expect([refused.code, /holds notes\.txt/.test(refused.err)]).toEqual([2, true]);
    expect(await planOf(out)).toEqual(plan);
    const foreign = join(folder, 'foreign');
    await mkdir(foreign);
    await writeFile(join(foreign, 'package.json'), '{}');
    const other = await hebb(
      'compile',
      model,
      '--target',
      'node',
      '--out',
      foreign,
      '--shape',
      'batch=1',
    );
    expect([other.code, await readFile(join(foreign, 'package.json'), 'utf8')]).toEqual([2, '{}']);
  });
  it('runs on every Node that is here, and takes the module that Node can run', async () => {
    const out = join(folder, 'node');
    const made = await hebb(
      'compile',
      model,
      '--target',
      'node',
      '--shape',
      'batch=2',
      '--out',
      out,
    );
    expect(made.code).toBe(0);
    await writeFile(
      join(folder, 'use.mjs'),
      `import { loadModel } from './node/index.js';
       const model = await loadModel();
       const { scores } = model.run({ image: Float32Array.from(${JSON.stringify(image)}) });
       console.log(JSON.stringify([scores.shape, Array.from(scores.data)]));`,
    );
    for (const [, path] of await nodes()) {
      const { stdout } = await run(path, [join(folder, 'use.mjs')]);
      const [shape, data] = JSON.parse(stdout) as [number[], number[]];
      expect(shape).toEqual([2, 3]);
      data.forEach((value, i) => expect(Math.abs(value - scores[i]!)).toBeLessThan(1e-5));
    }
  });
  it('says what is wrong with its files', async () => {
    const out = join(folder, 'node');
    const weights = await readFile(join(out, 'weights.bin'));
    const ask = async (bytes: Uint8Array): Promise<string> => {
      await writeFile(join(out, 'weights.bin'), bytes);
      try {
        await run(process.execPath, [join(folder, 'use.mjs')]);
        return 'no error';
      } catch (error) {
        return (error as { stderr: string }).stderr;
      }
    };
    expect(await ask(weights.subarray(8))).toMatch(/PlayerError: the weights are not as long/);
    expect(await ask(weights.map((byte, i) => (i === 5 ? byte + 1 : byte)))).toMatch(
      /PlayerError: the weights are not those of model/,
    );
    expect(await ask(weights)).toBe('no error');
  });
  it('loads in a page by fetching the two files', async () => {
    const out = join(folder, 'page');
    await hebb('compile', model, '--target', 'browser', '--shape', 'batch=2', '--out', out);
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url!);
      readFile(join(out, request.url!)).then(
        (bytes) => response.end(bytes),
        () => response.writeHead(404).end(),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    // Bundled for a page; the files' addresses are relative to the script's.
    const { outputFiles } = await build({
      stdin: { contents: `export * from './index.js'`, resolveDir: out },
      bundle: true,
      format: 'esm',
      write: false,
      define: { 'import.meta.url': JSON.stringify(`http://127.0.0.1:${port}/bundle.js`) },
    });
    const bundle = join(folder, 'page.mjs');
    await writeFile(bundle, outputFiles[0]!.contents);
    try {
      const script = `const { loadModel } = await import(${JSON.stringify(bundle)});
        const model = await loadModel();
        const image = Float32Array.from(${JSON.stringify(image)});
        console.log(JSON.stringify(Array.from(model.run({ image }).scores.data)));`;
      const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script]);
      (JSON.parse(stdout) as number[]).forEach((value, i) =>
        expect(Math.abs(value - scores[i]!)).toBeLessThan(1e-5),
      );
      expect(asked.sort()).toEqual([
        expect.stringMatching(/^\/model(\.plain)?\.wasm$/),
        '/weights.bin',
      ]);
      await rm(join(out, 'weights.bin'));
      await expect(
        run(process.execPath, ['--input-type=module', '-e', script]),
      ).rejects.toMatchObject({ stderr: expect.stringMatching(/weights\.bin: 404/) as string });
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });
  it('has types that know names and shapes', async () => {
    const out = join(folder, 'typed');
    const args = ['--shape', 'batch=1', '--shape', 'batch=4', '--out', out];
    await hebb('compile', model, '--target', 'node', ...args);
    await hebb('compile', model, '--target', 'node', '--shape', 'batch=1', '--out', `${out}1`);
    await writeFile(
      join(folder, 'typed.mts'),
      `import { loadModel } from './typed/index.js';
import { loadModel as loadOne } from './typed1/index.js';
const model = await loadModel();
const one = model.run({ image: { shape: [1, 1, 8, 8], data: new Float32Array(64) } });
const rows: readonly [1, 3] = one.scores.shape;
const four = model.run({ image: { shape: [4, 1, 8, 8], data: new Float32Array(256) } });
const more: readonly [4, 3] = four.scores.shape;
const values: Float32Array = model.call('run', { image: four.scores.data.length ? { shape: [1, 1, 8, 8], data: new Float32Array(64) } : { shape: [1, 1, 8, 8], data: new Float32Array(64) } }).scores.data;
// @ts-expect-error No such output.
one.probabilities;
// @ts-expect-error No such input.
model.run({ picture: { shape: [1, 1, 8, 8], data: new Float32Array(64) } });
// @ts-expect-error Not compiled for two.
model.run({ image: { shape: [2, 1, 8, 8], data: new Float32Array(128) } });
// @ts-expect-error Which of the two shapes?
model.run({ image: new Float32Array(64) });
// @ts-expect-error Other elements.
model.run({ image: { shape: [1, 1, 8, 8], data: new Int32Array(64) } });
const only = await loadOne();
only.run({ image: new Float32Array(64) });
console.log(rows, more, values);
`,
    );
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          module: 'nodenext',
          target: 'es2023',
          lib: ['es2023', 'webworker'],
          strict: true,
          noEmit: true,
          // The player's own sources stand in for its declarations.
          allowImportingTsExtensions: true,
        },
        files: ['typed.mts'],
      }),
    );
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const { stdout } = await run(process.execPath, [tsc, '-p', folder]).catch(
      (error: { stdout: string }) => error,
    );
    expect(stdout).toBe('');
  });
});

describe('a module of functions', () => {
  it('is compiled with --step, and learns in plain Node', async () => {
    const source = join(dirname(fileURLToPath(import.meta.url)), 'fixtures/step.ts');
    const out = join(folder, 'step');
    const args = ['--step', 'step', '--target', 'node', '--shape', 'batch=4', '--out', out];
    const made = await hebb('compile', source, ...args);
    expect([made.code, made.err]).toEqual([0, '']);
    expect(made.out).toMatch(/train +x \[4,2\] y \[4,1\] +loss \[\]/);
    expect(made.out).toMatch(/predict +x \[4,2\] +y \[4,1\]/);
    await writeFile(
      join(folder, 'learn.mjs'),
      `import { loadModel } from './step/index.js';
       const model = await loadModel();
       const x = Float32Array.of(0, 0, 0, 1, 1, 0, 1, 1);
       const y = Float32Array.of(1, 3, 0, 2);
       let loss;
       for (let i = 0; i < 300; i++) ({ loss } = model.run({ x, y }));
       console.log(JSON.stringify([loss.data[0], Array.from(model.call('predict', { x }).y.data), Object.keys(model.state())]));`,
    );
    for (const [, path] of await nodes()) {
      const { stdout } = await run(path, [join(folder, 'learn.mjs')]);
      const [loss, predicted, names] = JSON.parse(stdout) as [number, number[], string[]];
      // y = 1 - x0 + 2 x1 exactly.
      expect(loss).toBeLessThan(1e-4);
      [1, 3, 0, 2].forEach((y, i) => expect(Math.abs(predicted[i]! - y)).toBeLessThan(0.05));
      expect(names).toContain('net.weight');
    }
    const wrong = await hebb(
      'compile',
      source,
      '--step',
      'absent',
      '--target',
      'node',
      '--out',
      out,
    );
    expect([wrong.code, /no export "absent": it has net, step/.test(wrong.err)]).toEqual([2, true]);
    const notFunctions = await hebb(
      'compile',
      source,
      '--step',
      'net',
      '--target',
      'node',
      '--out',
      out,
    );
    expect([notFunctions.code, /does not describe functions/.test(notFunctions.err)]).toEqual([
      2,
      true,
    ]);
  });
});

describe('bad input', () => {
  const out = join(folder, 'bad');
  const target = ['--target', 'node', '--out', out];
  const cases: [what: string, args: string[], wanted: RegExp][] = [
    ['no target', [model, '--out', out], /--target/],
    ['no folder', [model, '--target', 'node'], /--out/],
    ['an unknown target', [model, '--target', 'gpu', '--out', out], /"gpu".*worker, node, browser/],
    ['no size', [model, ...target], /no size is given for batch \(input image \[batch,1,8,8\]\)/],
    ['an unknown axis', [model, ...target, '--shape', 'batch=1,n=2'], /no open axis "n".*batch/],
    ['no number', [model, ...target, '--shape', 'batch=many'], /NAME=N/],
    ['a size of 0', [model, ...target, '--shape', 'batch=0'], /NAME=N/],
    ['an axis twice', [model, ...target, '--shape', 'batch=1,batch=2'], /names batch twice/],
    [
      'a shape twice',
      [model, ...target, '--shape', 'batch=2', '--shape', 'batch=2'],
      /same shapes/,
    ],
    ['unknown instructions', [model, ...target, '--simd', 'avx'], /relaxed, plain, both/],
    [
      'two modules in a worker',
      [model, '--target', 'worker', '--out', out, '--simd', 'both'],
      /one module/,
    ],
    ['a state without output', [model, ...target, '--state', 'image'], /INPUT=OUTPUT/],
    [
      'an unknown state',
      [model, ...target, '--shape', 'batch=1', '--state', 'h=scores'],
      /no input "h"/,
    ],
    [
      'no output left',
      [model, ...target, '--shape', 'batch=1', '--state', 'image=scores'],
      /no output/,
    ],
    ['a script without --step', [join(folder, 'use.mjs'), ...target], /--step/],
  ];
  it.each(cases)(
    '%s is refused in so many words, and nothing is written',
    async (_what, args, wanted) => {
      const { code, err } = await hebb('compile', ...args);
      expect(code).toBe(2);
      expect(err).toMatch(wanted);
      expect(await readdir(folder)).not.toContain('bad');
    },
  );
  it('a file that is no model, and a model that is not there', async () => {
    const broken = join(folder, 'broken.onnx');
    await writeFile(broken, (await readFile(model)).subarray(0, 100));
    for (const file of [broken, join(folder, 'absent.onnx')]) {
      const { code, err } = await hebb('compile', file, ...target, '--shape', 'batch=1');
      expect([code, err.includes(file)]).toEqual([1, true]);
    }
    expect(await readdir(folder)).not.toContain('bad');
  });
  it('a folder that is a file', async () => {
    const { code, err } = await hebb(
      'compile',
      model,
      '--target',
      'node',
      '--shape',
      'batch=1',
      '--out',
      model,
    );
    expect([code, /is a file, not a folder/.test(err)]).toEqual([2, true]);
  });
});

it('an input that decides a branch is fixed with --value', async () => {
  const branch = (op: string) =>
    makeGraph({
      inputs: [],
      outputs: [makeValueInfo('b', 'float32', [2])],
      nodes: [makeNode(op, ['x'], ['b'])],
    });
  const graph = (name: string, op: string) =>
    makeAttribute(name, { type: 'graph', value: branch(op) });
  const source = makeModel(
    makeGraph({
      inputs: [makeValueInfo('x', 'float32', [2]), makeValueInfo('rate', 'int64', [])],
      outputs: [makeValueInfo('y', 'float32', [2])],
      nodes: [
        makeNode('Equal', ['rate', 'wide'], ['is']),
        {
          ...makeNode('If', ['is'], ['y']),
          attribute: [graph('then_branch', 'Neg'), graph('else_branch', 'Identity')],
        },
      ],
      initializers: { wide: { dtype: 'int64', shape: [], data: BigInt64Array.of(16000n) } },
    }),
  );
  const file = join(folder, 'branch.onnx');
  await writeFile(file, encodeModel(source));
  const out = join(folder, 'branch');
  const plain = await hebb('compile', file, '--target', 'node', '--out', out);
  expect([plain.code, plain.err]).toEqual([2, expect.stringContaining('--value INPUT=NUMBER')]);
  const wrong = await hebb('compile', file, '--target', 'node', '--out', out, '--value', 'rat=1');
  expect(wrong.err).toContain('the model has no input "rat": it has x, rate');
  for (const [rate, wanted] of [
    ['16000', [-1, 2]],
    ['8000', [1, -2]],
  ] as const) {
    const value = `rate=${rate}`;
    const done = await hebb('compile', file, '--target', 'node', '--out', out, '--value', value);
    expect(done.code).toBe(0);
    const code = `
      const { loadModel } = await import(${JSON.stringify(join(out, 'index.js'))});
      const model = await loadModel();
      console.log(JSON.stringify([...model.run({ x: Float32Array.of(1, -2) }).y.data]));`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', code]);
    expect(JSON.parse(stdout)).toEqual(wanted);
  }
});
