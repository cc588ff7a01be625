/** The codec beside onnx-proto, an independent one, on the files that the latter understands. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import onnxProto from 'onnx-proto';
import * as codec from './index.ts';
import { plain } from './plain.ts';

const { onnx } = onnxProto;

const DATA =
  process.env['HEBB_DATA'] ?? fileURLToPath(new URL('../../../../../shared/data', import.meta.url));

/** A model of our own, for where there is no data. */
const sample = codec.encodeModel({
  irVersion: 8,
  modelVersion: 9_007_199_254_740_993n,
  opsetImport: [{ domain: '', version: 13 }],
  graph: {
    name: 'g',
    node: [
      {
        opType: 'Slice',
        input: ['x'],
        output: ['y'],
        attribute: [
          codec.makeAttribute('ends', { type: 'ints', value: [2n ** 63n - 1n, -(2n ** 63n), -1n] }),
          codec.makeAttribute('alpha', { type: 'float', value: 0.1 }),
          codec.makeAttribute('mode', { type: 'string', value: 'linear' }),
        ],
      },
    ],
    initializer: [
      codec.tensorToProto({
        name: 'w',
        dtype: 'float32',
        shape: [2],
        data: new Float32Array([1, 2]),
      }),
      { name: 'l', dims: [2], dataType: 7, int64Data: new BigInt64Array([-5n, 2n ** 60n]) },
      { name: 'f', dims: [2], dataType: 1, floatData: new Float32Array([0.5, -0.25]) },
      { name: 'b', dims: [2], dataType: 9, int32Data: new Int32Array([1, 0]) },
      { name: 'd', dims: [1], dataType: 11, doubleData: new Float64Array([0.1]) },
      { name: 'u', dims: [1], dataType: 13, uint64Data: new BigUint64Array([2n ** 64n - 1n]) },
      { name: 's', dims: [1], dataType: 8, stringData: [new TextEncoder().encode('π')] },
    ],
    input: [
      { name: 'x', type: { tensorType: { elemType: 1, shape: { dim: [{ dimParam: 'N' }] } } } },
    ],
    output: [{ name: 'y' }],
  },
});

function olderModels(): [string, Uint8Array][] {
  const models: [string, Uint8Array][] = [['a sample', sample]];
  for (const folder of ['onnx-pytorch-operator-tests', 'onnx-node-tests', 'models']) {
    if (!existsSync(join(DATA, folder))) continue;
    for (const name of readdirSync(join(DATA, folder))) {
      const path = join(DATA, folder, name, 'model.onnx');
      if (!existsSync(path)) continue;
      const bytes = readFileSync(path);
      // onnx-proto stops at IR 8; files that use what came later are not comparable.
      if (bytes.length < 300_000 && (codec.decodeModel(bytes).irVersion ?? 99) <= 8) {
        models.push([name, bytes]);
      }
    }
  }
  return models;
}

const models = olderModels();

it('sees the same in every model that onnx-proto understands', () => {
  for (const [name, bytes] of models) {
    const theirs = onnx.ModelProto.decode(bytes);
    expect({ name, model: comparable(codec.decodeModel(bytes)) }).toEqual({
      name,
      model: comparable(plain(theirs)),
    });
  }
});

/**
 * Message lists that onnx-proto does not know are always empty in the files compared, so empty lists
 * and absent ones are taken as equal.
 */
function comparable(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) {
    return value instanceof Uint8Array ? [...value] : value;
  }
  if (Array.isArray(value)) return value.map(comparable);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, v]) => !(Array.isArray(v) && v.length === 0))
      .map(([key, v]) => [key, comparable(v)]),
  );
}

it('writes what onnx-proto reads, and takes what it hands out', () => {
  for (const [name, bytes] of models) {
    const ours = codec.decodeModel(bytes);
    const theirs = codec.toOnnxProto(ours, onnx);
    expect(theirs).toBeInstanceOf(onnx.ModelProto);
    expect({ name, model: codec.fromOnnxProto(theirs) }).toEqual({ name, model: ours });
  }
});

it('takes plain objects and numbers where onnx-proto allows them', () => {
  const model = codec.fromOnnxProto({
    irVersion: 8,
    opsetImport: [{ version: 13 }],
    graph: {
      initializer: [{ dims: [2], dataType: 1, floatData: [1, 2] }],
      node: [{ opType: 'Concat', attribute: [{ name: 'axis', type: 2, i: -1 }] }],
    },
  });
  expect(model.graph!.node[0]!.attribute[0]!.i).toBe(-1n);
  expect(model.graph!.node[0]!.input).toEqual([]);
  expect(codec.tensorFromProto(model.graph!.initializer[0]!).data).toEqual(
    new Float32Array([1, 2]),
  );
  expect(() => codec.fromOnnxProto({})).toThrow(codec.OnnxFormatError);
});

it('keeps 64-bit integers exact in both directions', () => {
  const theirs = codec.toOnnxProto(codec.decodeModel(sample), onnx);
  expect(String(theirs.modelVersion)).toBe('9007199254740993');
  expect(theirs.graph!.node![0]!.attribute![0]!.ints!.map(String)).toEqual([
    '9223372036854775807',
    '-9223372036854775808',
    '-1',
  ]);
  expect(codec.fromOnnxProto(theirs)).toEqual(codec.decodeModel(sample));
});
