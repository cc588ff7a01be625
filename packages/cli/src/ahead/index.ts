/** Ahead-of-time compilation as functions. */
export { build } from './build.ts';
export type { BuildOptions, Built } from './build.ts';
export type { Simd } from './codegen.ts';
export { writeCompiled } from './files.ts';
export { compileFunctions } from './functions.ts';
export type { AxisSpec, FunctionSpec, FunctionsSpec, InputSpec, StateHolder } from './functions.ts';
export { compileOnnx } from './onnx.ts';
export type { OnnxSpec } from './onnx.ts';
export type { Sizes } from './shapes.ts';
export { storeFor, storeKinds } from './store.ts';
export type { StoreKind, WorkerStore } from './store.ts';
export { targets } from './wrapper.ts';
export type { CompileTarget } from './wrapper.ts';
