/**
 * Tensors as users want them: a name, an element type, a shape and a typed array.
 *
 * Data is in the machine's byte order, which is little-endian, the file's, wherever JavaScript runs
 * today; so raw data is used in place where it is aligned, and copied where it is not.
 */
import { DataLocation, DataType, dtypeName, packedByteLength } from './dtypes.ts';
import type { OnnxDtype } from './dtypes.ts';
import { OnnxFormatError } from './errors.ts';
import { readExternal } from './external.ts';
import type { ExternalResolver } from './external.ts';
import { decodeTensorProto, encodeTensorProto } from './messages.ts';
import type { DecodeLimits } from './reader.ts';
import { elementCount } from './shape.ts';
import type { Draft, TensorProto } from './types.ts';
import { fromTypedFields } from './typed-fields.ts';

/**
 * The array that holds elements of each type. Half floats are raw bits; complex numbers are real
 * and imaginary part in turn; types of a byte or less that JavaScript has no numbers for (float8,
 * float6, float4, int4, uint4, int2, uint2) are the packed bytes of the file, first element in the
 * lowest bits.
 */
export interface DataArrays {
  readonly float32: Float32Array;
  readonly float64: Float64Array;
  readonly float16: Uint16Array;
  readonly bfloat16: Uint16Array;
  readonly int8: Int8Array;
  readonly int16: Int16Array;
  readonly int32: Int32Array;
  readonly int64: BigInt64Array;
  readonly uint8: Uint8Array;
  readonly uint16: Uint16Array;
  readonly uint32: Uint32Array;
  readonly uint64: BigUint64Array;
  readonly bool: Uint8Array;
  readonly string: readonly string[];
  readonly complex64: Float32Array;
  readonly complex128: Float64Array;
  readonly float8e4m3fn: Uint8Array;
  readonly float8e4m3fnuz: Uint8Array;
  readonly float8e5m2: Uint8Array;
  readonly float8e5m2fnuz: Uint8Array;
  readonly float8e8m0: Uint8Array;
  readonly float6e2m3: Uint8Array;
  readonly float6e3m2: Uint8Array;
  readonly float4e2m1: Uint8Array;
  readonly int4: Uint8Array;
  readonly uint4: Uint8Array;
  readonly int2: Uint8Array;
  readonly uint2: Uint8Array;
}

/** A tensor of element type `D`. */
export interface TensorOf<D extends OnnxDtype> {
  readonly name?: string;
  readonly dtype: D;
  readonly shape: readonly number[];
  readonly data: DataArrays[D];
}

/** A tensor of any element type; `dtype` tells which array `data` is. */
export type TensorData = { [D in OnnxDtype]: TensorOf<D> }[OnnxDtype];

type NumberArray = Exclude<DataArrays[OnnxDtype], readonly string[]>;
type NumberArrayType = {
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): NumberArray;
  readonly BYTES_PER_ELEMENT: number;
};

/** Types not listed are held as Uint8Array. */
const ARRAY_TYPES: { readonly [D in OnnxDtype]?: NumberArrayType } = {
  float32: Float32Array,
  complex64: Float32Array,
  float64: Float64Array,
  complex128: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
};

export interface TensorOptions {
  /** Gives the bytes of tensors that lie outside of the file; without it they are an error. */
  readonly resolve?: ExternalResolver;
}

/**
 * The tensor in `proto`, whichever of its fields holds the data. `data` is a view of the file where
 * alignment allows: do not write to it.
 *
 * @throws OnnxFormatError when shape, element type and data do not fit together, when a string is
 *   not UTF-8, or when the data is external and `options.resolve` is missing or gives the wrong
 *   amount. Nothing is allocated for data that the file does not have.
 */
export function tensorFromProto(proto: TensorProto, options: TensorOptions = {}): TensorData {
  const where = `tensor ${JSON.stringify(proto.name ?? '')}`;
  const dtype = dtypeName(proto.dataType, where);
  const shape = proto.dims;
  const count = elementCount(shape, where);
  if (proto.segment !== undefined) {
    throw new OnnxFormatError(`${where}: tensors split into segments are not supported`);
  }
  const data =
    dtype === 'string'
      ? strings(proto, count, where)
      : numbers(proto, dtype, count, options, where);
  const tensor = { ...(proto.name === undefined ? {} : { name: proto.name }), dtype, shape, data };
  // `data` was made for `dtype`, which the compiler cannot follow through the table.
  return tensor as TensorData;
}

function numbers(
  proto: TensorProto,
  dtype: OnnxDtype,
  count: number,
  options: TensorOptions,
  where: string,
): NumberArray {
  const byteLength = packedByteLength(dtype, count);
  let raw = proto.rawData;
  let source = 'raw_data';
  if (proto.dataLocation === DataLocation.EXTERNAL) {
    raw = readExternal(proto, options.resolve);
    source = 'external data';
  } else if (raw === undefined || raw.byteLength === 0) {
    const typed = fromTypedFields(proto, dtype, count, where);
    if (typed !== undefined) {
      raw = typed;
      source = 'data';
    }
  }
  const got = raw?.byteLength ?? 0;
  if (got !== byteLength) {
    throw new OnnxFormatError(
      `${where}: shape [${proto.dims.join(',')}] of ${dtype} takes ${byteLength} bytes, ` +
        `but its ${source} has ${got}`,
    );
  }
  const bytes = raw ?? new Uint8Array();
  return dtype === 'bool' ? booleans(bytes) : view(dtype, bytes);
}

function view(dtype: OnnxDtype, bytes: Uint8Array): NumberArray {
  const Type = ARRAY_TYPES[dtype];
  if (Type === undefined) return bytes;
  const width = Type.BYTES_PER_ELEMENT;
  const aligned = bytes.byteOffset % width === 0 ? bytes : bytes.slice();
  return new Type(aligned.buffer, aligned.byteOffset, aligned.byteLength / width);
}

/** True is any non-zero byte in a file, and 1 in memory. */
function booleans(bytes: Uint8Array): Uint8Array {
  return bytes.some((byte) => byte > 1) ? bytes.map((byte) => (byte === 0 ? 0 : 1)) : bytes;
}

function strings(proto: TensorProto, count: number, where: string): readonly string[] {
  if (proto.dataLocation === DataLocation.EXTERNAL) {
    throw new OnnxFormatError(`${where}: strings cannot be stored as external data`);
  }
  const { stringData } = proto;
  if (stringData.length !== count) {
    throw new OnnxFormatError(
      `${where}: shape [${proto.dims.join(',')}] takes ${count} strings, got ${stringData.length}`,
    );
  }
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  return stringData.map((bytes, i) => {
    try {
      return utf8.decode(bytes);
    } catch (cause) {
      throw new OnnxFormatError(`${where}: string ${i} is not UTF-8`, { cause });
    }
  });
}

/**
 * The tensor as a message that encodes to an ONNX file; numbers become `rawData`, a view of
 * `tensor.data`.
 * @throws OnnxFormatError when the data is of another kind or length than element type and shape
 *   say.
 */
export function tensorToProto(tensor: TensorData): TensorProto {
  const { name, dtype, shape, data } = tensor;
  const where = `tensor ${JSON.stringify(name ?? '')}`;
  const count = elementCount(shape, where);
  const head = {
    dims: shape,
    dataType: DataType[dtype],
    ...(name === undefined ? {} : { name }),
    externalData: [],
    metadataProps: [],
  };
  if (dtype === 'string') {
    if (!Array.isArray(data) || data.length !== count) {
      throw new OnnxFormatError(`${where}: shape [${shape.join(',')}] takes ${count} strings`);
    }
    const utf8 = new TextEncoder();
    return { ...head, stringData: data.map((text: string) => utf8.encode(text)) };
  }
  const Type = ARRAY_TYPES[dtype] ?? Uint8Array;
  if (!(data instanceof Type) || !ArrayBuffer.isView(data)) {
    throw new OnnxFormatError(`${where}: ${dtype} is held in a ${Type.name}`);
  }
  const wanted = packedByteLength(dtype, count);
  if (data.byteLength !== wanted) {
    throw new OnnxFormatError(
      `${where}: shape [${shape.join(',')}] of ${dtype} takes ${wanted} bytes, ` +
        `but its data has ${data.byteLength}`,
    );
  }
  const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { ...head, rawData, stringData: [] };
}

/** Reads a tensor file (`TensorProto`, such as `input_0.pb`). Errors as {@link tensorFromProto}. */
export function decodeTensor(
  bytes: Uint8Array,
  options: TensorOptions & DecodeLimits = {},
): TensorData {
  return tensorFromProto(decodeTensorProto(bytes, options), options);
}

/** Writes a tensor file. Errors as {@link tensorToProto}. */
export function encodeTensor(tensor: TensorData): Uint8Array {
  const proto: Draft<TensorProto> = tensorToProto(tensor);
  return encodeTensorProto(proto);
}
