/** The assembler: expression trees, function bodies, modules. */
export { ByteWriter } from './bytes.ts';
export { choose, select } from './code.ts';
export type { Code, F32, F64, I32, I64, V128, ValueType } from './code.ts';
export { FunctionBuilder, call } from './function.ts';
export type { FunctionRef, Label, Local } from './function.ts';
export { ModuleBuilder } from './module.ts';
export type { MemoryImport } from './module.ts';
export { f32, f64, i32, i64 } from './scalar.ts';
export { f32x4, f64x2, i16x8, i32x4, i64x2, i8x16, shuffle32, v128 } from './simd.ts';
