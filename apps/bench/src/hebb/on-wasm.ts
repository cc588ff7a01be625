/** Hebb on WebAssembly. */
import { wasm } from '@hebb/backend-wasm';
import type { WasmOptions } from '@hebb/backend-wasm';
import type { Runner } from '../harness/runner.ts';
import { hebbRunner } from './runner.ts';

export function wasmRunner(threads: number): Runner {
  return hebbRunner(async () => {
    const options: WasmOptions & { readonly threads: number } = { threads };
    const backend = await wasm(options);
    const { threads: got } = backend.capabilities;
    // A figure for two threads that one thread made would be a wrong figure.
    if (got !== threads) throw new Error(`runs on ${got} threads here, not on ${threads}`);
    return backend;
  });
}
