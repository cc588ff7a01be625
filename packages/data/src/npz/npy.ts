/**
 * NumPy's array files. Source: "NEP 1, a simple file format for NumPy arrays"; versions 1 to 3.
 */
import { DataError } from '../error.ts';
import { ndarray, sizeOf } from '../ndarray.ts';
import type { NDArray, NumericArray } from '../ndarray.ts';

type Made = (buffer: ArrayBuffer) => NumericArray;

/** NumPy's code of a type, without the byte order, to what holds it here. */
const types: Readonly<
  Record<string, { readonly dtype: NDArray['dtype']; readonly bytes: number; readonly make: Made }>
> = {
  f2: { dtype: 'float16', bytes: 2, make: (b) => new Uint16Array(b) },
  f4: { dtype: 'float32', bytes: 4, make: (b) => new Float32Array(b) },
  f8: { dtype: 'float64', bytes: 8, make: (b) => new Float64Array(b) },
  i1: { dtype: 'int8', bytes: 1, make: (b) => new Int8Array(b) },
  i2: { dtype: 'int16', bytes: 2, make: (b) => new Int16Array(b) },
  i4: { dtype: 'int32', bytes: 4, make: (b) => new Int32Array(b) },
  i8: { dtype: 'int64', bytes: 8, make: (b) => new BigInt64Array(b) },
  u1: { dtype: 'uint8', bytes: 1, make: (b) => new Uint8Array(b) },
  u2: { dtype: 'uint16', bytes: 2, make: (b) => new Uint16Array(b) },
  u4: { dtype: 'uint32', bytes: 4, make: (b) => new Uint32Array(b) },
  u8: { dtype: 'uint64', bytes: 8, make: (b) => new BigUint64Array(b) },
  b1: { dtype: 'bool', bytes: 1, make: (b) => new Uint8Array(b) },
};

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

function fault(message: string, kind: 'corrupt' | 'unsupported' = 'corrupt'): never {
  throw new DataError('readNpy', message, { kind });
}

/**
 * The array in the bytes of an `.npy` file, row-major whatever its order there.
 * @throws DataError when the bytes are no such file, end early, or hold objects or records.
 */
export function readNpy(bytes: Uint8Array): NDArray {
  if (magic.some((byte, i) => bytes[i] !== byte)) fault('no .npy file');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = bytes[6];
  if (version === undefined || version < 1 || version > 3 || bytes.length < 12) {
    fault(`version ${version ?? 'missing'}`, 'unsupported');
  }
  const wide = version > 1;
  const start = wide ? 12 : 10;
  const end = start + (wide ? view.getUint32(8, true) : view.getUint16(8, true));
  if (end > bytes.length) fault('the header ends early');
  const header = new TextDecoder(version === 3 ? 'utf-8' : 'latin1').decode(
    bytes.subarray(start, end),
  );
  const descr = /'descr':\s*'([<>|=])([a-zA-Z]\d+)'/.exec(header);
  const order = /'fortran_order':\s*(True|False)/.exec(header);
  const dims = /'shape':\s*\(([\d,\sL]*)\)/.exec(header);
  if (descr === null)
    fault(`elements of another kind than numbers: ${header.trim()}`, 'unsupported');
  if (order === null || dims === null) fault(`a header that is none: ${header.trim()}`);
  const type = types[descr[2]!] ?? fault(`elements of type ${descr[2]}`, 'unsupported');
  const shape = dims[1]!
    .split(',')
    .map((part) => part.replace('L', '').trim())
    .filter((part) => part !== '')
    .map(Number);
  const size = sizeOf(shape);
  if (!Number.isSafeInteger(size) || end + size * type.bytes > bytes.length) {
    fault(`[${shape.join(',')}] of ${type.dtype} does not fit in ${bytes.length} bytes`);
  }
  const raw = bytes.slice(end, end + size * type.bytes);
  if (descr[1] === '>') swap(raw, type.bytes);
  const data = type.make(raw.buffer);
  const array = ndarray(data, shape, type.dtype);
  return order[1] === 'True' ? rowMajor(array) : array;
}

function swap(bytes: Uint8Array, width: number): void {
  for (let at = 0; at < bytes.length; at += width) bytes.subarray(at, at + width).reverse();
}

/** From column-major, where the first axis runs fastest. */
function rowMajor({ data, shape, dtype }: NDArray): NDArray {
  if (shape.length < 2) return ndarray(data, shape, dtype);
  const strides = shape.map((_, axis) => sizeOf(shape.slice(0, axis)));
  const out = data.slice();
  const at = shape.map(() => 0);
  for (let i = 0; i < data.length; i++) {
    const from = at.reduce((sum, k, axis) => sum + k * strides[axis]!, 0);
    // The classes are the same; the cast only chooses one of their indexed setters.
    (out as Float64Array)[i] = (data as Float64Array)[from]!;
    for (let axis = at.length - 1; axis >= 0; axis--) {
      at[axis]! += 1;
      if (at[axis]! < shape[axis]!) break;
      at[axis] = 0;
    }
  }
  return ndarray(out, shape, dtype);
}

/** The bytes of an `.npy` file. NumPy has no bfloat16. @throws DataError for it. */
export function writeNpy({ data, shape, dtype }: NDArray): Uint8Array<ArrayBuffer> {
  const found = Object.entries(types).find(([, type]) => type.dtype === dtype);
  if (found === undefined) throw new DataError('writeNpy', `NumPy has no ${dtype}`);
  const [code, { bytes }] = found;
  const dims = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${bytes === 1 ? '|' : '<'}${code}', 'fortran_order': False, 'shape': (${dims}), }`;
  // The data begins at a multiple of 64.
  const length = Math.ceil((text.length + 11) / 64) * 64 - 10;
  const header = new TextEncoder().encode(`${text.padEnd(length - 1)}\n`);
  const out = new Uint8Array(10 + header.length + data.byteLength);
  out.set([...magic, 1, 0, header.length & 0xff, header.length >> 8]);
  out.set(header, 10);
  out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 10 + header.length);
  return out;
}
