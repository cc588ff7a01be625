/** Windows of an image as columns of a matrix, and back, for any number of spatial axes. */
import type { HostArray } from '@hebb/core';

export interface ConvGeometry {
  /** Spatial sizes: input, kernel, output. */
  readonly input: readonly number[];
  readonly kernel: readonly number[];
  readonly output: readonly number[];
  readonly stride: readonly number[];
  /** Zeros before each axis; those after follow from the sizes. */
  readonly low: readonly number[];
  readonly dilation: readonly number[];
}

const product = (list: readonly number[]): number => list.reduce((a, b) => a * b, 1);

/** First and last + 1 of the output positions whose tap falls inside the input. */
export function validRange(geometry: ConvGeometry, axis: number, tap: number): [number, number] {
  const stride = geometry.stride[axis]!;
  const shift = tap * geometry.dilation[axis]! - geometry.low[axis]!;
  const count = geometry.output[axis]!;
  const first = Math.max(0, Math.ceil(-shift / stride));
  const last = Math.min(count, Math.floor((geometry.input[axis]! - 1 - shift) / stride) + 1);
  return first < last ? [first, last] : [0, 0];
}

/**
 * A run of output positions along the last axis, at one tap: `column` is where the run of a column matrix
 * row starts, `at` where its first valid input lies (-1: none), `first` to `last` are the valid positions.
 */
type Run = (column: number, at: number, first: number, last: number) => void;

/** Visits every tap and every row of output positions of one channel. */
export function forRuns(geometry: ConvGeometry, run: Run): void {
  const { input, kernel, output, stride, low, dilation } = geometry;
  const rank = input.length;
  const end = rank - 1;
  const taps = product(kernel);
  const rows = product(output.slice(0, end));
  const width = output[end]!;
  const tap = new Array<number>(rank).fill(0);
  const position = new Array<number>(rank).fill(0);
  for (let t = 0, column = 0; t < taps; t++) {
    const [first, last] = validRange(geometry, end, tap[end]!);
    position.fill(0);
    for (let r = 0; r < rows; r++, column += width) {
      let at = 0;
      for (let axis = 0; axis < end && at >= 0; axis++) {
        const i = position[axis]! * stride[axis]! + tap[axis]! * dilation[axis]! - low[axis]!;
        at = i < 0 || i >= input[axis]! ? -1 : at * input[axis]! + i;
      }
      if (at >= 0 && last > first) {
        at = at * input[end]! + first * stride[end]! + tap[end]! * dilation[end]! - low[end]!;
        run(column, at, first, last);
      } else run(column, -1, 0, 0);
      for (let axis = end - 1; axis >= 0; axis--) {
        if (++position[axis]! < output[axis]!) break;
        position[axis] = 0;
      }
    }
    for (let axis = end; axis >= 0; axis--) {
      if (++tap[axis]! < kernel[axis]!) break;
      tap[axis] = 0;
    }
  }
}

/** The runs as numbers, four each: computed once, they serve every image and channel. */
export function runTable(geometry: ConvGeometry): Int32Array {
  const list: number[] = [];
  forRuns(geometry, (column, at, first, last) => list.push(column, at, first, last));
  return Int32Array.from(list);
}

/** columns[channel · taps + tap][output position] from `channels` consecutive images at `xi`. */
export function im2col(
  columns: HostArray,
  x: HostArray,
  xi: number,
  channels: number,
  runs: Int32Array,
  geometry: ConvGeometry,
): void {
  const size = product(geometry.input);
  const block = product(geometry.kernel) * product(geometry.output);
  const width = geometry.output.at(-1)!;
  const stride = geometry.stride.at(-1)!;
  // Equal types throughout; the cast only picks one for the checker.
  const [o, a] = [columns as Float32Array, x as Float32Array];
  const zero = (
    columns instanceof BigInt64Array || columns instanceof BigUint64Array ? 0n : 0
  ) as 0;
  for (let c = 0; c < channels; c++) {
    const from = xi + c * size;
    const to = c * block;
    for (let r = 0; r < runs.length; r += 4) {
      const at = runs[r + 1]!;
      const first = runs[r + 2]!;
      const last = runs[r + 3]!;
      const start = to + runs[r]!;
      const end = start + width;
      let i = start;
      for (; i < start + first; i++) o[i] = zero;
      for (let j = from + at; i < start + last; i++, j += stride) o[i] = a[j]!;
      for (; i < end; i++) o[i] = zero;
    }
  }
}

/** The transpose: adds columns up into images, which must hold zeros. */
export function col2im(
  columns: HostArray,
  x: HostArray,
  xi: number,
  channels: number,
  runs: Int32Array,
  geometry: ConvGeometry,
): void {
  const size = product(geometry.input);
  const block = product(geometry.kernel) * product(geometry.output);
  const stride = geometry.stride.at(-1)!;
  const [a, o] = [columns as Float32Array, x as Float32Array];
  for (let c = 0; c < channels; c++) {
    const to = xi + c * size;
    const from = c * block;
    for (let r = 0; r < runs.length; r += 4) {
      const first = runs[r + 2]!;
      const last = runs[r + 3]!;
      const start = from + runs[r]!;
      for (let i = start + first, j = to + runs[r + 1]!; i < start + last; i++, j += stride) {
        o[j] = o[j]! + a[i]!;
      }
    }
  }
}
