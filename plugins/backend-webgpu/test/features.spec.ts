/** What only some adapters have. Each test says by its name when it could not run. */
import { cpu } from '@hebb/backend-cpu';
import { compile, matmul, tensor, withBackend } from '@hebb/core';
import type { Backend, DType, Tensor } from '@hebb/core';
import { softmax } from '@hebb/ops';
import { webgpu } from '../src/index.ts';
import type { WebGpuOptions } from '../src/index.ts';
import { gpu } from './software-gpu.ts';
import { adapterWith, spied } from './spy.ts';

const adapter = (await gpu().requestAdapter())!;
const where = (feature: GPUFeatureName) =>
  adapter.features.has(feature)
    ? { test: it, note: '' }
    : { test: it.skip, note: ` (skipped: ${adapter.info.description} has no ${feature})` };

const values = async (x: Tensor): Promise<number[]> => Array.from(await x.data(), Number);
const waves = (n: number, step = 0.37): number[] =>
  Array.from({ length: n }, (_, i) => Math.sin(i * step) * 3);

async function on(backend: Backend, run: () => Promise<number[][]>): Promise<number[][]> {
  return withBackend(backend, run);
}
async function withOptions(
  options: WebGpuOptions,
  run: () => Promise<number[][]>,
): Promise<number[][]> {
  const backend = await webgpu({ gpu: gpu(), ...options });
  const found = await on(backend, run);
  await backend.dispose?.();
  return found;
}
function close(got: readonly number[][], wanted: readonly number[][], relative: number): void {
  wanted.forEach((list, k) => {
    expect(got[k]).toHaveLength(list.length);
    list.forEach((x, i) => {
      const y = got[k]![i]!;
      if (Object.is(x, y)) return;
      expect(Math.abs(x - y)).toBeLessThanOrEqual(relative * Math.max(1, Math.abs(x)));
    });
  });
}

describe('reductions through subgroups', () => {
  const { test, note } = where('subgroups');
  const reduce = async (): Promise<number[][]> => {
    const x = tensor(waves(3 * 700), { shape: [3, 700] });
    const bad = tensor([...waves(500), NaN, ...waves(300)]);
    const whole = (dtype: DType): Tensor =>
      tensor(
        Array.from({ length: 300 }, (_, i) => (i * 7919) % 1000),
        { dtype: 'int32' },
      ).to(dtype);
    const results = [
      x.sum([1]),
      x.max([1]),
      softmax(x, 1),
      bad.max(),
      bad.argmax(0),
      x.argmin(1),
      whole('int32').argmax(0),
      whole('uint32').max(),
      whole('int64').mul(whole('int64')).sum(),
      x.gt(0).to('int32').max([1]),
    ];
    return Promise.all(results.map(values));
  };

  test(`give what a workgroup's memory gives, and the cpu${note}`, async () => {
    const wanted = await on(cpu(), reduce);
    expect(wanted[3]).toEqual([NaN]);
    for (const subgroups of [true, false]) {
      const adapter = await adapterWith(() => undefined, { asCard: true });
      close(await withOptions({ adapter, subgroups, autotune: false }, reduce), wanted, 1e-5);
    }
  });

  test(`are in the shaders, unless they are turned off${note}`, async () => {
    for (const subgroups of [true, false]) {
      const { backend, device, counts } = await spied(
        { subgroups, autotune: false },
        { asCard: true },
      );
      expect(device.features.has('subgroups')).toBe(subgroups);
      await withBackend(backend, () => tensor(waves(200)).sum().data());
      expect(counts.codes.some((code) => code.includes('subgroupShuffleXor'))).toBe(subgroups);
      await backend.dispose?.();
    }
  });
});

describe('float16 in two bytes', () => {
  const { test, note } = where('shader-f16');
  const compute = async (): Promise<number[][]> => {
    const half = (n: number, shape: number[], step?: number): Tensor =>
      tensor(waves(n, step), { shape }).to('float16');
    const [a, b] = [half(24 * 20, [24, 20]), half(20 * 17, [20, 17], 0.21)];
    const run = compile((x: Tensor, y: Tensor) => {
      const product = matmul(x, y);
      return [product, product.add(1).tanh(), x.sum([1]), x.to('float32').mul(2), x.flip(1)];
    });
    return Promise.all((await run(a, b)).map(values));
  };

  test(`gives the numbers of the cpu, products added up in float32${note}`, async () => {
    close(await withOptions({}, compute), await on(cpu(), compute), 2e-3);
  });

  test(`takes half the memory${note}`, async () => {
    const sizes = async (float16: boolean): Promise<number> => {
      const { backend, counts } = await spied({ float16 });
      backend.upload(new Uint16Array(5000), { dtype: 'float16', shape: [5000] });
      await backend.dispose?.();
      return Math.max(...counts.sizes);
    };
    expect(await sizes(false)).toBe(20_224);
    expect(await sizes(true)).toBe(10_240);
  });

  it('as float32 that are rounded gives the same without the feature', async () => {
    close(await withOptions({ float16: false }, compute), await on(cpu(), compute), 2e-3);
  });
});
