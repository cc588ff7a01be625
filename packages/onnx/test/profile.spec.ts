import { cpu } from '@hebb/backend-cpu';
import { init } from '@hebb/core';
import type { Backend } from '@hebb/core';
import { OnnxModel, profileOnnx } from '../src/index.ts';
import type { TensorData } from '../src/index.ts';
import { info, model, node } from './build.ts';

let backend: Backend;
beforeAll(async () => (backend = await init(cpu())));

const f32 = (values: Float32Array, shape: readonly number[]): TensorData => ({
  dtype: 'float32',
  shape,
  data: values,
});
const size = 16;
const source = model(
  [info('x', 'float32', [size, size])],
  [info('y', 'float32', ['n'])],
  [
    node('Relu', ['x'], ['r'], {}, 'cheap'),
    node('MatMul', ['r', 'w'], ['h'], {}, 'dear'),
    node('Shape', ['h'], ['s'], {}, 'shape'),
    node('ReduceProd', ['s'], ['n'], { keepdims: 1 }, 'count'),
    node('Reshape', ['h', 'n'], ['y'], {}, 'flat'),
  ],
  { w: f32(new Float32Array(size * size).fill(0.01), [size, size]) },
);
const inputs = { x: f32(new Float32Array(size * size).fill(1), [size, size]) };

it('times every node in order, frees what it made, and counts nothing for shapes', async () => {
  const opened = new OnnxModel(source);
  await profileOnnx(opened, inputs, { runs: 1 });
  const before = backend.memory().buffers;
  const shares: number[] = [];
  const profile = await profileOnnx(opened, inputs, {
    runs: 2,
    onProgress: (share) => shares.push(share),
  });
  expect(profile.nodes.map(({ node: name }) => name)).toEqual([
    'cheap',
    'dear',
    'shape',
    'count',
    'flat',
  ]);
  const [cheap, dear, shape, count] = profile.nodes;
  expect(dear).toMatchObject({ operator: 'MatMul', outputs: ['h'], shapes: [[size, size]] });
  for (const each of [cheap, dear]) expect(each!.ms).toBeGreaterThan(0);
  expect([shape!.ms, count!.ms]).toEqual([0, 0]);
  expect(profile.ms).toBeGreaterThanOrEqual(dear!.ms);
  expect(profile.fused).toBeGreaterThan(0);
  expect(profile.backend).toBe('cpu');
  expect(shares.at(-1)).toBe(1);
  expect(shares).toHaveLength(3 * 5);
  expect(backend.memory().buffers).toBe(before);
});

it('stops at a signal, and refuses what is no count', async () => {
  const opened = new OnnxModel(source);
  const stopped = profileOnnx(opened, inputs, { signal: AbortSignal.abort() });
  await expect(stopped).rejects.toThrow('aborted');
  await expect(profileOnnx(opened, inputs, { runs: 0 })).rejects.toThrow('positive whole number');
});
