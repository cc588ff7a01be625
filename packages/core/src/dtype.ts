/** Element types, their storage, and the one promotion table. */
import { fail } from './error.ts';

/** Arrays as they are stored: float16 and bfloat16 as raw bits in a Uint16Array, bool as 0/1 bytes. */
export type HostArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array;

export type DType =
  | 'bool'
  | 'uint8'
  | 'int8'
  | 'uint16'
  | 'int16'
  | 'uint32'
  | 'int32'
  | 'uint64'
  | 'int64'
  | 'float16'
  | 'bfloat16'
  | 'float32'
  | 'float64';

export type DTypeKind = 'bool' | 'uint' | 'int' | 'float';

export interface DTypeInfo {
  readonly name: DType;
  readonly kind: DTypeKind;
  /** Bytes of one stored element. */
  readonly bytes: number;
  /** Elements are BigInt on the host. */
  readonly big: boolean;
  /** Lowest and highest value; for floats the largest finite one. */
  readonly min: number | bigint;
  readonly max: number | bigint;
  /** Allocates `length` zeroed elements of storage. */
  allocate(length: number): HostArray;
}

function info(
  name: DType,
  kind: DTypeKind,
  bytes: number,
  min: number | bigint,
  max: number | bigint,
  allocate: (length: number) => HostArray,
): DTypeInfo {
  return { name, kind, bytes, min, max, big: typeof max === 'bigint', allocate };
}

const F32_MAX = 3.4028234663852886e38;
const BF16_MAX = 3.3895313892515355e38;

const infos: Readonly<Record<DType, DTypeInfo>> = {
  bool: info('bool', 'bool', 1, 0, 1, (n) => new Uint8Array(n)),
  uint8: info('uint8', 'uint', 1, 0, 255, (n) => new Uint8Array(n)),
  int8: info('int8', 'int', 1, -128, 127, (n) => new Int8Array(n)),
  uint16: info('uint16', 'uint', 2, 0, 65535, (n) => new Uint16Array(n)),
  int16: info('int16', 'int', 2, -32768, 32767, (n) => new Int16Array(n)),
  uint32: info('uint32', 'uint', 4, 0, 4294967295, (n) => new Uint32Array(n)),
  int32: info('int32', 'int', 4, -2147483648, 2147483647, (n) => new Int32Array(n)),
  uint64: info('uint64', 'uint', 8, 0n, 18446744073709551615n, (n) => new BigUint64Array(n)),
  int64: info(
    'int64',
    'int',
    8,
    -9223372036854775808n,
    9223372036854775807n,
    (n) => new BigInt64Array(n),
  ),
  float16: info('float16', 'float', 2, -65504, 65504, (n) => new Uint16Array(n)),
  bfloat16: info('bfloat16', 'float', 2, -BF16_MAX, BF16_MAX, (n) => new Uint16Array(n)),
  float32: info('float32', 'float', 4, -F32_MAX, F32_MAX, (n) => new Float32Array(n)),
  float64: info(
    'float64',
    'float',
    8,
    -Number.MAX_VALUE,
    Number.MAX_VALUE,
    (n) => new Float64Array(n),
  ),
};

export const dtypes = Object.keys(infos) as readonly DType[];

export function dtypeInfo(dtype: DType): DTypeInfo {
  return infos[dtype];
}

export function isDType(name: string): name is DType {
  return Object.hasOwn(infos, name);
}

export const isFloat = (dtype: DType): boolean => infos[dtype].kind === 'float';
/** Signed or unsigned integer; bool is not one. */
export const isInteger = (dtype: DType): boolean =>
  infos[dtype].kind === 'int' || infos[dtype].kind === 'uint';

/**
 * The promotion table: row and column meet at the type of a mixed operation. The rules behind it are
 * PyTorch's (a float wins over any integer, unsigned and signed meet one size up, the two 16-bit floats
 * meet in float32); uint64 with a signed integer, which PyTorch refuses, gives float64 as in NumPy.
 */
const order =
  'bool uint8 int8 uint16 int16 uint32 int32 uint64 int64 float16 bfloat16 float32 float64'.split(
    ' ',
  ) as DType[];
const short: Readonly<Record<string, DType>> = {
  b: 'bool',
  u1: 'uint8',
  i1: 'int8',
  u2: 'uint16',
  i2: 'int16',
  u4: 'uint32',
  i4: 'int32',
  u8: 'uint64',
  i8: 'int64',
  h: 'float16',
  bf: 'bfloat16',
  f: 'float32',
  d: 'float64',
};
const promotionTable = `
  b  u1 i1 u2 i2 u4 i4 u8 i8 h  bf f  d
  u1 u1 i2 u2 i2 u4 i4 u8 i8 h  bf f  d
  i1 i2 i1 i4 i2 i8 i4 d  i8 h  bf f  d
  u2 u2 i4 u2 i4 u4 i4 u8 i8 h  bf f  d
  i2 i2 i2 i4 i2 i8 i4 d  i8 h  bf f  d
  u4 u4 i8 u4 i8 u4 i8 u8 i8 h  bf f  d
  i4 i4 i4 i4 i4 i8 i4 d  i8 h  bf f  d
  u8 u8 d  u8 d  u8 d  u8 d  h  bf f  d
  i8 i8 i8 i8 i8 i8 i8 d  i8 h  bf f  d
  h  h  h  h  h  h  h  h  h  h  f  f  d
  bf bf bf bf bf bf bf bf bf f  bf f  d
  f  f  f  f  f  f  f  f  f  f  f  f  d
  d  d  d  d  d  d  d  d  d  d  d  d  d`
  .trim()
  .split('\n')
  .map((line) => line.trim().split(/\s+/));
const rank = new Map(order.map((dtype, i) => [dtype, i]));

/** The dtype two operands meet in. */
export function promote(a: DType, b: DType): DType {
  if (a === b) return a;
  return short[promotionTable[rank.get(a)!]![rank.get(b)!]!]!;
}

/** The float type an operation that needs floats works in: floats stay, the rest becomes float32. */
export function toFloat(dtype: DType): DType {
  return isFloat(dtype) ? dtype : 'float32';
}

/** The dtype of a host array by its class; Uint8Array is uint8 and Uint16Array uint16. */
export function dtypeOfArray(data: HostArray): DType {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Float64Array) return 'float64';
  if (data instanceof Int32Array) return 'int32';
  if (data instanceof Uint8Array) return 'uint8';
  if (data instanceof BigInt64Array) return 'int64';
  if (data instanceof Int8Array) return 'int8';
  if (data instanceof Uint16Array) return 'uint16';
  if (data instanceof Int16Array) return 'int16';
  if (data instanceof Uint32Array) return 'uint32';
  if (data instanceof BigUint64Array) return 'uint64';
  fail('tensor', 'an array of this class has no dtype', Object.prototype.toString.call(data));
}
