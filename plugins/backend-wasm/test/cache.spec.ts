/** Equal graphs are compiled once in a process. */
import { compileGraph } from '@hebb/compiler';
import { add, mul, traceFunction } from '@hebb/core';
import type { Backend, DeviceBuffer, Executable, Graph, Tensor } from '@hebb/core';
import { compileOptions } from '../src/ahead.ts';
import { CompiledCache } from '../src/cache.ts';
import type { Compiled } from '../src/cache.ts';
import { wasm } from '../src/index.ts';
import { generate } from '../src/program.ts';

const type = { shape: [3], dtype: 'float32' as const };
const graphOf = (name: string, constant: number): Graph =>
  traceFunction(name, [type], (x: Tensor) => add(mul(x, x), constant));

async function answer(backend: Backend, executable: Executable | Promise<Executable>) {
  const x = backend.upload(Float32Array.of(1, 2, 3), type);
  const [y] = (await executable).run([x]) as [DeviceBuffer];
  return backend.download(y);
}

describe('compiled programs', () => {
  it('are shared by equal graphs, on other backends too', async () => {
    const original = WebAssembly.Module;
    let modules = 0;
    WebAssembly.Module = class extends original {
      constructor(bytes: BufferSource) {
        super(bytes);
        modules += 1;
      }
    };
    try {
      const compile = (graph: Graph, donated: number[] = []) => {
        const backend = wasm();
        return answer(backend, backend.compile(graph, { donated }));
      };
      expect(await compile(graphOf('first', 0.5))).toEqual(Float32Array.of(1.5, 4.5, 9.5));
      const once = modules;
      expect(once).toBeGreaterThan(0);
      expect(await compile(graphOf('again', 0.5))).toEqual(Float32Array.of(1.5, 4.5, 9.5));
      expect(modules).toBe(once);
      // Another constant, and a program that may write over its input, are other programs.
      expect(await compile(graphOf('first', 0.25))).toEqual(Float32Array.of(1.25, 4.25, 9.25));
      expect(modules).toBe(once + 1);
      expect(await compile(graphOf('first', 0.5), [0])).toEqual(Float32Array.of(1.5, 4.5, 9.5));
      expect(modules).toBe(once + 2);
    } finally {
      WebAssembly.Module = original;
    }
  });

  it('are kept up to a limit, the last ones used', () => {
    const program = compileGraph(graphOf('kept', 1), compileOptions());
    const { bytes, ...needs } = generate(program, { simd: 'plain' });
    const module = new WebAssembly.Module(bytes);
    const made = (): Compiled => ({ program, needs, module });
    const cache = new CompiledCache(1000);
    const [a, b, c, large] = [made(), made(), made(), made()];
    cache.set('a', a, 400);
    cache.set('b', b, 400);
    expect(cache.kept).toEqual(['a', 'b']);
    expect(cache.get('a')).toBe(a);
    cache.set('c', c, 400);
    expect(cache.kept).toEqual(['a', 'c']);
    // What somebody holds is found all the same, and is one of the last ones then.
    expect(cache.get('b')).toBe(b);
    expect(cache.kept).toEqual(['c', 'b']);
    cache.set('large', large, 4000);
    expect(cache.kept).toEqual(['c', 'b']);
    expect(cache.get('large')).toBe(large);
    expect(cache.get('unknown')).toBeUndefined();
  });
});
