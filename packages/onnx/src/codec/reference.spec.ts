/**
 * Bytes written by the reference implementation (test/fixtures/make_reference.py) are understood and
 * reproduced to the last byte.
 */
import { readFileSync } from 'node:fs';
import {
  attributeValue,
  DataType,
  decodeModel,
  decodeOptional,
  decodeOptionalProto,
  decodeSequence,
  decodeSequenceProto,
  decodeTensor,
  decodeTensorProto,
  dtypeName,
  encodeModel,
  encodeOptional,
  encodeSequence,
  encodeTensor,
  encodeTensorProto,
  makeAttribute,
  ONNX_DTYPES,
  packedByteLength,
  sequenceToProto,
  tensorFromProto,
} from './index.ts';

interface Fixtures {
  readonly tensors: readonly {
    readonly type: number;
    readonly typed: string;
    readonly raw?: string;
    readonly bytes?: string;
  }[];
  readonly models: { readonly everything: string };
  readonly sequence: string;
  readonly optional: string;
}

const fixtures = JSON.parse(
  readFileSync(new URL('../../test/fixtures/reference.json', import.meta.url), 'utf8'),
) as Fixtures;

const fromHex = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));
const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const hexOf = (data: ArrayBufferView) =>
  toHex(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));

const byDtype = new Map(fixtures.tensors.map((t) => [dtypeName(t.type), t]));
const fixture = (dtype: string) => byDtype.get(dtype as never)!;

describe('tensors', () => {
  it('covers every element type', () => {
    expect([...byDtype.keys()].sort()).toEqual([...ONNX_DTYPES].sort());
  });

  describe.each(ONNX_DTYPES.filter((dtype) => dtype !== 'string'))('%s', (dtype) => {
    const { typed, raw, bytes } = fixture(dtype);

    it('has the same elements in raw_data and in its typed field', () => {
      for (const file of [typed, raw!]) {
        const tensor = decodeTensor(fromHex(file));
        expect(tensor).toMatchObject({ name: 't', dtype, shape: [3] });
        expect(hexOf(tensor.data as ArrayBufferView)).toBe(bytes);
      }
      expect(packedByteLength(dtype, 3)).toBe(bytes!.length / 2);
    });

    it('is written as the reference writes it', () => {
      expect(toHex(encodeTensor(decodeTensor(fromHex(typed))))).toBe(raw);
      expect(toHex(encodeTensorProto(decodeTensorProto(fromHex(typed))))).toBe(typed);
      expect(toHex(encodeTensorProto(decodeTensorProto(fromHex(raw!))))).toBe(raw);
    });
  });

  it('reads the extremes exactly', () => {
    const read = (dtype: string) => decodeTensor(fromHex(fixture(dtype).typed)).data;
    expect(read('int64')).toEqual(
      new BigInt64Array([-(2n ** 63n), 9_007_199_254_740_993n, 2n ** 63n - 1n]),
    );
    expect(read('uint64')).toEqual(
      new BigUint64Array([0n, 9_007_199_254_740_993n, 2n ** 64n - 1n]),
    );
    expect(read('uint32')).toEqual(new Uint32Array([0, 2 ** 31, 2 ** 32 - 1]));
    expect(read('int32')).toEqual(new Int32Array([-(2 ** 31), 7, 2 ** 31 - 1]));
    expect(read('int16')).toEqual(new Int16Array([-32768, 1, 32767]));
    expect(read('int8')).toEqual(new Int8Array([-128, 0, 127]));
    expect(read('float64')).toEqual(new Float64Array([0.1, -1e300, 5e-324]));
    expect(read('float32')).toEqual(new Float32Array([1.5, -2.25, 3e38]));
    expect(read('float16')).toEqual(new Uint16Array([0x3c00, 0xc100, 0x7bff]));
    expect(read('bfloat16')).toEqual(new Uint16Array([0x3f80, 0xc020, 0x4040]));
    expect(read('bool')).toEqual(new Uint8Array([1, 0, 1]));
    expect(read('complex64')).toEqual(new Float32Array([1, 2, -3.5, -1, 0, 0]));
    expect(read('string')).toEqual(['a', 'π', '']);
    // -8, 7 in one byte, 1 in the next, first in the low half; -2, 1, -1 in one byte.
    expect(read('int4')).toEqual(new Uint8Array([0x78, 0x01]));
    expect(read('int2')).toEqual(new Uint8Array([0b11_01_10]));
    expect(read('float8e4m3fn')).toEqual(new Uint8Array([0x38, 0xc0, 0x7e]));
  });

  it('is a view of the file where alignment allows, and a copy elsewhere', () => {
    const file = fromHex(fixture('float32').raw!);
    for (const shift of [0, 1, 2, 3]) {
      const memory = new Uint8Array(file.length + shift);
      memory.set(file, shift);
      const bytes = memory.subarray(shift);
      const raw = decodeTensorProto(bytes).rawData!;
      expect(raw.buffer).toBe(memory.buffer);
      const { data } = decodeTensor(bytes);
      expect(data).toEqual(new Float32Array([1.5, -2.25, 3e38]));
      expect((data as Float32Array).buffer === memory.buffer).toBe(raw.byteOffset % 4 === 0);
    }
  });

  it('is a plain Uint8Array when the file came as a Buffer', () => {
    const raw = decodeTensorProto(Buffer.from(fixture('int4').raw!, 'hex')).rawData!;
    expect(Buffer.isBuffer(raw)).toBe(false);
  });

  it('writes strings as the reference does', () => {
    const { typed } = fixture('string');
    expect(toHex(encodeTensor(decodeTensor(fromHex(typed))))).toBe(typed);
  });
});

describe('a model with every message', () => {
  const bytes = fromHex(fixtures.models.everything);
  const model = decodeModel(bytes);
  const node = model.graph!.node[0]!;
  const attribute = (name: string) => node.attribute.find((a) => a.name === name)!;

  it('is reproduced to the byte', () => {
    expect(toHex(encodeModel(model))).toBe(fixtures.models.everything);
    expect(decodeModel(encodeModel(model))).toEqual(model);
  });

  it('has its fields where the types say', () => {
    expect(model).toMatchObject({
      irVersion: 14,
      modelVersion: 2n ** 63n - 1n,
      opsetImport: [
        { domain: '', version: 26 },
        { domain: 'local', version: 1 },
      ],
      metadataProps: [{ key: 'k', value: 'v' }],
      configuration: [{ name: 'two', numDevices: 2, device: ['cpu:0', 'cpu:1'] }],
    });
    expect(node).toMatchObject({
      input: ['x', '', 'y'],
      opType: 'F',
      domain: 'local',
      overload: 'v2',
      metadataProps: [{ key: 'nk', value: 'nv' }],
    });
    expect(node.deviceConfigurations[0]).toMatchObject({
      configurationId: 'two',
      pipelineStage: 1,
      shardingSpec: [
        {
          tensorName: 'x',
          device: [0, -1],
          indexToDeviceGroupMap: [{ key: -1, value: [0, 1] }],
          shardedDim: [
            {
              axis: -1,
              simpleSharding: [
                { dimValue: 8, numShards: 2 },
                { dimParam: 'N', numShards: 4 },
              ],
            },
          ],
        },
      ],
    });
    expect(model.functions[0]).toMatchObject({
      name: 'F',
      attribute: ['alpha'],
      attributeProto: [{ name: 'beta', f: 2 }],
      node: [{ attribute: [{ name: 'alpha', refAttrName: 'alpha' }] }],
    });
    expect(model.trainingInfo[0]!.updateBinding).toEqual([{ key: 'c', value: 'd' }]);
  });

  it('distinguishes absent from empty', () => {
    expect(model.graph!.output[0]!.type!.tensorType).toEqual({ elemType: 1, shape: { dim: [] } });
    expect(model.graph!.valueInfo[0]!.type!.tensorType).toEqual({ elemType: 1 });
    const dims = model.graph!.input[0]!.type!.tensorType!.shape!.dim;
    expect(dims).toEqual([{ dimValue: 1 }, { dimParam: 'N' }, {}]);
    expect(model.graph!.input[4]!.type!.sparseTensorType!.shape!.dim).toEqual([
      { dimValue: 0, denotation: 'DATA_BATCH' },
    ]);
    expect(attribute('f').f).toBe(0);
    expect('i' in attribute('f')).toBe(false);
  });

  it('gives attributes as values, and makes them again', () => {
    expect(attributeValue(attribute('i'))).toEqual({ type: 'int', value: -(2n ** 63n) });
    expect(attributeValue(attribute('is'))).toEqual({
      type: 'ints',
      value: [1n, -1n, 9_007_199_254_740_993n],
    });
    expect(attributeValue(attribute('fs'))).toEqual({
      type: 'floats',
      value: [Math.fround(0.1), Infinity],
    });
    expect(attributeValue(attribute('ss'))).toEqual({ type: 'strings', value: ['a', ''] });
    for (const made of node.attribute) {
      if (made.name === 's') continue; // bytes that are no text
      const { docString: _, ...rest } = made;
      expect(makeAttribute(made.name!, attributeValue(made))).toEqual(rest);
    }
    const reference = model.functions[0]!.node[0]!.attribute[0]!;
    expect(() => attributeValue(reference)).toThrow('refers to attribute alpha');
  });

  it('keeps fields of a newer ONNX', () => {
    // Field 99 of the model and field 98 of an operator set, both unknown today.
    const opset = [0x10, 26, 0x92, 0x06, 1, 7];
    const extra = [0x42, opset.length, ...opset, 0x98, 0x06, 5];
    const newer = decodeModel(Uint8Array.from([...bytes, ...extra]));
    expect(newer.$unknowns!.map(toHex)).toEqual(['980605']);
    expect(newer.opsetImport.at(-1)!.$unknowns!.map(toHex)).toEqual(['92060107']);
    expect(decodeModel(encodeModel(newer))).toEqual(newer);
    expect(encodeModel({ ...newer }).length).toBe(bytes.length + extra.length);
  });

  it('names the tensor that it cannot read', () => {
    const [, external, segment] = model.graph!.initializer;
    expect(() => tensorFromProto(external!)).toThrow('tensor "ext": its data lies in "w.bin"');
    expect(() => tensorFromProto(segment!)).toThrow('tensor "seg": tensors split into segments');
    const asked: unknown[] = [];
    const tensor = tensorFromProto(external!, {
      resolve: (...place) => {
        asked.push(place);
        return new Uint8Array(new Float32Array([1, 2, 3, 4]).buffer);
      },
    });
    expect(asked).toEqual([['w.bin', 4096, 16]]);
    expect(tensor.data).toEqual(new Float32Array([1, 2, 3, 4]));
  });
});

describe('sequences, maps and optionals', () => {
  it('are read and reproduced', () => {
    const sequence = decodeSequence(fromHex(fixtures.sequence));
    expect(sequence).toMatchObject({
      kind: 'sequence',
      name: 'sq',
      items: [
        { kind: 'map', keyType: 'string', keys: ['a', 'b'], values: { items: [{}, {}] } },
        { kind: 'map', keyType: 'int64', keys: [-1n, 9_007_199_254_740_993n] },
      ],
    });
    expect(decodeSequence(encodeSequence(sequence))).toEqual(sequence);
    const optional = decodeOptional(fromHex(fixtures.optional));
    expect(optional).toMatchObject({
      kind: 'optional',
      value: { kind: 'optional', value: { kind: 'sequence', items: [{ dtype: 'float32' }] } },
    });
    expect(decodeOptional(encodeOptional(optional))).toEqual(optional);
  });

  it('keep the raw messages accessible', () => {
    expect(decodeSequenceProto(fromHex(fixtures.sequence)).mapValues).toHaveLength(2);
    expect(decodeOptionalProto(fromHex(fixtures.optional)).name).toBe('op');
  });

  it('hold items of one kind', () => {
    const item = { dtype: 'bool', shape: [], data: new Uint8Array([1]) } as const;
    const sequence = { kind: 'sequence', elemType: 3, items: [item] } as const;
    expect(() => sequenceToProto(sequence)).toThrow('an item is not of element type 3');
  });
});

it('names element types as ONNX numbers them', () => {
  expect(DataType.float32).toBe(1);
  expect(DataType.int4).toBe(22);
  expect(DataType.float8e4m3fn).toBe(17);
  expect(dtypeName(DataType.bfloat16)).toBe('bfloat16');
  expect(() => dtypeName(0, 'x')).toThrow('x: unknown element type 0');
});
