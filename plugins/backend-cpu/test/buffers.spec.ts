import * as h from '@hebb/core';
import type { DeviceBuffer, Executable, Tensor } from '@hebb/core';
import { cpu } from '../src/index.ts';

const f32 = (shape: number[]) => ({ shape, dtype: 'float32' as const });

describe('buffers', () => {
  it('are counted from upload to free, and freeing twice does nothing', () => {
    const backend = cpu();
    const a = backend.upload(Float32Array.of(1, 2), f32([2]));
    const b = backend.upload(BigInt64Array.of(3n), { shape: [], dtype: 'int64' });
    expect(backend.memory()).toEqual({ buffers: 2, bytes: 16 });
    backend.free(a);
    backend.free(a);
    expect(backend.memory()).toEqual({ buffers: 1, bytes: 8 });
    expect(() => backend.downloadSync!(a)).toThrow('download: the buffer has been freed');
    backend.free(b);
    expect(backend.memory()).toEqual({ buffers: 0, bytes: 0 });
  });

  it('copy in and out', async () => {
    const backend = cpu();
    const data = Float32Array.of(1, 2);
    const buffer = backend.upload(data, f32([2]));
    data[0] = 9;
    const out = await backend.download(buffer);
    expect([...out]).toEqual([1, 2]);
    out[1] = 9;
    expect([...backend.downloadSync!(buffer)]).toEqual([1, 2]);
  });

  it('refuse data that does not fit, and buffers of others', () => {
    const backend = cpu();
    expect(() => backend.upload(new Float32Array(3), f32([2]))).toThrow(
      'upload: data does not fit',
    );
    expect(() => backend.upload(new Float64Array(2), f32([2]))).toThrow(
      'upload: data does not fit',
    );
    const foreign = cpu().upload(new Float32Array(2), f32([2]));
    expect(() => backend.free(foreign)).toThrow('free: the buffer belongs to another backend');
    expect(() => cpu({ poolBytes: -1 })).toThrow('cpu: poolBytes');
  });

  it('of freed memory do not show through', async () => {
    const backend = await h.init(cpu());
    const old = backend.upload(new Float32Array(6).fill(7), f32([2, 3]));
    backend.free(old);
    expect(await h.pad(h.tensor([[1, 2]]), { low: [1, 0], high: [0, 1] }).toArray()).toEqual([
      [0, 0, 0],
      [1, 2, 0],
    ]);
  });
});

describe('executables', () => {
  const compileOn = (
    backend: h.Backend,
    avals: h.Aval[],
    fn: (...inputs: Tensor[]) => Tensor | Tensor[],
    donated: number[] = [],
  ): Executable => backend.compile(h.traceFunction('test', avals, fn), { donated }) as Executable;

  it('return outputs that are each freed once, whatever they are', () => {
    const backend = cpu();
    const program = compileOn(backend, [f32([2, 2])], (x) => {
      const y = x.add(1);
      return [x, x, y, y, y.reshape([4]), y.transpose(), h.ones([2]), h.ones([2])];
    });
    const input = backend.upload(Float32Array.of(1, 2, 3, 4), f32([2, 2]));
    const outputs = program.run([input]);
    expect(backend.memory().buffers).toBe(9);
    expect(outputs.map((y) => [...backend.downloadSync!(y)])).toEqual([
      [1, 2, 3, 4],
      [1, 2, 3, 4],
      [2, 3, 4, 5],
      [2, 3, 4, 5],
      [2, 3, 4, 5],
      [2, 4, 3, 5],
      [1, 1],
      [1, 1],
    ]);
    backend.free(input);
    outputs.forEach((y) => backend.free(y));
    expect(backend.memory()).toEqual({ buffers: 0, bytes: 0 });
  });

  it('free donated inputs after the run, but not when it fails', () => {
    const backend = cpu();
    const index = { shape: [1], dtype: 'int32' as const };
    const program = compileOn(backend, [f32([2]), index], (x, i) => [x, x.gather(i!)], [0]);
    const x = backend.upload(Float32Array.of(5, 6), f32([2]));
    const [good, bad] = [1, 2].map((k) => backend.upload(Int32Array.of(k), index));
    expect(() => program.run([x, bad!])).toThrow('gather: index 2');
    expect([...backend.downloadSync!(x)]).toEqual([5, 6]);
    expect(backend.memory().buffers).toBe(3);
    const outputs = program.run([x, good!]);
    expect(outputs.map((y) => [...backend.downloadSync!(y)])).toEqual([[5, 6], [6]]);
    expect(() => backend.downloadSync!(x)).toThrow('freed');
    expect(backend.memory().buffers).toBe(4);
  });

  it('check their inputs', () => {
    const backend = cpu();
    const program = compileOn(backend, [f32([2])], (x) => x.add(1));
    expect(() => program.run([])).toThrow('run: wrong number of inputs (got 0, wanted 1)');
    const wrong = backend.upload(new Float32Array(3), f32([3]));
    expect(() => program.run([wrong])).toThrow('run: input 0 does not fit');
    const gone = backend.upload(new Float32Array(2), f32([2]));
    backend.free(gone);
    expect(() => program.run([gone])).toThrow('run: the buffer has been freed');
  });

  it('name an op that the backend does not know', () => {
    const op = h.primitive('warp', { infer: ([x]) => [x!], samples: [] });
    const graph = h.traceFunction('test', [f32([1])], (x) => h.apply(op, [x], {}));
    expect(() => cpu().compile(graph)).toThrow('warp: backend cpu does not know this op');
  });

  it('give the same numbers every time', () => {
    const backend = cpu();
    const program = compileOn(backend, [f32([32, 48]), f32([48, 16])], (a, b) =>
      h.matmul(a!, b!).tanh().sum(0).exp(),
    );
    const data = (n: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i));
    const inputs: DeviceBuffer[] = [
      backend.upload(data(32 * 48), f32([32, 48])),
      backend.upload(data(48 * 16), f32([48, 16])),
    ];
    const runs = [0, 1, 2].map(() => [...backend.downloadSync!(program.run(inputs)[0]!)]);
    expect(runs[1]).toEqual(runs[0]);
    expect(runs[2]).toEqual(runs[0]);
  });
});

describe('live buffers', () => {
  it('stay flat over 1,000 compiled training steps', async () => {
    const backend = cpu();
    await h.init(backend);
    const weight = new h.Variable(h.random.normal(h.random.key(1), [4, 3]));
    const momentum = new h.Variable(h.zeros([4, 3]));
    const generator = new h.Generator(2);
    const step = h.compile((x: Tensor, y: Tensor) => {
      const keep = h.random.bernoulli(generator.next(), x.shape, 0.9);
      const [loss, gradient] = h.valueAndGrad((w: Tensor) =>
        h.where(keep, x, 0).matmul(w).sub(y).square().mean(),
      )(weight.value);
      momentum.value = momentum.value.mul(0.9).add(gradient);
      weight.value = weight.value.sub(momentum.value.mul(0.01));
      return loss;
    });
    const x = h.random.normal(h.random.key(3), [8, 4]);
    const y = h.random.normal(h.random.key(4), [8, 3]);
    let first = 0;
    let last = 0;
    let early = backend.memory();
    for (let i = 0; i < 1000; i++) {
      const loss = await step(x, y);
      last = await loss.item();
      loss.dispose();
      if (i === 0) first = last;
      if (i === 9) early = backend.memory();
    }
    expect(last).toBeLessThan(first);
    expect(backend.memory()).toEqual(early);
    step.dispose();
  });
});
