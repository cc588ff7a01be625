import type { FunctionBuilder, FunctionRef, V128 } from '../wasm/index.ts';
import type { Target } from '../routines/target.ts';
/** `quarters` 0 for sin, 1 for cos; `exact` is the host's function for huge arguments. */
export declare function sinOrCos(
  f: FunctionBuilder,
  t: Target,
  x: V128,
  quarters: 0 | 1,
  exact: FunctionRef<'f64'>,
): V128;
