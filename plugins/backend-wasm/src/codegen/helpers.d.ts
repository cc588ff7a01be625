/** Functions that a module's kernels share, each defined (or imported) when it is first needed. */
import { ModuleBuilder } from '../wasm/index.ts';
import type { FunctionBuilder, FunctionRef, V128 } from '../wasm/index.ts';
import type { Target } from '../routines/target.ts';
/** Vector functions of float32. */
export type VectorFunction = 'exp' | 'expm1' | 'log' | 'log1p' | 'tanh' | 'erf' | 'sin' | 'cos';
/** Functions of float64 that the host provides, and how many arguments they take. */
export declare const hostFunctions: {
  readonly exp: 1;
  readonly expm1: 1;
  readonly log: 1;
  readonly log1p: 1;
  readonly sin: 1;
  readonly cos: 1;
  readonly tanh: 1;
  readonly pow: 2;
  readonly atan2: 2;
  readonly fmod: 2;
};
export type HostFunction = keyof typeof hostFunctions;
export declare class Helpers {
  #private;
  readonly module: ModuleBuilder;
  readonly target: Target;
  constructor(module: ModuleBuilder, target: Target);
  host(name: HostFunction): FunctionRef<'f64'>;
  /** The function of four lanes, as code in place. */
  inline(f: FunctionBuilder, name: VectorFunction, x: V128): V128;
  /** The function of four lanes, as a call. */
  vector(name: VectorFunction): FunctionRef<'v128'>;
  erf64(): FunctionRef<'f64'>;
  /** Integer powers by squaring, wrapped to 32 bits; negative exponents as of exact quotients. */
  power32(): FunctionRef<'i32'>;
  power64(): FunctionRef<'i64'>;
}
