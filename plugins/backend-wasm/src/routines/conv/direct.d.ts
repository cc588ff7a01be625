import type { FunctionBuilder, I32 } from '../../wasm/index.ts';
import type { DepthAxis } from '../depth.ts';
import type { KernelPlan } from '../kernel.ts';
import type { StoreResult } from '../store.ts';
import type { Target } from '../target.ts';
export interface CorrelationSpec {
  readonly images: number;
  readonly groups: number;
  /** Output channels of one group. */
  readonly rows: number;
  /** Kernels; elements between output channels; groups follow each other without a gap. */
  readonly a: I32;
  readonly aRow: number;
  /** Prepared input, at the element that tap 0 reads for output 0; elements between images and groups. */
  readonly x: I32;
  readonly xImage: number;
  readonly xGroup: number;
  /** Output positions, the last axis contiguous in the prepared input; elements between the others. */
  readonly size: readonly number[];
  readonly strides: readonly number[];
  /** Input channels, then taps. */
  readonly depth: readonly DepthAxis[];
  readonly store: StoreResult;
  /** Where the results of a line go when they are not all positions in order. */
  readonly place?: {
    lineStart(f: FunctionBuilder, line: I32): I32;
    readonly step: number;
  };
}
export declare function correlation(spec: CorrelationSpec, target: Target): KernelPlan;
/** Elements from position 0 to the start of a line, through the coordinates of the outer axes. */
export declare function linePosition(
  f: FunctionBuilder,
  size: readonly number[],
  strides: readonly number[],
  line: I32,
): I32;
