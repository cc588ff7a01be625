/**
 * The IDX format of the MNIST files: two zero bytes, a type byte, the number of dimensions, the
 * dimensions as big-endian uint32, the elements row-major and big-endian.
 * Source: "The IDX file format", LeCun, Cortes and Burges, the MNIST database page.
 */

import { DataError } from '../error.ts';
import { ndarray, sizeOf } from '../ndarray.ts';
import type { NDArray, NumericArray } from '../ndarray.ts';

interface IdxType {
  readonly code: number;
  readonly bytes: number;
  readonly dtype: NDArray['dtype'];
  read(view: DataView, offset: number, length: number): NumericArray;
  write(view: DataView, offset: number, data: NumericArray): void;
}

/** Element-wise transfer with DataView's accessors, which handle byte order and alignment. */
function elements<A extends Int16Array | Int32Array | Float32Array | Float64Array>(
  code: number,
  dtype: NDArray['dtype'],
  make: (length: number) => A,
  get: (view: DataView, at: number) => number,
  set: (view: DataView, at: number, value: number) => void,
): IdxType {
  const bytes = make(0).BYTES_PER_ELEMENT;
  return {
    code,
    bytes,
    dtype,
    read(view, offset, length) {
      const data = make(length);
      for (let i = 0; i < length; i++) data[i] = get(view, offset + i * bytes);
      return data;
    },
    write(view, offset, data) {
      for (let i = 0; i < data.length; i++) set(view, offset + i * bytes, data[i] as number);
    },
  };
}

/** Bytes need no conversion and are read as a view. */
function bytes(
  code: number,
  dtype: 'uint8' | 'int8',
  view: (buffer: ArrayBufferLike, offset: number, length: number) => Uint8Array | Int8Array,
): IdxType {
  return {
    code,
    bytes: 1,
    dtype,
    read: ({ buffer, byteOffset }, offset, length) => view(buffer, byteOffset + offset, length),
    write: ({ buffer, byteOffset }, offset, data) =>
      view(buffer, byteOffset + offset, data.length).set(data as Uint8Array),
  };
}

const types: readonly IdxType[] = [
  bytes(0x08, 'uint8', (buffer, at, n) => new Uint8Array(buffer, at, n)),
  bytes(0x09, 'int8', (buffer, at, n) => new Int8Array(buffer, at, n)),
  elements(
    0x0b,
    'int16',
    (n) => new Int16Array(n),
    (view, at) => view.getInt16(at),
    (view, at, value) => view.setInt16(at, value),
  ),
  elements(
    0x0c,
    'int32',
    (n) => new Int32Array(n),
    (view, at) => view.getInt32(at),
    (view, at, value) => view.setInt32(at, value),
  ),
  elements(
    0x0d,
    'float32',
    (n) => new Float32Array(n),
    (view, at) => view.getFloat32(at),
    (view, at, value) => view.setFloat32(at, value),
  ),
  elements(
    0x0e,
    'float64',
    (n) => new Float64Array(n),
    (view, at) => view.getFloat64(at),
    (view, at, value) => view.setFloat64(at, value),
  ),
];

export interface ReadIdxOptions {
  /** What errors call the file. Default `IDX`. */
  readonly name?: string;
}

/**
 * Reads an IDX file. Byte data is a view of `bytes`; other types are converted to the host's byte
 * order. Nothing is allocated before the declared size is known to match the bytes at hand.
 *
 * @throws DataError (`corrupt`) when the bytes are not IDX, end too early or go on after the data.
 */
export function readIdx(bytes: Uint8Array, options: ReadIdxOptions = {}): NDArray {
  const { name = 'IDX' } = options;
  const corrupt = (message: string, got?: string, wanted?: string): never => {
    throw new DataError('readIdx', `${name} ${message}`, {
      kind: 'corrupt',
      ...(got === undefined ? {} : { got }),
      ...(wanted === undefined ? {} : { wanted }),
    });
  };
  if (bytes.length < 4) {
    return corrupt('ends within the magic number', `${bytes.length} bytes`, 'at least 4');
  }
  const [zero0 = 0, zero1 = 0, code = 0, rank = 0] = bytes;
  if (zero0 === 0x1f && zero1 === 0x8b) {
    return corrupt('is gzip-compressed', undefined, 'the decompressed bytes');
  }
  const type = types.find((candidate) => candidate.code === code);
  if (zero0 !== 0 || zero1 !== 0 || type === undefined) {
    const magic = [zero0, zero1, code, rank].map((b) => b.toString(16).padStart(2, '0')).join(' ');
    return corrupt(
      'is not an IDX file',
      `magic number ${magic}`,
      '00 00, a type of 08 to 0e, rank',
    );
  }
  const header = 4 + 4 * rank;
  if (bytes.length < header) {
    return corrupt('ends within the dimensions', `${bytes.length} bytes`, `at least ${header}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const size = sizeOf(shape);
  const expected = header + size * type.bytes;
  if (bytes.length !== expected) {
    return corrupt(
      bytes.length < expected ? 'is truncated' : 'has bytes after the data',
      `${bytes.length} bytes`,
      `${expected} for ${type.dtype} [${shape.join(',')}]`,
    );
  }
  return ndarray(type.read(view, header, size), shape, type.dtype);
}

/**
 * Writes an array as IDX.
 *
 * @throws DataError for a dtype that IDX cannot hold (it knows uint8, int8, int16, int32, float32
 *   and float64), a dimension of 2^32 or more, or more than 255 dimensions.
 */
export function writeIdx(array: NDArray): Uint8Array<ArrayBuffer> {
  const { data, shape, dtype } = ndarray(array.data, array.shape, array.dtype);
  const type = types.find((candidate) => candidate.dtype === dtype);
  if (type === undefined) {
    throw new DataError('writeIdx', 'IDX has no such type', {
      kind: 'unsupported',
      got: dtype,
      wanted: types.map((candidate) => candidate.dtype).join(', '),
    });
  }
  if (shape.length > 255 || shape.some((dim) => dim > 0xffffffff)) {
    throw new DataError('writeIdx', 'IDX holds at most 255 dimensions of less than 2^32', {
      got: `[${shape.join(',')}]`,
    });
  }
  const header = 4 + 4 * shape.length;
  const out = new Uint8Array(header + data.length * type.bytes);
  const view = new DataView(out.buffer);
  out[2] = type.code;
  out[3] = shape.length;
  shape.forEach((dim, axis) => view.setUint32(4 + 4 * axis, dim));
  type.write(view, header, data);
  return out;
}
