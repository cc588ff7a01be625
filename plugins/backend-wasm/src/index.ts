/** @hebb/backend-wasm: WebAssembly generated for each program. */
export { wasm } from './backend.ts';
export type { WasmOptions } from './backend.ts';
