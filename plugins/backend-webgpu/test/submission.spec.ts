/** What a step asks of the device: one submission, nothing read back, shaders compiled once and in the background. */
import { Variable, compile, gradients, matmul, scan, tensor, withBackend } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { spied } from './spy.ts';

const weights = (seed: number): Tensor =>
  tensor(
    Float32Array.from({ length: 64 }, (_, i) => Math.sin(i * seed + 1)),
    { shape: [8, 8] },
  );

it('a training step is one submission, nothing is read back', async () => {
  const { backend, counts } = await spied();
  await withBackend(backend, async () => {
    const w = new Variable(weights(1));
    const step = compile((x: Tensor) => {
      const error = matmul(matmul(x, w.value).tanh(), w.value).sub(1);
      const loss = error.mul(error).mean();
      w.value = w.value.sub(gradients([loss], [w.value])[0]!.mul(0.1));
      return loss;
    });
    const x = weights(2);
    let loss = await step(x);
    expect(counts.asynchronous).toBeGreaterThan(2);
    const [before, pipelines, buffers] = [counts.submits, counts.asynchronous, counts.sizes.length];
    for (let i = 0; i < 20; i++) {
      loss.dispose();
      loss = await step(x);
    }
    expect(counts.submits - before).toBe(20);
    expect(counts.maps).toBe(0);
    expect(counts.asynchronous).toBe(pipelines);
    expect(counts.synchronous).toBe(0);
    // Memory that a step frees serves the next.
    expect(counts.sizes.length - buffers).toBeLessThan(4);
    expect(Number.isFinite(await loss.item())).toBe(true);
    expect(counts.maps).toBe(1);
  });
  await backend.dispose?.();
});

it('shaders are compiled once for all programs that have them', async () => {
  const { backend, counts } = await spied();
  await withBackend(backend, async () => {
    const product = (scale: number) => compile((x: Tensor) => [matmul(x, x), x.mul(scale)]);
    await product(2)(weights(1));
    const first = counts.asynchronous;
    expect(first).toBe(2);
    // The product again, beside a new factor.
    await product(3)(weights(1));
    expect(counts.asynchronous).toBe(first + 1);
    await product(2)(weights(1));
    expect(counts.asynchronous).toBe(first + 1);
  });
  await backend.dispose?.();
});

it('a loop is one submission, and longer ones do not leave the numbers of steps behind', async () => {
  const { backend, device, counts } = await spied();
  const alive = new Set<GPUBuffer>();
  const { createBuffer } = device;
  Object.defineProperty(device, 'createBuffer', {
    value: (descriptor: GPUBufferDescriptor) => {
      const buffer = createBuffer.call(device, descriptor);
      if ((descriptor.usage & 0x40) === 0) return buffer;
      alive.add(buffer);
      const destroy = buffer.destroy.bind(buffer);
      Object.defineProperty(buffer, 'destroy', {
        value: () => {
          alive.delete(buffer);
          destroy();
        },
      });
      return buffer;
    },
  });
  await withBackend(backend, async () => {
    for (const length of [3, 70, 300, 20]) {
      const run = compile(
        (x: Tensor) => scan(([h]) => [[h!.mul(0.5).add(1)], []], [x], [], { length })[0][0]!,
      );
      const before = counts.submits;
      const y = await run(tensor([0, 4]));
      expect(counts.submits - before).toBe(1);
      const wanted = [0, 4].map((start) => 2 + (start - 2) * 0.5 ** length);
      (await y.data()).forEach((value, i) => expect(Number(value)).toBeCloseTo(wanted[i]!, 5));
    }
  });
  expect(alive.size).toBe(1);
  await backend.dispose?.();
});
