/** Programs larger than one buffer of the device, and kernels with more buffers than it binds. */
import { cpu } from '@hebb/backend-cpu';
import {
  Variable,
  compile,
  concat,
  gradients,
  matmul,
  maximum,
  scan,
  tensor,
  withBackend,
  withPath,
} from '@hebb/core';
import type { Backend, Tensor } from '@hebb/core';
import { webgpu } from '../src/index.ts';
import { gpu } from './software-gpu.ts';
import { spied } from './spy.ts';

function numbers(size: number, seed: number): Float32Array {
  let state = seed * 7919 + 1;
  return Float32Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 32;
  });
}
const values = async (x: Tensor): Promise<number[]> => Array.from(await x.data(), Number);
const close = (got: readonly number[], wanted: readonly number[]): void => {
  expect(got).toHaveLength(wanted.length);
  got.forEach((x, i) => expect(x).toBeCloseTo(wanted[i]!, 4));
};

/** Two layers, their gradients and a step; activations are 16 KB each. */
async function train(where: Backend): Promise<number[]> {
  return withBackend(where, async () => {
    const w1 = new Variable(tensor(numbers(32 * 64, 5), { shape: [32, 64] }));
    const w2 = new Variable(tensor(numbers(64 * 64, 6), { shape: [64, 64] }));
    const step = compile((x: Tensor) => {
      const hidden = maximum(matmul(x, w1.value), 0);
      const error = matmul(maximum(matmul(hidden, w2.value), 0), w2.value).sub(1);
      const loss = error.mul(error).mean();
      const [d1, d2] = gradients([loss], [w1.value, w2.value]);
      w1.value = w1.value.sub(d1!.mul(0.05));
      w2.value = w2.value.sub(d2!.mul(0.05));
      return loss;
    });
    const losses: number[] = [];
    for (let i = 0; i < 3; i++) {
      const x = tensor(numbers(64 * 32, 50 + i), { shape: [64, 32] });
      losses.push(...(await values(await step(x))));
    }
    return losses;
  });
}

describe('working memory beyond one buffer', () => {
  it('is spread over several: a training step gives the same numbers', async () => {
    const { backend, counts } = await spied({ maxBufferBytes: 16_384 });
    const wanted = await train(cpu());
    expect(wanted[2]).toBeLessThan(wanted[0]!);
    close(await train(backend), wanted);
    expect(Math.max(...counts.sizes)).toBe(16_384);
    // As one buffer it takes more than that.
    const whole = await spied();
    await train(whole.backend);
    expect(Math.max(...whole.counts.sizes)).toBeGreaterThan(16_384);
    await backend.dispose?.();
    await whole.backend.dispose?.();
  });

  it('that a loop needs is spread too', async () => {
    const run = (where: Backend): Promise<number[]> =>
      withBackend(where, async () => {
        const w = tensor(numbers(32 * 32, 1), { shape: [32, 32] }).mul(0.3);
        const xs = tensor(numbers(4 * 32 * 32, 2), { shape: [4, 32, 32] });
        const [[last], [all]] = scan(
          ([h], [x]) => {
            const a = matmul(h!, w).add(x!);
            const b = matmul(a, w).tanh();
            const next = matmul(matmul(b, a), b).tanh().add(matmul(a, b));
            return [[next.mul(0.1)], [b]];
          },
          [tensor(numbers(32 * 32, 3), { shape: [32, 32] })],
          [xs],
        );
        return [...(await values(matmul(last!, w))), ...(await values(all!.sum([0])))];
      });
    const { backend, counts } = await spied({ maxBufferBytes: 16_384 });
    close(await run(backend), await run(cpu()));
    expect(Math.max(...counts.sizes)).toBe(16_384);
    await backend.dispose?.();
  });

  it('a value that fits into none is named, with what it needs and what there is', async () => {
    const backend = await webgpu({ gpu: gpu(), maxBufferBytes: 16_384 });
    await withBackend(backend, async () => {
      const x = tensor(numbers(4096, 1), { shape: [64, 64] });
      const wide = compile((given: Tensor) =>
        withPath('encoder', () => matmul(given, concat([given, given], 1))).sum(),
      );
      await expect(wide(x)).rejects.toThrow(
        /at encoder: float32\[64,128\], is larger than a buffer of this device: it needs 32768 bytes, the limit is 16384/,
      );
      expect(() =>
        backend.upload(new Float32Array(5000), { dtype: 'float32', shape: [5000] }),
      ).toThrow(
        /float32\[5000\] is larger than a buffer of this device: it needs 20000 bytes, the limit is 16384/,
      );
      // Nothing is broken by it.
      expect(await values(tensor([1, 2]).add(1))).toEqual([2, 3]);
    });
    await backend.dispose?.();
  });

  it('a limit that is none is refused', async () => {
    for (const maxBufferBytes of [0, -1, NaN, 100]) {
      await expect(webgpu({ gpu: gpu(), maxBufferBytes })).rejects.toThrow(/maxBufferBytes/);
    }
  });
});

it('kernels with more buffers than a device binds', async () => {
  const run = (where: Backend): Promise<number[]> =>
    withBackend(where, async () => {
      const many = Array.from({ length: 40 }, (_, i) => tensor(numbers(6, i), { shape: [2, 3] }));
      const joined = compile((...parts: Tensor[]) => [
        concat(parts, 1),
        parts.reduce((sum, part) => sum.mul(0.5).add(part)),
        ...parts.map((part, i) => part.add(parts[39 - i]!)),
      ]);
      const results = await joined(...many);
      return (await Promise.all(results.map(values))).flat();
    });
  const backend = await webgpu({ gpu: gpu() });
  close(await run(backend), await run(cpu()));
  await backend.dispose?.();
});
