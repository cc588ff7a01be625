import type { DType } from '@hebb/core';
import type { Code, FunctionBuilder } from '../wasm/index.ts';
import type { Helpers } from './helpers.ts';
export interface OpContext {
  readonly f: FunctionBuilder;
  readonly helpers: Helpers;
}
/** A primitive other than cast, bitcast and where. `dtype` is that of the arguments. */
export declare function applyScalar(
  context: OpContext,
  name: string,
  dtype: DType,
  args: readonly Code[],
): Code;
/** A constant in the form its dtype is computed with. */
export declare function constantScalar(dtype: DType, value: number | bigint): Code;
