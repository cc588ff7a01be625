/** Where mutations start: small sound models of every kind. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { primitives } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { operators } from '@hebb/ops';
import {
  decodeModel,
  makeAttribute,
  makeGraph,
  makeModel,
  makeNode,
  makeValueInfo,
  toOnnxModel,
} from '../../src/index.ts';
import type { ModelProto, TensorData } from '../../src/index.ts';
import { sampleCall } from '../samples.ts';
import { bombs } from './bombs.ts';

const f32 = (shape: readonly number[]): TensorData => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i)),
});
const x = makeValueInfo('x', 'float32', ['n', 4]);
const y = { name: 'y', metadataProps: [] };

/** Control flow, functions, text, quantised codes: what samples of ops do not reach. */
function handmade(): ModelProto[] {
  const branch = (op: string) =>
    makeGraph({
      inputs: [],
      outputs: [{ name: 'b', metadataProps: [] }],
      nodes: [makeNode(op, ['x'], ['b'])],
    });
  const body = makeGraph({
    inputs: [
      makeValueInfo('i', 'int64', []),
      makeValueInfo('go', 'bool', []),
      makeValueInfo('h', 'float32', ['n', 4]),
    ],
    outputs: ['go2', 'h2'].map((name) => ({ name, metadataProps: [] })),
    nodes: [makeNode('Identity', ['go'], ['go2']), makeNode('Tanh', ['h'], ['h2'])],
  });
  const graph = (name: string, value: ReturnType<typeof branch>) =>
    makeAttribute(name, { type: 'graph', value });
  const number = (value: bigint): TensorData => ({
    dtype: 'int64',
    shape: [],
    data: BigInt64Array.of(value),
  });
  const flag: TensorData = { dtype: 'bool', shape: [], data: Uint8Array.of(1) };
  const branched = makeModel(
    makeGraph({
      inputs: [x],
      outputs: [y],
      nodes: [
        {
          ...makeNode('If', ['flag'], ['y']),
          attribute: [graph('then_branch', branch('Neg')), graph('else_branch', branch('Abs'))],
        },
      ],
      initializers: { flag },
    }),
  );
  const looped = makeModel(
    makeGraph({
      inputs: [x],
      outputs: [y],
      nodes: [{ ...makeNode('Loop', ['m', 'flag', 'x'], ['y']), attribute: [graph('body', body)] }],
      initializers: { flag, m: number(3n) },
    }),
  );
  const quantised = makeModel(
    makeGraph({
      inputs: [x],
      outputs: [y],
      nodes: [
        makeNode('QuantizeLinear', ['x', 'scale', 'zero'], ['q']),
        makeNode('DequantizeLinear', ['q', 'scale', 'zero'], ['d']),
        makeNode('MatMulNBits', ['d', 'codes', 'scales'], ['y'], {
          domain: 'com.microsoft',
          attributes: { K: 4, N: 2, block_size: 16, bits: 4 },
        }),
      ],
      initializers: {
        scale: { dtype: 'float32', shape: [], data: Float32Array.of(0.1) },
        zero: { dtype: 'uint8', shape: [], data: Uint8Array.of(128) },
        codes: { dtype: 'uint8', shape: [2, 1, 8], data: new Uint8Array(16).fill(0x53) },
        scales: f32([2]),
      },
    }),
    { '': 21, 'com.microsoft': 1 },
  );
  const shaped = makeModel(
    makeGraph({
      inputs: [x],
      outputs: [y],
      nodes: [
        makeNode('Shape', ['x'], ['s']),
        makeNode('Gather', ['s', 'zero'], ['n']),
        makeNode('Concat', ['n', 'two', 'two'], ['t'], { attributes: { axis: 0 } }),
        makeNode('Reshape', ['x', 't'], ['r']),
        makeNode('NonZero', ['r'], ['z']),
        makeNode('Cast', ['z'], ['y'], { attributes: { to: 1 } }),
      ],
      initializers: {
        zero: { dtype: 'int64', shape: [1], data: BigInt64Array.of(0n) },
        two: { dtype: 'int64', shape: [1], data: BigInt64Array.of(2n) },
      },
    }),
  );
  const called: ModelProto = {
    ...makeModel(
      makeGraph({
        inputs: [x],
        outputs: [y],
        nodes: [makeNode('Twice', ['x'], ['y'], { domain: 'own' })],
      }),
      { '': 18, own: 1 },
    ),
    functions: [
      {
        name: 'Twice',
        domain: 'own',
        input: ['a'],
        output: ['b'],
        attribute: [],
        attributeProto: [],
        node: [makeNode('Add', ['a', 'a'], ['b'])],
        opsetImport: [{ domain: '', version: 18 }],
        valueInfo: [],
        metadataProps: [],
      },
    ],
  };
  const external: ModelProto = {
    ...makeModel(
      makeGraph({ inputs: [x], outputs: [y], nodes: [makeNode('Add', ['x', 'w'], ['y'])] }),
    ),
  };
  const outside = {
    name: 'w',
    dims: [4],
    dataType: 1,
    dataLocation: 1,
    stringData: [],
    metadataProps: [],
    externalData: [
      { key: 'location', value: '../../../etc/hostname' },
      { key: 'offset', value: '0' },
      { key: 'length', value: '16' },
    ],
  };
  const linked = { ...external, graph: { ...external.graph!, initializer: [outside] } };
  return [branched, looped, quantised, shaped, called, linked];
}

const folder = fileURLToPath(
  new URL('../../../../../shared/data/onnx-node-tests/', import.meta.url),
);

/** `limit`: most models of the public suite, where it lies beside the repository. */
export async function corpus(limit = Infinity): Promise<ModelProto[]> {
  // Those that take long to refuse would take up the time: they are tried as they are (fuzz.spec.ts).
  const models = [...handmade(), ...bombs().filter(({ functions }) => functions.length < 10)];
  for (const op of [...primitives, ...operators]) {
    const [sample] = op.samples;
    if (sample === undefined || op.name === 'randomBits' || op.name === 'bitcast') continue;
    const { inputs, call } = sampleCall(op, sample);
    const input = Object.fromEntries(
      inputs.map(({ shape, dtype }, i) => [`x${i}`, { shape, dtype }]),
    );
    models.push(await toOnnxModel((...given: Tensor[]) => call(given), { input, opset: 21 }));
  }
  if (existsSync(folder)) {
    // In an order of which no file system decides: seeds name files.
    for (const name of readdirSync(folder).sort().slice(0, limit)) {
      const bytes = readFileSync(`${folder}${name}/model.onnx`);
      if (bytes.length < 20_000) models.push(decodeModel(bytes));
    }
  }
  return models;
}
