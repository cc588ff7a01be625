/** The same elements in other places: repeating, rolling, splitting, joining. */
import {
  concat,
  expand,
  fail,
  flip,
  gather,
  narrow,
  normalizeAxes,
  normalizeAxis,
  permute,
  reshape,
  sizeOf,
  squeeze,
  stack,
  tensor,
  window,
} from '@hebb/core';
import type { Shape, Tensor } from '@hebb/core';

/** Repeats the whole tensor along each axis; axes are added in front when `repeats` is longer than the shape. */
export function repeat(x: Tensor, repeats: readonly number[]): Tensor {
  if (repeats.length < x.rank || repeats.some((n) => !Number.isInteger(n) || n < 0)) {
    fail(
      'repeat',
      'repeats do not fit',
      `[${repeats.join(',')}]`,
      `${x.rank} or more non-negative integers`,
    );
  }
  const shape = [...new Array<number>(repeats.length - x.rank).fill(1), ...x.shape];
  const spread = shape.flatMap((size, i) => [repeats[i]!, size]);
  const single = shape.flatMap((size) => [1, size]);
  return reshape(
    expand(reshape(x, single), spread),
    shape.map((size, i) => size * repeats[i]!),
  );
}
/** Like `repeat`, where missing repeats count as 1 (NumPy's `tile`). */
export function tile(x: Tensor, repeats: readonly number[]): Tensor {
  const missing = Math.max(0, x.rank - repeats.length);
  return repeat(x, [...new Array<number>(missing).fill(1), ...repeats]);
}
/**
 * Repeats each element along `dim` (left out: of the flattened tensor), all of them the same number of
 * times or each its own.
 */
export function repeatInterleave(
  x: Tensor,
  repeats: number | readonly number[],
  dim?: number | null,
): Tensor {
  if (dim == null) return repeatInterleave(reshape(x, [x.size]), repeats, 0);
  const axis = normalizeAxis('repeatInterleave', dim, x.rank);
  const size = x.shape[axis]!;
  const list = typeof repeats === 'number' ? [repeats] : repeats;
  if (
    (typeof repeats !== 'number' && list.length !== size && list.length !== 1) ||
    list.some((n) => !Number.isInteger(n) || n < 0)
  ) {
    fail(
      'repeatInterleave',
      'repeats do not fit',
      `[${list.join(',')}]`,
      `a non-negative integer, or ${size} of them`,
    );
  }
  if (list.length === 1) {
    const times = list[0]!;
    const wide = [...x.shape.slice(0, axis + 1), times, ...x.shape.slice(axis + 1)];
    const single = wide.map((n, i) => (i === axis + 1 ? 1 : n));
    return reshape(
      expand(reshape(x, single), wide),
      x.shape.map((n, i) => (i === axis ? n * times : n)),
    );
  }
  const positions = list.flatMap((times, i) => new Array<number>(times).fill(i));
  return gather(x, tensor(Int32Array.from(positions)), axis);
}

/** Moves elements along the axes; what leaves at one end comes in at the other. */
export function roll(
  x: Tensor,
  shifts: number | readonly number[],
  dims?: number | readonly number[] | null,
): Tensor {
  const by = typeof shifts === 'number' ? [shifts] : shifts;
  if (dims == null || (typeof dims !== 'number' && dims.length === 0)) {
    if (by.length !== 1) fail('roll', 'several shifts need axes');
    return reshape(roll(reshape(x, [x.size]), by, [0]), x.shape);
  }
  const axes = typeof dims === 'number' ? [dims] : dims;
  if (axes.length !== by.length)
    fail('roll', 'needs one shift for each axis', `${by.length} and ${axes.length}`);
  return axes.reduce((y, dim, i) => {
    const axis = normalizeAxis('roll', dim, x.rank);
    const size = x.shape[axis]!;
    if (!Number.isInteger(by[i])) fail('roll', 'shifts are integers', String(by[i]));
    const shift = size === 0 ? 0 : ((by[i]! % size) + size) % size;
    if (shift === 0) return y;
    const kept = narrow(y, axis, 0, size - shift);
    return concat([narrow(y, axis, size - shift, shift), kept], axis);
  }, x);
}

/** Moves axes to other positions; the rest keep their order. */
export function movedim(
  x: Tensor,
  source: number | readonly number[],
  destination: number | readonly number[],
): Tensor {
  const list = (dims: number | readonly number[]): number[] =>
    (typeof dims === 'number' ? [dims] : dims).map((dim) => normalizeAxis('movedim', dim, x.rank));
  const [from, to] = [list(source), list(destination)];
  const distinct = new Set(from).size === from.length && new Set(to).size === to.length;
  if (from.length !== to.length || !distinct) {
    fail('movedim', 'axes do not pair up', `[${from.join(',')}] to [${to.join(',')}]`);
  }
  const order = new Array<number>(x.rank).fill(-1);
  from.forEach((axis, i) => (order[to[i]!] = axis));
  const rest = x.shape.map((_, axis) => axis).filter((axis) => !from.includes(axis));
  return permute(
    x,
    order.map((axis) => (axis >= 0 ? axis : rest.shift()!)),
  );
}
export { movedim as moveaxis };
/** Two axes exchanged. */
export const transpose = (x: Tensor, dim0: number, dim1: number): Tensor => x.transpose(dim0, dim1);
export { transpose as swapaxes };

/** One axis made several. */
export function unflatten(x: Tensor, dim: number, sizes: Shape): Tensor {
  const axis = normalizeAxis('unflatten', dim, x.rank);
  const unknown = sizes.indexOf(-1);
  const known = sizeOf(sizes.filter((size) => size !== -1));
  const full = sizes.map((size, i) => (i === unknown ? x.shape[axis]! / known : size));
  if (sizeOf(full) !== x.shape[axis] || full.some((size) => !Number.isInteger(size))) {
    fail('unflatten', 'sizes do not fit', `[${sizes.join(',')}]`, `a product of ${x.shape[axis]}`);
  }
  return reshape(x, [...x.shape.slice(0, axis), ...full, ...x.shape.slice(axis + 1)]);
}

/** One slice of an axis, which is dropped; a negative index counts from the end. */
export function select(x: Tensor, dim: number, index: number): Tensor {
  const axis = normalizeAxis('select', dim, x.rank);
  const size = x.shape[axis]!;
  const at = index < 0 ? index + size : index;
  if (!Number.isInteger(index) || at < 0 || at >= size)
    fail('select', `index ${index} is out of range for axis ${axis} of size ${size}`);
  return squeeze(narrow(x, axis, at, 1), axis);
}

/** Parts of the given size, the last one smaller if need be, or of the listed sizes. */
export function split(x: Tensor, sizeOrSections: number | readonly number[], dim = 0): Tensor[] {
  const axis = normalizeAxis('split', dim, x.rank);
  const total = x.shape[axis]!;
  let sections: readonly number[];
  if (typeof sizeOrSections === 'number') {
    const size = sizeOrSections;
    if (!Number.isInteger(size) || size < 1)
      fail('split', 'a part has a positive size', String(size));
    const count = Math.max(1, Math.ceil(total / size));
    sections = Array.from({ length: count }, (_, i) => Math.min(size, total - i * size));
  } else {
    sections = sizeOrSections;
    const sum = sections.reduce((a, b) => a + b, 0);
    if (sum !== total || sections.some((size) => !Number.isInteger(size) || size < 0)) {
      fail('split', 'sections do not fit', `[${sections.join(',')}]`, `a sum of ${total}`);
    }
  }
  let start = 0;
  return sections.map((size) => {
    start += size;
    return narrow(x, axis, start - size, size);
  });
}
/** At most `chunks` parts of equal size, the last one smaller if need be. */
export function chunk(x: Tensor, chunks: number, dim = 0): Tensor[] {
  if (!Number.isInteger(chunks) || chunks < 1)
    fail('chunk', 'the number of parts is positive', String(chunks));
  const axis = normalizeAxis('chunk', dim, x.rank);
  return split(x, Math.max(1, Math.ceil(x.shape[axis]! / chunks)), axis);
}
/** The slices of an axis, without it. */
export function unbind(x: Tensor, dim = 0): Tensor[] {
  const axis = normalizeAxis('unbind', dim, x.rank);
  return Array.from({ length: x.shape[axis]! }, (_, k) => select(x, axis, k));
}

/** Coordinates of a grid: one tensor for each input, all of the grid's shape (indexing 'ij' or 'xy'). */
export function meshgrid(
  vectors: readonly Tensor[],
  { indexing = 'ij' }: { indexing?: 'ij' | 'xy' } = {},
): Tensor[] {
  const swap = indexing === 'xy' && vectors.length > 1;
  const sources = swap ? [vectors[1]!, vectors[0]!, ...vectors.slice(2)] : vectors;
  const shape = sources.map((v) => v.size);
  const grids = sources.map((v, i) =>
    expand(
      reshape(
        v,
        shape.map((size, k) => (k === i ? size : 1)),
      ),
      shape,
    ),
  );
  if (!swap) return grids;
  return [grids[1]!, grids[0]!, ...grids.slice(2)];
}

/**
 * All windows of `size` along one axis, `step` apart (`torch.Tensor.unfold`); the window becomes the last
 * axis. Shape: axis n -> ⌊(n - size) / step⌋ + 1, and a new last axis of `size`.
 */
export function unfoldDim(x: Tensor, dim: number, size: number, step: number): Tensor {
  const axis = normalizeAxis('unfoldDim', dim, x.rank);
  const windows = window(movedim(x, axis, -1), { size: [size], stride: [step], dilation: [1] });
  return movedim(windows, -2, axis);
}

/** Rotates by quarter turns in the plane of two axes, from the first towards the second. */
export function rot90(x: Tensor, k = 1, dims: readonly [number, number] = [0, 1]): Tensor {
  const [a, b] = dims;
  const turns = ((k % 4) + 4) % 4;
  if (turns === 0) return x;
  if (turns === 2) return flip(x, normalizeAxes('rot90', dims, x.rank));
  return turns === 1 ? flip(x.transpose(a, b), a) : flip(x.transpose(a, b), b);
}
/** Joined along the first axis, vectors as rows. */
export function vstack(tensors: readonly Tensor[]): Tensor {
  return concat(
    tensors.map((x) => (x.rank < 2 ? reshape(x, [1, x.size]) : x)),
    0,
  );
}
/** Joined along the second axis; vectors along their only one. */
export function hstack(tensors: readonly Tensor[]): Tensor {
  return concat(tensors, (tensors[0]?.rank ?? 0) < 2 ? 0 : 1);
}
export { concat as cat, stack };
