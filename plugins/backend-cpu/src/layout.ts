/** Where the elements of a value lie in its storage. Movement primitives only make new layouts. */
import { sizeOf, stridesOf } from '@hebb/core';
import type { Aval, DType, Shape } from '@hebb/core';

export interface Layout extends Aval {
  /** In elements; 0 along a broadcast axis, negative along a flipped one. */
  readonly strides: readonly number[];
  readonly offset: number;
}

export function rowMajor(shape: Shape, dtype: DType, offset = 0): Layout {
  return { shape, dtype, strides: stridesOf(shape), offset };
}

/** Row-major without gaps from its offset on. Strides of axes of size 1 do not matter. */
export function isContiguous({ shape, strides }: Layout): boolean {
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    const dim = shape[i]!;
    if (dim === 0) return true;
    if (dim === 1) continue;
    if (strides[i] !== step) return false;
    step *= dim;
  }
  return true;
}

export function permuteLayout(x: Layout, axes: readonly number[]): Layout {
  return {
    ...x,
    shape: axes.map((axis) => x.shape[axis]!),
    strides: axes.map((axis) => x.strides[axis]!),
  };
}

export function expandLayout(x: Layout, shape: Shape): Layout {
  const lead = shape.length - x.shape.length;
  return {
    ...x,
    shape,
    strides: shape.map((dim, i) =>
      i < lead || (x.shape[i - lead] === 1 && dim !== 1) ? 0 : x.strides[i - lead]!,
    ),
  };
}

export function sliceLayout(
  x: Layout,
  starts: readonly number[],
  sizes: Shape,
  steps: readonly number[],
): Layout {
  const empty = sizes.includes(0);
  return {
    ...x,
    shape: sizes,
    strides: x.strides.map((stride, i) => stride * steps[i]!),
    offset: empty ? x.offset : x.offset + starts.reduce((sum, s, i) => sum + s * x.strides[i]!, 0),
  };
}

export function flipLayout(x: Layout, axes: readonly number[]): Layout {
  if (x.shape.includes(0)) return x;
  let offset = x.offset;
  const strides = [...x.strides];
  for (const axis of axes) {
    offset += (x.shape[axis]! - 1) * strides[axis]!;
    strides[axis] = -strides[axis]!;
  }
  return { ...x, strides, offset };
}

/** [..., counts, sizes]: a window is the same storage read with two strides an axis. */
export function windowLayout(
  x: Layout,
  shape: Shape,
  stride: readonly number[],
  dilation: readonly number[],
): Layout {
  const lead = x.shape.length - stride.length;
  const trailing = x.strides.slice(lead);
  return {
    ...x,
    shape,
    strides: [
      ...x.strides.slice(0, lead),
      ...trailing.map((step, i) => step * stride[i]!),
      ...trailing.map((step, i) => step * dilation[i]!),
    ],
  };
}

/** The layout of the same elements in another shape, or undefined where that takes a copy. */
export function reshapeLayout(x: Layout, shape: Shape): Layout | undefined {
  if (sizeOf(shape) === 0) return rowMajor(shape, x.dtype, x.offset);
  // Runs of old axes that are one stretch in storage can be cut up freely.
  const old = x.shape.map((dim, i) => ({ dim, stride: x.strides[i]! })).filter((a) => a.dim !== 1);
  const strides = new Array<number>(shape.length).fill(0);
  let from = 0;
  let to = 0;
  while (from < old.length || to < shape.length) {
    let oldSize = old[from]?.dim ?? 1;
    let newSize = shape[to] ?? 1;
    let oldEnd = Math.min(from + 1, old.length);
    let newEnd = Math.min(to + 1, shape.length);
    while (oldSize !== newSize) {
      if (oldSize < newSize) oldSize *= old[oldEnd++]!.dim;
      else newSize *= shape[newEnd++]!;
    }
    for (let i = from; i < oldEnd - 1; i++) {
      if (old[i]!.stride !== old[i + 1]!.stride * old[i + 1]!.dim) return undefined;
    }
    let step = oldEnd > from ? old[oldEnd - 1]!.stride : 0;
    for (let i = newEnd - 1; i >= to; i--) {
      strides[i] = step;
      step *= shape[i]!;
    }
    from = oldEnd;
    to = newEnd;
  }
  return { ...x, shape, strides };
}

/**
 * Loops over one shape that several layouts share: `outer` axes walked by `forRows`, then one inner axis of
 * `n` steps left to a kernel, with a stride for each operand.
 */
export interface Nest {
  readonly outer: readonly number[];
  /** Strides of each operand along the outer axes. */
  readonly outerStrides: readonly (readonly number[])[];
  readonly n: number;
  readonly inner: readonly number[];
  readonly offsets: readonly number[];
}

/** Shorter rows than this are worth exchanging for a longer axis further out. */
const shortRow = 8;

/** Axes merged wherever every operand steps through them as one. */
export function nestOf(shape: Shape, operands: readonly Layout[]): Nest {
  return nestOfStrides(
    shape,
    operands.map((x) => x.strides),
    operands.map((x) => x.offset),
  );
}

export function nestOfStrides(
  shape: Shape,
  strides: readonly (readonly number[])[],
  offsets: readonly number[],
): Nest {
  const dims: number[] = [];
  const steps: number[][] = strides.map(() => []);
  shape.forEach((dim, axis) => {
    if (dim === 1) return;
    const last = dims.length - 1;
    const merges =
      last >= 0 && steps.every((list, k) => list[last] === strides[k]![axis]! * dim) && dim !== 0;
    if (merges) dims[last]! *= dim;
    else dims.push(dim);
    steps.forEach((list, k) => {
      if (merges) list[last] = strides[k]![axis]!;
      else list.push(strides[k]![axis]!);
    });
  });
  if (dims.length === 0) {
    return {
      outer: [],
      outerStrides: strides.map(() => []),
      n: 1,
      inner: strides.map(() => 1),
      offsets,
    };
  }
  if (dims.includes(0)) {
    return {
      outer: [],
      outerStrides: strides.map(() => []),
      n: 0,
      inner: strides.map(() => 1),
      offsets,
    };
  }
  let row = dims.length - 1;
  if (dims[row]! < shortRow) {
    for (let i = row - 1; i >= Math.max(0, row - 3); i--) if (dims[i]! > dims[row]! * 2) row = i;
  }
  const others = dims.map((_, i) => i).filter((i) => i !== row);
  return {
    outer: others.map((i) => dims[i]!),
    outerStrides: steps.map((list) => others.map((i) => list[i]!)),
    n: dims[row]!,
    inner: steps.map((list) => list[row]!),
    offsets,
  };
}

/** Calls `row` with the start of each inner row in every operand. The array is reused between calls. */
export function forRows(nest: Nest, row: (at: readonly number[]) => void): void {
  const { outer, outerStrides, offsets } = nest;
  if (nest.n === 0) return;
  const at = [...offsets];
  const rank = outer.length;
  if (rank === 0) {
    row(at);
    return;
  }
  const operands = at.length;
  const counter = new Int32Array(rank);
  for (;;) {
    row(at);
    let axis = rank - 1;
    for (; axis >= 0; axis--) {
      const count = counter[axis]! + 1;
      if (count < outer[axis]!) {
        counter[axis] = count;
        for (let k = 0; k < operands; k++) at[k]! += outerStrides[k]![axis]!;
        break;
      }
      counter[axis] = 0;
      for (let k = 0; k < operands; k++) at[k]! -= outerStrides[k]![axis]! * (outer[axis]! - 1);
    }
    if (axis < 0) return;
  }
}
