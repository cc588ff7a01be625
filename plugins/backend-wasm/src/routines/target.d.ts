import type { V128 } from '../wasm/index.ts';
export type Simd = 'relaxed' | 'plain';
export interface Target {
  /** `relaxed`: fused multiply-add where the host has it; `plain`: the same bits on every host. */
  readonly simd: Simd;
}
/** a · b + c. */
export declare function madd({ simd }: Target, a: V128, b: V128, c: V128): V128;
/** c - a · b. */
export declare function nmadd({ simd }: Target, a: V128, b: V128, c: V128): V128;
