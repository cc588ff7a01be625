/**
 * Kernels as functions of the module. A function takes the addresses of its buffers, so that kernels that
 * differ in nothing else (layers of one shape) are one function: less code to load, and sooner hot.
 */
import type { Kernel, Program, ScanKernel } from '@hebb/compiler';
import type { Helpers } from './codegen/helpers.ts';
import type { FunctionRef } from './wasm/index.ts';
export type PlainKernel = Exclude<Kernel, ScanKernel>;
export interface KernelPhase {
  readonly items: number;
  readonly scratch: number;
  /** Parameters: addresses of the buffers, scratch, begin, end. */
  readonly call: FunctionRef;
}
export interface KernelFunctions {
  /** Ids in the order of the parameters. */
  readonly buffers: readonly number[];
  readonly phases: readonly KernelPhase[];
}
export declare class KernelLibrary {
  #private;
  constructor(helpers: Helpers);
  of(program: Program, kernel: PlainKernel): KernelFunctions;
}
