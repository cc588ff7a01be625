/** The command line as a user meets it: what it prints, what it writes, how it exits. */
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cpu } from '@hebb/backend-cpu';
import { init, manualSeed, random } from '@hebb/core';
import { encodePng, ndarray, writeNpz } from '@hebb/data';
import { Conv2d } from '@hebb/layers-cnn';
import { Flatten, Linear, ReLU, Sequential } from '@hebb/nn';
import { encodeModel, encodeTensor } from '@hebb/onnx';
import { exportOnnx, readModelFile } from '@hebb/onnx/node';
import { main } from '../src/index.ts';

const folder = await mkdtemp(join(tmpdir(), 'hebb-cli-'));
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

/** A folder in the ONNX test format around the model. */
async function writeCase(name: string, off: number): Promise<string> {
  const directory = join(folder, 'cases', name);
  await mkdir(join(directory, 'test_data_set_0'), { recursive: true });
  const x = random.normal(random.key(4), [2, 1, 8, 8]);
  const y = await net.forward(x).data();
  const put = (file: string, data: Uint8Array) => writeFile(join(directory, file), data);
  await put('model.onnx', new Uint8Array(await readFile(model)));
  await put(
    'test_data_set_0/input_0.pb',
    encodeTensor({
      name: 'image',
      dtype: 'float32',
      shape: [2, 1, 8, 8],
      data: (await x.data()) as Float32Array,
    }),
  );
  await put(
    'test_data_set_0/output_0.pb',
    encodeTensor({
      name: 'scores',
      dtype: 'float32',
      shape: [2, 3],
      data: (y as Float32Array).map((v) => v + off),
    }),
  );
  return directory;
}
const good = await writeCase('good', 0);
await writeCase('bad', 0.5);

describe('diff', () => {
  it('says that two backends agree, value by value', async () => {
    const { code, out } = await hebb('diff', model, '--random', '--batch', '3');
    expect(code).toBe(0);
    expect(out).toMatch(/output scores: agrees/);
    expect(out).toMatch(/cpu and wasm: (\d+) of \1 values agree/);
  });
  it('names the node that differs and writes it as a test case', async () => {
    const target = join(folder, 'differing');
    const args = ['--random', '--rtol', '0', '--atol', '0', '--out', target];
    const { code, out } = await hebb('diff', model, '--b', 'onnxruntime-web', ...args);
    expect(code).toBe(1);
    expect(out).toMatch(/\w+ at \S+ is the first to differ/);
    expect((await hebb('check', target)).code).toBe(0);
  });
  it('refuses an unknown runtime', async () => {
    const { code, err } = await hebb('diff', model, '--random', '--b', 'torch');
    expect([code, err]).toEqual([
      2,
      expect.stringMatching(/there is cpu, wasm, webgpu, onnxruntime-web/),
    ]);
  });
});

describe('check', () => {
  it('passes right outputs and fails wrong ones, naming operator and error', async () => {
    expect(await hebb('check', good)).toMatchObject({ code: 0, err: '' });
    const both = await hebb('check', join(folder, 'cases'), '--json', join(folder, 'report.json'));
    expect(both.code).toBe(1);
    expect(both.out).toMatch(/failed .*bad.*operator \w+.*largest error 0\.5/);
    expect(both.out.trimEnd().split('\n').at(-1)).toBe('1 passed, 1 failed, 0 skipped');
    const report = JSON.parse(await readFile(join(folder, 'report.json'), 'utf8')) as {
      failed: number;
      results: unknown[];
    };
    expect([report.failed, report.results.length]).toEqual([1, 2]);
  });
  it('skips what is not supported by name, and counts a broken file as a failure', async () => {
    const directory = join(folder, 'odd/unknown');
    await mkdir(join(directory, 'test_data_set_0'), { recursive: true });
    const unknown = structuredClone(await readModelFile(model));
    const nodes = unknown.graph!.node.map((node, i) =>
      i === 0 ? { ...node, opType: 'Frobnicate' } : node,
    );
    await writeFile(
      join(directory, 'model.onnx'),
      encodeModel({ ...unknown, graph: { ...unknown.graph!, node: nodes } }),
    );
    const skipped = await hebb('check', directory);
    expect(skipped.code).toBe(0);
    expect(skipped.out).toMatch(/Frobnicate.*opset/);
    expect(skipped.out).toMatch(/0 passed, 0 failed, 1 skipped/);
    await writeFile(join(directory, 'model.onnx'), (await readFile(model)).subarray(0, 200));
    const broken = await hebb('check', directory);
    expect([broken.code, /0 passed, 1 failed, 0 skipped/.test(broken.out)]).toEqual([1, true]);
  });
  it('says when there is nothing to check', async () => {
    const empty = join(folder, 'empty');
    await mkdir(empty);
    expect(await hebb('check', empty)).toMatchObject({ code: 2 });
    expect((await hebb('check', join(folder, 'absent'))).code).not.toBe(0);
  });
});

describe('inspect', () => {
  it('prints the make-up of a model', async () => {
    const json = join(folder, 'inspect.json');
    const { code, out } = await hebb('inspect', model, '--shape', 'batch=4', '--json', json);
    expect(code).toBe(0);
    expect(out).toMatch(/image +float32 +\[batch,1,8,8\]/);
    expect(out).toMatch(/Conv +1/);
    expect(out).toMatch(/Gemm +1/);
    // conv: 4·2·6·6·9, linear: 4·72·3; parameters: 2·9 + 2 + 72·3 + 3
    expect(out).toMatch(/multiply-adds +3\.46 k/);
    expect(out).toMatch(/parameters +239/);
    expect(JSON.parse(await readFile(json, 'utf8'))).toMatchObject({
      parameters: 239,
      multiplyAdds: 4 * 648 + 4 * 216,
    });
  });
  it('lists nodes with shapes in terms of the open axes', async () => {
    const { out } = await hebb('inspect', model, '--nodes');
    expect(out).toMatch(/^output +type +shape\nscores +float32 +\[batch,3\]/m);
    expect(out).toMatch(/^Conv +\S+ +float32 +\[batch,2,6,6\]$/m);
  });
  it('draws the graph as a page that loads nothing and trusts no name', async () => {
    const file = join(folder, 'page.html');
    const evil = join(folder, 'evil.onnx');
    const named = await readModelFile(model);
    await writeFile(
      evil,
      encodeModel({ ...named, graph: { ...named.graph!, name: '<b onload=x>' } }),
    );
    expect((await hebb('inspect', evil, '--html', file)).code).toBe(0);
    const page = await readFile(file, 'utf8');
    expect(page).toMatch(/<svg[^>]*viewBox/);
    for (const word of ['Conv', 'Relu', 'batch×2×6×6', 'scores']) expect(page).toContain(word);
    expect(page).not.toContain('<b onload');
    const loads = page
      .replaceAll('http://www.w3.org/2000/svg', '')
      .match(/https?:|src=|@import|url\((?!#)/g);
    expect(loads).toBeNull();
  });
  it('refuses what is no model', async () => {
    const text = join(folder, 'text.onnx');
    await writeFile(text, 'hello');
    const { code, err } = await hebb('inspect', text);
    expect(code).toBe(1);
    expect(err).toMatch(/text\.onnx/);
    expect((await hebb('inspect', model, '--shape', 'batch')).code).toBe(2);
  });
});

describe('run', () => {
  const pixels = Uint8Array.from({ length: 64 }, (_, i) => i * 4);
  it('takes PNG, JSON and tensors, and gives the same for the same numbers', async () => {
    const png = join(folder, 'image.png');
    const list = join(folder, 'image.json');
    const pb = join(folder, 'image.pb');
    const values = Float32Array.from(pixels, (v) => v / 255);
    await writeFile(png, encodePng({ data: pixels, width: 8, height: 8, channels: 1 }));
    await writeFile(
      list,
      JSON.stringify([
        [Array.from({ length: 8 }, (_, i) => Array.from(values.subarray(8 * i, 8 * i + 8)))],
      ]),
    );
    await writeFile(pb, encodeTensor({ dtype: 'float32', shape: [1, 1, 8, 8], data: values }));
    const answers: string[] = [];
    for (const input of [png, `image=${list}`, pb]) {
      const json = join(folder, 'answer.json');
      const { code, out } = await hebb('run', model, '-i', input, '--json', json);
      expect(code).toBe(0);
      expect(out).toMatch(/scores +float32 +\[1,3\]/);
      answers.push(await readFile(json, 'utf8'));
    }
    expect(new Set(answers).size).toBe(1);
  });
  it('draws what is missing only when told to', async () => {
    const missing = await hebb('run', model);
    expect(missing.code).toBe(2);
    expect(missing.err).toMatch(/input image \[batch,1,8,8\] is missing/);
    const drawn = await hebb('run', model, '--random', '--batch', '3', '--repeat', '2');
    expect(drawn.out).toMatch(/\[3,3\]/);
    expect(drawn.out).toMatch(/median of 1 more/);
  });
  it('names what does not fit', async () => {
    const wrong = join(folder, 'wrong.json');
    await writeFile(wrong, '[1, 2, 3]');
    const shape = await hebb('run', model, '-i', wrong);
    expect([shape.code, /image/.test(shape.err)]).toEqual([1, true]);
    expect((await hebb('run', model, '-i', 'other=x.png')).err).toMatch(/no input "other"/);
    expect((await hebb('run', model, '-i', join(folder, 'x.bmp'))).code).not.toBe(0);
  });
});

it('exits with 2 for commands and options it does not know, and leaves no temporary file', async () => {
  for (const args of [
    ['frobnicate'],
    ['run', model, '--fast'],
    ['run', model, '--random', '--backend', 'gpu'],
    ['run', model, '--random', '--batch', '0'],
    ['check'],
  ]) {
    expect((await hebb(...args)).code).toBe(2);
  }
  expect((await hebb('--help')).code).toBe(0);
  expect((await hebb('--version')).out).toBe('0.1.0\n');
  expect((await readdir(folder)).filter((name) => name.includes('tmp'))).toEqual([]);
});

describe('quantize', () => {
  const data = join(folder, 'data.npz');
  const image = Float32Array.from({ length: 12 * 64 }, (_, i) => Math.sin(i * 1.7));
  beforeAll(() => writeFile(data, writeNpz({ image: ndarray(image, [12, 1, 8, 8]) })));

  it.each(['dynamic', 'static', 'float16', 'int4'])('writes a model of %s', async (mode) => {
    const out = join(folder, `${mode}.onnx`);
    const report = join(folder, `${mode}.json`);
    const args = ['--mode', mode, '--data', data, '--out', out, '--json', report];
    const { code, out: text } = await hebb('quantize', model, ...args, '--limit', '0.2');
    expect([code, text]).toEqual([0, expect.stringMatching(/size .*of it\)/)]);
    expect(text).toMatch(/same class/);
    expect(JSON.parse(await readFile(report, 'utf8'))).toMatchObject({ mode, refused: false });
    expect((await hebb('run', out, '--random')).code).toBe(0);
  });
  it('refuses a trade that costs more than the limit', async () => {
    const out = join(folder, 'refused.onnx');
    const args = ['--mode', 'int4', '--data', data, '--out', out, '--limit', '-1'];
    const { code, out: text } = await hebb('quantize', model, ...args);
    expect([code, text]).toEqual([1, expect.stringMatching(/REFUSED.*the limit is -1/)]);
    await expect(readFile(out)).rejects.toThrow(/ENOENT/);
  });
  it('says what it lacks', async () => {
    const nothing = await hebb('quantize', model, '--mode', 'static');
    expect([nothing.code, nothing.err]).toEqual([2, expect.stringMatching(/needs|give/)]);
    expect((await hebb('quantize', model, '--mode', 'int3')).code).toBe(2);
    expect((await hebb('quantize', model, '--mode', 'int4', '--limit', '0')).code).toBe(2);
  });
});
