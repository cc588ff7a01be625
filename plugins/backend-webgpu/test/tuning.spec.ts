/** Which variants are measured, when, and what is kept; a made-up clock decides. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cpu } from '@hebb/backend-cpu';
import { matmul, tensor, withBackend } from '@hebb/core';
import type { Backend, Tensor } from '@hebb/core';
import { webgpu } from '../src/index.ts';
import type { TuningStorage } from '../src/index.ts';
import { fileTuning } from '../src/node.ts';
import { gpu } from './software-gpu.ts';
import { spied } from './spy.ts';

const product = (backend: Backend, size: number): Promise<number[]> =>
  withBackend(backend, async () => {
    const fill = (seed: number): Tensor =>
      tensor(
        Float32Array.from({ length: size * size }, (_, i) => Math.sin(i * seed)),
        { shape: [size, size] },
      );
    return Array.from(await matmul(fill(0.3), fill(0.7)).data(), Number);
  });
const close = (got: readonly number[], wanted: readonly number[]): void =>
  got.forEach((x, i) => expect(x).toBeCloseTo(wanted[i]!, 3));

function memory(): TuningStorage & { readonly kept: Map<string, string> } {
  const kept = new Map<string, string>();
  return {
    kept,
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => kept.set(key, value),
  };
}

/** Says that one variant is fast, and writes down what it is asked for. */
function clock(fastest: string) {
  const asked: string[] = [];
  const measure = (variant: string, run: () => void): Promise<number> => {
    asked.push(variant);
    run();
    return Promise.resolve(variant === fastest ? 1 : 2);
  };
  return { asked, measure };
}

it('the fastest variant is taken, measured once for each class of shapes, and kept', async () => {
  const storage = memory();
  const { asked, measure } = clock('large');
  const backend = await webgpu({ gpu: gpu(), autotune: { storage, measure } });
  close(await product(backend, 40), await product(cpu(), 40));
  expect([...new Set(asked)].sort()).toEqual(['large', 'medium', 'patches']);
  const [[key, value]] = [...storage.kept] as [[string, string]];
  expect(key).toMatch(/^hebb webgpu .*matmul float32 1x64x64x64$/);
  expect(value).toBe('large');

  const before = asked.length;
  // Of the same class.
  close(await product(backend, 48), await product(cpu(), 48));
  expect(asked).toHaveLength(before);
  await backend.dispose?.();

  // Another backend finds what was kept; what is no variant it measures again.
  const second = clock('medium');
  const again = await spied({ autotune: { storage, measure: second.measure } });
  close(await product(again.backend, 40), await product(cpu(), 40));
  expect(second.asked).toEqual([]);
  await again.backend.dispose?.();
  storage.kept.set(key, 'enormous');
  const third = await webgpu({ gpu: gpu(), autotune: { storage, measure: second.measure } });
  close(await product(third, 40), await product(cpu(), 40));
  expect(storage.kept.get(key)).toBe('medium');
  await third.dispose?.();
});

it('a software adapter measures nothing unless it is told to', async () => {
  const { backend, counts } = await spied();
  await product(backend, 40);
  expect(counts.asynchronous).toBe(1);
  await backend.dispose?.();
  const told = await spied({ autotune: true });
  await product(told.backend, 40);
  expect(told.counts.asynchronous).toBe(3);
  await told.backend.dispose?.();
});

it('a file keeps choices, and a damaged one is begun anew', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hebb-tuning-'));
  const path = join(folder, 'tuning.json');
  const storage = fileTuning(path);
  expect(await storage.getItem('a')).toBeNull();
  await Promise.all([storage.setItem('a', 'large'), storage.setItem('b', 'medium')]);
  expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({ a: 'large', b: 'medium' });
  expect(await fileTuning(path).getItem('b')).toBe('medium');
  await writeFile(path, '{"a": "lar');
  const damaged = fileTuning(path);
  expect(await damaged.getItem('a')).toBeNull();
  await damaged.setItem('c', 'huge');
  expect(await fileTuning(path).getItem('c')).toBe('huge');
  await rm(folder, { recursive: true });
});
