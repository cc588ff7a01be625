/** Against backend-cpu at sizes where tiles, shared loops and merges come in; and what a user can get wrong. */
import { cpu } from '@hebb/backend-cpu';
import {
  compile,
  conv,
  convKernelGrad,
  convTranspose,
  cumsum,
  gradients,
  init,
  matmul,
  maximum,
  sort,
  sum,
  tensor,
  Variable,
  withBackend,
} from '@hebb/core';
import type { Backend, Tensor } from '@hebb/core';
import { layerNorm, softmax } from '@hebb/ops';
import { packageGpu } from '../src/host/node.ts';
import { webgpu } from '../src/index.ts';
import { gpu } from './software-gpu.ts';

// A software device compiles a shader for up to a second.

let backend: Backend;
beforeAll(async () => {
  backend = await webgpu({ gpu: gpu() });
  await init(backend);
});

function numbers(size: number, seed: number): Float32Array {
  let state = seed * 7919 + 1;
  return Float32Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  });
}

type Inputs = readonly (readonly number[])[];

/** The function on both backends; the largest difference in units of the largest value. */
async function difference(
  inputs: Inputs,
  body: (...inputs: Tensor[]) => Tensor | readonly Tensor[],
): Promise<number> {
  const on = async (where: Backend): Promise<number[][]> =>
    withBackend(where, async () => {
      const given = inputs.map((shape, i) =>
        tensor(
          numbers(
            shape.reduce((n, dim) => n * dim, 1),
            i + 1,
          ),
          { shape: [...shape] },
        ),
      );
      const results = [body(...given)].flat();
      return Promise.all(results.map(async (x) => Array.from(await x.data(), Number)));
    });
  const [got, wanted] = [await on(backend), await on(cpu())];
  let worst = 0;
  wanted.forEach((list, k) => {
    expect(got[k]).toHaveLength(list.length);
    const scale = list.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-30);
    list.forEach((x, i) => {
      const error = Math.abs(x - got[k]![i]!) / scale;
      // NaN must not pass for small.
      worst = Math.max(worst, Number.isNaN(error) ? Infinity : error);
    });
  });
  return worst;
}

describe('products in tiles', () => {
  it.each([
    [8, 8, 4],
    [33, 65, 17],
    [70, 129, 40],
    [130, 64, 100],
  ])('[%d, %d] of depth %d, any transposition, code attached', async (m, n, k) => {
    expect(
      await difference([[m, k], [k, n], [n], [k, m], [n, k]], (a, b, bias, at, bt) => [
        matmul(a!, b!),
        maximum(matmul(a!, b!).add(bias!), 0),
        matmul(at!, b!, { transposeA: true }),
        matmul(a!, bt!, { transposeB: true }),
      ]),
    ).toBeLessThan(2e-6);
  });

  it('in batches, one side shared', async () => {
    expect(
      await difference(
        [
          [3, 2, 17, 19],
          [2, 19, 23],
          [19, 9],
        ],
        (a, b, c) => [matmul(a!, b!), matmul(a!, c!)],
      ),
    ).toBeLessThan(2e-6);
  });

  it('in the largest tiles, which many products take', async () => {
    expect(
      await difference(
        [
          [33, 130, 9],
          [9, 129],
        ],
        (a, b) => maximum(matmul(a!, b!), 0),
      ),
    ).toBeLessThan(2e-6);
  });

  it.each([
    { x: [2, 6, 13, 11], w: [10, 6, 3, 3], stride: [1, 1], dilation: [1, 1], groups: 1 },
    { x: [1, 16, 9, 14], w: [18, 8, 3, 2], stride: [2, 1], dilation: [1, 2], groups: 2 },
    { x: [3, 4, 40], w: [8, 4, 5], stride: [3], dilation: [1], groups: 1 },
  ])('convolution and its gradients: $w over $x', async ({ x, w, stride, dilation, groups }) => {
    const padding = stride.map((_, i) => [1, i] as const);
    const attrs = { stride, padding, dilation, groups };
    expect(
      await difference([x, w], (image, kernel) => {
        const y = conv(image!, kernel!, attrs);
        return [
          y,
          convTranspose(y, kernel!, { ...attrs, size: x.slice(2) }),
          convKernelGrad(image!, y, { ...attrs, size: w.slice(2) }),
        ];
      }),
    ).toBeLessThan(5e-6);
  });
});

describe('shared loops and routines', () => {
  it('rows and whole arrays', async () => {
    expect(
      await difference([[37, 1500], [1500]], (x, g) => [
        softmax(x!.mul(4), 1),
        layerNorm(x!, [1500], g!),
        sum(x!),
        x!.max([0]),
        x!.argmax(1),
      ]),
    ).toBeLessThan(1e-5);
  });

  it('sorts long rows stably, in both directions', async () => {
    expect(
      await difference([[3, 777]], (x) => {
        const few = x!.mul(5).round();
        return [...sort(few, 1), ...sort(few, 1, { descending: true }), ...sort(few, 0)];
      }),
    ).toBe(0);
  });

  it('running sums', async () => {
    expect(await difference([[5, 300, 3]], (x) => cumsum(x!, 1, { reverse: true }))).toBeLessThan(
      1e-5,
    );
  });
});

it('a training step in place gives the numbers of the cpu', async () => {
  const train = (where: Backend): Promise<number[]> =>
    withBackend(where, async () => {
      const w1 = new Variable(tensor(numbers(20 * 32, 5), { shape: [20, 32] }));
      const w2 = new Variable(tensor(numbers(32 * 3, 6), { shape: [32, 3] }));
      const step = compile((x: Tensor, y: Tensor) => {
        const hidden = maximum(matmul(x, w1.value), 0);
        const error = matmul(hidden, w2.value).sub(y);
        const loss = error.mul(error).mean();
        const [d1, d2] = gradients([loss], [w1.value, w2.value]);
        w1.value = w1.value.sub(d1!.mul(0.1));
        w2.value = w2.value.sub(d2!.mul(0.1));
        return loss;
      });
      const losses: number[] = [];
      for (let i = 0; i < 12; i++) {
        const x = tensor(numbers(16 * 20, 50 + i), { shape: [16, 20] });
        const y = tensor(numbers(16 * 3, 80 + i), { shape: [16, 3] });
        losses.push(Number((await (await step(x, y)).data())[0]));
      }
      return losses;
    });
  const [got, wanted] = [await train(backend), await train(cpu())];
  expect(wanted.at(-1)).toBeLessThan(wanted[0]!);
  got.forEach((loss, i) => expect(loss / wanted[i]!).toBeCloseTo(1, 4));
});

describe('what goes wrong', () => {
  it('a type that WGSL lacks is named', async () => {
    const wide = tensor([1, 2], { shape: [2], dtype: 'float64' });
    await expect(wide.add(wide).data()).rejects.toThrow(/webgpu has no such type.*float64/);
  });

  it('a value larger than a buffer of the device says how large one may be', async () => {
    const huge = compile(() =>
      tensor(1)
        .expand([1 << 16, 1 << 15])
        .mul(2),
    );
    await expect(huge()).rejects.toThrow(/larger than a buffer of this device.*bytes/);
    // And nothing is broken by it.
    expect(Array.from(await tensor([1, 2]).add(1).data(), Number)).toEqual([2, 3]);
  });

  it('no adapter is an error that says what to do', async () => {
    const none = new Proxy(gpu(), { get: () => () => Promise.resolve(null) });
    await expect(webgpu({ gpu: none })).rejects.toThrow(/there is no adapter/);
  });

  it('in Node the package webgpu is found, and its absence is no mystery', async () => {
    const notFound = Object.assign(new Error('Cannot find package'), {
      code: 'ERR_MODULE_NOT_FOUND',
    });
    expect(await packageGpu(() => Promise.reject(notFound))).toBeUndefined();
    await expect(packageGpu(() => Promise.reject(new Error('bad ELF')))).rejects.toThrow(
      /the package webgpu does not load.*bad ELF/,
    );
    // With what setup.js prepared, it finds the same device as everything here.
    const own = await webgpu();
    expect(await withBackend(own, () => tensor([1]).add(1).item())).toBe(2);
    await own.dispose?.();
  });

  it('a lost device is an error at the next call, and another backend goes on', async () => {
    const adapter = (await gpu().requestAdapter())!;
    let device: GPUDevice | undefined;
    const spied = new Proxy(adapter, {
      get: (target, key) =>
        key === 'requestDevice'
          ? async (descriptor: GPUDeviceDescriptor) =>
              (device = await target.requestDevice(descriptor))
          : Reflect.get(target, key, target),
    });
    const doomed = await webgpu({ adapter: spied });
    await withBackend(doomed, async () => {
      const x = tensor([1, 2, 3]);
      expect(Array.from(await x.mul(2).data(), Number)).toEqual([2, 4, 6]);
      device!.destroy();
      await device!.lost;
      await expect(x.mul(3).data()).rejects.toThrow(/the device is lost.*checkpoint/);
    });
    expect(Array.from(await tensor([1, 2, 3]).mul(2).data(), Number)).toEqual([2, 4, 6]);
  });
});
