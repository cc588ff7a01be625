import type { FunctionBuilder, I32 } from '../wasm/index.ts';
/** One axis of a copy; strides in elements, of either sign. */
export interface CopyAxis {
  readonly count: number;
  readonly from: number;
  readonly to: number;
}
export declare function copyStrided(
  f: FunctionBuilder,
  from: I32,
  to: I32,
  axes: readonly CopyAxis[],
): void;
