/** Reading and writing elements of each dtype: single ones, and four lanes at any distance. */
import type { DType } from '@hebb/core';
import { f32, f32x4, f64, i32, i32x4, i64, i16x8, shuffle32, v128 } from '../wasm/index.ts';
import type { Code, F32, FunctionBuilder, I32, V128 } from '../wasm/index.ts';
import { decodeScalar, encodeScalar } from './cast.ts';
import { decodeBfloat16, decodeFloat16, encodeBfloat16, encodeFloat16 } from './float16.ts';
import { bytesOf, laneType } from './types.ts';

/** An integer or the bits of a 16-bit float, extended to 32 bits. */
function loadNarrow(dtype: DType, at: I32, offset: number): I32 {
  switch (dtype) {
    case 'int8':
      return i32.load8S(at, offset);
    case 'uint8':
    case 'bool':
      return i32.load8U(at, offset);
    case 'int16':
      return i32.load16S(at, offset);
    default:
      return i32.load16U(at, offset);
  }
}

export function loadScalar(f: FunctionBuilder, dtype: DType, at: I32, offset = 0): Code {
  switch (dtype) {
    case 'float32':
      return f32.load(at, offset);
    case 'float64':
      return f64.load(at, offset);
    case 'int64':
    case 'uint64':
      return i64.load(at, offset);
    case 'int32':
    case 'uint32':
      return i32.load(at, offset);
    case 'float16':
    case 'bfloat16':
      return decodeScalar(f, dtype, loadNarrow(dtype, at, offset));
    default:
      return loadNarrow(dtype, at, offset);
  }
}

export function storeScalar(f: FunctionBuilder, dtype: DType, at: I32, value: Code): void {
  switch (dtype) {
    case 'float32':
      f.store('f32', at, value);
      return;
    case 'float64':
      f.store('f64', at, value);
      return;
    case 'int64':
    case 'uint64':
      f.store('i64', at, value);
      return;
    case 'int32':
    case 'uint32':
      f.store('i32', at, value);
      return;
    case 'float16':
    case 'bfloat16': {
      const bits = f.let(encodeScalar(f, dtype, value as F32));
      f.store('i32As16', at, bits);
      return;
    }
    default:
      f.store(bytesOf(dtype) === 2 ? 'i32As16' : 'i32As8', at, value);
  }
}

/** Lanes as they are computed with, from their stored form extended to 32 bits. */
function decode(f: FunctionBuilder, dtype: DType, raw: V128): V128 {
  switch (dtype) {
    case 'float16':
      return decodeFloat16(f, raw);
    case 'bfloat16':
      return decodeBfloat16(f, raw);
    case 'bool':
      return i32x4.neg(raw);
    default:
      return raw;
  }
}

function loadNeighbours(dtype: DType, at: I32, offset: number): V128 {
  switch (dtype) {
    case 'int8':
      return i32x4.extendLowI16x8S(i16x8.extendLowI8x16S(v128.load32Zero(at, offset)));
    case 'uint8':
    case 'bool':
      return i32x4.extendLowI16x8U(i16x8.extendLowI8x16U(v128.load32Zero(at, offset)));
    case 'int16':
      return v128.load16x4S(at, offset);
    case 'uint16':
    case 'float16':
    case 'bfloat16':
      return v128.load16x4U(at, offset);
    default:
      return v128.load(at, offset);
  }
}

/**
 * Four lanes `stride` elements apart. Lanes from `lanes` on may be anything; more than 32 bytes beyond the
 * ones that exist are never touched.
 */
export function loadLanes(
  f: FunctionBuilder,
  dtype: DType,
  at: I32,
  stride: number,
  lanes: number,
): V128 {
  const bytes = bytesOf(dtype);
  if (stride === 1) return f.let(decode(f, dtype, loadNeighbours(dtype, at, 0)));
  if (stride === 0) {
    const one = loadScalar(f, dtype, at);
    if (laneType(dtype) === 'f32') return f.let(f32x4.splat(one as F32));
    const value = laneType(dtype) === 'mask' ? i32.sub(i32.const(0), one as I32) : (one as I32);
    return f.let(i32x4.splat(value));
  }
  if (stride === 2 && bytes === 4 && lanes === 4) {
    const p = f.let(at);
    return f.let(shuffle32(v128.load(p), v128.load(p, 16), [0, 2, 4, 6]));
  }
  if (stride === -1 && bytes === 4 && lanes === 4) {
    const forward = f.let(v128.load(i32.add(at, i32.const(-12))));
    return f.let(shuffle32(forward, forward, [3, 2, 1, 0]));
  }
  const p = f.let(at);
  return loadEach(
    f,
    dtype,
    Array.from({ length: lanes }, (_, lane) => i32.add(p, i32.const(lane * stride * bytes))),
  );
}

/** Lanes from addresses of their own. */
export function loadEach(f: FunctionBuilder, dtype: DType, addresses: readonly I32[]): V128 {
  const wide = bytesOf(dtype) === 4;
  let value: V128 = wide
    ? v128.load32Zero(addresses[0]!)
    : i32x4.replace(i32x4.const(0), 0, loadNarrow(dtype, addresses[0]!, 0));
  for (let lane = 1; lane < addresses.length; lane++) {
    value = wide
      ? v128.load32Lane(value, lane, addresses[lane]!)
      : i32x4.replace(value, lane, loadNarrow(dtype, addresses[lane]!, 0));
  }
  return f.let(decode(f, dtype, f.let(value)));
}

/** Lanes in stored form, in the low bits of 32. */
function encode(f: FunctionBuilder, dtype: DType, value: V128): V128 {
  switch (dtype) {
    case 'float16':
      return encodeFloat16(f, value);
    case 'bfloat16':
      return encodeBfloat16(f, value);
    case 'bool':
      return v128.and(value, i32x4.const(1));
    default:
      return value;
  }
}

export function storeLanes(
  f: FunctionBuilder,
  dtype: DType,
  at: I32,
  value: V128,
  stride: number,
  lanes: number,
): void {
  const bytes = bytesOf(dtype);
  const stored = f.let(encode(f, dtype, value));
  if (stride !== 1) {
    const p = f.let(at);
    storeEach(
      f,
      dtype,
      Array.from({ length: lanes }, (_, lane) => i32.add(p, i32.const(lane * stride * bytes))),
      stored,
      true,
    );
    return;
  }
  if (bytes === 4) {
    if (lanes === 4) f.store('v128', at, stored);
    else {
      if (lanes >= 2) f.storeLane(64, at, stored, 0);
      if (lanes !== 2) f.storeLane(32, at, stored, lanes - 1, (lanes - 1) * 4);
    }
    return;
  }
  const packed = f.let(
    v128.shuffle(
      stored,
      stored,
      Array.from({ length: 16 }, (_, i) => (bytes === 2 ? (i >> 1) * 4 + (i & 1) : i * 4) % 16),
    ),
  );
  const bits = bytes === 2 ? 16 : 8;
  if (lanes === 4) {
    f.storeLane(bytes === 2 ? 64 : 32, at, packed, 0);
    return;
  }
  for (let lane = 0; lane < lanes; lane++) f.storeLane(bits, at, packed, lane, lane * bytes);
}

/** Lanes to addresses of their own. */
export function storeEach(
  f: FunctionBuilder,
  dtype: DType,
  addresses: readonly I32[],
  value: V128,
  encoded = false,
): void {
  const bytes = bytesOf(dtype);
  const stored = f.let(encoded ? value : encode(f, dtype, value));
  addresses.forEach((at, lane) => {
    if (bytes === 4) f.storeLane(32, at, stored, lane);
    else if (bytes === 2) f.storeLane(16, at, stored, lane * 2);
    else f.storeLane(8, at, stored, lane * 4);
  });
}
