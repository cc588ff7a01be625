/** Import: real models, shapes that bind per call, control flow, training, and files that are wrong. */
import { existsSync, readFileSync } from 'node:fs';
import { cpu } from '@hebb/backend-cpu';
import { compile, init, tensor, valueAndGrad } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import {
  OnnxFormatError,
  OnnxImportError,
  encodeModel,
  importOnnx,
  inspectOnnx,
  makeAttribute,
  tensorToProto,
} from '../src/index.ts';
import type { ModelProto, TensorData } from '../src/index.ts';
import { checkFolders } from '../src/node.ts';
import { info, model, node } from './build.ts';

beforeAll(async () => {
  await init(cpu());
});

const shared = new URL('../../../../shared/data/', import.meta.url);
const withData = existsSync(shared) ? it : it.skip; // the data folder lies beside the repository

const f32 = (values: number[], shape: number[] = [values.length]): Tensor =>
  tensor(Float32Array.from(values), { shape });
const list = async (x: Tensor | undefined): Promise<number[]> =>
  Array.from(await x!.data(), Number);

describe('models of the ONNX zoo', () => {
  withData.each(['mnist-8', 'mnist-12'])('%s gives the recorded outputs', async (name) => {
    const folder = new URL(`models/${name}`, shared).pathname;
    const summary = await checkFolders([folder]);
    expect(summary.results.map(({ status, reason }) => [status, reason])).toEqual([
      ['passed', undefined],
    ]);
  });

  withData('mnist-12 is described without being run', () => {
    const report = inspectOnnx(readFileSync(new URL('models/mnist-12/model.onnx', shared)));
    expect(report.operators).toMatchObject({ Conv: 2, Relu: 2, MaxPool: 2, MatMul: 1 });
    expect(report.inputs).toEqual([
      { name: 'Input3', kind: 'tensor', dtype: 'float32', shape: [1, 1, 28, 28] },
    ]);
    // 28² outputs of 8 filters 1x5x5, 14² of 16 filters 8x5x5, and 256 times 10.
    expect(report.multiplyAdds).toBe(28 * 28 * 8 * 25 + 14 * 14 * 16 * 200 + 256 * 10);
    expect(report.parameters).toBe(5994);
  });
});

describe('shapes', () => {
  const doubled = model(
    [info('x', 'float32', ['n', 2])],
    [info('y', 'float32', ['n', 2])],
    [node('Add', ['x', 'x'], ['y'])],
  );

  it('bind at each call', async () => {
    const imported = importOnnx(doubled);
    for (const n of [1, 3, 2]) {
      const { y } = await imported.run({ x: f32([...Array(2 * n).keys()], [n, 2]) });
      expect(y!.shape).toEqual([n, 2]);
      expect(await list(y)).toEqual([...Array(2 * n).keys()].map((x) => 2 * x));
    }
  });

  it.each([
    ['a missing input', {}, /input x \(float32\[n,2\]\) is missing/],
    ['an unknown input', { z: f32([1]) }, /no input z/],
    ['a wrong rank', { x: f32([1, 2]) }, /wrong shape.*float32\[2\].*float32\[n,2\]/],
    ['a wrong size', { x: f32([1, 2, 3], [1, 3]) }, /wrong shape/],
    [
      'a wrong dtype',
      { x: tensor([1, 2], { shape: [1, 2], dtype: 'int32' }) },
      /wrong dtype.*int32/,
    ],
  ])('refuse %s', async (_, inputs, message) => {
    await expect(importOnnx(doubled).run(inputs)).rejects.toThrow(message);
  });

  it('must agree where two inputs share the name of an axis', async () => {
    const sum = model(
      [info('a', 'float32', ['n']), info('b', 'float32', ['n'])],
      [info('c', 'float32', ['n'])],
      [node('Add', ['a', 'b'], ['c'])],
    );
    await expect(importOnnx(sum).run({ a: f32([1, 2]), b: f32([1]) })).rejects.toThrow(
      /axis n is 1 in input b and 2 in a/,
    );
  });

  it('may be computed by the model from shapes, constants and small integer inputs', async () => {
    const rows = model(
      [info('x', 'float32', ['n', 'm']), info('count', 'int64', [1])],
      [info('y', 'float32', ['k', 'l'])],
      [
        node('Shape', ['x'], ['shape']),
        node('ReduceProd', ['shape'], ['size'], { keepdims: 1 }),
        node('Div', ['size', 'count'], ['width']),
        node('Concat', ['count', 'width'], ['target'], { axis: 0 }),
        node('Reshape', ['x', 'target'], ['y']),
      ],
    );
    const imported = importOnnx(rows);
    const x = f32([...Array(12).keys()], [3, 4]);
    for (const count of [2n, 6n, 12n]) {
      const { y } = await imported.run({ x, count: tensor([count]) });
      expect(y!.shape).toEqual([Number(count), 12 / Number(count)]);
    }
  });

  it('may depend on the numbers: the model then runs in stages', async () => {
    const positive = model(
      [info('x', 'float32', ['n'])],
      [info('at', 'int64', [1, 'k']), info('values', 'float32', ['k'])],
      [
        node('Relu', ['x'], ['kept']),
        node('NonZero', ['kept'], ['at']),
        node('Squeeze', ['at'], ['flat']),
        node('Gather', ['x', 'flat'], ['picked']),
        node('Mul', ['picked', 'picked'], ['values']),
      ],
    );
    const imported = importOnnx(positive);
    const { at, values } = await imported.run({ x: f32([-1, 2, 0, 3]) });
    expect(await list(at)).toEqual([1, 3]);
    expect(await list(values)).toEqual([4, 9]);
    const none = await imported.run({ x: f32([-1, -2]) });
    expect(none.at!.shape).toEqual([1, 0]);
    expect(() => imported.forward(f32([-1, 2]))).not.toThrow(OnnxFormatError);
  });
});

describe('control flow', () => {
  const bool = (value: boolean): TensorData => ({
    dtype: 'bool',
    shape: [],
    data: Uint8Array.of(value ? 1 : 0),
  });
  const int64 = (value: bigint): TensorData => ({
    dtype: 'int64',
    shape: [],
    data: BigInt64Array.of(value),
  });

  it('runs the branch that the condition chooses, each with its own shape', async () => {
    const branch = (op: string) =>
      model([], [info('r', 'float32', ['k'])], [node(op, ['x', 'x'], ['r'])]).graph!;
    const choice = model(
      [info('x', 'float32', ['n']), info('c', 'bool', [])],
      [info('y', 'float32', ['k'])],
      [
        node('If', ['c'], ['y'], {
          then_branch: makeAttribute('', { type: 'graph', value: branch('Add') }),
          else_branch: makeAttribute('', { type: 'graph', value: branch('Mul') }),
        }),
      ],
    );
    const imported = importOnnx(choice);
    const x = f32([3, 5]);
    expect(await list((await imported.run({ x, c: bool(true) })).y)).toEqual([6, 10]);
    expect(await list((await imported.run({ x, c: bool(false) })).y)).toEqual([9, 25]);
  });

  it('ends a loop by its count or by a condition on the numbers', async () => {
    const body = model(
      [info('i', 'int64', []), info('go', 'bool', []), info('h', 'float32', [1])],
      [info('next', 'bool', []), info('h2', 'float32', [1]), info('out', 'float32', [1])],
      [
        node('Add', ['h', 'h'], ['h2']),
        node('Less', ['h2', 'limit'], ['below']),
        node('Squeeze', ['below'], ['next']),
        node('Identity', ['h'], ['out']),
      ],
    ).graph!;
    const loop = model(
      [info('n', 'int64', []), info('h', 'float32', [1]), info('limit', 'float32', [1])],
      [info('last', 'float32', [1]), info('all', 'float32', ['k', 1])],
      [
        node('Loop', ['n', '', 'h'], ['last', 'all'], {
          body: makeAttribute('', { type: 'graph', value: body }),
        }),
      ],
    );
    const imported = importOnnx(loop);
    const run = (n: bigint, limit: number) =>
      imported.run({ n: int64(n), h: f32([1]), limit: f32([limit]) });
    const counted = await run(3n, 1000);
    expect(await list(counted.last)).toEqual([8]);
    expect(await list(counted.all)).toEqual([1, 2, 4]);
    const stopped = await run(100n, 20);
    expect(await list(stopped.all)).toEqual([1, 2, 4, 8, 16]);
  });
});

describe('an imported model as a module', () => {
  const weights: TensorData = { dtype: 'float32', shape: [2, 1], data: Float32Array.of(0.5, -1) };
  const linear = model(
    [info('x', 'float32', ['n', 2])],
    [info('y', 'float32', ['n', 1])],
    [node('MatMul', ['x', 'w'], ['y'])],
    { w: weights },
  );

  it('has its float initialisers as parameters and learns', async () => {
    const imported = importOnnx(linear);
    const w = imported.namedParameters().get('w')!;
    expect([...imported.namedParameters().keys()]).toEqual(['w']);
    const [x, target] = [f32([1, 0, 1, 1], [2, 2]), f32([1, 3], [2, 1])];
    const step = valueAndGrad((weight: Tensor) => {
      w.value = weight;
      return (imported.forward(x) as Tensor).sub(target).square().mean();
    });
    let current = w.value;
    for (let k = 0; k < 100; k++) {
      const [, gradient] = step(current);
      current = await current.sub((gradient as Tensor).mul(0.3)).realize();
    }
    w.value = current;
    const result = await list(current);
    expect(result[0]).toBeCloseTo(1, 1);
    expect(result[1]).toBeCloseTo(2, 1);
    expect((await list((await imported.run({ x })).y)).map(Math.round)).toEqual([1, 3]);
  });

  it('drops and keeps running statistics in training mode', async () => {
    const stats = { dtype: 'float32', shape: [2] } as const;
    const source = model(
      [info('x', 'float32', ['n', 2])],
      [info('y', 'float32', ['n', 2]), info('z', 'float32', ['n', 2])],
      [
        node('BatchNormalization', ['x', 'scale', 'bias', 'mean', 'var'], ['y']),
        node('Dropout', ['x', 'half'], ['z']),
      ],
      {
        scale: { ...stats, data: Float32Array.of(2, 1) },
        bias: { ...stats, data: Float32Array.of(0, 1) },
        mean: { ...stats, data: Float32Array.of(0, 0) },
        var: { ...stats, data: Float32Array.of(1, 1) },
        half: { dtype: 'float32', shape: [], data: Float32Array.of(0.5) },
      },
    );
    const net = importOnnx(source);
    const x = tensor([
      [1, 4],
      [3, 8],
    ]);
    const step = compile((given: Tensor) => net.forward(given) as Tensor[]);
    const still = await step(x);
    expect(await still[1]!.toArray()).toEqual([
      [1, 4],
      [3, 8],
    ]);
    net.train();
    const ones = tensor(new Float32Array(2000).fill(1), { shape: [1000, 2] });
    const learning = compile((given: Tensor) => net.forward(given) as Tensor[]);
    const [y] = await learning(x);
    const centred = await list(y);
    [-2, 0, 2, 2].forEach((v, i) => expect(centred[i]).toBeCloseTo(v, 3));
    const kept = await net.stateDict();
    expect(await list(kept['mean'])).toEqual([0.2, 0.6].map(Math.fround));
    const [, z] = await learning(ones);
    const drawn = await list(z);
    expect(new Set(drawn)).toEqual(new Set([0, 2]));
    const share = drawn.filter((v) => v === 0).length / drawn.length;
    expect(Math.abs(share - 0.5)).toBeLessThan(0.1);
  });

  it('may be cut to a trunk, or begun in the middle, at shapes of its own', async () => {
    const three = info('x', 'float32', [1, 3]);
    const weight = (k: number): TensorData => ({
      dtype: 'float32',
      shape: [3],
      data: Float32Array.of(k, k, k),
    });
    const source = model(
      [three],
      [info('y', 'float32', [1, 3])],
      [
        node('Mul', ['x', 'a'], ['features']),
        node('Add', ['features', 'b'], ['shifted']),
        node('Mul', ['shifted', 'c'], ['y']),
      ],
      { a: weight(2), b: weight(10), c: weight(-1) },
    );
    const trunk = importOnnx(source, { outputs: ['features'], inputs: { x: ['batch', 3] } });
    expect([...trunk.namedParameters().keys()]).toEqual(['a']);
    const { features } = await trunk.run({ x: f32([1, 2, 3, 4, 5, 6], [2, 3]) });
    expect(await list(features)).toEqual([2, 4, 6, 8, 10, 12]);
    const rest = importOnnx(source, { inputs: { features: ['n', 3] } });
    expect(rest.inputs.map(({ name }) => name)).toEqual(['features']);
    const { y } = await rest.run({ features: f32([1, 2, 3, 4, 5, 6], [2, 3]) });
    expect(await list(y)).toEqual([-11, -12, -13, -14, -15, -16]);
    expect(() => importOnnx(source, { outputs: ['none'] })).toThrow(/no value none/);
  });

  it('takes and gives state dicts', async () => {
    const imported = importOnnx(linear);
    imported.loadStateDict({ w: f32([3, 4], [2, 1]) });
    expect(await list((await imported.run({ x: f32([1, 1], [1, 2]) })).y)).toEqual([7]);
  });
});

describe('functions', () => {
  const calls = (body: ModelProto['functions'][number]['node'], name = 'twice'): ModelProto => ({
    ...model(
      [info('x', 'float32', [2])],
      [info('y', 'float32', [2])],
      [{ ...node('twice', ['x'], ['y'], { by: 3 }), domain: 'own' }],
    ),
    opsetImport: [
      { domain: '', version: 18 },
      { domain: 'own', version: 1 },
    ],
    functions: [
      {
        name,
        domain: 'own',
        input: ['a'],
        output: ['b'],
        attribute: ['by'],
        attributeProto: [],
        node: body,
        opsetImport: [{ domain: '', version: 18 }],
        valueInfo: [],
        metadataProps: [],
      },
    ],
  });

  it('are expanded with the attributes of the call', async () => {
    const constant = node('Constant', [], ['k']);
    const attribute = {
      ...makeAttribute('value_int', { type: 'int', value: 0 }),
      refAttrName: 'by',
    };
    const { i: _, ...reference } = attribute;
    const source = calls([
      { ...constant, attribute: [reference] },
      node('Cast', ['k'], ['f'], { to: 1 }),
      node('Mul', ['a', 'f'], ['b']),
    ]);
    expect(await list((await importOnnx(source).run({ x: f32([1, 2]) })).y)).toEqual([3, 6]);
  });

  it('may not call themselves', () => {
    const recursive = calls([{ ...node('twice', ['a'], ['b'], { by: 1 }), domain: 'own' }]);
    expect(() => importOnnx(recursive)).toThrow(/calls itself/);
  });
});

describe('files that are wrong', () => {
  const x = info('x', 'float32', [2]);
  const y = info('y', 'float32', [2]);

  it.each([
    ['nothing', new Uint8Array()],
    ['text', new TextEncoder().encode('<html>not a model</html>')],
    ['zeros', new Uint8Array(100)],
  ])('%s is no model', (_, bytes) => {
    expect(() => importOnnx(bytes)).toThrow(OnnxFormatError);
  });

  it('truncated anywhere: a named error, or a model with less in it', () => {
    const bytes = encodeModel(
      model([x], [y], [node('Relu', ['x'], ['h']), node('Tanh', ['h'], ['y'])], {
        w: { dtype: 'float32', shape: [4], data: new Float32Array(4) },
      }),
    );
    for (let end = 0; end < bytes.length; end++) {
      try {
        importOnnx(bytes.subarray(0, end));
      } catch (error) {
        const named = error instanceof OnnxFormatError || error instanceof OnnxImportError;
        expect([end, named, error]).toEqual([end, true, error]);
      }
    }
  });

  it.each<[string, ModelProto, RegExp]>([
    [
      'an unknown operator',
      model([x], [y], [node('Frobnicate', ['x'], ['y'], {}, 'n7')]),
      /Frobnicate at n7: operator Frobnicate \(domain ai.onnx, opset 18\) is not supported/,
    ],
    [
      'a cycle',
      model(
        [x],
        [y],
        [node('Add', ['x', 'b'], ['a']), node('Relu', ['a'], ['b']), node('Relu', ['a'], ['y'])],
      ),
      /Add at a: the graph has a cycle/,
    ],
    [
      'a missing value',
      model([x], [y], [node('Add', ['x', 'nowhere'], ['y'])]),
      /Add at y: input nowhere is made by no node/,
    ],
    [
      'a missing output',
      model([x], [y], [node('Relu', ['x'], ['z'])]),
      /output y is made by no node/,
    ],
    [
      'a value made twice',
      model([x], [y], [node('Relu', ['x'], ['y']), node('Tanh', ['x'], ['y'])]),
      /value y is made twice/,
    ],
  ])('%s', (_, source, message) => {
    expect(() => importOnnx(source)).toThrow(OnnxImportError);
    expect(() => importOnnx(source)).toThrow(message);
  });

  it('nodes out of order are put in order', async () => {
    const shuffled = model([x], [y], [node('Relu', ['h'], ['y']), node('Neg', ['x'], ['h'])]);
    expect(await list((await importOnnx(shuffled).run({ x: f32([-1, 2]) })).y)).toEqual([1, 0]);
  });

  it.each<[string, ModelProto, RegExp]>([
    ['wrong types', model([x], [y], [node('And', ['x', 'x'], ['y'])]), /And at y.*dtype/],
    [
      'shapes that do not fit',
      model([x], [y], [node('MatMul', ['x', 'w'], ['y'])], {
        w: { dtype: 'float32', shape: [3, 1], data: new Float32Array(3) },
      }),
      /MatMul at y.*inner sizes differ/,
    ],
    [
      'an attribute of the wrong kind',
      model([x], [y], [node('Softmax', ['x'], ['y'], { axis: 'last' })]),
      /Softmax at y: attribute axis is of type string/,
    ],
    [
      'an input left out',
      model([x], [y], [node('Mul', ['x'], ['y'])]),
      /Mul at y: input 1 is missing/,
    ],
    [
      'a size out of all bounds',
      model(
        [x],
        [y],
        [
          node('Constant', [], ['s'], {
            value: makeAttribute('', {
              type: 'tensor',
              value: tensorToProto({
                dtype: 'int64',
                shape: [2],
                data: BigInt64Array.of(1n << 40n, 1n << 40n),
              }),
            }),
          }),
          node('Expand', ['x', 's'], ['y']),
        ],
      ),
      /Expand at y/,
    ],
  ])('%s are named when the model runs', async (_, source, message) => {
    await expect(importOnnx(source).run({ x: f32([1, 2]) })).rejects.toThrow(message);
  });
});
