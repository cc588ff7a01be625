/** Prefix combinations by doubling (Hillis and Steele 1986): ⌈log₂ n⌉ whole-array steps, no division. */
import type { Scalar } from '../apply.ts';
import type { Tensor } from '../tensor.ts';
import { mul } from './elementwise.ts';
import { flip, narrow, pad, permute, reshape } from './movement.ts';

/**
 * Inclusive prefix combination along the axis with an associative operation. `identity` stands in where
 * there is no element yet.
 */
export function associativeScan(
  combine: (earlier: Tensor, later: Tensor) => Tensor,
  x: Tensor,
  axis: number,
  identity: Scalar,
  { reverse = false }: { reverse?: boolean } = {},
): Tensor {
  if (reverse) return flip(associativeScan(combine, flip(x, axis), axis, identity), axis);
  const length = x.shape[axis]!;
  let y = x;
  for (let step = 1; step < length; step *= 2) {
    y = combine(shift(y, axis, step, identity), y);
  }
  return y;
}

/** Moves the elements `by` places up the axis, filling with a constant. */
export function shift(x: Tensor, axis: number, by: number, fill: Scalar): Tensor {
  const low = x.shape.map((_, i) => (i === axis ? by : 0));
  const kept = narrow(x, axis, 0, Math.max(0, x.shape[axis]! - by));
  return narrow(pad(kept, { low, high: low.map(() => 0) }, fill), axis, 0, x.shape[axis]!);
}

/** Cumulative product along the axis; its gradient is exact where factors are zero. */
export function cumprod(
  x: Tensor,
  axis: number,
  { exclusive = false, reverse = false }: { exclusive?: boolean; reverse?: boolean } = {},
): Tensor {
  if (exclusive) {
    const ends = reverse ? flip(x, axis) : x;
    const y = cumprod(shift(ends, axis, 1, 1), axis);
    return reverse ? flip(y, axis) : y;
  }
  return associativeScan(mul, x, axis, 1, { reverse });
}

/** For each element the product of the others that are reduced with it over `axes`. Shape: that of x. */
export function exclusiveProducts(x: Tensor, axes: readonly number[]): Tensor {
  const kept = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const order = [...kept, ...axes];
  const moved = permute(x, order);
  const keptSizes = kept.map((i) => x.shape[i]!);
  const count = axes.reduce((n, i) => n * x.shape[i]!, 1);
  const flat = reshape(moved, [...keptSizes, count]);
  const axis = keptSizes.length;
  const others = mul(
    cumprod(flat, axis, { exclusive: true }),
    cumprod(flat, axis, { exclusive: true, reverse: true }),
  );
  const inverse = new Array<number>(order.length);
  order.forEach((from, i) => (inverse[from] = i));
  return permute(reshape(others, moved.shape), inverse);
}
