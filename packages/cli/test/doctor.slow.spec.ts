/**
 * What the doctor foretells beside what local workerd measures. Workerd enforces none of the limits: whether they
 * are kept is judged here, on both figures.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cpu } from '@hebb/backend-cpu';
import { init, manualSeed } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Conv2d, MaxPool2d } from '@hebb/layers-cnn';
import { Flatten, Linear, ReLU, Sequential, Softmax } from '@hebb/nn';
import { decodeModel, toOnnx } from '@hebb/onnx';
import { writeModelFile } from '@hebb/onnx/node';
import { storeFor } from '../src/ahead/index.ts';
import { compileFunctions, main, writeCompiled } from '../src/index.ts';
import { diagnose, limits } from '../src/doctor/index.ts';
import type { Diagnosis, Row } from '../src/doctor/index.ts';
import { root } from './workspace.ts';

let out: string;
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), 'hebb-doctor-test-'));
  await init(cpu());
  manualSeed(3);
});
afterAll(() => rm(out, { recursive: true, force: true }));

const lenet = (): Sequential =>
  new Sequential(
    ...[new Conv2d(1, 6, 5, { padding: 2 }), new ReLU(), new MaxPool2d(2)],
    ...[new Conv2d(6, 16, 5), new ReLU(), new MaxPool2d(2), new Flatten()],
    ...[new Linear(400, 120), new ReLU(), new Linear(120, 84), new ReLU(), new Linear(84, 10)],
    new Softmax(1),
  ).eval();
/** As many MiB of weights. */
const wide = (mebibytes: number): Sequential => {
  const width = Math.round((mebibytes * 2 ** 20) / 4 / 1536);
  return new Sequential(new Linear(1024, width), new ReLU(), new Linear(width, 512)).eval();
};

async function compiled(name: string, net: Sequential, shape: readonly number[]) {
  const built = await compileFunctions(
    {
      name,
      functions: {
        run: { run: (x: Tensor) => net.forward(x), input: { x: [...shape] }, output: 'y' },
      },
    },
    { simd: ['relaxed'] },
  );
  const folder = join(out, name);
  await writeCompiled(built, 'worker', folder);
  return { folder, built };
}

/**
 * As a user runs it, in a Node of its own: what is measured in a test's own process is what Jest makes of the handler.
 */
async function diagnosed(folder: string, ...args: readonly string[]): Promise<Diagnosis> {
  const json = `${folder}.json`;
  const script = join(root, 'packages/cli/src/main.ts');
  // Exit code 1 is a verdict.
  await promisify(execFile)(process.execPath, [
    ...['--conditions=@hebb/source', script, 'doctor', folder, '--measure', '--json', json],
    ...args,
  ]).catch((error: Error & { code?: number }) => {
    if (error.code !== 1) throw error;
  });
  return JSON.parse(await readFile(json, 'utf8')) as Diagnosis;
}

const row = ({ rows }: Diagnosis, name: string): Row => {
  const found = rows.find((each) => each.name.startsWith(name));
  if (found === undefined) throw new Error(`no row ${name}`);
  return found;
};

const mebibyte = 2 ** 20;
/** No more than `factor` apart, `slack` aside. */
function expectNear({ value, measured }: Row, factor: number, slack: number): void {
  expect(measured).toBeGreaterThan(0);
  expect(value).toBeLessThan(measured! * factor + slack);
  expect(measured!).toBeLessThan(value * factor + slack);
}

(existsSync('/proc/self/schedstat') ? describe : describe.skip)(
  'beside local workerd (Linux only: /proc says what a process took)',
  () => {
    it('foretells memory, processor time and start-up of a model that fits', async () => {
      const { folder } = await compiled('lenet', lenet(), [16, 1, 28, 28]);
      const found = await diagnosed(folder);
      expect(found.rows.map(({ verdict }) => verdict)).not.toContain('over');
      expectNear(row(found, 'memory at rest'), 1.2, mebibyte);
      // What waits for the collector may have been collected when it was looked at, all of it: up to 24 MB are
      // foretold, and the figure is a bound from above.
      for (const name of ['memory at 1 request', 'memory at 8 requests']) {
        expectNear(row(found, name), 1.5, 32 * mebibyte);
        expect(row(found, name).measured).toBeLessThan(1.2 * row(found, name).value);
      }
      // Milliseconds of a machine that may be busy: of the same order, no more.
      expectNear(row(found, 'startup'), 10, 50);
      expectNear(row(found, 'cpu'), 10, 5);
    });
    it('foretells that bundled weights are in memory twice, and that this is over the limit', async () => {
      const { folder, built } = await compiled('wide', wide(62), [1, 1024]);
      const found = await diagnosed(folder, '--concurrency', '4');
      const rest = row(found, 'memory at rest');
      expect(rest.verdict).toBe('over');
      expect(rest.measured).toBeGreaterThan(limits.free.memory);
      expectNear(rest, 1.05, mebibyte);
      expectNear(row(found, 'startup'), 10, 50);
      expect(row(found, 'size').verdict).toBe('tight');
      expect(row(found, 'size').value).toBeGreaterThan(built.weights.length);
      expect(rest.advice?.join()).toMatch(/--weights-store/);

      // What it advises helps.
      const elsewhere = join(out, 'stored');
      await writeCompiled(built, 'worker', elsewhere, await storeFor(built, 'assets'));
      const stored = await diagnose(elsewhere, { plan: 'free', concurrency: 4 });
      expect(row(stored, 'memory at rest').verdict).toBe('ok');
      expect(row(stored, 'size').value).toBeLessThan(mebibyte / 2);
      expect(row(stored, 'largest asset').verdict).not.toBe('over');
      expect(row(stored, 'startup').value).toBeLessThan(row(found, 'startup').value);
    });
  },
);

describe('hebb doctor', () => {
  const run = async (...args: string[]) => {
    let text = '';
    let problems = '';
    const code = await main(['doctor', ...args], {
      out: (chunk) => (text += chunk),
      err: (chunk) => (problems += chunk),
    });
    return { code, text, problems };
  };
  it('takes an ONNX file, gives every limit a verdict and the figures as JSON', async () => {
    const file = join(out, 'model.onnx');
    const net = new Sequential(new Linear(4, 3), new Softmax(1)).eval();
    await writeModelFile(file, decodeModel(await toOnnx(net, { input: { x: ['batch', 4] } })));
    const json = join(out, 'found.json');
    const { code, text } = await run(
      ...[file, '--shape', 'batch=1', '--shape', 'batch=3', '--plan', 'paid', '--json', json],
    );
    expect([code, text]).toEqual([0, expect.stringMatching(/on the paid plan: fits\n$/)]);
    const found = JSON.parse(await readFile(json, 'utf8')) as Diagnosis;
    expect([found.verdict, found.plan]).toEqual(['ok', 'paid']);
    expect(found.rows.map(({ name }) => name)).toEqual([
      ...['size', 'size compressed', 'startup', 'memory at rest'],
      ...['memory at 1 request', 'memory at 8 requests', 'cpu run x [1,4]', 'cpu run x [3,4]'],
    ]);
    expect(row(found, 'size').value).toBeGreaterThan(50_000);
    expect(row(found, 'cpu').limit).toBe(30_000);
  });
  it('judges memory under load by what it measures, and estimates it where it is told to', async () => {
    const { folder } = await compiled('judged', lenet(), [1, 1, 28, 28]);
    const found = await diagnose(folder, { concurrency: 4 });
    const measured = row(found, 'memory at 4 requests');
    expect(measured.how).toMatch(/ for JSON, .+ for binary$/);
    expect(measured.measured).toBeGreaterThan(0);
    expect(row(found, 'startup').measured).toBeUndefined();
    const estimated = row(
      await diagnose(folder, { concurrency: 4, measure: false }),
      'memory at 4 requests',
    );
    expect([estimated.measured, estimated.how]).toEqual([
      undefined,
      expect.stringMatching(/^at most: .* waits for the collector$/),
    ]);
  });
  it('says which requests of its own are too long for the worker', async () => {
    const { folder } = await compiled('long', new Sequential(new Linear(1024, 4)), [512, 1024]);
    const found = await diagnose(folder, { concurrency: 2 });
    expect(row(found, 'memory at 2 requests').how).toMatch(/^JSON is answered 413, .* for binary$/);
  });
  it('fails for what is over, and says what to change', async () => {
    const { folder } = await compiled('large', wide(16), [512, 1024]);
    const { code, text } = await run(folder, '--concurrency', '16');
    expect(code).toBe(1);
    expect(text).toMatch(/cpu run x \[512,1024\] is over:\n- a smaller batch/);
    expect(text).toMatch(/memory at 16 requests is over:/);
    expect(text).toMatch(/large on the free plan: does not fit\n$/);
  });
  it('understands nothing but compiled workers and models', async () => {
    expect(await run(out)).toMatchObject({ code: 2, problems: expect.stringMatching(/plan\.js/) });
    expect(await run(join(out, 'nowhere'))).toMatchObject({ code: 2 });
    expect(await run(out, '--plan', 'gold')).toMatchObject({
      code: 2,
      problems: expect.stringMatching(/free, paid/),
    });
    const { built } = await compiled('node', new Sequential(new Linear(2, 2)), [1, 2]);
    const folder = join(out, 'for-node');
    await writeCompiled(built, 'node', folder);
    expect(await run(folder)).toMatchObject({
      code: 2,
      problems: expect.stringMatching(/--target worker/),
    });
  });
});
