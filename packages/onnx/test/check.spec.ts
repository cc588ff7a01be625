/** The runner for folders in the suite's format: what it counts, and that nothing stops it. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cpu } from '@hebb/backend-cpu';
import { init } from '@hebb/core';
import { decodeImage } from '@hebb/data/node';
import { compareTensors, encodeModel, encodeTensor, makeAttribute } from '../src/index.ts';
import type { ModelProto, TensorData } from '../src/index.ts';
import { checkFolders } from '../src/node.ts';
import { info, model, node } from './build.ts';

let root: string;
beforeAll(async () => {
  await init(cpu());
  root = await mkdtemp(join(tmpdir(), 'hebb-check-'));
});
afterAll(() => rm(root, { recursive: true }));

const f32 = (...values: number[]): TensorData => ({
  dtype: 'float32',
  shape: [values.length],
  data: Float32Array.from(values),
});

async function write(
  name: string,
  source: ModelProto | Uint8Array,
  inputs: readonly TensorData[] = [],
  outputs: readonly TensorData[] = [],
): Promise<string> {
  const folder = join(root, name);
  const set = join(folder, 'test_data_set_0');
  await mkdir(set, { recursive: true });
  await writeFile(
    join(folder, 'model.onnx'),
    source instanceof Uint8Array ? source : encodeModel(source),
  );
  for (const [i, x] of inputs.entries())
    await writeFile(join(set, `input_${i}.pb`), encodeTensor(x));
  for (const [i, y] of outputs.entries())
    await writeFile(join(set, `output_${i}.pb`), encodeTensor(y));
  return folder;
}

const x = info('x', 'float32', ['n']);
const y = info('y', 'float32', ['n']);
const relu = model([x], [y], [node('Relu', ['x'], ['y'])]);

it('counts what passes, fails and is not supported, and says why', async () => {
  await write('nested/deeper/good', relu, [f32(-1, 2)], [f32(0, 2)]);
  await write('nested/wrong-value', relu, [f32(-1, 2)], [f32(0, 2.5)]);
  await write('nested/wrong-shape', relu, [f32(-1, 2)], [f32(0, 2, 3)]);
  await write('nested/nan', relu, [f32(NaN)], [f32(NaN)]);
  await write(
    'nested/unsupported',
    model([x], [y], [node('Nonesuch', ['x'], ['y'])]),
    [f32(1)],
    [f32(1)],
  );
  await write('nested/truncated', encodeModel(relu).subarray(0, 20));
  await write(
    'nested/bad-input',
    relu,
    [{ dtype: 'int32', shape: [1], data: Int32Array.of(1) }],
    [f32(1)],
  );
  const seen: string[] = [];
  const summary = await checkFolders([join(root, 'nested')], {
    onResult: (r) => seen.push(r.name),
  });
  expect([summary.passed, summary.failed, summary.skipped]).toEqual([2, 4, 1]);
  expect(seen).toHaveLength(7);
  const of = (name: string) => summary.results.find((result) => result.name === name)!;
  expect(of('good')).toMatchObject({ status: 'passed', maxError: 0, operator: 'Relu' });
  expect(of('nan').status).toBe('passed');
  expect(of('wrong-value')).toMatchObject({ status: 'failed', maxError: 0.5 });
  expect(of('wrong-shape').reason).toMatch(/shape \[2\], wanted \[3\]/);
  expect(of('unsupported')).toMatchObject({ status: 'skipped', operator: 'Nonesuch' });
  expect(of('truncated').reason).toMatch(/truncated.model.onnx: ONNX model of 20 bytes/);
  expect(of('bad-input').reason).toMatch(/wrong dtype/);
});

it('does not hang on a loop without an end', async () => {
  const body = model(
    [info('i', 'int64', []), info('go', 'bool', []), info('h', 'float32', ['n'])],
    [info('go2', 'bool', []), info('h2', 'float32', ['n'])],
    [node('Identity', ['go'], ['go2']), node('Relu', ['h'], ['h2'])],
  ).graph!;
  const endless = model(
    [x],
    [y],
    [
      node('Loop', ['', '', 'x'], ['y'], {
        body: makeAttribute('', { type: 'graph', value: body }),
      }),
    ],
  );
  const folder = await write('endless', endless, [f32(1)], [f32(1)]);
  const summary = await checkFolders([folder], { timeoutMs: 300 });
  expect(summary.failed).toBe(1);
  expect(summary.results[0]!.reason).toMatch(/the time that was given/);
});

it('compares random numbers by type, shape and statistics', async () => {
  const noisy = model([x], [y], [node('RandomNormalLike', ['x'], ['y'])]);
  const normal = (k: number) => Math.sqrt(2) * Math.sin(k * 12.9898) + (k % 2 === 0 ? 0.1 : -0.1);
  const list = Array.from({ length: 400 }, (_, k) => normal(k));
  await write('random/right', noisy, [f32(...list)], [f32(...list)]);
  await write('random/shifted', noisy, [f32(...list)], [f32(...list.map((v) => v + 1))]);
  await write('random/wider', noisy, [f32(...list)], [f32(...list.map((v) => v * 3))]);
  await write('random/other-shape', noisy, [f32(...list)], [f32(1, 2)]);
  const { results } = await checkFolders([join(root, 'random')]);
  const of = (name: string) => results.find((result) => result.name === name)!;
  expect(of('right')).toMatchObject({
    status: 'passed',
    reason: expect.stringMatching(/random/) as string,
  });
  expect(of('shifted')).toMatchObject({
    status: 'failed',
    reason: expect.stringMatching(/mean/) as string,
  });
  expect(of('wider').reason).toMatch(/deviation/);
  expect(of('other-shape').status).toBe('failed');
});

it('runs light models on ramps', async () => {
  const folder = join(root, 'light');
  await mkdir(folder, { recursive: true });
  const image = info('x', 'float32', [1, 4]);
  const light = model([image], [info('y', 'float32', [1, 4])], [node('Neg', ['x'], ['y'])]);
  const put = (name: string, value: number) =>
    Promise.all([
      writeFile(join(folder, `${name}.onnx`), encodeModel(light)),
      writeFile(
        join(folder, `${name}_output_0.pb`),
        encodeTensor({
          dtype: 'float32',
          shape: [1, 4],
          data: Float32Array.of(0, -0.25, -0.5, value),
        }),
      ),
    ]);
  await put('right', -0.75);
  await put('wrong', 0.75);
  const { results } = await checkFolders([folder]);
  expect(results.map(({ name, status }) => `${name} ${status}`)).toEqual([
    'right passed',
    'wrong failed',
  ]);
  // A file alone is a case too.
  expect((await checkFolders([join(folder, 'right.onnx')])).passed).toBe(1);
});

it('reads operators written as JSON with comments', async () => {
  const file = join(root, 'ops.jsonc');
  const value = (data: unknown, dims: number[], type = 'float32') => ({ data, dims, type });
  const leaky = {
    name: 'slope',
    operator: 'LeakyRelu',
    attributes: [{ name: 'alpha', data: 0.5, type: 'float' }],
    cases: [
      { name: 'right', inputs: [value([-2, 4], [2])], outputs: [value([-1, 4], [2])] },
      { name: 'wrong', inputs: [value([-2, 4], [2])], outputs: [value([-2, 4], [2])] },
      { name: 'rank', inputs: [value([-2], [1, 1])], outputs: [value([-1], [1, 1])] },
    ],
  };
  const later = {
    ...leaky,
    operator: 'Hardmax',
    attributes: [],
    opsets: [{ domain: '', version: '13' }],
    cases: [{ name: 'last', inputs: [value([1, 2], [1, 2])], outputs: [value([0, 1], [1, 2])] }],
  };
  await writeFile(file, `[ // operators\n${JSON.stringify(leaky)},\n${JSON.stringify(later)},\n]`);
  const { results } = await checkFolders([file]);
  expect(results.map(({ name, status }) => `${name}: ${status}`)).toEqual([
    'ops/0.0/0 right: passed',
    'ops/0.0/1 wrong: failed',
    'ops/0.1: passed',
    'ops/1: passed',
  ]);
  await writeFile(file, '[{]');
  await expect(checkFolders([file])).rejects.toThrow(/no JSON at character/);
});

it('decodes pictures by the decoder it is given', async () => {
  const bytes = info('bytes', 'uint8', ['n']);
  const pixels = info('pixels', 'uint8', [1, 2, 3]);
  const source = { ...model([bytes], [pixels], [node('ImageDecoder', ['bytes'], ['pixels'])]) };
  const file: TensorData = { dtype: 'uint8', shape: [80], data: new Uint8Array(80).fill(7) };
  const want: TensorData = {
    dtype: 'uint8',
    shape: [1, 2, 3],
    data: Uint8Array.of(1, 2, 3, 4, 5, 6),
  };
  const folder = await write(
    'picture',
    { ...source, opsetImport: [{ domain: '', version: 20 }] },
    [file],
    [want],
  );
  const decodeImage = async (given: Uint8Array) => {
    await Promise.resolve();
    if (given[0] !== 7) throw new Error('no picture');
    return { width: 2, height: 1, channels: 4, data: Uint8Array.of(1, 2, 3, 255, 4, 5, 6, 255) };
  };
  expect((await checkFolders([folder], { importOptions: { decodeImage } })).passed).toBe(1);
  expect((await checkFolders([folder])).results[0]).toMatchObject({
    status: 'skipped',
    reason: expect.stringMatching(/no decoder/) as string,
  });
  await write('picture', { ...source, opsetImport: [{ domain: '', version: 20 }] }, [
    { ...file, data: new Uint8Array(80) } as TensorData,
  ]);
  const broken = await checkFolders([folder], { importOptions: { decodeImage } });
  expect(broken.results[0]).toMatchObject({
    status: 'failed',
    reason: expect.stringMatching(/ImageDecoder at pixels: no picture/) as string,
  });
});

it('tells types and values apart as the suite does', () => {
  expect(compareTensors(f32(1.0005), f32(1)).ok).toBe(true);
  expect(compareTensors(f32(1.002), f32(1)).ok).toBe(false);
  expect(compareTensors(f32(Infinity), f32(Infinity)).ok).toBe(true);
  expect(compareTensors(f32(Infinity), f32(1e38)).ok).toBe(false);
  expect(compareTensors(f32(NaN), f32(1)).ok).toBe(false);
  const int64 = (value: bigint): TensorData => ({
    dtype: 'int64',
    shape: [1],
    data: BigInt64Array.of(value),
  });
  expect(compareTensors(int64(2n ** 60n), int64(2n ** 60n + 1n)).ok).toBe(false);
});

const data = new URL('../../../../shared/data/', import.meta.url).pathname;
/** Light models, whole networks with constant weights, are left to `hebb check`: they take a minute here. */
const suites = {
  'onnx-node-tests': 955,
  'onnx-simple-tests': 23,
  'onnx-pytorch-operator-tests': 35,
  'onnx-ops-jsonc': 197,
};
for (const [suite, count] of Object.entries(suites)) {
  // The data folder lies beside the repository.
  (existsSync(join(data, suite)) ? it : it.skip)(
    `passes the open half of the public suites: ${suite}`,
    async () => {
      const { results } = await checkFolders([join(data, suite)], {
        importOptions: { decodeImage },
      });
      expect(results.filter(({ status }) => status !== 'passed')).toEqual([]);
      expect(results).toHaveLength(count);
    },
  );
}
