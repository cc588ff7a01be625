/** The `hebb` command as a function, and ahead-of-time compilation. */
export { main } from './program.ts';
export type { Output } from './program.ts';
export { compileFunctions, compileOnnx, storeFor, writeCompiled } from './ahead/index.ts';
export type {
  AxisSpec,
  BuildOptions,
  Built,
  CompileTarget,
  FunctionSpec,
  FunctionsSpec,
  InputSpec,
  OnnxSpec,
  Simd,
  Sizes,
  StateHolder,
  StoreKind,
  WorkerStore,
} from './ahead/index.ts';
