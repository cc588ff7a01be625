/** Whatever the bytes are, the outcome is a value or an OnnxFormatError, in bounded memory and time. */
import {
  decodeModel,
  decodeOptional,
  decodeSequence,
  decodeTensor,
  encodeModel,
  encodeTensor,
  encodeTensorProto,
  makeAttribute,
  OnnxFormatError,
  sparseFromProto,
  tensorFromProto,
  tensorsOf,
  tensorToProto,
} from './index.ts';
import type { Draft, GraphProto, ModelProto, TensorProto } from './index.ts';

const text = (s: string) => new TextEncoder().encode(s);

const small: Draft<ModelProto> = {
  irVersion: 10,
  producerName: 'hebb',
  opsetImport: [{ domain: '', version: 21 }],
  graph: {
    name: 'g',
    node: [
      {
        opType: 'If',
        input: ['c'],
        output: ['y'],
        attribute: [
          makeAttribute('axes', { type: 'ints', value: [0, -1, 300] }),
          makeAttribute('scales', { type: 'floats', value: [0.5, 2] }),
          {
            name: 'then_branch',
            type: 5,
            g: { name: 'then', node: [{ opType: 'Identity', input: ['x'], output: ['z'] }] },
          },
        ],
      },
    ],
    initializer: [
      tensorToProto({
        name: 'w',
        dtype: 'float32',
        shape: [2, 2],
        data: new Float32Array([1, 2, 3, 4]),
      }),
      { name: 'i', dims: [3], dataType: 7, int64Data: new BigInt64Array([1n, -1n, 2n ** 40n]) },
      { name: 'h', dims: [3], dataType: 10, int32Data: new Int32Array([1, 2, 65535]) },
      { name: 's', dims: [2], dataType: 8, stringData: [text('a'), text('bc')] },
    ],
    input: [
      { name: 'x', type: { tensorType: { elemType: 1, shape: { dim: [{ dimParam: 'N' }] } } } },
    ],
    output: [{ name: 'y' }],
  },
};

/** A varint, for files that no encoder would write. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return [...bytes, value];
}

/** The error of `read`, which must be an OnnxFormatError, or undefined when it succeeds. */
function outcome(read: () => unknown): OnnxFormatError | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    if (error instanceof OnnxFormatError) return error;
    throw new Error(`not an OnnxFormatError: ${String(error)}`, { cause: error });
  }
}

function readAll(bytes: Uint8Array): void {
  const model = decodeModel(bytes);
  for (const tensor of tensorsOf(model)) tensorFromProto(tensor);
}

describe('truncation', () => {
  const bytes = encodeModel(small);

  it('at every byte ends in an error that gives a place', () => {
    let truncated = 0;
    for (let length = 0; length < bytes.length; length++) {
      const error = outcome(() => readAll(bytes.subarray(0, length)));
      // Between two fields of the model, or in front of it, the rest may be valid but incomplete.
      if (error === undefined) continue;
      if (error.offset !== undefined) {
        truncated++;
        expect(error.offset).toBeLessThanOrEqual(length);
      }
    }
    expect(truncated).toBeGreaterThan(bytes.length * 0.8);
  });

  it('says how much was claimed and how much is left', () => {
    const at = (length: number) => outcome(() => decodeModel(bytes.subarray(0, length)))!.message;
    expect(at(100)).toMatch(
      /^ONNX model of 100 bytes: a field at byte \d+ claims \d+ bytes, but only \d+ are left$/,
    );
    expect(at(0)).toBe('not an ONNX model: it is empty');
    expect(outcome(() => decodeTensor(Uint8Array.of(0x08, 0x80)))!.message).toBe(
      'TensorProto of 2 bytes: the data ends inside of a number at byte 2',
    );
  });
});

describe('what is no ONNX file', () => {
  it.each([
    ['a Git LFS pointer', text('version https://git-lfs.github.com/spec/v1\noid'), /git lfs pull/],
    ['a zip archive', text('PK\x03\x04....'), /zip archive/],
    ['HTML', text('<!doctype html><html>'), /text or HTML/],
    ['JSON', text('{"a": 1}'), /JSON/],
    ['an ORT file', Uint8Array.from([0x18, 0, 0, 0, ...text('ORTM'), 0, 0]), /ORT format/],
    ['prose', text('hello, this is no model'), /ONNX model of 23 bytes: /],
    ['a tensor', encodeTensor({ dtype: 'bool', shape: [], data: Uint8Array.of(1) }), /no graph/],
    ['zeros', new Uint8Array(64), /malformed at byte 1/],
  ])('%s is refused', (_, bytes, message) => {
    expect(outcome(() => decodeModel(bytes))!.message).toMatch(message);
  });
});

describe('claims without substance', () => {
  /** A TensorProto of float32 with these dims and four bytes of data. */
  const claiming = (...dims: number[]): Uint8Array =>
    Uint8Array.from([
      ...dims.flatMap((dim) => [0x08, ...varint(dim)]),
      ...[0x10, 1, 0x4a, 4, 0, 0, 0, 0],
    ]);

  it('a small file cannot make a large tensor', () => {
    const bytes = claiming(512 * 1024, 1024);
    expect(bytes.length).toBeLessThan(20);
    const before = process.memoryUsage().arrayBuffers;
    expect(outcome(() => decodeTensor(bytes))!.message).toBe(
      'tensor "": shape [524288,1024] of float32 takes 2147483648 bytes, but its raw_data has 4',
    );
    // Of 2 GiB.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 28);
  });

  it.each([
    ['product overflows', [2 ** 40, 2 ** 40], /too many elements/],
    ['dimension overflows', [2 ** 60], /dims: 1152921504606846976 is out of range/],
    ['data too long', [], null],
    ['data too short', [2], /takes 8 bytes, but its raw_data has 4/],
    ['empty dimension', [2 ** 40, 0, 2 ** 40], /takes 0 bytes, but its raw_data has 4/],
  ])('%s', (_, dims, message) => {
    const error = outcome(() => decodeTensor(claiming(...dims)));
    if (message === null) expect(error).toBeUndefined();
    else expect(error!.message).toMatch(message);
  });

  it('a negative dimension is refused', () => {
    const proto = { dims: [-1], dataType: 1, rawData: new Uint8Array() };
    const error = outcome(() => decodeTensor(encodeTensorProto(proto)));
    expect(error!.message).toBe('tensor "": bad dimension -1 in shape [-1]');
  });

  it('a length beyond the file is refused before anything is allocated', () => {
    for (const tag of [0x4a, 0x22, 0x2a, 0x3a, 0x52, 0x5a, 0x32]) {
      const error = outcome(() => decodeTensor(Uint8Array.from([tag, ...varint(2 ** 31 - 1), 0])));
      expect(error!.message).toMatch(/claims 2147483647 bytes, but only 1 are left/);
    }
  });

  it('the number of fields is bounded', () => {
    // A model whose graph has a thousand empty nodes in two thousand bytes.
    const nodes = Array.from({ length: 1000 }, () => [0x0a, 0]).flat();
    const bytes = Uint8Array.from([0x08, 8, 0x3a, ...varint(nodes.length), ...nodes]);
    expect(decodeModel(bytes).graph!.node).toHaveLength(1000);
    expect(outcome(() => decodeModel(bytes, { maxFields: 500 }))!.message).toMatch(
      /more than 500 fields at byte \d+/,
    );
  });
});

describe('nesting', () => {
  const nested = (levels: number): Draft<ModelProto> => {
    let graph: Draft<GraphProto> = { name: 'innermost' };
    for (let i = 0; i < levels; i++) {
      graph = { node: [{ opType: 'If', attribute: [{ name: 'then_branch', type: 5, g: graph }] }] };
    }
    return { irVersion: 8, graph };
  };

  it('30 levels of subgraphs are read, as by other implementations', () => {
    const model = decodeModel(encodeModel(nested(30)));
    let depth = 0;
    let graph: GraphProto | undefined = model.graph;
    for (; graph?.node[0]; depth++) graph = graph.node[0].attribute[0]!.g;
    expect([depth, graph?.name]).toEqual([30, 'innermost']);
  });

  it('too deep a model is refused by the encoder', () => {
    expect(outcome(() => encodeModel(nested(40)))!.message).toMatch(/deeper than 100 levels/);
  });

  it.each([100, 2000])('%i messages inside of each other are refused', (levels) => {
    // Optionals in optionals; each level is the field 7 of the one around it.
    let bytes = Uint8Array.of(0x10, 0);
    for (let i = 0; i <= levels; i++) {
      bytes = Uint8Array.from([0x10, 5, 0x3a, ...varint(bytes.length), ...bytes]);
    }
    expect(outcome(() => decodeOptional(bytes))!.message).toMatch(/deeper than 100 levels/);
  });

  it('unknown groups inside of each other are refused', () => {
    const bytes = new Uint8Array(100_000).fill((40 << 3) | 3);
    const tag = [0xc3, 0x02]; // group 40
    const groups = Uint8Array.from(Array.from({ length: 50_000 }, () => tag).flat());
    expect(outcome(() => decodeSequence(groups))!.message).toMatch(/deeper than 100 levels/);
    expect(outcome(() => decodeSequence(bytes))).toBeInstanceOf(OnnxFormatError);
  });
});

describe('values that do not fit', () => {
  const proto = (fields: Draft<TensorProto>) => () => decodeTensor(encodeTensorProto(fields));
  it.each([
    ['no element type', { dims: [0] }, /unknown element type \(none\)/],
    ['unknown element type', { dims: [0], dataType: 77 }, /unknown element type 77/],
    ['no data', { dims: [2], dataType: 1 }, /its raw_data has 0/],
    [
      'too few entries',
      { dims: [3], dataType: 3, int32Data: Int32Array.of(1) },
      /3 entries of int/,
    ],
    [
      '300 as uint8',
      { dims: [1], dataType: 2, int32Data: Int32Array.of(300) },
      /300 is out of range/,
    ],
    [
      '2^32 as uint32',
      { dims: [1], dataType: 12, uint64Data: BigUint64Array.of(2n ** 32n) },
      /uint32/,
    ],
    ['64 as float6', { dims: [1], dataType: 27, int32Data: Int32Array.of(64) }, /6-bit float/],
    ['too many strings', { dims: [1], dataType: 8, stringData: [text('a'), text('b')] }, /got 2/],
    ['bad UTF-8', { dims: [1], dataType: 8, stringData: [Uint8Array.of(0xff)] }, /0 is not UTF-8/],
    ['no location', { dims: [1], dataType: 1, dataLocation: 1 }, /without a location/],
    [
      'a bad offset',
      {
        dims: [1],
        dataType: 1,
        dataLocation: 1,
        externalData: [
          { key: 'location', value: 'w' },
          { key: 'offset', value: '-4' },
        ],
      },
      /has offset "-4"/,
    ],
  ])('%s', (_, fields, message) => {
    expect(outcome(proto(fields))!.message).toMatch(message);
  });

  it('sparse tensors are checked', () => {
    const values = tensorToProto({ dtype: 'float32', shape: [2], data: new Float32Array(2) });
    const sparse = (shape: number[], data: bigint[], dims = [2, 3]) =>
      outcome(() =>
        sparseFromProto({
          values,
          indices: tensorToProto({ dtype: 'int64', shape, data: BigInt64Array.from(data) }),
          dims,
        }),
      )?.message;
    expect(sparse([2], [0n, 5n])).toBeUndefined();
    expect(sparse([2, 2], [0n, 2n, 1n, 0n])).toBeUndefined();
    expect(sparse([2], [0n, 6n])).toMatch(/index 6 is out of range, 0 to 5/);
    expect(sparse([2, 2], [0n, 2n, 2n, 0n])).toMatch(/index 2 is out of range, 0 to 1/);
    expect(sparse([1], [0n])).toMatch(/not int64 \[2\] or \[2,2\]/);
    expect(outcome(() => sparseFromProto({ dims: [1] }))!.message).toMatch(/no values/);
  });

  it('the encoder refuses what the format cannot hold', () => {
    const writing = (fields: Draft<ModelProto>) =>
      outcome(() => encodeModel({ ...small, ...fields }))!.message;
    expect(writing({ modelVersion: 2n ** 63n })).toMatch(/cannot write 9223372036854775808/);
    expect(writing({ irVersion: 1.5 })).toMatch(/cannot write 1.5: the field wants an exact int/);
    expect(writing({ irVersion: NaN })).toMatch(/cannot write NaN/);
    expect(outcome(() => encodeModel({ irVersion: 8 }))!.message).toMatch(/without irVersion and/);
    const tensor = { dtype: 'float32', shape: [3], data: new Float32Array(2) } as const;
    expect(outcome(() => encodeTensor(tensor))!.message).toMatch(/takes 12 bytes.*has 8/);
    const wrong = { dtype: 'int4', shape: [3], data: Uint8Array.of(1) } as const;
    expect(outcome(() => encodeTensor(wrong))!.message).toMatch(
      /takes 2 bytes, but its data has 1/,
    );
  });
});

it('random damage is survived', () => {
  const original = encodeModel(small);
  let seed = 1;
  const random = (below: number) => {
    // xorshift32: Marsaglia 2003, Journal of Statistical Software 8(14).
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    return (seed >>> 0) % below;
  };
  let errors = 0;
  for (let round = 0; round < 5000; round++) {
    const bytes = original.slice();
    for (let flips = 1 + random(4); flips > 0; flips--) {
      const at = random(bytes.length);
      bytes[at] = random(2) === 0 ? bytes[at]! ^ (1 << random(8)) : random(256);
    }
    const error = outcome(() => {
      readAll(bytes);
      // What was read can be written, and says the same.
      const model = decodeModel(bytes);
      const again = encodeModel(decodeModel(encodeModel(model)));
      if (Buffer.compare(again, encodeModel(model)) !== 0) throw new Error(`unstable: ${round}`);
    });
    if (error !== undefined) errors++;
  }
  expect(errors).toBeGreaterThan(500);
  expect(errors).toBeLessThan(5000);
});
