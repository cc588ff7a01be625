import type { FunctionBuilder, V128 } from '../wasm/index.ts';
import type { Target } from '../routines/target.ts';
export declare const c: (value: number) => V128;
/** c0 + c1 x + c2 x² + …, by Horner's rule. `x` must be cheap to repeat (a local). */
export declare function polynomial(
  f: FunctionBuilder,
  target: Target,
  x: V128,
  coefficients: readonly number[],
): V128;
