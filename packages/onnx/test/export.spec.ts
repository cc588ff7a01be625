/** Whole models: dynamic axes, names, canonical nodes, and what is refused. */
import { cpu } from '@hebb/backend-cpu';
import { Generator, init, matmul, random, scan, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Linear, Module, Parameter, ReLU, Sequential } from '@hebb/nn';
import * as ops from '@hebb/ops';
import { decodeModel, importOnnx, toOnnx, toOnnxModel, verifyModel } from '../src/index.ts';
import type { ExportOptions, Exportable, ModelProto, Runtime } from '../src/index.ts';
import { onnxRuntime } from '../src/node.ts';

let runtime: Runtime;
beforeAll(async () => {
  await init(cpu());
  runtime = await onnxRuntime();
});

const normal = (seed: number, ...shape: number[]): Tensor =>
  random.normal(random.key(seed), shape, { std: 0.3 });

class Digits extends Module {
  readonly weight1 = new Parameter(normal(1, 8, 1, 3, 3));
  readonly bias1 = new Parameter(normal(2, 8));
  readonly scale = new Parameter(normal(3, 8));
  readonly shift = new Parameter(normal(4, 8));
  readonly mean = new Parameter(normal(5, 8));
  readonly variance = new Parameter(random.uniform(random.key(6), [8], { low: 0.5, high: 2 }));
  readonly weight2 = new Parameter(normal(7, 16, 8, 3, 3));
  readonly head = new Linear(16 * 7 * 7, 10);

  forward(image: Tensor): Tensor {
    let y = ops.conv2d(image, this.weight1.value, this.bias1.value, { padding: 1 });
    y = ops.batchNorm(y, this.mean.value, this.variance.value, this.scale.value, this.shift.value, {
      training: this.training,
    });
    y = ops.maxPool2d(ops.relu(y), 2);
    y = ops.avgPool2d(ops.relu(ops.conv2d(y, this.weight2.value, null, { padding: 1 })), 2);
    y = ops.dropout(y.flatten(1), 0.5, { training: this.training });
    return ops.softmax(this.head.forward(y), -1);
  }
}

const nodeNames = (model: ModelProto): (string | undefined)[] =>
  model.graph!.node.map((node) => node.opType);

/** Exports, and compares at each of the given sizes of the dynamic axes. */
async function agrees(
  model: Exportable,
  options: ExportOptions,
  cases: readonly Record<string, Tensor>[],
): Promise<ModelProto> {
  const bytes = await toOnnx(model, options);
  const report = await verifyModel(bytes, model, { runtime, cases, rtol: 1e-4, atol: 1e-5 });
  expect(report.cases.flatMap((c) => c.outputs).filter(({ ok }) => !ok)).toEqual([]);
  expect(report.cases).toHaveLength(cases.length);
  return decodeModel(bytes);
}

describe('a convolutional network', () => {
  const input = { image: ['batch', 1, 28, 28] } as const;

  it.each([13, 17, 18, 21])('runs at any batch size in ONNX Runtime, opset %d', async (opset) => {
    const cases = [1, 3, 8].map((batch) => ({ image: normal(batch, batch, 1, 28, 28) }));
    const net = new Digits();
    const model = await agrees(net, { input, output: 'probabilities', opset }, cases);
    expect(net.training).toBe(true);
    const canonical = 'Relu MaxPool Conv Relu AveragePool Reshape Gemm Softmax'.split(' ');
    expect(nodeNames(model).slice(-canonical.length)).toEqual(canonical);
    // Before opset 15 the parameters of BatchNormalization were of other types: it is written out.
    if (opset >= 15) {
      expect(nodeNames(model)).toEqual(['Conv', 'BatchNormalization', ...canonical]);
    }
    expect(model.graph!.output[0]!.name).toBe('probabilities');
    expect(model.graph!.output[0]!.type?.tensorType?.shape?.dim).toEqual([
      { dimParam: 'batch' },
      { dimValue: 10 },
    ]);
  });

  it('keeps the names of the state dict', async () => {
    const net = new Digits();
    const model = await toOnnxModel(net, { input });
    const names = model.graph!.initializer.map(({ name }) => name);
    for (const name of Object.keys(await net.stateDict())) expect(names).toContain(name);
  });

  it('comes back the same through import', async () => {
    const net = new Digits().eval();
    const back = importOnnx(await toOnnx(net, { input, output: 'y' }));
    const image = normal(9, 4, 1, 28, 28);
    const { y } = await back.run({ image });
    const expected = await net.forward(image).data();
    (await y!.data()).forEach((value, i) => expect(value).toBeCloseTo(Number(expected[i]), 6));
    expect([...back.namedParameters().keys()]).toEqual(
      expect.arrayContaining(['weight1', 'head.weight', 'head.bias']),
    );
    const again = importOnnx(await toOnnx(back, { input, output: 'y' }));
    expect(nodeNames(again.proto)).toEqual(nodeNames(back.proto));
  });
});

describe('dynamic axes', () => {
  it('follow reshapes, slices, means and constants of computed size', async () => {
    const attention = (x: Tensor): Tensor => {
      const [batch, length] = x.shape as [number, number, number];
      const heads = x.reshape([batch, length, 2, 4]).permute([0, 2, 1, 3]);
      const scores = matmul(heads, heads, { transposeB: true }).div(2);
      const causal = ops.tril(tensor(1).expand([length, length]));
      const masked = ops.softmax(scores.where(causal.ne(0), -1e9), -1);
      const mixed = matmul(masked, heads).permute([0, 2, 1, 3]).reshape([batch, length, 8]);
      const shifted = mixed.narrow(1, 1, length - 1);
      return shifted.sub(mixed.mean(1, true)).reshape([batch * (length - 1), 8]);
    };
    const model = await agrees(attention, { input: { x: ['batch', 'length', 8] } }, [
      { x: normal(1, 1, 3, 8) },
      { x: normal(2, 2, 9, 8) },
      { x: normal(3, 7, 4, 8) },
    ]);
    const dims = model.graph!.output[0]!.type!.tensorType!.shape!.dim;
    expect(dims[1]).toEqual({ dimValue: 8 });
    expect(dims[0]!.dimParam).toBeDefined();
  });

  it('need no computed shape where ONNX can copy or infer it', async () => {
    const model = await agrees(
      (x: Tensor) => ops.relu(x).reshape([x.shape[0]!, 6]).add(1).mul(normal(1, 6)),
      { input: { x: ['batch', 2, 3] } },
      [{ x: normal(2, 5, 2, 3) }],
    );
    expect(nodeNames(model)).toEqual(['Relu', 'Reshape', 'Add', 'Mul']);
  });

  it('reach into loops', async () => {
    const running = (x: Tensor): Tensor => {
      const weight = normal(4, 3, 3);
      const first = x.narrow(0, 0, 1).reshape([x.shape[1]!, 3]).mul(0);
      const [, [outputs]] = scan(
        ([h], [row]) => {
          const next = matmul(h!, weight).add(row!).tanh();
          return [[next], [next.mul(2)]];
        },
        [first],
        [x],
        { reverse: true },
      );
      return outputs!;
    };
    const model = await agrees(running, { input: { x: ['time', 'batch', 3] } }, [
      { x: normal(5, 1, 1, 3) },
      { x: normal(6, 6, 2, 3) },
    ]);
    expect(nodeNames(model)).toContain('Scan');
  });

  it('work for strided images at sizes that divide', async () => {
    const halves = (x: Tensor): Tensor =>
      ops.interpolate(
        ops.maxPool2d(ops.conv2d(x, normal(1, 4, 3, 3, 3), null, { padding: 1 }), 2),
        {
          scaleFactor: 2,
          mode: 'nearest',
        },
      );
    await agrees(halves, { input: { x: [1, 3, 'height', 'width'] } }, [
      { x: normal(2, 1, 3, 8, 12) },
      { x: normal(3, 1, 3, 32, 16) },
    ]);
  });

  it('are refused where the computation itself depends on them', async () => {
    const unrolled = (x: Tensor): Tensor => {
      let y = x;
      for (let k = 0; k < x.shape[0]!; k++) y = y.add(x);
      return y;
    };
    await expect(toOnnx(unrolled, { input: { x: ['n'] } })).rejects.toThrow(
      /changes with the dynamic sizes/,
    );
  });
});

describe('options', () => {
  const double = (x: Tensor): Tensor => x.mul(2);

  it('names several outputs by the keys of an object, or as told', async () => {
    const both = (x: Tensor) => ({ twice: x.mul(2), once: x });
    const byKey = await agrees(both, { input: { x: [3] } }, [{ x: normal(1, 3) }]);
    expect(byKey.graph!.output.map(({ name }) => name)).toEqual(['once', 'twice']);
    const told = await toOnnxModel(both, { input: { x: [3] }, output: ['a', 'b'] });
    expect(told.graph!.output.map(({ name }) => name)).toEqual(['a', 'b']);
  });

  it('takes integer inputs, metadata and a name', async () => {
    const embed = (index: Tensor): Tensor => normal(1, 10, 4).gather(index);
    const input = { index: { shape: ['n'], dtype: 'int64' } } as const;
    const model = await agrees(embed, { input, name: 'embed', metadata: { licence: 'MIT' } }, [
      { index: tensor([1, 9, 0], { dtype: 'int64' }) },
    ]);
    expect(model.graph!.name).toBe('embed');
    expect(model.metadataProps).toEqual([{ key: 'licence', value: 'MIT' }]);
  });

  it.each([
    ['an unknown opset', { input: { x: [1] }, opset: 99 }, /unknown opset.*99/],
    ['a wrong axis', { input: { x: [-1] } }, /wrong axis/],
    [
      'an unknown dtype',
      { input: { x: { shape: [1], dtype: 'float99' as 'float32' } } },
      /float99/,
    ],
    ['too few output names', { input: { x: [1] }, output: [] }, /wrong number of output names/],
  ])('refuses %s', async (_, options, message) => {
    await expect(toOnnx(double, options)).rejects.toThrow(message);
  });

  it('refuses what writes state, and random numbers that the key of a call decides', async () => {
    const generator = new Generator(1);
    const noisy = (x: Tensor): Tensor => x.add(random.normal(generator.next(), [2]));
    await expect(toOnnx(noisy, { input: { x: [2] } })).rejects.toThrow(/writes variables/);
    const keyed = (key: Tensor): Tensor => random.uniform(key, [2]);
    await expect(
      toOnnx(keyed, { input: { key: { shape: [2], dtype: 'uint32' } } }),
    ).rejects.toThrow(/randomBits.*no ONNX form/);
  });

  it('names the layer that does not fit', async () => {
    const net = new Sequential(new Linear(2, 2), new ReLU(), new Linear(3, 1));
    await expect(toOnnx(net, { input: { x: ['batch', 2] } })).rejects.toThrow(/linear at 2/);
  });
});
