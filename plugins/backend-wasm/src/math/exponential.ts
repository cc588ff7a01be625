/**
 * exp, expm1, log, log1p, tanh and erf of four float32 at once, of all but the logarithms several such
 * vectors side by side. Argument reduction after Cody and Waite (Software
 * Manual for the Elementary Functions, 1980); the polynomials are minimax fits on the reduced ranges, below
 * 5e-9 relative. Errors against the exact result stay within 2 units in the last place, of tanh and erf within 3.
 */
import { f32x4, i32, i32x4, v128 } from '../wasm/index.ts';
import type { FunctionBuilder, V128 } from '../wasm/index.ts';
import { madd } from '../routines/target.ts';
import type { Target } from '../routines/target.ts';
import { float as c, int } from './constants.ts';
import { polynomial } from './polynomial.ts';
import { Wide } from './wide.ts';
import type { Vectors } from './wide.ts';

/** ln 2 in two parts: the first has few enough bits that its products with exponents are exact. */
const ln2High = 0.693359375;
const ln2Low = -2.12194440054690583e-4;

/** (exp(r) - 1 - r) / r² on |r| <= ln 2 / 2. */
const expTail = [0.49999994, 0.1666652, 0.041668393, 0.008368781, 0.0013814465];
/** (log((1 + s) / (1 - s)) - 2 s) / s³ in s². */
const logTail = [0.6666666, 0.40000337, 0.28537238, 0.23583572];
/** (2ʳ - 1 - r ln 2) / r² on |r| <= 1/2. */
const powerTail = [0.24022648, 0.05550362, 0.009618527, 0.0013390275, 0.0001532099];
/** 1.5 · 2²³: adding it rounds to an integer, which then stands in the low bits. */
const rounderBits = 0x4b400000;

interface Reduced {
  readonly n: Vectors;
  /** n as integer in the low bits, for `powerOfTwo`. */
  readonly whole: Vectors;
  /** exp(r) - 1. */
  readonly q: Vectors;
}

/** x = n ln 2 + r, and exp(r) - 1 = r + r²·(…). */
function reduce(w: Wide, x: Vectors): Reduced {
  const magic = w.int(rounderBits);
  const whole = w.madd(x, w.float(Math.LOG2E), magic);
  const n = w.sub(whole, magic);
  const r = w.nmadd(n, w.float(ln2Low), w.nmadd(n, w.float(ln2High), x));
  return { n, whole, q: w.madd(w.polynomial(r, expTail), w.mul(r, r), r) };
}

export function exp(f: FunctionBuilder, t: Target, list: Vectors): Vectors {
  const w = new Wide(f, t);
  // Beyond these the result is 0 or infinite; written so that NaN stays.
  const { whole, q } = reduce(w, w.clamp(list, -104, 89));
  const y = w.add(q, w.float(1));
  // In two steps: one would overflow at 128 and lose the subnormal results.
  const half = w.each(whole, (value) => i32x4.shrS(value, i32.const(1)));
  const rest = w.each(whole, (value, i) => i32x4.sub(value, half[i]!));
  return w.mul(w.mul(y, w.powerOfTwo(half)), w.powerOfTwo(rest));
}

/** Below this, results are subnormal. */
const smallest = -87.3;

/** exp of numbers up to 0 (or NaN), as in softmax: what would be subnormal is 0. */
export function expNonPositive(f: FunctionBuilder, t: Target, list: Vectors): Vectors {
  const w = new Wide(f, t);
  const { whole, q } = reduce(w, list);
  const y = w.mul(w.add(q, w.float(1)), w.powerOfTwo(whole));
  const least = w.float(smallest);
  return w.each(y, (value, i) => v128.andnot(value, f32x4.lt(list[i]!, least)));
}

export function expm1(f: FunctionBuilder, t: Target, list: Vectors): Vectors {
  const w = new Wide(f, t);
  const { n, whole, q } = reduce(w, w.clamp(list, -20, 89));
  // 2ⁿ q + (2ⁿ - 1), with half of 2ⁿ and doubled at the end: 2¹²⁸ does not exist.
  const one = w.int(1);
  const scale = w.powerOfTwo(w.each(whole, (value) => i32x4.sub(value, one)));
  const y = w.madd(scale, q, w.sub(scale, w.float(0.5)));
  const doubled = w.add(y, y);
  // Where nothing was reduced q is the result, sign of zero included.
  return w.each(q, (value, i) => v128.bitselect(value, doubled[i]!, f32x4.eq(n[i]!, c(0))));
}

export function log(f: FunctionBuilder, t: Target, x: V128): V128 {
  // Subnormal arguments are scaled into the normal range first.
  const tiny = f.let(f32x4.lt(x, c(2 ** -126)));
  const normal = f.let(v128.bitselect(f32x4.mul(x, c(2 ** 23)), x, tiny));
  // m in [√½, √2): its exponent is that of x · √2.
  const bits = f.let(i32x4.sub(normal, int(0x3f3504f3)));
  const e = f.let(i32x4.shrS(bits, i32.const(23)));
  const m = i32x4.sub(normal, i32x4.shl(e, i32.const(23)));
  const n = f.let(f32x4.sub(f32x4.convertI32x4S(e), v128.and(tiny, c(23))));
  const y = f.let(logReduced(f, t, f.let(f32x4.sub(m, c(1))), n));
  return f.let(logEdges(f, x, y));
}

/** log(1 + d) + n ln 2 for 1 + d in [√½, √2). */
function logReduced(f: FunctionBuilder, t: Target, d: V128, n: V128): V128 {
  const s = f.let(f32x4.div(d, f32x4.add(d, c(2))));
  const z = f.let(f32x4.mul(s, s));
  const half = f.let(f32x4.mul(f32x4.mul(d, d), c(0.5)));
  // log(1 + d) = d - (d²/2 - s (d²/2 + R)), R = s² (…): the large term comes last.
  const R = f32x4.mul(polynomial(f, t, z, logTail), z);
  const inner = f.let(f32x4.sub(half, madd(t, s, f32x4.add(half, R), f32x4.mul(n, c(ln2Low)))));
  return f32x4.add(f32x4.mul(n, c(ln2High)), f32x4.sub(d, inner));
}

/** -∞ at 0, NaN below, +∞ and NaN as they are. */
function logEdges(f: FunctionBuilder, x: V128, y: V128): V128 {
  const special = f.let(v128.not(f32x4.lt(x, c(Infinity))));
  const upper = f.let(v128.bitselect(x, y, special));
  const negative = v128.bitselect(c(NaN), upper, f32x4.lt(x, c(0)));
  return v128.bitselect(c(-Infinity), negative, f32x4.eq(x, c(0)));
}

/** log(1 + x): the logarithm of the rounded sum, plus what the rounding lost, divided by the sum. */
export function log1p(f: FunctionBuilder, t: Target, x: V128): V128 {
  const u = f.let(f32x4.add(x, c(1)));
  const y = log(f, t, u);
  const lost = f32x4.sub(x, f32x4.sub(u, c(1)));
  const corrected = f.let(f32x4.add(y, f32x4.div(lost, u)));
  // At the edges of the domain the correction is no number; tiny x are their own result.
  const plain = f.let(v128.bitselect(x, corrected, f32x4.eq(u, c(1))));
  const inside = v128.and(f32x4.gt(u, c(0)), f32x4.lt(u, c(Infinity)));
  return f.let(v128.bitselect(plain, y, inside));
}

/** exp(x) - 1 for |x| < 80, exact near 0: 2ⁿ q + (2ⁿ - 1). */
function expm1Bounded(w: Wide, x: Vectors): Vectors {
  const { whole, q } = reduce(w, x);
  const scale = w.powerOfTwo(whole);
  return w.madd(scale, q, w.sub(scale, w.float(1)));
}

/** q / (q + 2) with q = exp(2x) - 1; beyond 10 it is ±1 to the last bit. */
export function tanh(f: FunctionBuilder, t: Target, list: Vectors): Vectors {
  const w = new Wide(f, t);
  const bounded = w.clamp(list, -10, 10);
  const q = expm1Bounded(w, w.add(bounded, bounded));
  const below = w.add(q, w.float(2));
  return w.each(q, (value, i) => f32x4.div(value, below[i]!));
}

/** log2(erfc(t)) / t on [0, 4]. */
const erfcLog = [
  -1.627907, -0.9184477, -0.14827707, 0.027632069, 0.00023134016, -0.0024049538, 0.00091296044,
  -0.00016971242, 1.3353105e-5,
];

/** 2/√π ∫₀ˣ exp(-t²) dt = 1 - erfc(x), erfc by its logarithm. Beyond 4 it is ±1 to the last bit. */
export function erf(f: FunctionBuilder, t: Target, list: Vectors): Vectors {
  const w = new Wide(f, t);
  const most = w.float(4);
  const a = w.each(list, (x) => f32x4.pmin(f32x4.abs(x), most));
  const power = w.mul(w.polynomial(a, erfcLog), a);
  // The power is n + r, and erfc = 2ⁿ (1 + q).
  const magic = w.int(rounderBits);
  const whole = w.add(power, magic);
  const r = w.sub(power, w.sub(whole, magic));
  const tail = w.mul(w.polynomial(r, powerTail), w.mul(r, r));
  const q = w.madd(r, w.float(Math.LN2), tail);
  const scale = w.powerOfTwo(whole);
  const one = w.float(1);
  const y = w.nmadd(
    scale,
    q,
    w.each(scale, (value) => f32x4.sub(one, value)),
  );
  const sign = w.float(-0);
  return w.each(list, (x, i) => v128.or(y[i]!, v128.and(x, sign)));
}
