/** Running combinations along one axis. Shape: any -> same. */
import {
  associativeScan,
  composite,
  cumprod as cumulativeProduct,
  eq,
  fail,
  iota,
  isFloat,
  maximum,
  minimum,
  ne,
  normalizeAxis,
  or,
  reshape,
  scatterElements,
  where,
  withOp,
  zerosLike,
} from '@hebb/core';
import type { Sample, Tensor, VjpContext } from '@hebb/core';
import { logaddexp } from './math.ts';
import { asFloat, highest, lowest } from './operands.ts';

type DimAttrs = { readonly dim: number };
const samples: readonly Sample[] = [
  { in: [[3, 5]], attrs: { dim: 1 } },
  { in: [[4, 2]], attrs: { dim: 0 } },
  { in: [[1]], attrs: { dim: 0 } },
];

const cumprodOp = composite('cumprod', {
  body: (x: Tensor, { dim }: DimAttrs) => cumulativeProduct(x, dim),
  samples,
});
/** Running product; its gradient is exact where factors are zero. */
export const cumprod = withOp(cumprodOp.op, (x: Tensor, dim: number): Tensor =>
  cumprodOp(x, { dim: normalizeAxis('cumprod', dim, x.rank) }),
);

/** Running extremum and the last position (int32) where it was attained. */
function extremum(
  x: Tensor,
  dim: number,
  better: (a: Tensor, b: Tensor) => Tensor,
  worst: number | bigint,
): [Tensor, Tensor] {
  const values = associativeScan(better, x, dim, worst);
  const hit = isFloat(x.dtype) ? or(eq(x, values), ne(x, x)) : eq(x, values);
  const shape = x.shape.map((size, axis) => (axis === dim ? size : 1));
  const position = where(hit, reshape(iota(x.shape[dim]!), shape), -1);
  return [values, associativeScan(maximum, position, dim, -1)];
}

const toPositions = ({ grads: [g], inputs: [x], outputs: [, at], attrs }: VjpContext) => [
  isFloat(x!.dtype)
    ? scatterElements(zerosLike(x!), at!, g!, (attrs as DimAttrs).dim, 'add')
    : null,
];

const cummaxOp = composite('cummax', {
  body: (x: Tensor, { dim }: DimAttrs) => extremum(x, dim, maximum, lowest(x.dtype)),
  vjp: toPositions,
  samples,
});
/** Running maximum and the last position of each (int32). */
export const cummax = withOp(cummaxOp.op, (x: Tensor, dim: number): [Tensor, Tensor] =>
  cummaxOp(x, { dim: normalizeAxis('cummax', dim, x.rank) }),
);

const cumminOp = composite('cummin', {
  body: (x: Tensor, { dim }: DimAttrs) => extremum(x, dim, minimum, highest(x.dtype)),
  vjp: toPositions,
  samples,
});
/** Running minimum and the last position of each (int32). */
export const cummin = withOp(cumminOp.op, (x: Tensor, dim: number): [Tensor, Tensor] =>
  cumminOp(x, { dim: normalizeAxis('cummin', dim, x.rank) }),
);

const logcumsumexpOp = composite('logcumsumexp', {
  body: (x: Tensor, { dim }: DimAttrs) => associativeScan(logaddexp, x, dim, -Infinity),
  samples,
});
/** log of the running sum of exp(x), without overflow. */
export const logcumsumexp = withOp(logcumsumexpOp.op, (x: Tensor, dim: number): Tensor =>
  logcumsumexpOp(asFloat('logcumsumexp', x), {
    dim: normalizeAxis('logcumsumexp', dim, x.rank),
  }),
);

/** Differences of neighbours along `dim`, taken n times. Shape: the axis shrinks by n. */
export function diff(x: Tensor, { n = 1, dim = -1 }: { n?: number; dim?: number } = {}): Tensor {
  const axis = normalizeAxis('diff', dim, x.rank);
  if (n > x.shape[axis]!) fail('diff', `axis ${axis} of size ${x.shape[axis]} is too short`);
  let y = x;
  for (let k = 0; k < n; k++) {
    const length = y.shape[axis]! - 1;
    y = y.narrow(axis, 1, length).sub(y.narrow(axis, 0, length));
  }
  return y;
}
