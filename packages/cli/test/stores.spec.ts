/** `hebb compile --weights-store` and `hebb upload`: what is written, and what is refused. Real stores are in apps/edge-worker. */
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cpu } from '@hebb/backend-cpu';
import { init, manualSeed } from '@hebb/core';
import type { WeightsManifest } from '@hebb/edge';
import { Linear, ReLU, Sequential } from '@hebb/nn';
import { exportOnnx } from '@hebb/onnx/node';
import { main } from '../src/index.ts';

const folder = await mkdtemp(join(tmpdir(), 'hebb-stores-'));
afterAll(() => rm(folder, { recursive: true, force: true }));
await init(cpu());
manualSeed(1);
const net = new Sequential(new Linear(64, 48), new ReLU(), new Linear(48, 3));
const model = join(folder, 'net.onnx');
await exportOnnx(net, model, { input: { x: [1, 64] }, output: ['y'] });

async function hebb(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const code = await main(args, { out: (text) => (out += text), err: (text) => (err += text) });
  return { code, out, err };
}
const compile = (name: string, ...more: string[]) =>
  hebb('compile', model, '--target', 'worker', '--out', join(folder, name), ...more);
const manifestOf = async (name: string): Promise<WeightsManifest> => {
  const text = await readFile(join(folder, name, 'manifest.js'), 'utf8');
  return JSON.parse(/manifest = (.*);/.exec(text)![1]!) as WeightsManifest;
};
const configurationOf = async (name: string) =>
  JSON.parse(await readFile(join(folder, name, 'wrangler.json'), 'utf8')) as object;

describe('a worker with its weights in', () => {
  it('R2: one object under a key of its content, and a script that reads it', async () => {
    const { code, out } = await compile('r2', '--weights-store', 'r2');
    expect(code).toBe(0);
    expect(out).toMatch(/weights\/[\w-]+\/[0-9a-f]{16}\/0000\.bin/);
    expect(out).toMatch(/hebb upload .*r2 --remote/);
    const { objects } = await manifestOf('r2');
    expect(objects).toHaveLength(1);
    const bytes = await readFile(join(folder, 'r2/weights', objects[0]!.key));
    expect(bytes).toHaveLength(objects[0]!.blocks[0]!.bytes);
    expect(await readdir(join(folder, 'r2'))).not.toContain('weights.bin');
    expect(await configurationOf('r2')).toMatchObject({
      r2_buckets: [{ binding: 'WEIGHTS', bucket_name: 'hebb-weights' }],
    });
    expect(await readFile(join(folder, 'r2/index.js'), 'utf8')).toContain('r2Store(env.WEIGHTS)');
    // The same again, over what is there; bundled afterwards, with nothing left behind.
    expect((await compile('r2', '--weights-store', 'r2')).code).toBe(0);
    expect((await manifestOf('r2')).objects).toEqual(objects);
    expect((await compile('r2')).code).toBe(0);
    expect(await readdir(join(folder, 'r2'))).not.toContain('weights');
  });
  it('KV as float16, and assets as encrypted int8', async () => {
    await compile('whole', '--weights-store', 'kv');
    await compile('kv', '--weights-store', 'kv', '--weights-type', 'float16');
    const size = async (name: string) =>
      (await manifestOf(name)).objects[0]!.blocks.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(await size('kv')).toBeLessThan(0.55 * (await size('whole')));
    expect(await configurationOf('kv')).toMatchObject({ kv_namespaces: [{ binding: 'WEIGHTS' }] });
    process.env['HEBB_WEIGHTS_KEY'] = Buffer.alloc(32, 7).toString('base64');
    try {
      const args = ['--weights-store', 'assets', '--weights-type', 'int8', '--encrypt'];
      expect((await compile('assets', ...args)).code).toBe(0);
    } finally {
      delete process.env['HEBB_WEIGHTS_KEY'];
    }
    const { encryption } = await manifestOf('assets');
    expect(encryption?.cipher).toBe('AES-GCM');
    expect(await configurationOf('assets')).toMatchObject({
      assets: { binding: 'ASSETS', run_worker_first: true },
    });
    const script = await readFile(join(folder, 'assets/index.js'), 'utf8');
    expect(script).toContain('env.WEIGHTS_KEY');
    expect(script).not.toContain('BwcH');
  });
});

it('refuses what does not go together, and says what does', async () => {
  const refusals: [string[], RegExp][] = [
    [['--weights-store', 's3'], /there is r2, kv, assets/],
    [['--weights-store', 'r2', '--weights-type', 'int4'], /there is float32, float16, int8/],
    [['--weights-type', 'float16'], /--weights-store/],
    [['--encrypt'], /--weights-store/],
    [['--weights-store', 'r2', '--encrypt'], /HEBB_WEIGHTS_KEY.*openssl rand -base64 32/],
    [['--weights-store', 'r2', '--target', 'node'], /--target worker/],
  ];
  for (const [args, said] of refusals) {
    const { code, err } = await compile('none', ...args);
    expect([code, err]).toEqual([2, expect.stringMatching(said)]);
  }
  expect(await readdir(folder)).not.toContain('none');
});

it('uploads nothing but what it wrote itself', async () => {
  await compile('bundled');
  const bundled = await hebb('upload', join(folder, 'bundled'));
  expect([bundled.code, bundled.err]).toEqual([2, expect.stringMatching(/was not written by/)]);
  const assets = await hebb('upload', join(folder, 'assets'));
  expect([assets.code, assets.err]).toEqual([2, expect.stringMatching(/deploys them/)]);
  const remote = await hebb('upload', join(folder, 'kv'), '--remote');
  expect([remote.code, remote.err]).toEqual([2, expect.stringMatching(/--to ID/)]);
});

it('keeps a folder of somebody else', async () => {
  await compile('mine', '--weights-store', 'kv');
  await writeFile(join(folder, 'mine', '.dev.vars'), 'WEIGHTS_KEY=x');
  const { code, err } = await compile('mine', '--weights-store', 'kv');
  expect([code, err]).toEqual([2, expect.stringMatching(/holds \.dev\.vars/)]);
});
