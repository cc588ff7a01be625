/** Polynomials for the vector functions. */
import { f32x4 } from '../wasm/index.ts';
import type { FunctionBuilder, V128 } from '../wasm/index.ts';
import { float as c } from './constants.ts';
import { madd } from '../routines/target.ts';
import type { Target } from '../routines/target.ts';

/**
 * c0 + c1 x + c2 x² + … with even and odd powers in two chains, so that half of the latency goes by at the
 * same time. `x` must be cheap to repeat (a local).
 */
export function polynomial(
  f: FunctionBuilder,
  target: Target,
  x: V128,
  coefficients: readonly number[],
): V128 {
  if (coefficients.length < 5) return horner(f, target, x, coefficients);
  const square = f.let(f32x4.mul(x, x));
  const even = horner(
    f,
    target,
    square,
    coefficients.filter((_, i) => i % 2 === 0),
  );
  const odd = horner(
    f,
    target,
    square,
    coefficients.filter((_, i) => i % 2 === 1),
  );
  return f.let(madd(target, odd, x, even));
}

function horner(
  f: FunctionBuilder,
  target: Target,
  x: V128,
  coefficients: readonly number[],
): V128 {
  let y: V128 = c(coefficients.at(-1)!);
  for (let i = coefficients.length - 2; i >= 0; i--) {
    y = f.let(madd(target, y, x, c(coefficients[i]!)));
  }
  return y;
}
