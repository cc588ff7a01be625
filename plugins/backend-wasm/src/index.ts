/** @hebb/backend-wasm: WebAssembly code generated for each program. */
export {};
