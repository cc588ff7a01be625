/** Compiled programs, played, against backend-cpu. */
import { cpu } from '@hebb/backend-cpu';
import {
  Variable,
  abs,
  atan2,
  compile,
  cos,
  exp,
  expm1,
  fmod,
  init,
  log,
  log1p,
  manualSeed,
  narrow,
  pow,
  random,
  sin,
  tanh,
  tensor,
} from '@hebb/core';
import type { HostArray, Tensor } from '@hebb/core';
import { BatchNorm2d, Conv2d, MaxPool2d } from '@hebb/layers-cnn';
import {
  Dropout,
  Embedding,
  Flatten,
  GELU,
  LayerNorm,
  Linear,
  Module,
  ReLU,
  Sequential,
  Softmax,
  crossEntropy,
  withMode,
} from '@hebb/nn';
import { encodeModel, importOnnx, toOnnx, toOnnxModel } from '@hebb/onnx';
import { softmax } from '@hebb/ops';
import { PlayerError, load, pickModule } from '@hebb/runtime';
import type { Inputs, Model } from '@hebb/runtime';
import { AdamW, SGD } from '@hebb/train';
import { compileFunctions, compileOnnx } from '../src/index.ts';
import type { Built, Simd } from '../src/index.ts';

await init(cpu());
manualSeed(7);

/** Ready to run, with the best module that this host takes. */
function play({ plan, modules, weights }: Built): Model {
  const bytes = modules.get(pickModule(plan).file)!;
  return load({ plan, module: new WebAssembly.Module(bytes), weights });
}

function expectClose(got: HostArray, wanted: HostArray, tolerance = 1e-5): void {
  expect(got).toHaveLength(wanted.length);
  const numbers = Array.from(wanted, Number);
  const scale = Math.max(1, ...numbers.map(Math.abs));
  numbers.forEach((x, i) => {
    expect(Math.abs(Number(got[i]) - x)).toBeLessThan(tolerance * scale);
  });
}

const normal = (seed: number, shape: readonly number[]) => random.normal(random.key(seed), shape);
const hostOf = async (x: Tensor) => ({ shape: x.shape, data: await x.data() });

/** Pre-norm encoder block over token ids. */
class Encoder extends Module {
  embedding = new Embedding(20, 16);
  norm = new LayerNorm(16);
  query = new Linear(16, 16);
  key = new Linear(16, 16);
  value = new Linear(16, 16);
  feed = new Sequential(new LayerNorm(16), new Linear(16, 32), new GELU(), new Linear(32, 16));

  override forward(ids: Tensor): Tensor {
    const x = this.embedding.forward(ids);
    const h = this.norm.forward(x);
    const heads = (t: Tensor) => t.reshape([...ids.shape, 2, 8]).permute([0, 2, 1, 3]);
    const [query, key, value] = [this.query, this.key, this.value].map((f) => heads(f.forward(h)));
    const scores = query!.matmul(key!.permute([0, 1, 3, 2])).div(Math.sqrt(8));
    const mixed = softmax(scores, -1).matmul(value!);
    const y = x.add(mixed.permute([0, 2, 1, 3]).reshape([...ids.shape, 16]));
    return y.add(this.feed.forward(y));
  }
}

const mlp = new Sequential(new Linear(12, 32), new ReLU(), new Linear(32, 5), new Softmax(1));
const lenet = new Sequential(
  new Conv2d(1, 6, 5, { padding: 2 }),
  new ReLU(),
  new MaxPool2d(2),
  new Conv2d(6, 16, 5),
  new BatchNorm2d(16),
  new ReLU(),
  new Dropout(0.3),
  new MaxPool2d(2),
  new Flatten(),
  new Linear(16 * 5 * 5, 10),
).eval();
const encoder = new Encoder();
const ids = tensor([[3, 1, 4, 1, 5, 9, 2]], { dtype: 'int32' });

describe('inference', () => {
  const models: [string, Module & { forward(x: Tensor): Tensor }, Tensor][] = [
    ['an MLP', mlp, normal(1, [1, 12])],
    ['LeNet', lenet, normal(2, [2, 1, 28, 28])],
    ['an encoder block', encoder, ids],
  ];
  for (const [name, model, x] of models) {
    it.each<Simd>(['relaxed', 'plain'])(`of ${name} agrees with backend-cpu (%s)`, async (simd) => {
      const built = await compileFunctions(
        {
          functions: {
            run: { run: (y) => model.forward(y), input: { x: { shape: x.shape, dtype: x.dtype } } },
          },
        },
        // This host may lack relaxed SIMD: plain stands in.
        { simd: simd === 'relaxed' ? ['relaxed', 'plain'] : ['plain'] },
      );
      const wanted = await model.forward(x).data();
      const { output } = play(built).run({ x: (await hostOf(x)) as Inputs[string] });
      expect(output!.shape).toEqual(model.forward(x).shape);
      expectClose(output!.data, wanted);
    });
  }

  it('of an ONNX model, compiled for two batch sizes that share one copy of the weights', async () => {
    const file = await toOnnx(lenet, { input: { image: ['n', 1, 28, 28] }, output: ['scores'] });
    const model = importOnnx(file);
    const one = await compileOnnx(model, { shapes: [{ n: 1 }] });
    const two = await compileOnnx(model, { shapes: [{ n: 1 }, { n: 4 }], name: 'digits' });
    expect(two.weights).toEqual(one.weights);
    expect(two.plan.name).toBe('digits');
    const player = play(two);
    for (const n of [4, 1, 4]) {
      const image = normal(n, [n, 1, 28, 28]);
      const wanted = await (await model.run({ image }))['scores']!.data();
      const { scores } = player.run({ image: (await hostOf(image)) as Inputs[string] });
      expect(scores!.shape).toEqual([n, 10]);
      expectClose(scores!.data, wanted);
    }
    expect(player.inputs).toEqual([{ name: 'image', dtype: 'float32', shape: ['n', 1, 28, 28] }]);
    expect(player.outputs).toEqual([{ name: 'scores', dtype: 'float32', shape: ['n', 10] }]);
    expect(() => player.run({ image: new Float32Array(2 * 28 * 28) })).toThrow(PlayerError);
  });
  it('in float64 has the library’s transcendental functions, at their odd points too', async () => {
    const run = (x: Tensor, y: Tensor) => ({
      a: tanh(sin(x))
        .add(cos(expm1(x)))
        .add(exp(x)),
      b: log(abs(x).add(1))
        .add(log1p(abs(y)))
        .add(atan2(x, y)),
      c: pow(x, y),
      d: fmod(x, y),
    });
    const input = { shape: [6], dtype: 'float64' as const };
    const player = play(
      await compileFunctions({ functions: { run: { run, input: { x: input, y: input } } } }),
    );
    const x = Float64Array.of(1, -1, 0.3, -2.5, 7, 1);
    const y = Float64Array.of(NaN, Infinity, 0.7, 2, -3, -Infinity);
    const got = player.run({ x, y });
    for (const [name, value] of Object.entries(run(tensor(x), tensor(y)))) {
      const wanted = await value.data();
      got[name]!.data.forEach((z: number | bigint, i: number) => {
        if (Number.isFinite(wanted[i])) expect(z).toBeCloseTo(Number(wanted[i]), 12);
        else expect(z).toBe(wanted[i]);
      });
    }
  });
  it('is the same, byte for byte, each time', async () => {
    const file = await toOnnx(mlp, { input: { x: ['n', 12] } });
    const [a, b] = await Promise.all(
      [1, 2].map(() => compileOnnx(importOnnx(file), { shapes: [{ n: 2 }] })),
    );
    expect(b).toEqual(a);
  });
  it('refuses the weights and the module of another model', async () => {
    const make = (net: Module & { forward(x: Tensor): Tensor }) =>
      compileFunctions({ functions: { f: { run: (x) => net.forward(x), input: { x: [1, 12] } } } });
    const mine = await make(new Sequential(new Linear(12, 3)));
    const sameSize = await make(new Sequential(new Linear(12, 3)));
    const other = await make(mlp);
    const text = (body: () => unknown): string => {
      try {
        body();
      } catch (error) {
        return (error as Error).message;
      }
      return '';
    };
    expect(text(() => play({ ...mine, weights: sameSize.weights }))).toMatch(/not those of model/);
    expect(text(() => play({ ...mine, weights: other.weights }))).toMatch(
      new RegExp(`got ${other.weights.length} bytes, wanted ${mine.weights.length} bytes`),
    );
    expect(text(() => play({ ...mine, modules: other.modules }))).toMatch(/entry is missing/);
  });
});

describe('what follows from weights alone', () => {
  it('is computed ahead: normalisation ships its scale and shift', async () => {
    const norm = new BatchNorm2d(8);
    const net = new Sequential(new Conv2d(3, 8, 3, { bias: false }), norm).eval();
    norm.runningMean!.value = normal(5, [8]);
    norm.runningVar!.value = normal(6, [8])
      .mul(normal(6, [8]))
      .add(0.5);
    const x = normal(3, [1, 3, 6, 6]);
    const built = await compileFunctions({
      functions: { run: { run: (y) => net.forward(y), input: { x: x.shape } } },
    });
    const kernels = built.plan.functions[0]!.signatures[0]!.kernels;
    expect(kernels).toHaveLength(1);
    expect(kernels[0]!.name).not.toMatch(/sqrt|div/);
    const { output } = play(built).run({ x: (await x.data()) as Float32Array });
    expectClose(output!.data, await net.forward(x).data());
  });
  it('is computed at load where that is smaller: half-precision weights stay half as large', async () => {
    const weight = new Variable(normal(8, [64, 32]).to('float16'));
    const x = normal(9, [2, 32]);
    const run = (y: Tensor) => y.matmul(weight.value.to('float32').permute([1, 0]));
    const built = await compileFunctions({ functions: { run: { run, input: { x: [2, 32] } } } });
    expect(built.weights.length).toBe(64 * 32 * 2);
    expect(built.plan.prepare).toHaveLength(1);
    expect(built.plan.functions[0]!.signatures[0]!.kernels).toHaveLength(1);
    const { output } = play(built).run({ x: (await x.data()) as Float32Array });
    expectClose(output!.data, await run(x).data());
  });
  it('is not spread over images: a bias stays as small as it was', async () => {
    const bias = new Variable(normal(4, [8]));
    const run = (x: Tensor) => x.add(bias.value.mul(2).reshape([8, 1, 1]).expand([8, 50, 50]));
    const built = await compileFunctions({
      functions: { run: { run, input: { x: [8, 50, 50] } } },
    });
    expect(built.weights.length).toBe(64);
  });
  it('is kept once when two signatures or two functions use it', async () => {
    const weight = new Variable(normal(4, [16, 16]));
    const scaled = () => weight.value.mul(3).add(1);
    const built = await compileFunctions({
      functions: {
        f: { run: (x) => x.matmul(scaled()), input: { x: ['n', 16] } },
        g: { run: (x) => x.matmul(scaled()).exp(), input: { x: ['n', 16] } },
      },
      shapes: [{ n: 1 }, { n: 2 }],
    });
    expect(built.weights.length).toBe(16 * 16 * 4);
  });
});

describe('state', () => {
  it('of an ONNX model goes from call to call: a stream in pieces is the whole', async () => {
    const decay = 0.7;
    const file = encodeModel(
      await toOnnxModel(
        (x: Tensor, h: Tensor) => {
          const next = h.mul(decay).add(x);
          return { y: next.mul(next), next };
        },
        { input: { x: [4], h: [4] } },
      ),
    );
    const built = await compileOnnx(importOnnx(file), { state: { h: 'next' } });
    const player = play(built);
    expect(player.inputs.map(({ name }) => name)).toEqual(['x']);
    expect(player.outputs.map(({ name }) => name)).toEqual(['y']);
    let h = [0, 0, 0, 0];
    for (let step = 0; step < 5; step++) {
      const x = Float32Array.from({ length: 4 }, (_, i) => Math.sin(step * 4 + i));
      h = h.map((value, i) => value * decay + x[i]!);
      expectClose(
        player.run({ x })['y']!.data,
        Float32Array.from(h, (v) => v * v),
        1e-6,
      );
    }
    expectClose(player.state()['h']!.data, Float32Array.from(h), 1e-6);
    player.loadState({ h: new Float32Array(4) });
    expect([...player.run({ x: Float32Array.of(1, 2, 3, 4) })['y']!.data]).toEqual([1, 4, 9, 16]);
  });
  it('may change places: the order of moves does not matter', async () => {
    const [a, b, c] = [1, 2, 3].map((x) => new Variable(tensor([x, x * 10])));
    const run = (x: Tensor) => {
      const [first, second, third] = [a!.value, b!.value, c!.value];
      a!.value = second;
      b!.value = third.add(x);
      c!.value = first;
      return first.add(second);
    };
    const built = await compileFunctions({
      functions: { turn: { run, input: { x: [2] } } },
      state: { a: a!, b: b!, c: c! },
    });
    const player = play(built);
    const wanted = { a: [1, 10], b: [2, 20], c: [3, 30] };
    for (let i = 0; i < 6; i++) {
      const { output } = player.run({ x: Float32Array.of(i, i) });
      expect([...output!.data]).toEqual(wanted.a.map((value, k) => value + wanted.b[k]!));
      Object.assign(wanted, { a: wanted.b, b: wanted.c.map((v) => v + i), c: wanted.a });
      const state = player.state();
      for (const name of ['a', 'b', 'c'] as const)
        expect([...state[name]!.data]).toEqual(wanted[name]);
    }
  });
});

describe('a training step', () => {
  const images = normal(11, [16, 12]);
  const labels = tensor(
    Array.from({ length: 16 }, (_, i) => i % 5),
    { dtype: 'int32' },
  );

  it.each([
    ['SGD with momentum', () => new SGD({ lr: 0.1, momentum: 0.9 })],
    ['AdamW', () => new AdamW({ lr: 0.01 })],
  ])(
    'with %s learns as the library does, and predicts with what it learned',
    async (_name, make) => {
      manualSeed(1);
      const net = new Sequential(new Linear(12, 24), new ReLU(), new Linear(24, 5));
      const optimizer = make().attach(net.parameters());
      const step = (x: Tensor, y: Tensor) => {
        const loss = crossEntropy(net.forward(x), y);
        optimizer.minimize(loss);
        return { loss };
      };
      const built = await compileFunctions({
        functions: {
          step: {
            run: step,
            input: { x: ['batch', 12], y: { shape: ['batch'], dtype: 'int32' } },
          },
          predict: {
            run: (x) => withMode(net, false, () => net.forward(x)),
            input: { x: ['n', 12] },
          },
        },
        shapes: [{ batch: 16, n: 1 }],
        state: { net, optimizer },
      });
      const player = play(built);
      const names = Object.keys(player.state());
      expect(names).toEqual(
        expect.arrayContaining(['net.0.weight', 'net.2.bias', 'optimizer.step']),
      );
      const start = player.state();
      const x = (await hostOf(images)) as Inputs[string];
      const y = (await hostOf(labels)) as Inputs[string];
      const here = compile(step);
      const losses: number[] = [];
      for (let i = 0; i < 20; i++) {
        const { loss } = player.run({ x, y });
        losses.push(Number(loss!.data[0]));
        expectClose(loss!.data, await (await here(images, labels)).loss.data(), 1e-4);
      }
      expect(losses.at(-1)).toBeLessThan(losses[0]! / 2);
      // The library's parameters moved along with it.
      const state = player.state();
      for (const [name, parameter] of net.namedParameters()) {
        expectClose(state[`net.${name}`]!.data, await parameter.value.data(), 1e-3);
      }
      const one = narrow(images, 0, 0, 1);
      const scores = player.call('predict', { x: (await hostOf(one)) as Inputs[string] });
      expectClose(scores['output']!.data, await net.forward(one).data(), 1e-3);
      // Back to the start, the same losses again, to the bit; on a copy as well.
      player.loadState(start);
      const again = losses.map(() => Number(player.run({ x, y })['loss']!.data[0]));
      expect(again).toEqual(losses);
      const copy = play(built);
      expect(Number(copy.run({ x, y })['loss']!.data[0])).toBe(losses[0]);
      copy.loadState(state);
      expect(copy.state()).toEqual(state);
    },
  );
  it('takes a learning rate that is set from outside', async () => {
    const net = new Sequential(new Linear(12, 5));
    const optimizer = new SGD({ lr: 0.1 }).attach(net.parameters());
    const run = (x: Tensor, y: Tensor) => {
      const loss = crossEntropy(net.forward(x), y);
      optimizer.minimize(loss);
      return loss;
    };
    const input = { x: [16, 12], y: { shape: [16], dtype: 'int32' as const } };
    const player = play(
      await compileFunctions({ functions: { step: { run, input } }, state: { net, optimizer } }),
    );
    const before = player.state();
    player.loadState({ 'optimizer.group.0.lr': Float32Array.of(0) });
    const inputs = {
      x: (await hostOf(images)) as Inputs[string],
      y: (await hostOf(labels)) as Inputs[string],
    };
    player.run(inputs);
    expect(player.state()['net.0.weight']).toEqual(before['net.0.weight']);
    player.loadState({ 'optimizer.group.0.lr': Float32Array.of(0.1) });
    player.run(inputs);
    expect(player.state()['net.0.weight']).not.toEqual(before['net.0.weight']);
  });
  it('draws new random numbers at each call, the same after a reset', async () => {
    const net = new Sequential(new Linear(12, 5), new Dropout(0.5));
    const run = (x: Tensor) => net.forward(x);
    const player = play(
      await compileFunctions({ functions: { f: { run, input: { x: [16, 12] } } } }),
    );
    const start = player.state();
    expect(Object.keys(start)).toHaveLength(1);
    const x = (await images.data()) as Float32Array;
    const first = player.run({ x })['output']!.data;
    expect(player.run({ x })['output']!.data).not.toEqual(first);
    player.loadState(start);
    expect(player.run({ x })['output']!.data).toEqual(first);
  });
});
