/** Where the windows of a convolution lie, for any number of spatial axes. */
import { sizeOf, stridesOf } from '@hebb/core';
import type { HostArray } from '@hebb/core';
import { forRows, nestOfStrides } from '../layout.ts';

export interface ConvGeometry {
  /** Channels of one group, and spatial sizes of input, kernel and output. */
  readonly channels: number;
  readonly input: readonly number[];
  readonly kernel: readonly number[];
  readonly output: readonly number[];
  readonly stride: readonly number[];
  /** Zeros before each axis; those after follow from the sizes. */
  readonly low: readonly number[];
  readonly dilation: readonly number[];
}

/** Every sum of one entry of each list, the last varying fastest. */
function sums(lists: readonly (readonly number[])[]): Int32Array {
  let all = [0];
  for (const list of lists) all = all.flatMap((x) => list.map((y) => x + y));
  return Int32Array.from(all);
}

const steps = (count: number, step: number): number[] =>
  Array.from({ length: count }, (_, i) => i * step);

/**
 * The part of a padded image that windows reach, with the windows as a matrix of it: the element under tap
 * t (channel first) of the window at position p is at `taps[t] + positions[p]`.
 */
export interface Windows {
  readonly taps: Int32Array;
  readonly positions: Int32Array;
  /** Elements of the padded image of one group. */
  readonly size: number;
  /** The image needs no padding: it can be read in place. */
  readonly direct: boolean;
  /** Copies an image at `from` into the inside of the padded one. */
  enter(padded: HostArray, image: HostArray, from: number): void;
  /** Copies the inside out; image elements that no window reaches are left alone. */
  leave(padded: HostArray, image: HostArray, to: number): void;
}

export function windowsOf(geometry: ConvGeometry): Windows {
  const { channels, input, kernel, output, stride, low, dilation } = geometry;
  const reach = output.map((n, i) => (n - 1) * stride[i]! + (kernel[i]! - 1) * dilation[i]! + 1);
  const direct = low.every((n, i) => n === 0 && reach[i]! <= input[i]!);
  const size = direct ? input : reach.map((n) => Math.max(n, 0));
  const pitch = stridesOf([channels, ...size]);
  const taps = sums([
    steps(channels, pitch[0]!),
    ...kernel.map((n, i) => steps(n, dilation[i]! * pitch[i + 1]!)),
  ]);
  const positions = sums(output.map((n, i) => steps(n, stride[i]! * pitch[i + 1]!)));

  // Image element x goes to padded element x + low, where that exists.
  const first = low.map((n) => Math.max(0, -n));
  const inside = input.map((n, i) => Math.max(0, Math.min(n, size[i]! - low[i]!) - first[i]!));
  const own = stridesOf([channels, ...input]);
  const offset = (strides: readonly number[], starts: readonly number[]): number =>
    starts.reduce((sum, start, i) => sum + start * strides[i + 1]!, 0);
  const nest = nestOfStrides(
    [channels, ...inside],
    [pitch, own],
    [
      offset(
        pitch,
        first.map((n, i) => n + low[i]!),
      ),
      offset(own, first),
    ],
  );
  const [ps, xs] = nest.inner as [number, number];
  return {
    taps,
    positions,
    size: channels * sizeOf(size),
    direct,
    enter: (padded, image, from) =>
      forRows(nest, ([p, x]) => move(padded, p!, ps, image, from + x!, xs, nest.n)),
    leave: (padded, image, to) =>
      forRows(nest, ([p, x]) => move(image, to + x!, xs, padded, p!, ps, nest.n)),
  };
}

/** Equal types on both sides: the cast only picks one for the checker. */
function move(
  to: HostArray,
  ti: number,
  ts: number,
  from: HostArray,
  fi: number,
  fs: number,
  n: number,
): void {
  const [o, a] = [to as Float32Array, from as Float32Array];
  for (let i = 0; i < n; i++, ti += ts, fi += fs) o[ti] = a[fi]!;
}

/** Adds the columns of a (taps x positions) matrix up where its windows lie. */
export function addWindows(padded: HostArray, windows: Windows, columns: HostArray): void {
  const { taps, positions } = windows;
  const [o, a] = [padded as Float32Array, columns as Float32Array];
  let k = 0;
  for (let t = 0; t < taps.length; t++) {
    const tap = taps[t]!;
    for (let p = 0; p < positions.length; p++, k++) {
      const at = tap + positions[p]!;
      o[at] = o[at]! + a[k]!;
    }
  }
}
