/** The codec against the format's rules; files of the reference implementation are in fixtures. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { init, tensor } from '@hebb/core';
import { cpu } from '@hebb/backend-cpu';
import { ArrayDataset } from '@hebb/data';
import { Linear } from '@hebb/nn';
import {
  SafetensorsError,
  decodeSafetensors,
  decodeTensors,
  encodeSafetensors,
  encodeTensors,
} from '../src/index.ts';

beforeAll(async () => {
  await init(cpu());
});

const fixture = (name: string) => readFile(path.join(import.meta.dirname, 'fixtures', name));

/** A file of any header and data. */
function file(header: unknown, data: ArrayLike<number> = [], { length }: { length?: bigint } = {}) {
  const text = new TextEncoder().encode(
    typeof header === 'string' ? header : JSON.stringify(header),
  );
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}
const f32 = (begin: number, end: number, shape: unknown = [(end - begin) / 4]) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});

describe('safetensors', () => {
  it('reads what the reference implementation wrote', async () => {
    const bytes = await fixture('reference.safetensors');
    const { tensors, metadata } = decodeSafetensors(bytes);
    expect(Object.fromEntries(metadata)).toEqual({ format: 'pt', note: 'ünïcode "quoted"' });
    const read = Object.fromEntries(
      [...decodeTensors(bytes)].map(([name, t]) => [name, [t.dtype, t.shape] as const]),
    );
    expect(read).toEqual({
      f64: ['float64', [2, 3]],
      f32: ['float32', [4]],
      f16: ['float16', [2, 2]],
      i64: ['int64', [2]],
      i32: ['int32', [3]],
      i16: ['int16', [1]],
      i8: ['int8', [2]],
      u8: ['uint8', [5]],
      bool: ['bool', [3]],
      empty: ['float32', [0, 7]],
      scalar: ['float32', []],
    });
    expect([...tensors.get('i64')!.data]).toEqual([-9007199254740993n, 5n]);
    expect([...tensors.get('f64')!.data]).toEqual([0.1, 1, 2, 3, 4, 5]);
    expect(await decodeTensors(bytes).get('f16')!.toArray()).toEqual([
      [1, -2],
      [0.5, 65504],
    ]);
    expect(await decodeTensors(bytes).get('bool')!.toArray()).toEqual([true, false, true]);
  });

  it('writes the same bytes as the reference implementation', async () => {
    const bytes = await fixture('reference.safetensors');
    const { tensors, metadata } = decodeSafetensors(bytes);
    const again = encodeSafetensors(tensors, Object.fromEntries(metadata));
    // The order of the metadata's keys is a hash map's there, so the headers are compared as JSON.
    const header = (from: Uint8Array) => {
      const length = Number(new DataView(from.buffer, from.byteOffset).getBigUint64(0, true));
      return [length, JSON.parse(new TextDecoder().decode(from.subarray(8, 8 + length)))] as const;
    };
    expect(header(again)).toEqual(header(bytes));
    const start = 8 + header(bytes)[0];
    expect(Buffer.from(again.subarray(start)).equals(bytes.subarray(start))).toBe(true);
  });

  it('carries a model over, names of any kind included', async () => {
    const [from, to] = [new Linear(3, 2), new Linear(3, 2)];
    to.loadStateDict(decodeTensors(await encodeTensors(await from.stateDict())));
    expect(await to.weight.value.data()).toEqual(await from.weight.value.data());
    const odd = {
      __proto__x: tensor([1]),
      '10': tensor([2]),
      'a"b\\c\n': tensor([3]),
      '': tensor([4]),
    };
    const names = [...decodeTensors(await encodeTensors(odd)).keys()];
    expect(names.sort()).toEqual(Object.keys(odd).sort());
    const proto = encodeSafetensors([
      ['__proto__', { data: Float32Array.of(5), shape: [], dtype: 'float32' }],
    ]);
    expect(decodeSafetensors(proto).tensors.get('__proto__')!.data).toEqual(Float32Array.of(5));
  });

  it('aligns the data to 8 bytes', () => {
    for (let length = 1; length < 12; length++) {
      const bytes = encodeSafetensors([
        ['x'.repeat(length), { data: Uint8Array.of(1), shape: [1], dtype: 'uint8' }],
      ]);
      expect((bytes.length - 1) % 8).toBe(0);
    }
  });

  const hostile: [string, Uint8Array, string][] = [
    ['nothing', new Uint8Array(0), 'the file has 0 bytes, not even 8'],
    ['half a length', new Uint8Array(5), 'the file has 5 bytes'],
    [
      'a huge header',
      file('{}', [], { length: 2n ** 63n }),
      'the header claims 9223372036854775808 bytes',
    ],
    [
      'a header beyond the file',
      file('{}', [], { length: 50n }),
      'the header claims 50 bytes, the file has 10',
    ],
    ['no object', file('[1]'), 'does not start with {'],
    ['a space first', file(' {}'), 'does not start with {'],
    [
      'bad UTF-8',
      file('{"\xff":1}').map((byte, i) => (i === 10 ? 0xff : byte)),
      'the header is not UTF-8',
    ],
    ['no JSON', file('{"a":'), 'the header is not JSON'],
    ['deep nesting', file(`{"a":${'['.repeat(200_000)}`), 'the header is not JSON'],
    [
      'a name twice',
      file(
        `{"a":${JSON.stringify(f32(0, 4))},"\\u0061":${JSON.stringify(f32(4, 8))}}`,
        new Array(8).fill(0),
      ),
      'the header has the name "a" twice',
    ],
    [
      'a field twice',
      file('{"a":{"dtype":"F32","dtype":"F32","shape":[],"data_offsets":[0,4]}}', [0, 0, 0, 0]),
      'has the name "dtype" twice',
    ],
    ['a number for a tensor', file({ a: 3 }), '"a" is no object'],
    ['metadata that is no text', file({ __metadata__: { a: 1 } }), 'metadata "a" is no text'],
    [
      'no dtype',
      file({ a: { shape: [], data_offsets: [0, 4] } }, [0, 0, 0, 0]),
      '"a": it has no dtype',
    ],
    [
      'an unknown dtype',
      file({ a: { ...f32(0, 4), dtype: 'F8_E4M3' } }, [0, 0, 0, 0]),
      '"a": dtype F8_E4M3 is not read',
    ],
    [
      'dtype of the prototype',
      file({ a: { ...f32(0, 4), dtype: 'constructor' } }, [0, 0, 0, 0]),
      'dtype constructor is not read',
    ],
    ['a field too many', file({ a: { ...f32(0, 4), x: 1 } }, [0, 0, 0, 0]), 'unknown field "x"'],
    [
      'a negative shape',
      file({ a: f32(0, 4, [-1]) }, [0, 0, 0, 0]),
      'its shape is no list of counts',
    ],
    [
      'a fraction as shape',
      file({ a: f32(0, 4, [0.5]) }, [0, 0, 0, 0]),
      'its shape is no list of counts',
    ],
    ['an overflowing shape', file({ a: f32(0, 4, [2 ** 40, 2 ** 40]) }, [0, 0, 0, 0]), 'takes'],
    ['an overflow to zero', file({ a: f32(0, 0, [2 ** 50, 2 ** 50]) }), 'takes'],
    [
      'negative offsets',
      file({ a: { dtype: 'F32', shape: [], data_offsets: [-4, 0] } }),
      'no two counts',
    ],
    [
      'offsets backwards',
      file({ a: { dtype: 'F32', shape: [1], data_offsets: [8, 4] } }),
      'its data_offsets -4',
    ],
    [
      'a size that does not match',
      file({ a: f32(0, 8, [1]) }, new Array(8).fill(0)),
      'float32[1] takes 4 bytes, its data_offsets 8',
    ],
    [
      'a gap',
      file({ a: f32(0, 4), b: f32(8, 12) }, new Array(12).fill(0)),
      '"b" starts at 8, wanted 4: the data has gaps',
    ],
    [
      'an overlap',
      file({ a: f32(0, 8), b: f32(4, 8) }, new Array(8).fill(0)),
      '"b" starts at 4, wanted 8',
    ],
    [
      'a cut-off file',
      file({ a: f32(0, 4) }, [0, 0]),
      'the tensors take 4 bytes, the file has 2: it is cut off',
    ],
    [
      'bytes left over',
      file({ a: f32(0, 4) }, new Array(6).fill(0)),
      'the tensors take 4 bytes, the file has 6',
    ],
    [
      'a petabyte',
      file({ a: { dtype: 'F32', shape: [2 ** 48], data_offsets: [0, 2 ** 50] } }),
      'the file has 0: it is cut off',
    ],
  ];
  it.each(hostile)('refuses %s', (_, bytes, message) => {
    expect(() => decodeSafetensors(bytes)).toThrow(SafetensorsError);
    expect(() => decodeSafetensors(bytes)).toThrow(message);
  });

  it('ends with a result or a named error for any damage', () => {
    const good = encodeSafetensors(
      [
        ['a', { data: Float32Array.of(1, 2), shape: [2], dtype: 'float32' }],
        ['b', { data: Uint8Array.of(1, 0, 1), shape: [3], dtype: 'bool' }],
      ],
      { note: 'x' },
    );
    let refused = 0;
    for (let i = 0; i < good.length; i++) {
      for (const change of [1, 0x20, 0x80]) {
        const bad = good.slice();
        bad[i]! ^= change;
        try {
          decodeSafetensors(bad);
        } catch (error) {
          expect(error).toBeInstanceOf(SafetensorsError);
          refused += 1;
        }
      }
    }
    expect(refused).toBeGreaterThan(good.length);
    for (let length = 0; length < good.length; length++) {
      expect(() => decodeSafetensors(good.subarray(0, length))).toThrow(SafetensorsError);
    }
  });

  it('refuses to write what it would not read', () => {
    const column = { data: Float32Array.of(1, 2), shape: [3], dtype: 'float32' } as const;
    expect(() => encodeSafetensors([['a', column]])).toThrow('"a" has 2 elements, its shape [3] 3');
    expect(() => encodeSafetensors([['__metadata__', { ...column, shape: [2] }]])).toThrow(
      'no tensor can be named',
    );
  });
});

it('is a data set of its tensors', () => {
  const x = { data: Float32Array.of(1, 2, 3, 4), shape: [2, 2], dtype: 'float32' } as const;
  const y = { data: Int32Array.of(5, 6), shape: [2], dtype: 'int32' } as const;
  const bytes = encodeSafetensors(Object.entries({ x, y }));
  const data = new ArrayDataset(Object.fromEntries(decodeSafetensors(bytes).tensors));
  expect([data.length, data.get(1)['y']!.data]).toEqual([2, Int32Array.of(6)]);
  expect(data.batch([1])['x']!.data).toEqual(Float32Array.of(3, 4));
});
