/** 16-bit floats to and from float32, rounding half to even: lanes at once, and single numbers through them. */
import { f32x4, i32, i32x4, v128 } from '../wasm/index.ts';
import type { FunctionBuilder, V128 } from '../wasm/index.ts';
import { float, int } from '../math/constants.ts';

const by = (count: number) => i32.const(count);

/** Bits of float16 in the low halves of the lanes. */
export function decodeFloat16(f: FunctionBuilder, bits: V128): V128 {
  const h = f.let(bits);
  const magnitude = f.let(v128.and(h, int(0x7fff)));
  // Moved into place as if the exponents had the same bias, then scaled: subnormal numbers come out right.
  const finite = f32x4.mul(i32x4.shl(magnitude, by(13)), float(2 ** 112));
  const special = f.let(i32x4.geS(magnitude, int(0x7c00)));
  const value = v128.or(finite, v128.and(special, int(0x7f800000)));
  return f.let(v128.or(value, i32x4.shl(v128.and(h, int(0x8000)), by(16))));
}

export function encodeFloat16(f: FunctionBuilder, value: V128): V128 {
  const bits = f.let(value);
  const magnitude = f.let(v128.and(bits, int(0x7fffffff)));
  const odd = v128.and(i32x4.shrU(magnitude, by(13)), int(1));
  const rounded = i32x4.add(i32x4.add(magnitude, int(0xfff)), odd);
  const normal = i32x4.shrU(i32x4.sub(rounded, int(0x38000000)), by(13));
  // Adding 0.5 makes the last bit worth 2⁻²⁴, the unit of subnormal halves; the addition rounds.
  const small = i32x4.sub(f32x4.add(magnitude, float(0.5)), int(0x3f000000));
  const tiny = i32x4.ltS(magnitude, int(0x38800000));
  const finite = f.let(v128.bitselect(small, normal, f.let(tiny)));
  const infinite = v128.bitselect(int(0x7c00), finite, i32x4.geS(magnitude, int(0x47800000)));
  const nan = v128.bitselect(int(0x7e00), f.let(infinite), i32x4.gtS(magnitude, int(0x7f800000)));
  return f.let(v128.or(nan, v128.and(i32x4.shrU(bits, by(16)), int(0x8000))));
}

export function decodeBfloat16(_f: FunctionBuilder, bits: V128): V128 {
  return i32x4.shl(bits, by(16));
}

export function encodeBfloat16(f: FunctionBuilder, value: V128): V128 {
  const bits = f.let(value);
  const odd = v128.and(i32x4.shrU(bits, by(16)), int(1));
  const rounded = i32x4.shrU(i32x4.add(i32x4.add(bits, int(0x7fff)), odd), by(16));
  const nan = i32x4.gtS(v128.and(bits, int(0x7fffffff)), int(0x7f800000));
  return f.let(v128.bitselect(int(0x7fc0), rounded, nan));
}
