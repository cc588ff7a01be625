/** What the generators of single routines get, and the views they read and write through. */
import type { RoutineKernel } from '@hebb/compiler';
import type { DType } from '@hebb/core';
import { i32 } from '../wasm/index.ts';
import type { Code, FunctionBuilder, I32 } from '../wasm/index.ts';
import type { Routine } from '../routines/kernel.ts';
import { loadScalar, storeScalar } from './access.ts';
import { castScalar } from './cast.ts';
import type { BufferAccess } from './evaluate.ts';
import type { Helpers } from './helpers.ts';
import { bytesOf } from './types.ts';

export type RoutineGenerator = (
  kernel: RoutineKernel,
  helpers: Helpers,
  buffers: BufferAccess,
) => Routine;

/** A contiguous array in memory. */
export class ArrayRef {
  readonly dtype: DType;
  readonly #start: I32;

  constructor(dtype: DType, start: I32) {
    this.dtype = dtype;
    this.#start = start;
  }

  get bytes(): number {
    return bytesOf(this.dtype);
  }

  at(index: I32): I32 {
    return i32.add(this.#start, i32.mul(index, i32.const(this.bytes)));
  }

  load(f: FunctionBuilder, index: I32): Code {
    return loadScalar(f, this.dtype, f.let(this.at(index)));
  }

  store(f: FunctionBuilder, index: I32, value: Code): void {
    storeScalar(f, this.dtype, f.let(this.at(index)), value);
  }

  /** An element as an int32. */
  loadIndex(f: FunctionBuilder, index: I32): I32 {
    return castScalar(f, this.dtype, 'int32', this.load(f, index)) as I32;
  }
}

/** Input number `i`: contiguous, at its offset. */
export function inputArray(kernel: RoutineKernel, buffers: BufferAccess, i: number): ArrayRef {
  const { buffer, offset } = kernel.inputs[i]!;
  const dtype = buffers.dtype(buffer);
  return new ArrayRef(dtype, i32.add(buffers.pointer(buffer), i32.const(offset * bytesOf(dtype))));
}

/** Output number `i`; `undefined` where it is not stored. */
export function outputArray(
  kernel: RoutineKernel,
  buffers: BufferAccess,
  i: number,
): ArrayRef | undefined {
  const buffer = kernel.outputs[i]!;
  return buffer < 0 ? undefined : new ArrayRef(buffers.dtype(buffer), buffers.pointer(buffer));
}
