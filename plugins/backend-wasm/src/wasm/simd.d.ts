import type { Code, F32, F64, I32, I64, Op1, Op2, V128 } from './code.ts';
export declare const v128: {
  load: (at: I32, offset?: number) => Code<'v128'>;
  load8x8S: (at: I32, offset?: number) => Code<'v128'>;
  load8x8U: (at: I32, offset?: number) => Code<'v128'>;
  load16x4S: (at: I32, offset?: number) => Code<'v128'>;
  load16x4U: (at: I32, offset?: number) => Code<'v128'>;
  load32x2S: (at: I32, offset?: number) => Code<'v128'>;
  load32x2U: (at: I32, offset?: number) => Code<'v128'>;
  load8Splat: (at: I32, offset?: number) => Code<'v128'>;
  load16Splat: (at: I32, offset?: number) => Code<'v128'>;
  load32Splat: (at: I32, offset?: number) => Code<'v128'>;
  load64Splat: (at: I32, offset?: number) => Code<'v128'>;
  load32Zero: (at: I32, offset?: number) => Code<'v128'>;
  load64Zero: (at: I32, offset?: number) => Code<'v128'>;
  load8Lane: (a: V128, lane: number, at: I32, offset?: number) => V128;
  load16Lane: (a: V128, lane: number, at: I32, offset?: number) => V128;
  load32Lane: (a: V128, lane: number, at: I32, offset?: number) => V128;
  load64Lane: (a: V128, lane: number, at: I32, offset?: number) => V128;
  constI32x4: (...lanes: readonly number[]) => V128;
  shuffle: (a: V128, b: V128, lanes: readonly number[]) => V128;
  not: Op1<'v128'>;
  and: Op2<'v128'>;
  /** a and not b. */
  andnot: Op2<'v128'>;
  or: Op2<'v128'>;
  xor: Op2<'v128'>;
  /** Bits of a where the mask is set, else of b. */
  bitselect: (a: V128, b: V128, c: V128) => V128;
  anyTrue: (a: V128) => I32;
};
/** Shuffles whole 32-bit lanes: 0 to 3 of a, 4 to 7 of b. */
export declare function shuffle32(a: V128, b: V128, lanes: readonly number[]): V128;
export declare const f32x4: {
  splat: (a: Code<'f32'>) => V128;
  const: (...lanes: readonly number[]) => V128;
  extract: (a: V128, lane: number) => Code<'f32'>;
  replace: (a: V128, lane: number, value: Code<'f32'>) => V128;
  eq: Op2<'v128'>;
  ne: Op2<'v128'>;
  lt: Op2<'v128'>;
  gt: Op2<'v128'>;
  le: Op2<'v128'>;
  ge: Op2<'v128'>;
  ceil: Op1<'v128'>;
  floor: Op1<'v128'>;
  trunc: Op1<'v128'>;
  nearest: Op1<'v128'>;
  abs: Op1<'v128'>;
  neg: Op1<'v128'>;
  sqrt: Op1<'v128'>;
  add: Op2<'v128'>;
  sub: Op2<'v128'>;
  mul: Op2<'v128'>;
  div: Op2<'v128'>;
  min: Op2<'v128'>;
  max: Op2<'v128'>;
  /** b < a ? b : a: one instruction on x86. */
  pmin: Op2<'v128'>;
  /** a < b ? b : a: one instruction on x86. */
  pmax: Op2<'v128'>;
  convertI32x4S: Op1<'v128'>;
  convertI32x4U: Op1<'v128'>;
  demoteF64x2Zero: Op1<'v128'>;
  /** a · b + c, fused where the host does so (relaxed SIMD). */
  relaxedMadd: (a: V128, b: V128, c: V128) => V128;
  /** c - a · b, fused where the host does so (relaxed SIMD). */
  relaxedNmadd: (a: V128, b: V128, c: V128) => V128;
};
export declare const f64x2: {
  splat: (a: Code<'f64'>) => V128;
  const: (...lanes: readonly number[]) => V128;
  extract: (a: V128, lane: number) => Code<'f64'>;
  replace: (a: V128, lane: number, value: Code<'f64'>) => V128;
  eq: Op2<'v128'>;
  ne: Op2<'v128'>;
  lt: Op2<'v128'>;
  gt: Op2<'v128'>;
  le: Op2<'v128'>;
  ge: Op2<'v128'>;
  ceil: Op1<'v128'>;
  floor: Op1<'v128'>;
  trunc: Op1<'v128'>;
  nearest: Op1<'v128'>;
  abs: Op1<'v128'>;
  neg: Op1<'v128'>;
  sqrt: Op1<'v128'>;
  add: Op2<'v128'>;
  sub: Op2<'v128'>;
  mul: Op2<'v128'>;
  div: Op2<'v128'>;
  min: Op2<'v128'>;
  max: Op2<'v128'>;
  pmin: Op2<'v128'>;
  pmax: Op2<'v128'>;
  promoteLowF32x4: Op1<'v128'>;
  convertLowI32x4S: Op1<'v128'>;
  convertLowI32x4U: Op1<'v128'>;
  relaxedMadd: (a: V128, b: V128, c: V128) => V128;
  relaxedNmadd: (a: V128, b: V128, c: V128) => V128;
};
export declare const i32x4: {
  splat: (a: Code<'i32'>) => V128;
  const: (value: number) => V128;
  extract: (a: V128, lane: number) => Code<'i32'>;
  replace: (a: V128, lane: number, value: Code<'i32'>) => V128;
  eq: Op2<'v128'>;
  ne: Op2<'v128'>;
  ltS: Op2<'v128'>;
  ltU: Op2<'v128'>;
  gtS: Op2<'v128'>;
  gtU: Op2<'v128'>;
  leS: Op2<'v128'>;
  leU: Op2<'v128'>;
  geS: Op2<'v128'>;
  geU: Op2<'v128'>;
  extendLowI16x8S: Op1<'v128'>;
  extendHighI16x8S: Op1<'v128'>;
  extendLowI16x8U: Op1<'v128'>;
  extendHighI16x8U: Op1<'v128'>;
  shl: (a: V128, by: I32) => V128;
  shrS: (a: V128, by: I32) => V128;
  shrU: (a: V128, by: I32) => V128;
  abs: Op1<'v128'>;
  neg: Op1<'v128'>;
  allTrue: (a: V128) => I32;
  bitmask: (a: V128) => I32;
  add: Op2<'v128'>;
  sub: Op2<'v128'>;
  mul: Op2<'v128'>;
  minS: Op2<'v128'>;
  minU: Op2<'v128'>;
  maxS: Op2<'v128'>;
  maxU: Op2<'v128'>;
  dotI16x8S: Op2<'v128'>;
  truncSatF32x4S: Op1<'v128'>;
  truncSatF32x4U: Op1<'v128'>;
};
export declare const i64x2: {
  splat: (a: Code<'i64'>) => V128;
  extract: (a: V128, lane: number) => Code<'i64'>;
  add: Op2<'v128'>;
  sub: Op2<'v128'>;
  extmulLowI32x4U: Op2<'v128'>;
  extmulHighI32x4U: Op2<'v128'>;
};
export declare const i16x8: {
  splat: (a: Code<'i32'>) => V128;
  extractU: (a: V128, lane: number) => Code<'i32'>;
  extractS: (a: V128, lane: number) => Code<'i32'>;
  /** Two vectors of 32-bit lanes to one of 16-bit lanes, saturated. */
  narrowI32x4S: Op2<'v128'>;
  narrowI32x4U: Op2<'v128'>;
  extendLowI8x16S: Op1<'v128'>;
  extendHighI8x16S: Op1<'v128'>;
  extendLowI8x16U: Op1<'v128'>;
  extendHighI8x16U: Op1<'v128'>;
  add: Op2<'v128'>;
  sub: Op2<'v128'>;
};
export declare const i8x16: {
  splat: (a: Code<'i32'>) => V128;
  extractU: (a: V128, lane: number) => Code<'i32'>;
  extractS: (a: V128, lane: number) => Code<'i32'>;
  swizzle: Op2<'v128'>;
  /** Two vectors of 16-bit lanes to one of bytes, saturated. */
  narrowI16x8S: Op2<'v128'>;
  narrowI16x8U: Op2<'v128'>;
};
/** Stores of one lane. */
export declare const laneStores: {
  readonly 8: {
    readonly opcode: readonly [253, 88];
    readonly align: 0;
  };
  readonly 16: {
    readonly opcode: readonly [253, 89];
    readonly align: 1;
  };
  readonly 32: {
    readonly opcode: readonly [253, 90];
    readonly align: 2;
  };
  readonly 64: {
    readonly opcode: readonly [253, 91];
    readonly align: 3;
  };
};
export type { F32, F64, I32, I64, V128 };
