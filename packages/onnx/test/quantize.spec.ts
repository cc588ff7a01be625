/** Smaller models: what they compute here and in ONNX Runtime, beside the original. */
import { cpu } from '@hebb/backend-cpu';
import { init } from '@hebb/core';
import type { Backend } from '@hebb/core';
import {
  assess,
  backendComputer,
  encodeModel,
  importOnnx,
  makeGraph,
  makeModel,
  makeNode,
  makeValueInfo,
  quantizeModes,
  quantizeOnnx,
  runtimeComputer,
  upgradeToOpset13,
} from '../src/index.ts';
import type { Computer, ModelProto, NodeProto, TensorData } from '../src/index.ts';
import { onnxRuntime } from '../src/node.ts';

let backend: Backend;
let here: Computer;
let runtime: Computer;
beforeAll(async () => {
  backend = await init(cpu());
  here = backendComputer(backend);
  runtime = runtimeComputer(await onnxRuntime());
});

let state = 7;
function f32(...shape: number[]): TensorData {
  const size = shape.reduce((a, b) => a * b, 1);
  const data = Float32Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32) * 2 - 1;
  });
  return { dtype: 'float32', shape, data };
}

/** Convolution, activation, Gemm and MatMul, with biases; the last matrix comes out of a reshape. */
const net = (opset = 17): ModelProto =>
  makeModel(
    makeGraph({
      inputs: [makeValueInfo('image', 'float32', ['n', 2, 8, 8])],
      outputs: [makeValueInfo('scores', 'float32', ['n', 5])],
      nodes: [
        makeNode('Conv', ['image', 'kernel', 'bias'], ['c'], {
          name: 'conv',
          attributes: { pads: [1, 1, 1, 1], strides: [2, 2] },
        }),
        makeNode('Relu', ['c'], ['r']),
        makeNode('Flatten', ['r'], ['f']),
        makeNode('Gemm', ['f', 'w1', 'b1'], ['g'], { name: 'gemm', attributes: { transB: 1 } }),
        makeNode('Relu', ['g'], ['h']),
        makeNode('Reshape', ['w2', 'shape'], ['matrix']),
        makeNode('MatMul', ['h', 'matrix'], ['m'], { name: 'matmul' }),
        makeNode('Softmax', ['m'], ['scores'], { attributes: { axis: 1 } }),
      ],
      initializers: {
        kernel: f32(4, 2, 3, 3),
        bias: f32(4),
        w1: f32(32, 64),
        b1: f32(32),
        w2: f32(4, 8, 5),
        shape: { dtype: 'int64', shape: [2], data: BigInt64Array.of(32n, 5n) },
      },
    }),
    { '': opset },
  );

const examples = (count: number) =>
  Array.from({ length: count }, () => ({ image: f32(4, 2, 8, 8) }));

describe.each(quantizeModes)('%s', (mode) => {
  const expected = {
    dynamic: { size: 0.6, error: 0.05, changed: 3 },
    static: { size: 0.6, error: 0.05, changed: 3 },
    float16: { size: 0.65, error: 0.002, changed: 3 },
    int4: { size: 0.5, error: 0.25, changed: 2 },
  }[mode];

  it('is smaller, close to the original, and the same in ONNX Runtime', async () => {
    const source = net();
    const data = examples(4);
    const { model, changed } = await quantizeOnnx(source, { mode, examples: data, block: 16 });
    expect(changed).toBe(expected.changed);
    const size = encodeModel(model).byteLength / encodeModel(source).byteLength;
    expect(size).toBeLessThan(expected.size);
    const held = examples(3).map((inputs) => ({ inputs }));
    const found = await assess(here, source, model, held, 2);
    expect(found.relativeError).toBeLessThan(expected.error);
    expect(found.samples).toBe(12);
    const there = await assess(runtime, source, model, held, 1);
    // Codes may round to the other side where sums are taken in another order.
    expect(there.relativeError).toBeLessThan(2 * expected.error);
    const [a, b] = [await here.open(model), await runtime.open(model)];
    const [x, y] = [await a.run(held[0]!.inputs), await b.run(held[0]!.inputs)];
    const gap = Array.from((x['scores'] as TensorData).data as Float32Array, (value, i) =>
      Math.abs(value - Number((y['scores'] as TensorData).data[i])),
    );
    expect(Math.max(...gap)).toBeLessThan(0.01);
    await b.release();
  });

  it('leaves out what it is told to', async () => {
    const exclude = ['conv', 'gemm', 'matmul'];
    const made = quantizeOnnx(net(), { mode, examples: examples(1), exclude });
    if (mode === 'float16') expect((await made).changed).toBe(3);
    else await expect(made).rejects.toThrow(/nothing that/);
  });
});

it('needs examples for static quantisation', async () => {
  await expect(quantizeOnnx(net(), { mode: 'static' })).rejects.toThrow(/examples/);
  await expect(quantizeOnnx(net(), { mode: 'static', examples: [] })).rejects.toThrow(/none/);
});

it('takes one scale a tensor, and ranges without outliers', async () => {
  const source = net();
  const data = examples(4);
  const options = {
    mode: 'static',
    examples: data,
    perChannel: false,
    method: 'percentile',
  } as const;
  const { model } = await quantizeOnnx(source, options);
  const found = await assess(
    here,
    source,
    model,
    data.map((inputs) => ({ inputs })),
    1,
  );
  expect(found.relativeError).toBeLessThan(0.1);
});

it('says what the trade costs: accuracy where classes are known', async () => {
  const source = net();
  const { model } = await quantizeOnnx(source, { mode: 'int4', block: 16 });
  const inputs = examples(1)[0]!;
  const { scores } = await importOnnx(source).runValues(inputs);
  const values = (scores as TensorData).data as Float32Array;
  const labels = [0, 1, 2, 3].map((row) => {
    const part = values.slice(row * 5, row * 5 + 5);
    return part.indexOf(Math.max(...part));
  });
  const right = await assess(here, source, model, [{ inputs, labels }], 1);
  expect(right).toMatchObject({ accuracy: { before: 1 }, lossOf: 'accuracy', samples: 4 });
  expect(right.loss).toBe(1 - right.accuracy!.after);
  const none = await assess(here, source, source, [{ inputs }], 1);
  expect(none).toMatchObject({ sameClass: 1, lossOf: 'class', loss: 0, relativeError: 0 });
});

describe('upgrade to opset 13', () => {
  const x = f32(2, 3, 4);
  const lists = (values: readonly number[]): { float: readonly number[] } => ({ float: values });
  const cases: [string, number, NodeProto, (readonly number[])?][] = [
    ['Softmax', 11, makeNode('Softmax', ['x'], ['y'])],
    ['Softmax', 9, makeNode('Softmax', ['x'], ['y'], { attributes: { axis: -1 } })],
    ['LogSoftmax', 11, makeNode('LogSoftmax', ['x'], ['y'], { attributes: { axis: 2 } })],
    ['Hardmax', 11, makeNode('Hardmax', ['x'], ['y'])],
    ['Unsqueeze', 12, makeNode('Unsqueeze', ['x'], ['y'], { attributes: { axes: [0, 2] } })],
    ['Squeeze', 9, makeNode('Squeeze', ['x'], ['y'], { attributes: { axes: [1] } }), [2, 1, 3]],
    [
      'ReduceSum',
      11,
      makeNode('ReduceSum', ['x'], ['y'], { attributes: { axes: [1], keepdims: 0 } }),
    ],
    ['ReduceSum', 11, makeNode('ReduceSum', ['x'], ['y'])],
    ['Split', 11, makeNode('Split', ['x'], ['y', 'z'], { attributes: { axis: 2, split: [1, 3] } })],
    ['Dropout', 10, makeNode('Dropout', ['x'], ['y'], { attributes: { ratio: { float: 0.3 } } })],
    [
      'Clip',
      9,
      makeNode('Clip', ['x'], ['y'], { attributes: { min: { float: -0.2 }, max: { float: 0.3 } } }),
    ],
    ['Clip', 7, makeNode('Clip', ['x'], ['y'], { attributes: { max: { float: 0.3 } } })],
    [
      'Pad',
      9,
      makeNode('Pad', ['x'], ['y'], {
        attributes: { pads: [0, 1, 0, 0, 0, 2], value: { float: 0.5 } },
      }),
    ],
    [
      'Slice',
      9,
      makeNode('Slice', ['x'], ['y'], { attributes: { starts: [1], ends: [3], axes: [2] } }),
    ],
    ['TopK', 9, makeNode('TopK', ['x'], ['y', 'z'], { attributes: { k: 2 } })],
    [
      'Upsample',
      7,
      makeNode('Upsample', ['x'], ['y'], {
        attributes: { scales: lists([1, 1, 2, 3]), mode: 'nearest' },
      }),
      [1, 2, 3, 2],
    ],
    [
      'Upsample',
      7,
      makeNode('Upsample', ['x'], ['y'], {
        attributes: { scales: lists([1, 1, 2, 2]), mode: 'linear' },
      }),
      [1, 2, 3, 2],
    ],
  ];
  it.each(cases)('%s of opset %d means the same', async (_, opset, node, shape = x.shape) => {
    const outputs = node.output.map((name) =>
      makeValueInfo(name, node.opType === 'TopK' && name === 'z' ? 'int64' : 'float32'),
    );
    const source = makeModel(
      makeGraph({ inputs: [makeValueInfo('x', 'float32', shape)], outputs, nodes: [node] }),
      { '': opset },
      4,
    );
    const upgraded = upgradeToOpset13(source);
    expect(upgraded.opsetImport).toEqual([{ domain: '', version: 13 }]);
    const inputs = { x: { ...x, ...f32(...shape) } as TensorData };
    const old = await (await runtime.open(source)).run(inputs);
    for (const computer of [here, runtime]) {
      const values = await (await computer.open(upgraded)).run(inputs);
      for (const name of node.output) {
        const [was, is] = [old[name] as TensorData, values[name] as TensorData];
        expect(is.shape).toEqual(was.shape);
        Array.from(was.data, Number).forEach((value, i) =>
          expect(Number(is.data[i])).toBeCloseTo(value, 5),
        );
      }
    }
  });
  it('leaves newer models alone and refuses what it cannot bring over', () => {
    const newer = net(15);
    expect(upgradeToOpset13(newer)).toBe(newer);
    expect(() => upgradeToOpset13(net(6))).toThrow(/older than 7/);
  });
});
