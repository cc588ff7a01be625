/** Polynomials and splat constants for the vector functions. */
import { f32x4 } from '../wasm/index.ts';
import type { FunctionBuilder, V128 } from '../wasm/index.ts';
import { madd } from '../routines/target.ts';
import type { Target } from '../routines/target.ts';

export const c = (value: number): V128 => f32x4.const(value);

/** c0 + c1 x + c2 x² + …, by Horner's rule. `x` must be cheap to repeat (a local). */
export function polynomial(
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
