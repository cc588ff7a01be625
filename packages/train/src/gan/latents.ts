/** Ways through the space of noise. */
import { atan2, fail, formatShape, linspace, sameShape } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { checkWhole } from '../check.ts';

export interface InterpolationOptions {
  /** Points on the way, both ends included; default 10. */
  readonly steps?: number;
  /** Along an arc (default), which keeps the length that normal noise has, or straight. White 2016, arXiv:1609.04468. */
  readonly spherical?: boolean;
}

/** From each row of one to the row of the other. Shape: two of [N, D] -> [N · steps, D]. */
export function interpolateLatents(
  from: Tensor,
  to: Tensor,
  { steps = 10, spherical = true }: InterpolationOptions = {},
): Tensor {
  const op = 'interpolateLatents';
  checkWhole(op, 'steps', steps, 2);
  if (from.rank !== 2 || !sameShape(from.shape, to.shape)) {
    fail(
      op,
      'both ends have one shape [N,D]',
      `${formatShape(from.shape)}, ${formatShape(to.shape)}`,
    );
  }
  const [n, width] = from.shape as [number, number];
  const share = linspace(0, 1, steps).to(from.dtype).reshape([1, steps, 1]);
  const [a, b] = [from.reshape([n, 1, width]), to.reshape([n, 1, width])];
  const rest = share.neg().add(1);
  const straight = a.mul(rest).add(b.mul(share));
  if (!spherical) return straight.reshape([n * steps, width]);
  const lengthOf = (x: Tensor): Tensor => x.mul(x).sum(2, true).sqrt();
  const cosine = a
    .mul(b)
    .sum(2, true)
    .div(lengthOf(a).mul(lengthOf(b)).maximum(1e-12));
  const sine = cosine.mul(cosine).neg().add(1).maximum(0).sqrt();
  const angle = atan2(sine, cosine);
  const arc = a
    .mul(angle.mul(rest).sin())
    .add(b.mul(angle.mul(share).sin()))
    .div(sine.maximum(1e-6));
  // Ends that point the same way (or opposite ones) have no arc.
  return arc.where(sine.gt(1e-5), straight).reshape([n * steps, width]);
}
