import type { F64, FunctionBuilder, FunctionRef } from '../wasm/index.ts';
export declare function erf64(f: FunctionBuilder, x: F64, exp: FunctionRef<'f64'>): F64;
