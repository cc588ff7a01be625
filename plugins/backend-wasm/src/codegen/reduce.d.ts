import type { DType } from '@hebb/core';
import type { Instruction } from '@hebb/compiler';
import type { Code, FunctionBuilder, I32, V128 } from '../wasm/index.ts';
import type { OpContext } from './scalar.ts';
export type Reduce = Extract<
  Instruction,
  {
    readonly op: 'reduce';
  }
>;
export type ArgReduce = Extract<
  Instruction,
  {
    readonly op: 'argreduce';
  }
>;
/** Lanes that exist, as a mask. */
export declare const laneMask: (count: number) => V128;
/** The running value of one reduction. */
export declare class Accumulator {
  #private;
  constructor(context: OpContext, { name, dtype }: Reduce, vector: boolean);
  get value(): Code;
  /** Takes in a value; of lanes, the first `count`. */
  add(value: Code, count?: number): void;
  /** The lanes of all the accumulators together as one value. */
  static total(context: OpContext, list: readonly Accumulator[]): Code;
}
/** The running best value and its position. */
export declare class Search {
  #private;
  constructor(context: OpContext, { name }: ArgReduce, dtype: DType, vector: boolean);
  get position(): Code;
  /** A later value wins only where it is strictly better; a NaN wins over numbers. */
  add(value: Code, position: Code, count?: number): void;
  /** The first position of the best value over the lanes of all the searches together. */
  static total(context: OpContext, list: readonly Search[]): I32;
}
/** Sums of narrow integers are cut to their width when they are complete. */
export declare function finishReduction(f: FunctionBuilder, dtype: DType, value: Code): Code;
