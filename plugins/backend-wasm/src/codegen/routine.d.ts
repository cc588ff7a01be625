/** What the generators of single routines get, and the views they read and write through. */
import type { RoutineKernel } from '@hebb/compiler';
import type { DType } from '@hebb/core';
import type { Code, FunctionBuilder, I32 } from '../wasm/index.ts';
import type { Routine } from '../routines/kernel.ts';
import type { BufferAccess } from './evaluate.ts';
import type { Helpers } from './helpers.ts';
export type RoutineGenerator = (
  kernel: RoutineKernel,
  helpers: Helpers,
  buffers: BufferAccess,
) => Routine;
/** A contiguous array in memory. */
export declare class ArrayRef {
  #private;
  readonly dtype: DType;
  constructor(dtype: DType, start: I32);
  get bytes(): number;
  at(index: I32): I32;
  load(f: FunctionBuilder, index: I32): Code;
  store(f: FunctionBuilder, index: I32, value: Code): void;
  /** An element as an int32. */
  loadIndex(f: FunctionBuilder, index: I32): I32;
}
/** Input number `i`: contiguous, at its offset. */
export declare function inputArray(
  kernel: RoutineKernel,
  buffers: BufferAccess,
  i: number,
): ArrayRef;
/** Output number `i`; `undefined` where it is not stored. */
export declare function outputArray(
  kernel: RoutineKernel,
  buffers: BufferAccess,
  i: number,
): ArrayRef | undefined;
