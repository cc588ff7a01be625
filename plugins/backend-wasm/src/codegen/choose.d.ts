/** Which loop of a kernel the vectors run along. */
import type { LoopKernel } from '@hebb/compiler';
import type { DType } from '@hebb/core';
/** How a kernel is vectorised: along a variable, or not at all. */
export interface Direction {
  /** -1: single values. */
  readonly variable: number;
  readonly inner: boolean;
}
export declare function chooseDirection(
  kernel: LoopKernel,
  dtypeOf: (buffer: number) => DType,
): Direction;
