/** Conversions between element types: single values and lanes. */
import type { DType } from '@hebb/core';
import { choose, f32, f32x4, f64, i32, i32x4, i64, select, v128 } from '../wasm/index.ts';
import type { Code, F32, F64, FunctionBuilder, I32, I64, V128 } from '../wasm/index.ts';
import { decodeBfloat16, decodeFloat16, encodeBfloat16, encodeFloat16 } from './float16.ts';
import { isUnsigned, laneType, scalarType, wrapScalar } from './types.ts';

export const isHalf = (dtype: DType): boolean => dtype === 'float16' || dtype === 'bfloat16';

/** The low 32 bits of a float64 truncated towards zero; 0 for what is not finite. */
function wrap32(f: FunctionBuilder, x: F64): I32 {
  return i32.wrapI64(wrap64(f, x));
}

/** The low 64 bits of a float64 truncated towards zero; 0 for what is not finite. */
function wrap64(f: FunctionBuilder, value: F64): I64 {
  const x = f.let(value);
  const inside = f64.lt(f64.abs(x), f64.const(2 ** 63));
  // Beyond 2⁶³ the mantissa is shifted into place; it leaves the 64 bits at an exponent of 1139.
  const bits = f.let(i64.reinterpretF64(x));
  const exponent = i64.and(i64.shrU(bits, i64.const(52n)), i64.const(2047n));
  const shift = f.let(i64.sub(exponent, i64.const(1075n)));
  const mantissa = i64.or(i64.and(bits, i64.const(2n ** 52n - 1n)), i64.const(2n ** 52n));
  const magnitude = select(i64.shl(mantissa, shift), i64.const(0n), i64.ltU(shift, i64.const(64n)));
  const far = f.let(magnitude);
  const signed = select(i64.sub(i64.const(0n), far), far, i64.ltS(bits, i64.const(0n)));
  return choose(inside, i64.truncSatF64S(x), signed);
}

/** float32 of a float64, rounded to odd: a later rounding to 16 bits is then correct. */
function toOdd(f: FunctionBuilder, value: F64): F32 {
  const x = f.let(value);
  const y = f.let(f32.demoteF64(x));
  const back = f.let(f64.promoteF32(y));
  const exact = i32.or(f64.eq(back, x), f64.ne(x, x));
  const bits = f.let(i32.reinterpretF32(y));
  const tooFar = f64.gt(f64.abs(back), f64.abs(x));
  const odd = i32.or(i32.sub(bits, tooFar), i32.const(1));
  return f32.reinterpretI32(select(bits, odd, exact));
}

/** The float32 rounded to a 16-bit type and read back. */
function roundHalf(f: FunctionBuilder, dtype: DType, x: F32): F32 {
  return f32x4.extract(roundHalfLanes(f, dtype, f32x4.splat(x)), 0);
}

function roundHalfLanes(f: FunctionBuilder, dtype: DType, x: V128): V128 {
  return dtype === 'float16'
    ? decodeFloat16(f, encodeFloat16(f, x))
    : f.let(decodeBfloat16(f, encodeBfloat16(f, x)));
}

export function castScalar(f: FunctionBuilder, from: DType, to: DType, value: Code): Code {
  if (from === to) return value;
  const x = f.let(value);
  const source = scalarType(from);
  if (to === 'bool') {
    switch (source) {
      case 'f32':
        return f32.ne(x as F32, f32.const(0));
      case 'f64':
        return f64.ne(x as F64, f64.const(0));
      case 'i64':
        return i64.ne(x as I64, i64.const(0n));
      case 'i32':
        return i32.ne(x as I32, i32.const(0));
    }
  }
  // uint32 and bool are not negative; narrower types fit either way.
  const unsigned = isUnsigned(from) || from === 'bool';
  switch (scalarType(to)) {
    case 'i32': {
      const low: I32 =
        source === 'i32'
          ? (x as I32)
          : source === 'i64'
            ? i32.wrapI64(x as I64)
            : wrap32(f, source === 'f32' ? f64.promoteF32(x as F32) : (x as F64));
      return wrapScalar(to, low);
    }
    case 'i64':
      if (source === 'i64') return x;
      if (source === 'i32') return (unsigned ? i64.extendI32U : i64.extendI32S)(x as I32);
      return wrap64(f, source === 'f32' ? f64.promoteF32(x as F32) : (x as F64));
    case 'f64':
      return toFloat64(source, unsigned, x);
    case 'f32':
      if (isHalf(to)) {
        const wide = source === 'f32' ? (x as F32) : toOdd(f, toFloat64(source, unsigned, x));
        return roundHalf(f, to, wide);
      }
      if (source === 'f32') return x;
      if (source === 'f64') return f32.demoteF64(x as F64);
      if (source === 'i64') return (unsigned ? f32.convertI64U : f32.convertI64S)(x as I64);
      return (unsigned ? f32.convertI32U : f32.convertI32S)(x as I32);
  }
}

function toFloat64(source: 'f32' | 'f64' | 'i32' | 'i64', unsigned: boolean, x: Code): F64 {
  switch (source) {
    case 'f64':
      return x as F64;
    case 'f32':
      return f64.promoteF32(x as F32);
    case 'i64':
      return (unsigned ? f64.convertI64U : f64.convertI64S)(x as I64);
    case 'i32':
      return (unsigned ? f64.convertI32U : f64.convertI32S)(x as I32);
  }
}

/** The same bits as another type of the same width. */
export function bitcastScalar(f: FunctionBuilder, from: DType, to: DType, value: Code): Code {
  if (isHalf(from) || isHalf(to)) {
    const bits = isHalf(from) ? encodeScalar(f, from, value as F32) : (value as I32);
    if (!isHalf(to)) return wrapScalar(to, bits);
    return decodeScalar(f, to, i32.and(bits, i32.const(0xffff)));
  }
  const [source, target] = [scalarType(from), scalarType(to)];
  if (source === target) return target === 'i32' ? wrapScalar(to, value as I32) : value;
  switch (source) {
    case 'f32':
      return i32.reinterpretF32(value as F32);
    case 'f64':
      return i64.reinterpretF64(value as F64);
    case 'i32':
      return f32.reinterpretI32(value as I32);
    case 'i64':
      return f64.reinterpretI64(value as I64);
  }
}

/** Bits of a 16-bit float in the low half. */
export function encodeScalar(f: FunctionBuilder, dtype: DType, value: F32): I32 {
  const encode = dtype === 'float16' ? encodeFloat16 : encodeBfloat16;
  return i32x4.extract(encode(f, f32x4.splat(value)), 0);
}

export function decodeScalar(f: FunctionBuilder, dtype: DType, bits: I32): F32 {
  if (dtype === 'bfloat16') return f32.reinterpretI32(i32.shl(bits, i32.const(16)));
  return f32x4.extract(decodeFloat16(f, i32x4.splat(bits)), 0);
}

/** Cuts lanes of integers to their width again. */
export function wrapLanes(dtype: DType, value: V128): V128 {
  const extend = (bits: number): V128 =>
    i32x4.shrS(i32x4.shl(value, i32.const(32 - bits)), i32.const(32 - bits));
  switch (dtype) {
    case 'int8':
      return extend(8);
    case 'int16':
      return extend(16);
    case 'uint8':
      return v128.and(value, i32x4.const(0xff));
    case 'uint16':
      return v128.and(value, i32x4.const(0xffff));
    default:
      return value;
  }
}

export function castLanes(f: FunctionBuilder, from: DType, to: DType, value: V128): V128 {
  if (from === to) return value;
  const x = f.let(value);
  const source = laneType(from)!;
  switch (laneType(to)!) {
    case 'mask':
      return source === 'f32' ? f32x4.ne(x, f32x4.const(0)) : i32x4.ne(x, i32x4.const(0));
    case 'i32':
      if (source === 'mask') return v128.and(x, i32x4.const(1));
      return wrapLanes(to, source === 'i32' ? x : truncateLanes(f, x));
    case 'f32': {
      if (source === 'f32') return isHalf(to) ? roundHalfLanes(f, to, x) : x;
      if (isHalf(to)) return halfOfIntegers(f, from, to, x);
      if (source === 'mask') return v128.and(x, f32x4.const(1));
      return (isUnsigned(from) ? f32x4.convertI32x4U : f32x4.convertI32x4S)(x);
    }
  }
}

/** Integers of more than 24 bits round twice on the way to 16 bits: they go one by one. */
function halfOfIntegers(f: FunctionBuilder, from: DType, to: DType, x: V128): V128 {
  if (from === 'bool') return v128.and(x, f32x4.const(1));
  if (from === 'int32' || from === 'uint32') {
    let result: V128 = f32x4.const(0);
    for (let lane = 0; lane < 4; lane++) {
      const y = castScalar(f, from, to, i32x4.extract(x, lane)) as F32;
      result = f.let(f32x4.replace(result, lane, y));
    }
    return result;
  }
  return roundHalfLanes(f, to, f32x4.convertI32x4S(x));
}

/** The low 32 bits of the truncated values; one by one where a lane is out of the int32 range. */
function truncateLanes(f: FunctionBuilder, x: V128): V128 {
  const result = f.local('v128', i32x4.truncSatF32x4S(x));
  const inside = f.let(f32x4.lt(f32x4.abs(x), f32x4.const(2 ** 31)));
  f.if(i32.eqz(i32x4.allTrue(inside)), () => {
    for (let lane = 0; lane < 4; lane++) {
      const y = wrap32(f, f64.promoteF32(f32x4.extract(x, lane)));
      f.set(result, i32x4.replace(result, lane, y));
    }
  });
  return result;
}

export function bitcastLanes(f: FunctionBuilder, from: DType, to: DType, value: V128): V128 {
  if (isHalf(from) || isHalf(to)) {
    const encode = from === 'float16' ? encodeFloat16 : encodeBfloat16;
    const bits = f.let(isHalf(from) ? encode(f, value) : value);
    if (!isHalf(to)) return wrapLanes(to, bits);
    const low = v128.and(bits, i32x4.const(0xffff));
    return (to === 'float16' ? decodeFloat16 : decodeBfloat16)(f, low);
  }
  // 32-bit types are the same lanes; narrower integers are extended anew.
  return wrapLanes(to, value);
}
