/** Cubic convolution (Keys 1981) at computed places. */
import { add, floor, mul, sub } from '@hebb/core';
import type { Tensor } from '@hebb/core';

/** The four neighbours of each place with their weights. */
export function cubicTaps(place: Tensor, a: number): (readonly [Tensor, Tensor])[] {
  const low = floor(place);
  const t = sub(place, low);
  const near = (d: Tensor): Tensor => add(mul(mul(sub(mul(d, a + 2), a + 3), d), d), 1);
  const far = (d: Tensor): Tensor => sub(mul(add(mul(sub(mul(d, a), 5 * a), d), 8 * a), d), 4 * a);
  return [
    [sub(low, 1), far(add(t, 1))],
    [low, near(t)],
    [add(low, 1), near(sub(1, t))],
    [add(low, 2), far(sub(2, t))],
  ];
}
