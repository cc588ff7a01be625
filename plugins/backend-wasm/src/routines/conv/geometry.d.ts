/** Sizes of a convolution, and the classes of positions that a stride makes in its transpose. */
import type { RoutineKernel } from '@hebb/compiler';
export interface ConvGeometry {
  readonly images: number;
  /** Of the input and of the output of the forward convolution. */
  readonly channels: number;
  readonly outChannels: number;
  readonly groups: number;
  readonly size: readonly number[];
  readonly outSize: readonly number[];
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly (readonly [number, number])[];
  readonly dilation: readonly number[];
}
export declare const product: (list: readonly number[]) => number;
/** Of any of the three faces of convolution. */
export declare function geometryOf({ op, attrs, inputs, results }: RoutineKernel): ConvGeometry;
/** Only the padding that some tap reads counts: the last rows may be out of every window's reach. */
export declare function reachedPadding(g: ConvGeometry): [number, number][];
/** Positions remainder, remainder + stride, … of one axis and the taps that reach them. */
export interface AxisClass {
  readonly remainder: number;
  readonly count: number;
  /** Taps in the order of the output elements they meet, and the first such element for position 0. */
  readonly taps: readonly number[];
  readonly first: number;
  /** Between the elements of neighbouring taps. */
  readonly step: number;
}
export declare function classesOf(g: ConvGeometry, axis: number): AxisClass[];
/** Every choice of one class an axis. */
export declare function combinations(axes: readonly (readonly AxisClass[])[]): AxisClass[][];
