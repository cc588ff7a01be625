/** Diagonals and triangles of the matrices in two axes. Offset 0 is the main diagonal, above it is positive. */
import {
  composite,
  fail,
  iota,
  le,
  normalizeAxis,
  pad,
  reshape,
  slice,
  sub,
  sum,
  unsqueeze,
  where,
  withOp,
} from '@hebb/core';
import type { OnnxMapping, Sample, Tensor } from '@hebb/core';
import { movedim } from './arrange.ts';

/** Length of a diagonal of an n × m matrix. */
const diagonalLength = (n: number, m: number, offset: number): number =>
  Math.max(0, offset >= 0 ? Math.min(n, m - offset) : Math.min(n + offset, m));

/**
 * The diagonal of two axes as a new last axis. Shape: [..., n, m, ...] -> [..., length].
 */
export function diagonal(x: Tensor, offset = 0, dim1 = 0, dim2 = 1): Tensor {
  const axes = [normalizeAxis('diagonal', dim1, x.rank), normalizeAxis('diagonal', dim2, x.rank)];
  if (axes[0] === axes[1]) fail('diagonal', 'needs two different axes', `${dim1} and ${dim2}`);
  const moved = movedim(x, axes, [-2, -1]);
  const lead = moved.shape.slice(0, -2);
  const [n, m] = [moved.shape[x.rank - 2]!, moved.shape[x.rank - 1]!];
  const length = diagonalLength(n, m, offset);
  // Along a diagonal the flattened position grows by m + 1.
  const start = offset >= 0 ? offset : -offset * m;
  return slice(reshape(moved, [...lead, n * m]), {
    starts: [...lead.map(() => 0), length === 0 ? 0 : start],
    sizes: [...lead, length],
    steps: [...lead.map(() => 1), m + 1],
  });
}

/** Matrices with the last axis on a diagonal, 0 elsewhere. Shape: [..., n] -> [..., n + |offset|, n + |offset|]. */
export function diagEmbed(x: Tensor, offset = 0, dim1 = -2, dim2 = -1): Tensor {
  if (x.rank === 0) fail('diagEmbed', 'needs at least one axis', '[]');
  const n = x.shape[x.rank - 1]!;
  const size = n + Math.abs(offset);
  const lead = x.shape.slice(0, -1);
  const start = offset >= 0 ? offset : -offset * size;
  const spread = n === 0 ? 0 : (n - 1) * (size + 1) + 1;
  const flat = pad(x, {
    low: [...lead.map(() => 0), n === 0 ? 0 : start],
    high: [...lead.map(() => 0), size * size - spread - (n === 0 ? 0 : start)],
    interior: [...lead.map(() => 0), n === 0 ? 0 : size],
  });
  return movedim(reshape(flat, [...lead, size, size]), [-2, -1], [dim1, dim2]);
}

/** A vector as the diagonal of a matrix, or the diagonal of a matrix as a vector. */
export function diag(x: Tensor, offset = 0): Tensor {
  if (x.rank === 1) return diagEmbed(x, offset);
  if (x.rank === 2) return diagonal(x, offset);
  fail('diag', 'takes a vector or a matrix', `[${x.shape.join(',')}]`, 'one axis or two');
}
/** Sum of the main diagonal of a matrix. Shape: [n, m] -> []. */
export function trace(x: Tensor): Tensor {
  if (x.rank !== 2) fail('trace', 'takes a matrix', `[${x.shape.join(',')}]`, '[n, m]');
  return sum(diagonal(x));
}

type TriangleAttrs = { readonly diagonal: number };

/** Column minus row of each entry of an n × m matrix. */
function offsets(x: Tensor): Tensor {
  const [n, m] = [x.shape[x.rank - 2]!, x.shape[x.rank - 1]!];
  return sub(iota(m), unsqueeze(iota(n), 1));
}
const trilu = (upper: 0 | 1): OnnxMapping => ({
  op: 'Trilu',
  since: 14,
  emit: (onnx, { diagonal: k }) =>
    onnx.node('Trilu', [onnx.inputs[0], onnx.int64([k as number], [])], { upper }),
});
const samples: readonly Sample[] = [
  { in: [[4, 4]], attrs: { diagonal: 0 } },
  { in: [[2, 3, 5]], attrs: { diagonal: 1 } },
  { in: [[3, 2]], attrs: { diagonal: -1 } },
];

const trilOp = composite('tril', {
  body: (x: Tensor, { diagonal: k }: TriangleAttrs) => where(le(offsets(x), k), x, 0),
  onnx: trilu(0),
  samples,
});
const triuOp = composite('triu', {
  body: (x: Tensor, { diagonal: k }: TriangleAttrs) => where(le(k, offsets(x)), x, 0),
  onnx: trilu(1),
  samples,
});
function requireMatrix(op: string, x: Tensor): void {
  if (x.rank < 2) fail(op, 'takes matrices', `[${x.shape.join(',')}]`, '[..., n, m]');
}
/** The part on and below a diagonal, 0 above. Shape: any with two axes or more -> same. */
export const tril = withOp(trilOp.op, (x: Tensor, offset = 0): Tensor => {
  requireMatrix('tril', x);
  return trilOp(x, { diagonal: offset });
});
/** The part on and above a diagonal, 0 below. Shape: any with two axes or more -> same. */
export const triu = withOp(triuOp.op, (x: Tensor, offset = 0): Tensor => {
  requireMatrix('triu', x);
  return triuOp(x, { diagonal: offset });
});
