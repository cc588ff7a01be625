import type { DType } from '@hebb/core';
import type { Code, FunctionBuilder, V128 } from '../wasm/index.ts';
import type { OpContext } from './scalar.ts';
import type { Value } from './types.ts';
export declare function splat(dtype: DType, value: Code): V128;
export declare function constantLanes(dtype: DType, value: number | bigint): V128;
export declare function extractLane(dtype: DType, value: V128, lane: number): Code;
/** A function of single values on each lane in turn. */
export declare function lanewise(
  f: FunctionBuilder,
  dtype: DType,
  args: readonly {
    readonly dtype: DType;
    readonly value: V128;
  }[],
  body: (scalars: readonly Code[]) => Code,
): V128;
/** A primitive other than cast, bitcast and where; arguments are lanes of `dtype`. */
export declare function applyLanes(
  context: OpContext,
  name: string,
  dtype: DType,
  args: readonly V128[],
  constants: readonly (number | bigint | undefined)[],
): V128;
/** The lanes of a value: those it has, or its scalar in each. */
export declare function lanesOf(value: Value): V128;
