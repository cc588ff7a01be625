import type { FunctionBuilder, I32 } from '../../wasm/index.ts';
import type { KernelPlan } from '../kernel.ts';
export interface PreparedLayout {
  /** Elements between neighbours of each spatial axis but the last. */
  readonly strides: readonly number[];
  /** Elements of one channel. */
  readonly channel: number;
  /** Elements between the remainders of a row. */
  readonly pitch: number;
  /** Element of a row where padded column `at` lies. */
  readonly column: (at: number) => number;
  /** Bytes of scratch memory for all channels of all images; 0 where the input serves as it is. */
  readonly bytes: number;
}
export interface PrepareSpec {
  /** Channels of all images, one after the other in memory. */
  readonly planes: number;
  readonly size: readonly number[];
  readonly padding: readonly (readonly [number, number])[];
  /** Stride along the last axis. */
  readonly columnStride: number;
  /** Remainders of columns that are read; others are left out. */
  readonly remainders?: readonly number[];
}
export declare function prepare(spec: PrepareSpec): PreparedLayout;
/** Fills the layout from the input; items are channels. */
export declare function preparePlan(
  spec: PrepareSpec,
  layout: PreparedLayout,
  input: I32,
  offset: number,
): KernelPlan;
/** Copies every `step`-th float. */
export declare function copyElements(
  f: FunctionBuilder,
  from: I32,
  to: I32,
  count: number,
  step: number,
): void;
