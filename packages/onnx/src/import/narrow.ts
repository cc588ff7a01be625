/**
 * Types narrower than those of core: 8-, 6- and 4-bit floats, 4- and 2-bit integers. Files pack them; here
 * an element is one code in a byte, decoded by a table and encoded by arithmetic on float bits.
 */
import {
  abs,
  add,
  and,
  bitcast,
  cast,
  div,
  eq,
  fromBits,
  gather,
  le,
  lt,
  maximum,
  minimum,
  mul,
  ne,
  or,
  round,
  shiftLeft,
  shiftRight,
  sub,
  where,
} from '@hebb/core';
import type { HostArray, Tensor } from '@hebb/core';
import { bitsPerElement, packedByteLength } from '../codec/dtypes.ts';
import type { OnnxDtype } from '../codec/dtypes.ts';
import type { TensorData } from '../codec/tensor.ts';
import type { CodedTensor, HostTensor } from './value.ts';

// --- packing ---

/** One code a byte. */
export function unpackCodes(dtype: OnnxDtype, packed: Uint8Array, count: number): Uint8Array {
  const bits = bitsPerElement(dtype);
  if (bits === 8) return packed;
  const mask = (1 << bits) - 1;
  const codes = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const at = i * bits;
    const byte = at >> 3;
    const pair = packed[byte]! | ((packed[byte + 1] ?? 0) << 8);
    codes[i] = (pair >> (at & 7)) & mask;
  }
  return codes;
}

export function packCodes(
  dtype: OnnxDtype,
  shape: readonly number[],
  codes: HostArray,
): TensorData {
  const bits = bitsPerElement(dtype);
  const mask = (1 << bits) - 1;
  const packed = new Uint8Array(packedByteLength(dtype, codes.length));
  for (let i = 0; i < codes.length; i++) {
    const code = Number(codes[i]) & mask;
    const at = i * bits;
    packed[at >> 3]! |= (code << (at & 7)) & 0xff;
    if ((at & 7) + bits > 8) packed[(at >> 3) + 1]! |= code >> (8 - (at & 7));
  }
  return { dtype, shape: [...shape], data: packed } as TensorData;
}

// --- integers ---

export interface NarrowInteger {
  readonly bits: number;
  readonly signed: boolean;
}
export const narrowIntegers: Partial<Record<OnnxDtype, NarrowInteger>> = {
  int4: { bits: 4, signed: true },
  uint4: { bits: 4, signed: false },
  int2: { bits: 2, signed: true },
  uint2: { bits: 2, signed: false },
};

// --- floats ---

interface FloatFormat {
  readonly exponent: number;
  readonly mantissa: number;
  readonly bias: number;
  /** Code of NaN, where there is one. */
  readonly nan: number | undefined;
  /** Code of the largest finite number. */
  readonly max: number;
  /** Code of what lies beyond, where overflow does not saturate. */
  readonly beyond: number;
  /** There is no -0: its code is NaN. */
  readonly unsignedZero?: boolean;
}
/** Micikevicius et al. 2022, arXiv:2209.05433; "fnuz" as in Noune et al. 2022, arXiv:2206.02915; OCP MX. */
const formats: Partial<Record<OnnxDtype, FloatFormat>> = {
  float8e4m3fn: { exponent: 4, mantissa: 3, bias: 7, nan: 0x7f, max: 0x7e, beyond: 0x7f },
  float8e5m2: { exponent: 5, mantissa: 2, bias: 15, nan: 0x7e, max: 0x7b, beyond: 0x7c },
  float8e4m3fnuz: {
    exponent: 4,
    mantissa: 3,
    bias: 8,
    nan: 0x80,
    max: 0x7f,
    beyond: 0x80,
    unsignedZero: true,
  },
  float8e5m2fnuz: {
    exponent: 5,
    mantissa: 2,
    bias: 16,
    nan: 0x80,
    max: 0x7f,
    beyond: 0x80,
    unsignedZero: true,
  },
  float6e2m3: { exponent: 2, mantissa: 3, bias: 1, nan: undefined, max: 0x1f, beyond: 0x1f },
  float6e3m2: { exponent: 3, mantissa: 2, bias: 3, nan: undefined, max: 0x1f, beyond: 0x1f },
  float4e2m1: { exponent: 2, mantissa: 1, bias: 1, nan: undefined, max: 0x7, beyond: 0x7 },
};

export const isNarrowFloat = (dtype: OnnxDtype): boolean =>
  formats[dtype] !== undefined || dtype === 'float8e8m0';
export const isNarrow = (dtype: OnnxDtype): boolean =>
  isNarrowFloat(dtype) || narrowIntegers[dtype] !== undefined;

/** The number that a code stands for. */
function decodeCode(dtype: OnnxDtype, code: number): number {
  if (dtype === 'float8e8m0') return code === 0xff ? NaN : 2 ** (code - 127);
  const { exponent, mantissa, bias, nan, max, beyond, unsignedZero } = formats[dtype]!;
  const signBit = 1 << (exponent + mantissa);
  const sign = (code & signBit) === 0 ? 1 : -1;
  const size = code & (signBit - 1);
  if (unsignedZero === true) {
    if (code === nan) return NaN;
  } else if (nan !== undefined && size > max) {
    return size === beyond && beyond !== nan ? sign * Infinity : NaN;
  }
  const field = size >> mantissa;
  const fraction = size & ((1 << mantissa) - 1);
  return field === 0
    ? sign * fraction * 2 ** (1 - bias - mantissa)
    : sign * (1 + fraction / (1 << mantissa)) * 2 ** (field - bias);
}

const tables = new Map<OnnxDtype, Float32Array>();

function tableOf(dtype: OnnxDtype): Tensor {
  let table = tables.get(dtype);
  if (table === undefined) {
    table = Float32Array.from({ length: 2 ** bitsPerElement(dtype) }, (_, code) =>
      decodeCode(dtype, code),
    );
    tables.set(dtype, table);
  }
  return fromBits(table, [table.length], 'float32');
}

/** Numbers of a narrow type: floats as float32, integers as int8 or uint8. */
export function decodeNarrow({ dtype, codes }: CodedTensor): Tensor {
  return isNarrowFloat(dtype) ? gather(tableOf(dtype), cast(codes, 'int32'), 0) : codes;
}

export interface EncodeOptions {
  /** Out of range becomes the largest number instead of infinity or NaN. */
  readonly saturate?: boolean;
  /** For float8e8m0, which holds powers of two. */
  readonly roundMode?: string;
}

/** float32 to codes of a narrow float type, rounded half to even. */
export function encodeFloat(
  x: Tensor,
  dtype: OnnxDtype,
  { saturate = true, roundMode = 'up' }: EncodeOptions = {},
): CodedTensor {
  if (dtype === 'float8e8m0') return encodePower(x, saturate, roundMode);
  const { exponent, mantissa, bias, nan, max, beyond, unsignedZero } = formats[dtype]!;
  const bits = bitcast(x, 'int32');
  const negative = lt(bits, 0);
  const size = abs(x);
  // The exponent of the grid that x lies on; all small numbers lie on the lowest.
  const power = sub(and(shiftRight(bits, 23), 0xff), 127);
  const lowest = 1 - bias;
  const grid = maximum(power, lowest);
  const step = bitcast(shiftLeft(add(grid, 127 - mantissa), 23), 'float32');
  const units = cast(round(div(minimum(size, 2 ** 30), step)), 'int32');
  const normal = le(lowest, power);
  // A carry out of the mantissa lands in the exponent, where it belongs.
  const whole = add(shiftLeft(add(sub(grid, lowest), 1), mantissa), sub(units, 1 << mantissa));
  const code = where(normal, whole, units);
  const over = or(lt(max, code), eq(size, Infinity));
  const signBit = 1 << (exponent + mantissa);
  const bounded = where(over, saturate ? max : beyond, code);
  const zero = eq(bounded, 0);
  const keepsSign = unsignedZero === true ? and(negative, ne(zero, true)) : negative;
  const special = unsignedZero === true ? eq(bounded, nan ?? -1) : eq(bounded, -1);
  const signed = where(special, bounded, add(bounded, where(keepsSign, signBit, 0)));
  // NaN keeps its sign where the format has a code for both, and is -0 where it has none.
  const nanCode =
    nan === undefined || unsignedZero === true
      ? (nan ?? signBit)
      : add(where(negative, signBit, 0), nan);
  return { kind: 'coded', dtype, codes: cast(where(ne(x, x), nanCode, signed), 'uint8') };
}

/** A power of two: the exponent alone. */
function encodePower(x: Tensor, saturate: boolean, mode: string): CodedTensor {
  const bits = bitcast(abs(x), 'int32');
  const field = shiftRight(bits, 23);
  const fraction = and(bits, 0x7fffff);
  const half = 0x400000;
  const up =
    mode === 'down'
      ? lt(fraction, 0)
      : mode === 'nearest'
        ? or(lt(half, fraction), and(eq(fraction, half), ne(field, 0)))
        : lt(0, fraction);
  const rounded = add(field, cast(up, 'int32'));
  const limit = saturate ? 254 : 255;
  const code = where(ne(x, x), 255, minimum(rounded, limit));
  return { kind: 'coded', dtype: 'float8e8m0', codes: cast(code, 'uint8') };
}

/** Integers to a narrow integer type, keeping the low bits. */
export function encodeInteger(x: Tensor, dtype: OnnxDtype): CodedTensor {
  const { bits, signed } = narrowIntegers[dtype]!;
  const wide = and(cast(x, 'int32'), (1 << bits) - 1);
  const top = 1 << (bits - 1);
  const codes = signed
    ? cast(sub(wide, mul(cast(le(top, wide), 'int32'), 1 << bits)), 'int8')
    : cast(wide, 'uint8');
  return { kind: 'coded', dtype, codes };
}

/** A constant of a narrow type as codes. */
export function codedHost(host: HostTensor): CodedTensor {
  const { dtype, shape } = host;
  const count = shape.reduce((n, dim) => n * dim, 1);
  const codes = unpackCodes(dtype, host.data as Uint8Array, count);
  const integer = narrowIntegers[dtype];
  if (integer?.signed !== true)
    return { kind: 'coded', dtype, codes: fromBits(codes, shape, 'uint8') };
  const shift = 32 - integer.bits;
  const signed = Int8Array.from(codes, (code) => (code << shift) >> shift);
  return { kind: 'coded', dtype, codes: fromBits(signed, shape, 'int8') };
}
