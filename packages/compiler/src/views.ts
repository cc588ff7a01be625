/** Strided views: how a routine or a gather reads a moved value without copying it. */
import { stridesOf } from '@hebb/core';
import { isLinear, variableIndex } from './affine.ts';
import type { Value } from './dag.ts';
import type { Index } from './ir.ts';
import { isMovement, moveBack, ravel } from './movement.ts';

export interface StridedView {
  /** The value whose memory is read. */
  readonly base: Value;
  readonly strides: readonly number[];
  readonly offset: number;
}

/** The view of x in the memory of the furthest value below it that a stride an axis can reach. */
export function stridedView(x: Value): StridedView {
  const sizes = x.shape;
  let coords: readonly Index[] = sizes.map((_, axis) => variableIndex(axis, sizes));
  let best: StridedView = { base: x, strides: stridesOf(sizes), offset: 0 };
  for (let value = x; isMovement(value.node.op);) {
    const input = value.node.inputs[0]!;
    const place = moveBack(
      value.node.op,
      value.node.attrs,
      coords,
      value.shape,
      input.shape,
      sizes,
    );
    if (place === undefined || place.conditions.length > 0) break;
    coords = place.coords;
    value = input;
    const flat = ravel(coords, value.shape, sizes);
    if (!isLinear(flat)) continue;
    const strides = sizes.map(() => 0);
    for (const { variable, stride } of flat.terms) strides[variable] = stride;
    best = { base: value, strides, offset: flat.offset };
  }
  return best;
}

/** Row-major without gaps, from any offset. */
export function isDense(x: Value, view: StridedView): boolean {
  const wanted = stridesOf(x.shape);
  return x.shape.every((dim, i) => dim === 1 || view.strides[i] === wanted[i]);
}
