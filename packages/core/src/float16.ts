/** Conversions between numbers and the bits of float16 (IEEE 754 binary16) and bfloat16, rounding half to even. */

const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

/** Nearest float32 rounded to odd, so that the second rounding to 16 bits gives the correctly rounded result. */
function toOdd32(x: number): number {
  f32[0] = x;
  const y = f32[0]!;
  if (y === x || x !== x) return u32[0]!;
  // Inexact: truncate towards zero, then set the last bit.
  if (Math.abs(y) > Math.abs(x)) u32[0]! -= 1;
  return (u32[0]! | 1) >>> 0;
}

export function float16Bits(x: number): number {
  if (x !== x) return 0x7e00;
  const bits = toOdd32(x);
  const sign = (bits >>> 16) & 0x8000;
  const abs = bits & 0x7fffffff;
  if (abs >= 0x7f800000) return sign | 0x7c00;
  if (abs >= 0x47800000) return sign | 0x7c00; // 65536 and above
  if (abs < 0x38800000) {
    // Subnormal halves: a multiple of 2^-24.
    if (abs < 0x33000000) return sign;
    const exponent = abs >>> 23;
    const mantissa = (abs & 0x7fffff) | 0x800000;
    const shift = 126 - exponent;
    let half = mantissa >>> shift;
    const rest = mantissa & ((1 << shift) - 1);
    const middle = 1 << (shift - 1);
    if (rest > middle || (rest === middle && (half & 1) === 1)) half += 1;
    return sign | half;
  }
  const rounded = abs + 0xfff + ((abs >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}

export function float16Value(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const mantissa = bits & 0x3ff;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 31) return mantissa === 0 ? sign * Infinity : NaN;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

export function bfloat16Bits(x: number): number {
  if (x !== x) return 0x7fc0;
  const bits = toOdd32(x);
  if ((bits & 0x7fffffff) >= 0x7f800000) return bits >>> 16;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

export function bfloat16Value(bits: number): number {
  u32[0] = bits << 16;
  return f32[0]!;
}
