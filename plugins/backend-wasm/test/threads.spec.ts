/** Programs on several threads: the same bits for every number of them, and errors instead of hangs. */
import {
  add,
  conv,
  exp,
  matmul,
  max,
  mul,
  scan,
  sort,
  sub,
  sum,
  tanh,
  traceFunction,
} from '@hebb/core';
import type { Backend, DeviceBuffer, Graph, HostArray, Tensor } from '@hebb/core';
import { wasm } from '../src/index.ts';
import { barrier } from '../src/threads/barrier.ts';
import { ThreadChoice } from '../src/threads/choice.ts';
import { ThreadPool } from '../src/threads/pool.ts';
import { ModuleBuilder } from '../src/wasm/index.ts';

const f32 = (...shape: number[]) => ({ shape, dtype: 'float32' as const });

function data(size: number, seed: number): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => Math.sin(i * 0.7 + seed) * 2);
}

const graphs: Record<string, { graph: Graph; inputs: number[][] }> = Object.fromEntries(
  Object.entries({
    matmul: {
      inputs: [
        [130, 90],
        [90, 77],
      ],
      fn: (x: Tensor, w: Tensor) => add(matmul(x, w), 1),
    },
    convolution: {
      inputs: [
        [2, 8, 30, 29],
        [12, 8, 3, 3],
      ],
      fn: (x: Tensor, w: Tensor) =>
        conv(x, w, {
          stride: [1, 2],
          padding: [
            [1, 1],
            [0, 2],
          ],
          dilation: [1, 1],
          groups: 1,
        }),
    },
    softmax: {
      inputs: [[200, 301], [1]],
      fn: (x: Tensor) => {
        const e = exp(sub(x, max(x, 1, true)));
        return mul(e, sum(e));
      },
    },
    loop: {
      inputs: [
        [20, 64, 64],
        [64, 64],
      ],
      fn: (x: Tensor, w: Tensor) =>
        scan(([h], [e]) => [[tanh(add(matmul(h!, w), e!))], [h!]], [mul(w, 0)], [x])[1][0]!,
    },
    order: { inputs: [[64, 500], [1]], fn: (x: Tensor) => sort(x, 1)[0] },
  }).map(([name, { inputs, fn }]) => [
    name,
    {
      graph: traceFunction(
        name,
        inputs.map((shape) => f32(...shape)),
        fn,
      ),
      inputs,
    },
  ]),
);

/** Several runs: the first ones may come before the other threads have the program. */
async function results(backend: Backend, name: string, runs: number): Promise<HostArray[]> {
  const { graph, inputs } = graphs[name]!;
  const executable = await backend.compile(graph);
  const buffers = inputs.map((shape, i) =>
    backend.upload(
      data(
        shape.reduce((p, n) => p * n, 1),
        i,
      ),
      f32(...shape),
    ),
  );
  const all: HostArray[] = [];
  for (let i = 0; i < runs; i++) {
    const [y] = executable.run(buffers) as [DeviceBuffer];
    all.push(await backend.download(y));
    backend.free(y);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  for (const buffer of buffers) backend.free(buffer);
  executable.dispose?.();
  return all;
}

describe('threads', () => {
  const one = wasm();
  const many: Backend[] = [];
  beforeAll(async () => {
    for (const threads of [2, 3]) many.push(await wasm({ threads }));
  });
  afterAll(async () => {
    for (const backend of many) await backend.dispose?.();
  });

  it('says how many there are', () => {
    expect([one, ...many].map((backend) => backend.capabilities.threads)).toEqual([1, 2, 3]);
  });

  it.each(Object.keys(graphs))('%s gives the same bits', async (name) => {
    const [expected] = await results(one, name, 1);
    for (const backend of many) {
      for (const got of await results(backend, name, 3)) expect(got).toEqual(expected);
    }
  });

  it('follows the clock', () => {
    const choice = new ThreadChoice();
    let clock = 0;
    const play = (alone: number, together: number, runs: number): number => {
      let parallel = 0;
      for (let i = 0; i < runs; i++) {
        const now = choice.parallel(clock);
        parallel += now ? 1 : 0;
        clock += now ? together : alone;
        // The caller looks away now and then.
        if (i % 50 === 0) clock += 1000;
      }
      return parallel / runs;
    };
    expect(play(2, 1, 500)).toBeGreaterThan(0.95);
    // Somebody else takes a core, and gives it back.
    play(2, 9, 1000);
    expect(play(2, 9, 500)).toBeLessThan(0.05);
    play(2, 1, 1000);
    expect(play(2, 1, 500)).toBeGreaterThan(0.95);
  });

  it('tries a long program alone later than a short one', () => {
    const firstAlone = (time: number): number => {
      const choice = new ThreadChoice();
      for (let run = 0; run < 100; run++) if (!choice.parallel(run * time)) return run;
      return Infinity;
    };
    expect(firstAlone(1)).toBe(12);
    expect(firstAlone(100)).toBe(48);
  });

  it('survives many small programs between long ones', async () => {
    const backend = many[0]!;
    for (let i = 0; i < 20; i++) {
      const name = Object.keys(graphs)[i % 3]!;
      expect(await results(backend, name, 1)).toEqual(await results(one, name, 1));
    }
  });

  it('refuses to run once the threads are gone, instead of waiting for them', async () => {
    const backend = await wasm({ threads: 2 });
    const { graph, inputs } = graphs['matmul']!;
    const executable = await backend.compile(graph);
    const buffers = inputs.map((shape, i) =>
      backend.upload(data(shape[0]! * shape[1]!, i), f32(...shape)),
    );
    await backend.dispose?.();
    expect(() => executable.run(buffers)).toThrow('a thread is gone');
    expect(() => backend.compile(graph)).toThrow('a thread is gone');
  });

  it('throws when a thread fails in the middle of a program', async () => {
    const memory = new WebAssembly.Memory({ initial: 2, maximum: 4, shared: true });
    const m = new ModuleBuilder({
      module: 'env',
      name: 'memory',
      initial: 1,
      maximum: 4,
      shared: true,
    });
    const wait = barrier(m);
    const params = ['i32', 'i32', 'i32'] as const;
    m.function({ params, export: 'run' }, (f, _table, thread, threads) => {
      f.call(wait, thread, threads);
      f.if(thread, () => f.unreachable());
      f.call(wait, thread, threads);
    });
    const module = new WebAssembly.Module(m.encode());
    const { exports } = new WebAssembly.Instance(module, { env: { memory } });
    const run = exports['run'] as (table: number, thread: number, threads: number) => void;
    const pool = await ThreadPool.start(2, memory);
    const id = pool.load(module);
    while (pool.ready(id) === 1) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(() => pool.run(id, 0, () => run(0, 0, 2))).toThrow('unreachable');
    expect(() => pool.ready(id)).toThrow('a thread is gone: the program failed');
    await pool.dispose();
  });

  it('rejects a number of threads that is none', () => {
    for (const threads of [0, -1, 1.5, NaN]) {
      expect(() => wasm({ threads })).toThrow('threads is a positive integer or auto');
    }
  });
});
