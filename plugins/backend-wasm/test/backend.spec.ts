/** The memory behind the backend, its options and its errors. */
import { add, conv, full, matmul, traceFunction } from '@hebb/core';
import { wasm } from '../src/index.ts';
import { Heap } from '../src/memory.ts';

const f32 = (...shape: number[]) => ({ shape, dtype: 'float32' as const });

describe('heap', () => {
  const heap = (pages = 64): Heap =>
    new Heap(new WebAssembly.Memory({ initial: 1, maximum: pages }), pages);

  it('hands out blocks that never overlap, and uses freed ones again', () => {
    const h = heap();
    const live = new Map<number, number>();
    let seed = 7;
    const random = (n: number): number => (seed = (seed * 1103515245 + 12345) % 2 ** 31) % n;
    for (let i = 0; i < 3000; i++) {
      if (random(3) > 0 || live.size === 0) {
        const bytes = random(1500);
        const at = h.allocate(bytes, 'test');
        expect(at % 64).toBe(0);
        for (const [other, size] of live) {
          expect(at + bytes <= other || other + size <= at).toBe(true);
        }
        live.set(at, bytes);
      } else {
        const at = [...live.keys()][random(live.size)]!;
        h.free(at);
        live.delete(at);
      }
      while (live.size > 60) {
        const [at] = live.keys();
        h.free(at!);
        live.delete(at!);
      }
    }
    for (const at of live.keys()) h.free(at);
    // Everything is one block again: the same place comes out for as much as was ever used.
    const at = h.allocate(100_000, 'test');
    h.free(at);
    expect(h.allocate(100_000, 'test')).toBe(at);
  });

  it('says how much was asked for when memory runs out', () => {
    const h = heap(2);
    expect(() => h.allocate(200_000, 'float32[50000]')).toThrow(
      /out of memory: float32\[50000\] needs 200000 bytes, .* 131072 is the limit/,
    );
    expect(h.allocate(60_000, 'less')).toBeGreaterThan(0);
  });

  it('ignores what is freed twice', () => {
    const h = heap();
    const [a, b] = [h.allocate(64, 'a'), h.allocate(64, 'b')];
    h.free(a);
    h.free(a);
    expect(h.allocate(64, 'c')).toBe(a);
    expect(h.allocate(64, 'd')).not.toBe(b);
  });
});

describe('options and errors', () => {
  it('refuses options that make no sense', () => {
    expect(() => wasm({ maximumBytes: 1000 })).toThrow('maximumBytes is too small');
    expect(() => wasm({ maximumBytes: NaN })).toThrow('maximumBytes is too small');
  });

  it('throws for a value that does not fit, and goes on', async () => {
    const backend = wasm({ maximumBytes: 4 * 65536 });
    expect(() => backend.upload(new Float32Array(100_000), f32(100_000))).toThrow(
      'out of memory: float32[100000] needs',
    );
    const x = backend.upload(Float32Array.of(1, 2), f32(2));
    expect(await backend.download(x)).toEqual(Float32Array.of(1, 2));
    expect(backend.memory()).toEqual({ buffers: 1, bytes: 8 });
  });

  it('leaves nothing behind when results do not fit', async () => {
    const backend = wasm({ maximumBytes: 4 * 65536 });
    const graph = traceFunction('big', [f32(1)], (x) => [add(x, 1), x.expand([200_000]).add(1)]);
    const executable = await backend.compile(graph);
    const x = backend.upload(Float32Array.of(1), f32(1));
    expect(() => executable.run([x])).toThrow('out of memory');
    expect(backend.memory().buffers).toBe(1);
  });

  it('gives the same values with relaxed and plain instructions, to rounding', async () => {
    const graph = traceFunction(
      'layers',
      [f32(3, 8, 9, 9), f32(5, 8, 3, 3), f32(81, 4)],
      (x, w, v) => {
        const y = conv(x, w, {
          stride: [1, 1],
          padding: [
            [1, 1],
            [1, 1],
          ],
          dilation: [1, 1],
          groups: 1,
        });
        return matmul(y.reshape([3, 5, 81]), v);
      },
    );
    const results = [];
    for (const backend of [wasm(), wasm({ simd: 'plain' })]) {
      const inputs = graph.inputs.map((id) => {
        const { shape } = graph.values[id]!;
        const size = shape.reduce((p, n) => p * n, 1);
        return backend.upload(
          Float32Array.from({ length: size }, (_, i) => Math.sin(i)),
          f32(...shape),
        );
      });
      const [y] = (await backend.compile(graph)).run(inputs);
      results.push(await backend.download(y!));
    }
    const [relaxed, plain] = results as [Float32Array, Float32Array];
    relaxed.forEach((x, i) => expect(x).toBeCloseTo(plain[i]!, 3));
  });

  it('compiles a program without inputs', async () => {
    const backend = wasm();
    const [y] = (await backend.compile(traceFunction('constant', [], () => full([2], 3)))).run([]);
    expect(await backend.download(y!)).toEqual(Float32Array.of(3, 3));
  });
});
