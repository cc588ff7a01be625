import type { HostFunction } from './codegen/helpers.ts';
import type { Simd } from './routines/target.ts';
/** Functions of float64 that modules import. */
export declare const mathImports: Readonly<Record<HostFunction, (x: number, y: number) => number>>;
/** The best vector instructions that this host runs; `undefined` where there are none. */
export declare function hostSimd(): Simd | undefined;
