/**
 * Functions that WGSL lacks, or has with too little precision (its `exp` may be off by dozens of units in the
 * last place, its `sin` by 2⁻¹¹) or without a promise for NaN. Each names those that it calls. Argument
 * reduction after Cody and Waite (Software Manual for the Elementary Functions, 1980); polynomials are
 * minimax fits on the reduced ranges.
 */

import { wideHelpers } from './wide.ts';

export interface HelperFunction {
  readonly code: string;
  readonly needs?: readonly string[];
}

/** Nested products, highest power first. */
function horner(x: string, coefficients: readonly number[]): string {
  return coefficients
    .slice(0, -1)
    .reduceRight((y, c) => `(${y} * ${x} + ${float(c)})`, float(coefficients.at(-1)!));
}

/** A finite float32 as a literal. */
export function float(value: number): string {
  const text = Math.fround(value).toPrecision(9);
  const short = String(Number(text));
  const exact = Math.fround(Number(short)) === Math.fround(value) ? short : text;
  return `${/[.e]/.test(exact) ? exact : `${exact}.0`}f`;
}

const expTail = [0.49999994, 0.1666652, 0.041668393, 0.008368781, 0.0013814465];
const logTail = [0.6666666, 0.40000337, 0.28537238, 0.23583572];
const sinTail = [-0.16666667, 0.008333329, -0.00019839327, 2.7182373e-6];
const cosTail = [0.041666646, -0.001388731, 2.4432411e-5];
const erfcLog = [
  -1.1283792, -0.6366194, -0.10277784, 0.01915309, 0.00016035278, -0.001666987, 0.00063281594,
  -0.00011763569, 9.255667e-6,
];
const atanTail = [-0.333329491539, 0.199777106478, -0.138776856032, 0.0805374449538];

export const helpers: Readonly<Record<string, HelperFunction>> = {
  ...wideHelpers,
  // Constant expressions must not be infinite, and no compiler may know these bits.
  special: {
    code: `var<private> infinityBits: u32 = 0x7f800000u;
var<private> nanBits: u32 = 0x7fc00000u;
fn infinity() -> f32 { return bitcast<f32>(infinityBits); }
fn nan() -> f32 { return bitcast<f32>(nanBits); }`,
  },
  // By the bits: compilers may assume that a comparison with NaN does not happen.
  isNan: {
    code: 'fn isNan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }',
  },
  isInf: {
    code: 'fn isInf(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u; }',
  },
  less: {
    code: 'fn less(x: f32, y: f32) -> bool { return x < y && !isNan(x) && !isNan(y); }',
    needs: ['isNan'],
  },
  lessEqual: {
    code: 'fn lessEqual(x: f32, y: f32) -> bool { return x <= y && !isNan(x) && !isNan(y); }',
    needs: ['isNan'],
  },
  equal: {
    code: 'fn equal(x: f32, y: f32) -> bool { return x == y && !isNan(x) && !isNan(y); }',
    needs: ['isNan'],
  },
  maximum: {
    code: `fn maximum(x: f32, y: f32) -> f32 {
  if (isNan(x)) { return x; }
  if (isNan(y)) { return y; }
  return select(y, x, x > y);
}`,
    needs: ['isNan'],
  },
  minimum: {
    code: `fn minimum(x: f32, y: f32) -> f32 {
  if (isNan(x)) { return x; }
  if (isNan(y)) { return y; }
  return select(y, x, x < y);
}`,
    needs: ['isNan'],
  },
  sign: {
    code: `fn signOf(x: f32) -> f32 {
  if (isNan(x)) { return x; }
  return select(select(0.0f, -1.0f, x < 0.0f), 1.0f, x > 0.0f);
}`,
    needs: ['isNan'],
  },
  powerOfTwo: {
    code: 'fn powerOfTwo(n: i32) -> f32 { return bitcast<f32>((n + 127) << 23u); }',
  },
  exp: {
    code: `fn expOf(x: f32) -> f32 {
  if (isNan(x)) { return x; }
  let a = clamp(x, -104.0f, 89.0f);
  let n = round(a * ${float(Math.LOG2E)});
  let r = (a - n * 0.693359375f) + n * 2.12194440e-4f;
  let y = 1.0f + (r + r * r * ${horner('r', expTail)});
  let whole = i32(n);
  let half = whole >> 1u;
  return y * powerOfTwo(half) * powerOfTwo(whole - half);
}`,
    needs: ['isNan', 'powerOfTwo'],
  },
  expm1: {
    code: `fn expm1Of(x: f32) -> f32 {
  if (isNan(x)) { return x; }
  let a = clamp(x, -20.0f, 89.0f);
  let n = round(a * ${float(Math.LOG2E)});
  let r = (a - n * 0.693359375f) + n * 2.12194440e-4f;
  let q = r + r * r * ${horner('r', expTail)};
  if (n == 0.0f) { return q; }
  let scale = powerOfTwo(i32(n) - 1);
  let y = scale * q + (scale - 0.5f);
  return y + y;
}`,
    needs: ['isNan', 'powerOfTwo'],
  },
  logReduced: {
    code: `fn logReduced(d: f32, n: f32) -> f32 {
  let s = d / (d + 2.0f);
  let z = s * s;
  let half = 0.5f * d * d;
  let rest = ${horner('z', logTail)} * z;
  let inner = half - (s * (half + rest) + n * -2.12194440e-4f);
  return n * 0.693359375f + (d - inner);
}`,
  },
  log: {
    code: `fn logOf(x: f32) -> f32 {
  if (isNan(x)) { return x; }
  if (x == 0.0f) { return -infinity(); }
  if (x < 0.0f) { return nan(); }
  if (isInf(x)) { return x; }
  let tiny = x < 1.17549435e-38f;
  let normal = select(x, x * 8388608.0f, tiny);
  let bits = bitcast<i32>(normal) - 0x3f3504f3;
  let e = bits >> 23u;
  let m = bitcast<f32>(bitcast<i32>(normal) - (e << 23u));
  return logReduced(m - 1.0f, f32(e) - select(0.0f, 23.0f, tiny));
}`,
    needs: ['isNan', 'isInf', 'special', 'logReduced'],
  },
  log1p: {
    code: `fn log1pOf(x: f32) -> f32 {
  if (x > -0.29f && x < 0.41f) { return logReduced(x, 0.0f); }
  return logOf(1.0f + x);
}`,
    needs: ['log', 'logReduced'],
  },
  // Three parts of π/2: the products of the first two with counts below 2¹³ are exact.
  sinOrCos: {
    code: `fn sinOrCos(x: f32, quarters: i32) -> f32 {
  if (isNan(x) || isInf(x)) { return nan(); }
  let n = round(x * 0.636619772f);
  let r = ((x - n * 1.5703125f) - n * 4.83751297e-4f) - n * 7.54978942e-8f;
  let quadrant = i32(n) + quarters;
  let z = r * r;
  let s = r + r * z * ${horner('z', sinTail)};
  let c = 1.0f + (z * -0.5f + z * z * ${horner('z', cosTail)});
  let y = select(s, c, (quadrant & 1) != 0);
  return select(y, -y, (quadrant & 2) != 0);
}`,
    needs: ['isNan', 'isInf', 'special'],
  },
  tanh: {
    code: `fn tanhOf(x: f32) -> f32 {
  if (isNan(x)) { return x; }
  let a = clamp(x, -10.0f, 10.0f);
  let q = expm1Of(a + a);
  return q / (q + 2.0f);
}`,
    needs: ['isNan', 'expm1'],
  },
  // By the logarithm of the complement.
  erf: {
    code: `fn erfOf(x: f32) -> f32 {
  if (isNan(x)) { return x; }
  let a = min(abs(x), 4.0f);
  let e = abs(expm1Of(${horner('a', erfcLog)} * a));
  return select(e, -e, x < 0.0f);
}`,
    needs: ['isNan', 'expm1'],
  },
  atan: {
    code: `fn atanOf(x: f32) -> f32 {
  let a = abs(x);
  var base = 0.0f;
  var t = a;
  if (a > 2.414213562f) { base = 1.570796327f; t = -1.0f / a; }
  else if (a > 0.414213562f) { base = 0.785398163f; t = (a - 1.0f) / (a + 1.0f); }
  let z = t * t;
  let y = base + (t + t * z * ${horner('z', atanTail)});
  return select(y, -y, x < 0.0f);
}`,
  },
  atan2: {
    code: `fn atan2Of(y: f32, x: f32) -> f32 {
  if (isNan(x)) { return x; }
  if (isNan(y)) { return y; }
  let negative = (bitcast<u32>(y) >> 31u) != 0u;
  let left = (bitcast<u32>(x) >> 31u) != 0u;
  var angle: f32;
  if (y == 0.0f) { angle = select(0.0f, 3.141592654f, left); }
  else if (isInf(x) && isInf(y)) { angle = select(0.785398163f, 2.356194490f, left); }
  else if (isInf(y) || x == 0.0f) { angle = 1.570796327f; }
  else if (isInf(x)) { angle = select(0.0f, 3.141592654f, left); }
  else {
    angle = atanOf(abs(y) / abs(x));
    angle = select(angle, 3.141592654f - angle, left);
  }
  return select(angle, -angle, negative);
}`,
    needs: ['isNan', 'isInf', 'atan'],
  },
  // Whole exponents by squaring: a logarithm would lose digits in proportion to the exponent.
  pow: {
    code: `fn powOf(a: f32, b: f32) -> f32 {
  if (b == 0.0f || a == 1.0f) { return 1.0f; }
  if (isNan(a)) { return a; }
  if (isNan(b)) { return b; }
  let whole = trunc(b) == b;
  let odd = whole && abs(b) < 16777216.0f && (i32(b) & 1) != 0;
  let size = abs(a);
  if (isInf(b)) {
    if (size == 1.0f) { return 1.0f; }
    return select(0.0f, infinity(), (size > 1.0f) == (b > 0.0f));
  }
  if (a == 0.0f || isInf(a)) {
    let large = (a == 0.0f) == (b < 0.0f);
    let y = select(0.0f, infinity(), large);
    return select(y, -y, odd && (bitcast<u32>(a) >> 31u) != 0u);
  }
  if (a < 0.0f && !whole) { return nan(); }
  if (b == 0.5f) { return sqrt(size); }
  var y: f32;
  if (whole && abs(b) <= 64.0f) {
    var n = u32(abs(b));
    var square = size;
    y = 1.0f;
    for (; n != 0u; n = n >> 1u) {
      if ((n & 1u) != 0u) { y = y * square; }
      square = square * square;
    }
    if (b < 0.0f) { y = 1.0f / y; }
  } else { y = expOf(b * logOf(size)); }
  return select(y, -y, a < 0.0f && odd);
}`,
    needs: ['isNan', 'isInf', 'special', 'exp', 'log'],
  },
  // Long division of the mantissas: exact, as IEEE 754 has it.
  fmod: {
    code: `fn fmodOf(x: f32, y: f32) -> f32 {
  if (isNan(x) || isNan(y) || isInf(x) || y == 0.0f) { return nan(); }
  if (isInf(y) || abs(x) < abs(y)) { return x; }
  let ys = abs(y);
  var r = abs(x);
  let top = i32(bitcast<u32>(r) >> 23u) - i32(bitcast<u32>(ys) >> 23u);
  for (var shift = top; shift >= 0; shift = shift - 1) {
    let part = ldexp(ldexp(ys, shift / 2), shift - shift / 2);
    if (!isInf(part) && r >= part) { r = r - part; }
  }
  return select(r, -r, x < 0.0f);
}`,
    needs: ['isNan', 'isInf', 'special'],
  },
  power: {
    code: `fn powerOf(base: i32, exponent: i32) -> i32 {
  if (exponent < 0) {
    if (base == 1) { return 1; }
    if (base == -1) { return select(1, -1, (exponent & 1) != 0); }
    return 0;
  }
  var y = 1;
  var square = base;
  for (var n = exponent; n != 0; n = n >> 1u) {
    if ((n & 1) != 0) { y = y * square; }
    square = square * square;
  }
  return y;
}`,
  },
  powerUnsigned: {
    code: `fn powerUnsigned(base: u32, exponent: u32) -> u32 {
  var y = 1u;
  var square = base;
  for (var n = exponent; n != 0u; n = n >> 1u) {
    if ((n & 1u) != 0u) { y = y * square; }
    square = square * square;
  }
  return y;
}`,
  },
  // The low 32 bits of the truncated number; beyond 2³¹ float32 are multiples of 256, so nothing is lost.
  truncated: {
    code: `fn truncated(x: f32) -> i32 {
  if (isNan(x) || isInf(x)) { return 0; }
  let t = trunc(x);
  if (abs(t) < 2147483648.0f) { return i32(t); }
  let turns = floor(t / 4294967296.0f);
  return bitcast<i32>(u32(t - turns * 4294967296.0f));
}`,
    needs: ['isNan', 'isInf'],
  },
  half: {
    code: `fn half(x: f32) -> f32 {
  if (isNan(x) || isInf(x)) { return x; }
  let bits = bitcast<u32>(x);
  let magnitude = bits & 0x7fffffffu;
  // Half to even on the 13 bits that float16 lacks; subnormal results by an addition that rounds there.
  if (magnitude < 0x38800000u) {
    let y = (bitcast<f32>(magnitude) + 0.5f) - 0.5f;
    return bitcast<f32>(bitcast<u32>(y) | (bits & 0x80000000u));
  }
  let rounded = (magnitude + 0xfffu + ((magnitude >> 13u) & 1u)) & 0xffffe000u;
  let y = select(bitcast<f32>(rounded), infinity(), rounded >= 0x47800000u);
  return select(y, -y, (bits >> 31u) != 0u);
}`,
    needs: ['isNan', 'isInf', 'special'],
  },
  brain: {
    code: `fn brain(x: f32) -> f32 {
  if (isNan(x)) { return x; }
  let bits = bitcast<u32>(x);
  return bitcast<f32>((bits + 0x7fffu + ((bits >> 16u) & 1u)) & 0xffff0000u);
}`,
    needs: ['isNan'],
  },
  halfBits: {
    code: `fn halfBits(x: f32) -> u32 {
  if (isNan(x)) { return 0x7e00u | ((bitcast<u32>(x) >> 16u) & 0x8000u); }
  let bits = bitcast<u32>(x);
  let sign = (bits >> 16u) & 0x8000u;
  let magnitude = bits & 0x7fffffffu;
  if (magnitude >= 0x47800000u) { return sign | 0x7c00u; }
  if (magnitude < 0x38800000u) { return sign | u32(abs(x) * 16777216.0f); }
  return sign | ((magnitude - 0x38000000u) >> 13u);
}`,
    needs: ['isNan'],
  },
  halfValue: {
    code: `fn halfValue(bits: u32) -> f32 {
  let sign = (bits & 0x8000u) << 16u;
  let exponent = (bits >> 10u) & 31u;
  let mantissa = bits & 1023u;
  if (exponent == 0u) { return bitcast<f32>(bitcast<u32>(f32(mantissa) * 5.9604644775390625e-8f) | sign); }
  let high = select(exponent + 112u, 255u, exponent == 31u);
  return bitcast<f32>(sign | (high << 23u) | (mantissa << 13u));
}`,
  },
  // Philox4x32-10 (Salmon et al., SC 2011): word i is word i mod 4 of the block with counter ⌊i/4⌋.
  philox: {
    code: `fn philox(block: u32, key0: u32, key1: u32) -> vec4<u32> {
  var c = vec4<u32>(block, 0u, 0u, 0u);
  var k0 = key0;
  var k1 = key1;
  for (var round = 0; round < 10; round = round + 1) {
    c = vec4<u32>(
      highProduct(c.z, 0xcd9e8d57u) ^ c.y ^ k0, c.z * 0xcd9e8d57u,
      highProduct(c.x, 0xd2511f53u) ^ c.w ^ k1, c.x * 0xd2511f53u);
    k0 = k0 + 0x9e3779b9u;
    k1 = k1 + 0xbb67ae85u;
  }
  return c;
}`,
    needs: ['highProduct'],
  },
};

/** The helpers asked for and those they need, each once, callees first. */
export function helperCode(names: Iterable<string>): string {
  const done = new Set<string>();
  const parts: string[] = [];
  const visit = (name: string): void => {
    if (done.has(name)) return;
    done.add(name);
    const helper = helpers[name]!;
    helper.needs?.forEach(visit);
    parts.push(helper.code);
  };
  for (const name of names) visit(name);
  return parts.join('\n');
}
