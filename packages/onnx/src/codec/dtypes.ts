/**
 * The constant tables of ONNX: element types, attribute types, and how many bits an element takes.
 */
import { OnnxFormatError } from './errors.ts';

/** The newest file format this codec was written for (ONNX 1.23). Newer files are read as well. */
export const IR_VERSION = 14;

/**
 * Element types by Hebb's name: the number in the file and the width of an element in bits.
 * Complex numbers count as one element of two floats; a string has no width.
 */
const TABLE = {
  float32: [1, 32],
  uint8: [2, 8],
  int8: [3, 8],
  uint16: [4, 16],
  int16: [5, 16],
  int32: [6, 32],
  int64: [7, 64],
  string: [8, 0],
  bool: [9, 8],
  float16: [10, 16],
  float64: [11, 64],
  uint32: [12, 32],
  uint64: [13, 64],
  complex64: [14, 64],
  complex128: [15, 128],
  bfloat16: [16, 16],
  float8e4m3fn: [17, 8],
  float8e4m3fnuz: [18, 8],
  float8e5m2: [19, 8],
  float8e5m2fnuz: [20, 8],
  uint4: [21, 4],
  int4: [22, 4],
  float4e2m1: [23, 4],
  float8e8m0: [24, 8],
  uint2: [25, 2],
  int2: [26, 2],
  float6e2m3: [27, 6],
  float6e3m2: [28, 6],
} as const;

/** Hebb's name of an ONNX element type. */
export type OnnxDtype = keyof typeof TABLE;

/** Element type names to the numbers used in files: `DataType.float32 === 1`. */
export const DataType = Object.freeze(
  Object.fromEntries(Object.entries(TABLE).map(([name, [number]]) => [name, number])),
) as { readonly [D in OnnxDtype]: (typeof TABLE)[D][0] };

const NAMES: ReadonlyMap<number, OnnxDtype> = new Map(
  (Object.keys(TABLE) as OnnxDtype[]).map((name) => [DataType[name], name]),
);

/** All element types, in the order of their numbers. */
export const ONNX_DTYPES: readonly OnnxDtype[] = Object.freeze([...NAMES.values()]);

/**
 * The name of element type `number`.
 * @throws OnnxFormatError when ONNX knows no such type; `where` says whose type it is.
 */
export function dtypeName(number: number | undefined, where = 'a tensor'): OnnxDtype {
  const name = NAMES.get(number ?? 0);
  if (name === undefined) {
    throw new OnnxFormatError(`${where}: unknown element type ${number ?? '(none)'}`);
  }
  return name;
}

/** Width of one element in bits: 4 for `int4`, 64 for `complex64`, 0 for `string`. */
export function bitsPerElement(dtype: OnnxDtype): number {
  return TABLE[dtype][1];
}

/** Bytes that `count` elements take, elements narrower than a byte being packed without gaps. */
export function packedByteLength(dtype: OnnxDtype, count: number): number {
  return Math.ceil((count * bitsPerElement(dtype)) / 8);
}

/** What an attribute holds (`AttributeProto.type`). */
export const AttributeType = Object.freeze({
  UNDEFINED: 0,
  FLOAT: 1,
  INT: 2,
  STRING: 3,
  TENSOR: 4,
  GRAPH: 5,
  FLOATS: 6,
  INTS: 7,
  STRINGS: 8,
  TENSORS: 9,
  GRAPHS: 10,
  SPARSE_TENSOR: 11,
  SPARSE_TENSORS: 12,
  TYPE_PROTO: 13,
  TYPE_PROTOS: 14,
});

/** What a sequence or optional holds (`SequenceProto.elemType`, `OptionalProto.elemType`). */
export const ElementType = Object.freeze({
  UNDEFINED: 0,
  TENSOR: 1,
  SPARSE_TENSOR: 2,
  SEQUENCE: 3,
  MAP: 4,
  OPTIONAL: 5,
});

/** Where a tensor's data lies (`TensorProto.dataLocation`). */
export const DataLocation = Object.freeze({ DEFAULT: 0, EXTERNAL: 1 });
