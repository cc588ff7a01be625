/** Instructions of a kernel as code, one after the other, over scalars or four lanes along one variable. */
import type { Instruction } from '@hebb/compiler';
import type { DType } from '@hebb/core';
import type { I32 } from '../wasm/index.ts';
import type { OpContext } from './scalar.ts';
import type { Value } from './types.ts';
export interface BufferAccess {
  /** Address of the first element. */
  pointer(buffer: number): I32;
  dtype(buffer: number): DType;
}
export interface CodeContext extends OpContext {
  readonly buffers: BufferAccess;
}
/** The vector that code runs on: lane i stands for coordinate + i · step of the variable. */
export interface Lanes {
  readonly variable: number;
  readonly count: number;
  readonly step: number;
  /** Vectors start at multiples of 4. */
  readonly aligned: boolean;
}
/** Parts of addresses that do not depend on the innermost loop, computed before it. */
export interface Hoisting {
  readonly loop: number;
  readonly bases: Map<object, I32>;
}
export declare class Evaluator {
  #private;
  readonly context: CodeContext;
  readonly lanes: Lanes | undefined;
  /** Coordinate of each variable; of the vector's, that of lane 0. */
  readonly coordinates: readonly I32[];
  constructor(
    context: CodeContext,
    coordinates: readonly I32[],
    lanes: Lanes | undefined,
    parent?: Evaluator,
    hoisting?: Hoisting,
  );
  get(id: number): Value;
  find(id: number): Value | undefined;
  define(id: number, value: Value): void;
  run(code: readonly Instruction[]): void;
  step(instruction: Instruction): void;
  /** Computes before the loop over `loop` what the code's addresses have in common inside it. */
  hoist(code: readonly Instruction[], loop: number): Hoisting;
}
