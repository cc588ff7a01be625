/** Shape arithmetic. A shape is a list of non-negative integers; a scalar has the empty shape. */
import { fail } from './error.ts';

export type Shape = readonly number[];

export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const dim of shape) size *= dim;
  return size;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}

export function formatShape(shape: Shape): string {
  return `[${shape.join(',')}]`;
}

/** Row-major strides in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= shape[i]!;
  }
  return strides;
}

/** NumPy broadcasting of two or more shapes; throws naming `op` when two sizes differ and neither is 1. */
export function broadcastShapes(op: string, ...shapes: Shape[]): number[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  const result = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    for (let i = 0; i < shape.length; i++) {
      const at = rank - shape.length + i;
      const dim = shape[i]!;
      if (dim === 1 || dim === result[at]) continue;
      if (result[at] !== 1) {
        fail(op, `shapes do not broadcast: ${shapes.map(formatShape).join(' and ')}`);
      }
      result[at] = dim;
    }
  }
  return result;
}

/** A non-negative axis from one that may count from the end. */
export function normalizeAxis(op: string, axis: number, rank: number): number {
  const result = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || result < 0 || result >= rank) {
    fail(op, `axis ${axis} is out of range for rank ${rank}`);
  }
  return result;
}

/** Sorted distinct non-negative axes; `undefined` means all of them. */
export function normalizeAxes(
  op: string,
  axes: number | readonly number[] | undefined | null,
  rank: number,
): number[] {
  if (axes === undefined || axes === null) return Array.from({ length: rank }, (_, i) => i);
  const list = (typeof axes === 'number' ? [axes] : axes).map((a) => normalizeAxis(op, a, rank));
  const sorted = [...list].sort((a, b) => a - b);
  for (let i = 1; i < sorted.length; i++) {
    if (sorted[i] === sorted[i - 1]) fail(op, `axis ${sorted[i]} is named twice`);
  }
  return sorted;
}

/** Throws unless every entry is a non-negative safe integer. */
export function checkShape(op: string, shape: Shape): void {
  for (const dim of shape) {
    if (!Number.isSafeInteger(dim) || dim < 0) {
      fail(op, `a shape needs non-negative integers`, formatShape(shape));
    }
  }
  if (!Number.isSafeInteger(sizeOf(shape))) fail(op, `shape is too large`, formatShape(shape));
}

/** A shape with one `-1` resolved so that it holds `size` elements. */
export function resolveShape(op: string, shape: Shape, size: number): number[] {
  const unknown = shape.indexOf(-1);
  if (unknown < 0) return [...shape];
  const known = shape.reduce((product, dim, i) => (i === unknown ? product : product * dim), 1);
  const rest = known === 0 ? 0 : size / known;
  if (!Number.isInteger(rest) || shape.indexOf(-1, unknown + 1) >= 0) {
    fail(op, `cannot infer -1 in ${formatShape(shape)} for ${size} elements`);
  }
  return shape.map((dim, i) => (i === unknown ? rest : dim));
}
