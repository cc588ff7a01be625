import type { FunctionBuilder, I32 } from '../wasm/index.ts';
/** One axis of the depth, in bytes. */
export interface DepthAxis {
  readonly count: number;
  readonly a: number;
  /** Bytes between steps; or, for the innermost axis only, the offset of each step. */
  readonly b: number | readonly number[];
}
/** Code for one step: pointers and the offsets in bytes to add to them. */
export type DepthStep = (pa: I32, pb: I32, aAt: number, bAt: number) => void;
/** Neighbouring axes that both operands step through as one are one. */
export declare function joinDepth(axes: readonly DepthAxis[]): DepthAxis[];
export declare function walkDepth(
  f: FunctionBuilder,
  a: I32,
  b: I32,
  depth: readonly DepthAxis[],
  step: DepthStep,
): void;
/** Runs the body a known number of times. */
export declare function counted(f: FunctionBuilder, times: number, body: () => void): void;
