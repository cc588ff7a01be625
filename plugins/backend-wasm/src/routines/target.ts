/** What the generated code may use, and the few operations that depend on it. */
import { f32x4, i32x4 } from '../wasm/index.ts';
import type { V128 } from '../wasm/index.ts';

export type Simd = 'relaxed' | 'plain';

export interface Target {
  /** `relaxed`: fused multiply-add where the host has it; `plain`: the same bits on every host. */
  readonly simd: Simd;
  /** Lanes are 32-bit integers, not floats. */
  readonly integer?: boolean;
  /** The program reads more than a cache keeps from one run to the next. */
  readonly far?: boolean;
  /** Of a large intermediate result, what is kept at a time; default 16 MiB. */
  readonly cacheBytes?: number;
}

/** a · b + c. */
export function madd({ simd, integer }: Target, a: V128, b: V128, c: V128): V128 {
  if (integer === true) return i32x4.add(i32x4.mul(a, b), c);
  return simd === 'relaxed' ? f32x4.relaxedMadd(a, b, c) : f32x4.add(f32x4.mul(a, b), c);
}

/** c - a · b, of floats. */
export function nmadd({ simd }: Target, a: V128, b: V128, c: V128): V128 {
  return simd === 'relaxed' ? f32x4.relaxedNmadd(a, b, c) : f32x4.sub(c, f32x4.mul(a, b));
}

/** a + b. */
export function plus({ integer }: Target, a: V128, b: V128): V128 {
  return integer === true ? i32x4.add(a, b) : f32x4.add(a, b);
}
