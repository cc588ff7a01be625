/** Softmax and its relatives. */
import {
  composite,
  exp,
  log,
  max,
  mul,
  neg,
  normalizeAxis,
  stopGradient,
  sub,
  sum,
  where,
  withOp,
} from '@hebb/core';
import type { Sample, Tensor } from '@hebb/core';
import { asFloat, number } from './operands.ts';

const samples: readonly Sample[] = [
  { in: [[4]], attrs: { dim: 0 } },
  { in: [[3, 5]], attrs: { dim: 1 } },
  { in: [[2, 3, 4]], attrs: { dim: 1 } },
  { in: [[0, 3]], attrs: { dim: 1 } },
];
type DimAttrs = { readonly dim: number };

/** Subtracting the row maximum changes nothing in the result and keeps exp from overflowing. */
const shifted = (x: Tensor, dim: number): Tensor => sub(x, stopGradient(max(x, dim, true)));

const softmaxOp = composite('softmax', {
  body: (x: Tensor, { dim }: DimAttrs) => {
    if (x.size === 0) return x;
    const e = exp(shifted(x, dim));
    return e.div(sum(e, dim, true));
  },
  vjp: ({ grads: [g], outputs: [y], attrs }) => {
    const gy = mul(g!, y!);
    return [sub(gy, mul(y!, sum(gy, number(attrs.dim, -1), true)))];
  },
  onnx: { op: 'Softmax', since: 13, attrs: ({ dim }) => ({ axis: number(dim, -1) }) },
  samples,
});
/** exp(x) / Σ exp(x) along `dim`. Shape: any -> same. */
export const softmax = withOp(softmaxOp.op, (x: Tensor, dim = -1): Tensor => {
  const input = asFloat('softmax', x);
  if (x.rank === 0) return softmax(input.reshape([1]), 0).reshape([]);
  return softmaxOp(input, { dim: normalizeAxis('softmax', dim, x.rank) });
});

const logSoftmaxOp = composite('logSoftmax', {
  body: (x: Tensor, { dim }: DimAttrs) => {
    if (x.size === 0) return x;
    const z = shifted(x, dim);
    return sub(z, log(sum(exp(z), dim, true)));
  },
  vjp: ({ grads: [g], outputs: [y], attrs }) => [
    sub(g!, mul(exp(y!), sum(g!, number(attrs.dim, -1), true))),
  ],
  onnx: { op: 'LogSoftmax', since: 13, attrs: ({ dim }) => ({ axis: number(dim, -1) }) },
  samples,
});
/** log(softmax(x)), without overflow and without log(0). Shape: any -> same. */
export const logSoftmax = withOp(logSoftmaxOp.op, (x: Tensor, dim = -1): Tensor => {
  const input = asFloat('logSoftmax', x);
  if (x.rank === 0) return logSoftmax(input.reshape([1]), 0).reshape([]);
  return logSoftmaxOp(input, { dim: normalizeAxis('logSoftmax', dim, x.rank) });
});

/** softmax(-x). */
export function softmin(x: Tensor, dim = -1): Tensor {
  return softmax(neg(asFloat('softmin', x)), dim);
}

/**
 * Softmax over the entries whose mask is false; those with a true mask get 0, and no gradient. A row that
 * is masked out whole gives NaN, as exp(-∞) / 0 does. Shape: the mask broadcasts to x.
 */
export function maskedSoftmax(x: Tensor, mask: Tensor, dim = -1): Tensor {
  return softmax(where(mask, -Infinity, asFloat('maskedSoftmax', x)), dim);
}
