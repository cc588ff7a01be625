/** Heads in and out. */
import { fail, formatShape, permute, reshape } from '@hebb/core';
import type { Tensor } from '@hebb/core';

/** [N, T, heads · size] -> [N, heads, T, size]. */
export function splitHeads(x: Tensor, heads: number): Tensor {
  const [batch, steps, width] = x.shape as [number, number, number];
  return permute(reshape(x, [batch, steps, heads, width / heads]), [0, 2, 1, 3]);
}

/** `count` projections side by side, each with as many heads: [N, T, count · D] -> [N, heads, T, size] of each. */
export function splitProjections(x: Tensor, heads: number, count: number): Tensor[] {
  const [batch, steps, width] = x.shape as [number, number, number];
  const size = width / count / heads;
  const split = permute(reshape(x, [batch, steps, count, heads, size]), [2, 0, 3, 1, 4]);
  return Array.from({ length: count }, (_, i) =>
    reshape(split.narrow(0, i, 1), [batch, heads, steps, size]),
  );
}

/** [N, heads, T, size] -> [N, T, heads · size]. */
export function joinHeads(x: Tensor): Tensor {
  const [batch, heads, steps, size] = x.shape as [number, number, number, number];
  return reshape(permute(x, [0, 2, 1, 3]), [batch, steps, heads * size]);
}

/** Throws unless x is [N, T, width]. */
export function requireSequence(layer: string, x: Tensor, width: number, name = 'input'): void {
  if (x.rank !== 3 || x.shape[2] !== width) {
    fail(layer, `${name} does not fit`, formatShape(x.shape), `[N, T, ${width}]`);
  }
}
