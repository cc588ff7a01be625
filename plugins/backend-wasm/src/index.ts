/** @hebb/backend-wasm: WebAssembly generated for each program. */
export { wasm } from './backend.ts';
export type { WasmOptions } from './backend.ts';
export { assemble, compileOptions } from './ahead.ts';
export type { GeneratedModule, NamedProgram, ProgramNeeds } from './program.ts';
export type { Simd, Target } from './routines/target.ts';
export { reservedBytes } from './math/constants.ts';
