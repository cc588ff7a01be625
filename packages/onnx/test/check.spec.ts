/** The runner for folders in the suite's format: what it counts, and that nothing stops it. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cpu } from '@hebb/backend-cpu';
import { init } from '@hebb/core';
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
  const summary = await checkFolders([folder], { timeoutMs: 2000 });
  expect(summary.failed).toBe(1);
  expect(summary.results[0]!.reason).toMatch(/the time that was given/);
}, 10_000);

it('compares random numbers by type and shape', async () => {
  const noisy = model(
    [x],
    [y],
    [node('RandomNormalLike', ['x'], ['r']), node('Add', ['x', 'r'], ['y'])],
  );
  const folder = await write('random', noisy, [f32(1, 2)], [f32(0, 0)]);
  const { results } = await checkFolders([folder]);
  expect(results[0]).toMatchObject({
    status: 'passed',
    reason: expect.stringMatching(/random/) as string,
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

const suite = new URL('../../../../shared/data/onnx-node-tests', import.meta.url).pathname;
const withSuite = existsSync(suite) ? it : it.skip; // the data folder lies beside the repository
withSuite(
  "passes the suite's open half but for pictures, which need decoders",
  async () => {
    const { results } = await checkFolders([suite]);
    const rest = results.filter(({ status }) => status !== 'passed');
    expect(rest.filter(({ operator }) => operator !== 'ImageDecoder')).toEqual([]);
    expect(results.length).toBeGreaterThan(900);
  },
  60_000,
);
