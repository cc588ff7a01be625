/**
 * sin and cos of four float32 at once. The argument is reduced by multiples of π/2 in float64, which keeps
 * full precision up to 2²⁰; lanes beyond that go to the host's function.
 */
import { f32, f32x4, f64, f64x2, i32, i32x4, shuffle32, v128, call } from '../wasm/index.ts';
import type { F64, FunctionBuilder, FunctionRef, V128 } from '../wasm/index.ts';
import { madd } from '../routines/target.ts';
import type { Target } from '../routines/target.ts';
import { float as c, int } from './constants.ts';
import { polynomial } from './polynomial.ts';

/** (sin(r) - r) / r³ and (cos(r) - 1 + r²/2) / r⁴ in r² on |r| <= π/4. */
const sinTail = [-0.16666667, 0.008333329, -0.00019839327, 2.7182373e-6];
const cosTail = [0.041666646, -0.001388731, 2.4432411e-5];

const largest = 2 ** 20;
/** π/2 = high + low; products of high with n < 2²⁰ are exact. */
const high = 1.57079632673412561417;
const low = 6.07710050650619224932e-11;

/** Two of the lanes reduced: the remainder in float64 and the count of quarters as float64. */
function reduceHalf(f: FunctionBuilder, x: V128): { r: V128; n: V128 } {
  const n = f.let(f64x2.nearest(f64x2.mul(x, f64x2.const(2 / Math.PI))));
  const r = f64x2.sub(
    f64x2.sub(x, f64x2.mul(n, f64x2.const(high))),
    f64x2.mul(n, f64x2.const(low)),
  );
  return { r: f.let(r), n };
}

/** `quarters` 0 for sin, 1 for cos; `exact` is the host's function for huge arguments. */
export function sinOrCos(
  f: FunctionBuilder,
  t: Target,
  x: V128,
  quarters: 0 | 1,
  exact: FunctionRef<'f64'>,
): V128 {
  const a = f.let(x);
  const lower = reduceHalf(f, f.let(f64x2.promoteLowF32x4(a)));
  const upper = reduceHalf(f, f.let(f64x2.promoteLowF32x4(shuffle32(a, a, [2, 3, 2, 3]))));
  const join = (p: V128, q: V128): V128 =>
    shuffle32(f.let(f32x4.demoteF64x2Zero(p)), f.let(f32x4.demoteF64x2Zero(q)), [0, 1, 4, 5]);
  const r = f.let(join(lower.r, upper.r));
  const n = f.let(i32x4.add(i32x4.truncSatF32x4S(join(lower.n, upper.n)), int(quarters)));
  const z = f.let(f32x4.mul(r, r));
  const s = f.let(madd(t, f32x4.mul(polynomial(f, t, z, sinTail), z), r, r));
  const far = madd(t, z, c(-0.5), f32x4.mul(polynomial(f, t, z, cosTail), f32x4.mul(z, z)));
  const k = f.let(f32x4.add(far, c(1)));
  const odd = i32x4.neg(v128.and(n, int(1)));
  const y = f.let(v128.bitselect(k, s, odd));
  const sign = i32x4.shl(v128.and(n, int(2)), i32.const(30));
  const result = f.local('v128', v128.xor(y, sign));
  const huge = f.let(v128.not(f32x4.lt(f32x4.abs(a), c(largest))));
  f.if(v128.anyTrue(huge), () => {
    for (let lane = 0; lane < 4; lane++) {
      f.if(i32x4.extract(huge, lane), () => {
        const argument: F64 = f64.promoteF32(f32x4.extract(a, lane));
        f.set(result, f32x4.replace(result, lane, f32.demoteF64(call(exact, argument))));
      });
    }
  });
  return result;
}
