/**
 * A barrier for the threads of one program: the last to arrive opens the next generation. The others spin
 * for a moment, which is all it takes between kernels, and then sleep.
 */
import { ModuleBuilder } from '../wasm/index.ts';
import type { FunctionRef } from '../wasm/index.ts';
/** Addresses of the two words, a cache line each. */
export declare const syncWords: {
  readonly arrived: 64;
  readonly generation: 128;
};
export declare function barrier(module: ModuleBuilder): FunctionRef;
