/** Shapes with named axes, inferred without running the model. */
import { existsSync, readdirSync } from 'node:fs';
import { cpu } from '@hebb/backend-cpu';
import { init } from '@hebb/core';
import { formatType, importOnnx, inferShapes, inspectOnnx, makeAttribute } from '../src/index.ts';
import type { ModelProto, TensorData } from '../src/index.ts';
import { importOnnxFile } from '../src/node.ts';
import { info, model, node } from './build.ts';

beforeAll(async () => {
  await init(cpu());
});

const int64 = (...values: number[]): TensorData => ({
  dtype: 'int64',
  shape: [values.length],
  data: BigInt64Array.from(values, BigInt),
});
const f32 = (...shape: number[]): TensorData => ({
  dtype: 'float32',
  shape,
  data: new Float32Array(shape.reduce((a, b) => a * b, 1)),
});

function shapes(source: ModelProto): Record<string, string> {
  const { values } = inferShapes(importOnnx(source));
  return Object.fromEntries([...values].map(([name, type]) => [name, formatType(type)]));
}

const open = (name: string) => info(name, 'float32', []);

it('follows axes through sums, products and chains of computed shapes', () => {
  const source = model(
    [info('x', 'float32', ['batch', 'steps', 8])],
    [open('y')],
    [
      node('Shape', ['x'], ['shape']),
      node('Gather', ['shape', 'zero'], ['b']),
      node('Gather', ['shape', 'one'], ['s']),
      node('Mul', ['b', 's'], ['rows']),
      node('Concat', ['rows', 'four', 'two'], ['target'], { axis: 0 }),
      node('Reshape', ['x', 'target'], ['flat']),
      node('Concat', ['x', 'x', 'start'], ['long'], { axis: 1 }),
      node('Transpose', ['long'], ['turned'], { perm: [2, 0, 1] }),
      node('Concat', ['rows', 'rows'], ['twice'], { axis: 0 }),
      node('Expand', ['constant', 'twice'], ['y']),
    ],
    {
      zero: int64(0),
      one: int64(1),
      two: int64(2),
      four: int64(4),
      start: f32(1, 3, 8),
      constant: f32(1),
    },
  );
  // The start is of one row: it fits batches of one only.
  const single = {
    ...source,
    graph: { ...source.graph!, input: [info('x', 'float32', [1, 'steps', 8])] },
  };
  expect(shapes(single)).toMatchObject({
    shape: 'int64[3]',
    rows: 'int64[1]',
    flat: 'float32[steps,4,2]',
    long: 'float32[1,2*steps+3,8]',
    turned: 'float32[8,1,2*steps+3]',
    y: 'float32[steps,steps]',
  });
  const nodes = source.graph!.node.filter(({ output }) => !['long', 'turned'].includes(output[0]!));
  const several = shapes({ ...source, graph: { ...source.graph!, node: nodes } });
  expect(several).toMatchObject({
    flat: 'float32[batch*steps,4,2]',
    y: 'float32[batch*steps,batch*steps]',
  });
});

it('divides by strides, rounding as they do', () => {
  const source = model(
    [info('image', 'float32', ['n', 3, 'height', 'width'])],
    [open('y')],
    [
      node('Conv', ['image', 'w'], ['c'], { strides: [2, 2], pads: [1, 1, 1, 1] }),
      node('MaxPool', ['c'], ['p'], { kernel_shape: [2, 2], strides: [2, 2] }),
      node('Conv', ['c', 'v'], ['d'], { strides: [2, 3] }),
      node('GlobalAveragePool', ['p'], ['g']),
      node('Flatten', ['g'], ['y']),
    ],
    { w: f32(8, 3, 3, 3), v: f32(4, 8, 1, 1) },
  );
  expect(shapes(source)).toEqual({
    c: 'float32[n,8,floor((height+1)/2),floor((width+1)/2)]',
    p: 'float32[n,8,floor((height+1)/4),floor((width+1)/4)]',
    d: 'float32[n,4,floor((height+3)/4),floor((width+5)/6)]',
    g: 'float32[n,8,1,1]',
    y: 'float32[n,8]',
  });
});

it('keeps open what depends on the data, and goes on behind it', () => {
  const source = model(
    [info('x', 'float32', ['n', 4]), info('go', 'bool', [])],
    [open('y')],
    [
      node('NonZero', ['x'], ['places']),
      node('Transpose', ['places'], ['turned']),
      node('If', ['go'], ['either'], {
        then_branch: makeAttribute('', { type: 'graph', value: branch(['x', 'x']) }),
        else_branch: makeAttribute('', { type: 'graph', value: branch(['x']) }),
      }),
      node('Relu', ['x'], ['y']),
    ],
  );
  expect(shapes(source)).toEqual({
    places: 'int64[2,?]',
    turned: 'int64[?,2]',
    either: 'float32[?,4]',
    y: 'float32[n,4]',
  });
});

function branch(parts: readonly string[]) {
  return model([], [open('b')], [node('Concat', parts, ['b'], { axis: 0 })]).graph!;
}

it('names axes without a name after their input, and says where it stops', () => {
  const source = model(
    [info('x', 'float32', ['n'])],
    [open('y')],
    [node('Neg', ['x'], ['a']), node('Reshape', ['a', 'wrong'], ['y'])],
    { wrong: int64(-1, 7919) },
  );
  const unnamed = {
    ...source,
    graph: {
      ...source.graph!,
      input: [
        {
          name: 'x',
          metadataProps: [],
          type: { tensorType: { elemType: 1, shape: { dim: [{}] } } },
        },
      ],
    },
  };
  const { values, note } = inferShapes(importOnnx(unnamed));
  expect([...values.values()].map(formatType)).toEqual(['float32[x.0]']);
  expect(note).toMatch(/Reshape at y/);
});

it('is part of what inspectOnnx reports', () => {
  const source = model(
    [info('x', 'float32', ['n', 2])],
    [open('y')],
    [node('Concat', ['x', 'x'], ['y'], { axis: 0 })],
  );
  const report = inspectOnnx(source);
  expect(report.outputs).toEqual([
    { name: 'y', kind: 'tensor', dtype: 'float32', shape: ['2*n', 2] },
  ]);
  expect(report.values).toEqual(report.outputs);
});

const folder = new URL('../../../../shared/data/models/', import.meta.url).pathname;
// The data folder lies beside the repository.
(existsSync(folder) ? it : it.skip)(
  'agrees with what the authors of real models declared',
  async () => {
    for (const name of readdirSync(folder)) {
      const net = await importOnnxFile(`${folder}${name}/model.onnx`);
      const { values, note } = inferShapes(net);
      expect([name, note]).toEqual([name, undefined]);
      for (const declared of net.outputs) {
        const inferred = values.get(declared.name)!;
        expect(inferred.dtype).toBe(declared.dtype);
        declared.shape?.forEach((dim, axis) => {
          // Exporters often give a dynamic size a name of its own.
          if (typeof dim === 'number') expect(inferred.shape?.[axis]).toBe(dim);
          else expect(inferred.shape?.[axis]).not.toBeNull();
        });
      }
    }
  },
);
