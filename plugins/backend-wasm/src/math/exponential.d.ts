import type { FunctionBuilder, V128 } from '../wasm/index.ts';
import type { Target } from '../routines/target.ts';
/** 2 to an integer power between -126 and 127. */
export declare const powerOfTwo: (n: V128) => V128;
export declare function exp(f: FunctionBuilder, t: Target, x: V128): V128;
export declare function expm1(f: FunctionBuilder, t: Target, x: V128): V128;
export declare function log(f: FunctionBuilder, t: Target, x: V128): V128;
/** log(1 + x): the logarithm of the rounded sum, plus what the rounding lost, divided by the sum. */
export declare function log1p(f: FunctionBuilder, t: Target, x: V128): V128;
export declare function tanh(f: FunctionBuilder, t: Target, x: V128): V128;
/** 2/√π ∫₀ˣ exp(-t²) dt: a polynomial near 0, 1 - erfc by the logarithm of erfc further out. */
export declare function erf(f: FunctionBuilder, t: Target, x: V128): V128;
