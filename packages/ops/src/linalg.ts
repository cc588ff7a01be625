/** Matrix products, linear maps and distances. */
import {
  add,
  broadcastShapes,
  composite,
  expand,
  fail,
  formatShape,
  gather,
  matmul,
  mul,
  normalizeAxis,
  permute,
  reshape,
  sizeOf,
  stopGradient,
  sub,
  sum,
  tensor,
  unsqueeze,
  withOp,
} from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { einsum } from './einsum.ts';
import { clamp } from './math.ts';
import { norm } from './reductions.ts';

function requireRank(op: string, name: string, x: Tensor, rank: number): void {
  if (x.rank !== rank) fail(op, `${name} has the wrong rank`, formatShape(x.shape), `${rank} axes`);
}

/** Product of two matrices. Shape: [n, k], [k, m] -> [n, m]. */
export function mm(a: Tensor, b: Tensor): Tensor {
  requireRank('mm', 'the first operand', a, 2);
  requireRank('mm', 'the second operand', b, 2);
  return matmul(a, b);
}
/** Products of matrices, batch by batch. Shape: [B, n, k], [B, k, m] -> [B, n, m]. */
export function bmm(a: Tensor, b: Tensor): Tensor {
  requireRank('bmm', 'the first operand', a, 3);
  requireRank('bmm', 'the second operand', b, 3);
  if (a.shape[0] !== b.shape[0])
    fail('bmm', 'batch sizes differ', `${formatShape(a.shape)} and ${formatShape(b.shape)}`);
  return matmul(a, b);
}
/** Matrix times vector. Shape: [n, k], [k] -> [n]. */
export function mv(a: Tensor, v: Tensor): Tensor {
  requireRank('mv', 'the matrix', a, 2);
  requireRank('mv', 'the vector', v, 1);
  return matmul(a, v);
}
/** Inner product of two vectors. Shape: [n], [n] -> []. */
export function dot(a: Tensor, b: Tensor): Tensor {
  requireRank('dot', 'the first operand', a, 1);
  requireRank('dot', 'the second operand', b, 1);
  return matmul(a, b);
}
/** All products of two vectors. Shape: [n], [m] -> [n, m]. */
export function outer(a: Tensor, b: Tensor): Tensor {
  requireRank('outer', 'the first operand', a, 1);
  requireRank('outer', 'the second operand', b, 1);
  return mul(unsqueeze(a, 1), unsqueeze(b, 0));
}

export interface AddmmOptions {
  readonly beta?: number;
  readonly alpha?: number;
}
const combine = (input: Tensor, product: Tensor, { beta = 1, alpha = 1 }: AddmmOptions): Tensor => {
  const scaled = alpha === 1 ? product : mul(product, alpha);
  // With beta 0 the input does not count, not even its NaN.
  return beta === 0 ? scaled : add(beta === 1 ? input : mul(input, beta), scaled);
};
/** beta · input + alpha · (a @ b). Shape: [n, k], [k, m] -> [n, m]; input broadcasts. */
export function addmm(input: Tensor, a: Tensor, b: Tensor, options: AddmmOptions = {}): Tensor {
  return combine(input, mm(a, b), options);
}
/** beta · input + alpha · (a @ b), batch by batch. Shape: [B, n, k], [B, k, m] -> [B, n, m]. */
export function baddbmm(input: Tensor, a: Tensor, b: Tensor, options: AddmmOptions = {}): Tensor {
  return combine(input, bmm(a, b), options);
}
/** beta · input + alpha · (a @ v). Shape: [n, k], [k] -> [n]. */
export function addmv(input: Tensor, a: Tensor, v: Tensor, options: AddmmOptions = {}): Tensor {
  return combine(input, mv(a, v), options);
}

/**
 * Products summed over pairs of axes: `dims` are the axes of a and of b, or how many of the last of a meet
 * the first of b.
 */
export function tensordot(
  a: Tensor,
  b: Tensor,
  dims: number | readonly [readonly number[], readonly number[]] = 2,
): Tensor {
  const count = typeof dims === 'number' ? dims : 0;
  const pairs: readonly [readonly number[], readonly number[]] =
    typeof dims === 'number'
      ? [
          Array.from({ length: count }, (_, i) => a.rank - count + i),
          Array.from({ length: count }, (_, i) => i),
        ]
      : dims;
  const left = pairs[0].map((axis) => normalizeAxis('tensordot', axis, a.rank));
  const right = pairs[1].map((axis) => normalizeAxis('tensordot', axis, b.rank));
  if (
    left.length !== right.length ||
    left.some((axis, i) => a.shape[axis] !== b.shape[right[i]!])
  ) {
    fail(
      'tensordot',
      'axes do not pair up',
      `axes [${left.join(',')}] of ${formatShape(a.shape)} and [${right.join(',')}] of ${formatShape(b.shape)}`,
    );
  }
  const rows = a.shape.map((_, i) => i).filter((i) => !left.includes(i));
  const columns = b.shape.map((_, i) => i).filter((i) => !right.includes(i));
  const sizes = (x: Tensor, axes: readonly number[]): number[] => axes.map((i) => x.shape[i]!);
  const inner = sizeOf(sizes(a, left));
  const x = reshape(permute(a, [...rows, ...left]), [sizeOf(sizes(a, rows)), inner]);
  const y = reshape(permute(b, [...right, ...columns]), [inner, sizeOf(sizes(b, columns))]);
  return reshape(matmul(x, y), [...sizes(a, rows), ...sizes(b, columns)]);
}
/** Kronecker product. Shape: [..n], [..m] -> [..n · m]. */
export function kron(a: Tensor, b: Tensor): Tensor {
  const rank = Math.max(a.rank, b.rank);
  const padded = (x: Tensor): number[] => [...new Array<number>(rank - x.rank).fill(1), ...x.shape];
  const [p, q] = [padded(a), padded(b)];
  const product = mul(
    reshape(
      a,
      p.flatMap((n) => [n, 1]),
    ),
    reshape(
      b,
      q.flatMap((n) => [1, n]),
    ),
  );
  return reshape(
    product,
    p.map((n, i) => n * q[i]!),
  );
}

const linearOp = composite('linear', {
  body: (x: Tensor, weight: Tensor, bias?: Tensor): Tensor => {
    const y = matmul(x, weight, { transposeB: true });
    return bias === undefined ? y : add(y, bias);
  },
  onnx: {
    op: 'Gemm',
    since: 13,
    emit: (onnx) =>
      onnx.inputAvals[0]!.shape.length === 2
        ? onnx.node('Gemm', [...onnx.inputs], { transB: 1 })
        : undefined,
  },
  samples: [
    { in: [[3, 4], [5, 4], [5]] },
    { in: [[2, 3, 4], [5, 4], null] },
    { in: [[4], [2, 4], [2]] },
  ],
});
/** x Wᵀ + b. Shape: x [..., in], weight [out, in], bias [out] -> [..., out]. */
export const linear = withOp(
  linearOp.op,
  (x: Tensor, weight: Tensor, bias?: Tensor | null): Tensor => {
    const [out, width] = weight.shape;
    if (weight.rank !== 2 || x.rank === 0 || x.shape[x.rank - 1] !== width) {
      fail(
        'linear',
        'input does not fit the weight',
        `input ${formatShape(x.shape)}, weight ${formatShape(weight.shape)}`,
        `input [..., ${width}], weight [out, in]`,
      );
    }
    if (bias != null && (bias.rank !== 1 || bias.size !== out))
      fail('linear', 'bias does not fit', formatShape(bias.shape), `[${out}]`);
    return bias == null ? linearOp(x, weight) : linearOp(x, weight, bias);
  },
);
/** x₁ᵀ W x₂ + b. Shape: a [..., n], b [..., m], weight [out, n, m], bias [out] -> [..., out]. */
export function bilinear(a: Tensor, b: Tensor, weight: Tensor, bias?: Tensor | null): Tensor {
  requireRank('bilinear', 'weight', weight, 3);
  const y = einsum('...i,oij,...j->...o', a, weight, b);
  return bias == null ? y : add(y, bias);
}

/** Distances of all pairs of rows in the p-norm; the gradient at distance 0 is 0. Shape: [..., n, k], [..., m, k] -> [..., n, m]. */
export function cdist(a: Tensor, b: Tensor, p = 2): Tensor {
  if (a.rank < 2 || b.rank < 2 || a.shape[a.rank - 1] !== b.shape[b.rank - 1]) {
    fail(
      'cdist',
      'rows do not fit',
      `${formatShape(a.shape)} and ${formatShape(b.shape)}`,
      '[..., n, k] and [..., m, k]',
    );
  }
  return norm(sub(unsqueeze(a, a.rank - 1), unsqueeze(b, b.rank - 2)), p, -1);
}
/** Distances of all pairs of rows, (0, 1), (0, 2), ..., in the p-norm. Shape: [N, D] -> [N (N - 1) / 2]. */
export function pdist(x: Tensor, p = 2): Tensor {
  if (x.rank !== 2) fail('pdist', 'input does not fit', formatShape(x.shape), '[N, D]');
  const pairs = Array.from({ length: x.shape[0]! }, (_, i) => i).flatMap((i) =>
    Array.from({ length: x.shape[0]! - i - 1 }, (_, k) => [i, i + k + 1] as const),
  );
  const rows = (side: 0 | 1): Tensor =>
    gather(x, tensor(Int32Array.from(pairs, (pair) => pair[side])), 0);
  return norm(sub(rows(0), rows(1)), p, -1);
}
/** ‖a - b + eps‖ along the last axis. */
export function pairwiseDistance(
  a: Tensor,
  b: Tensor,
  { p = 2, eps = 1e-6, keepdim = false }: { p?: number; eps?: number; keepdim?: boolean } = {},
): Tensor {
  return norm(add(sub(a, b), eps), p, -1, keepdim);
}
/** a · b / (max(‖a‖, eps) max(‖b‖, eps)) along `dim` of the shape that both broadcast to. */
export function cosineSimilarity(
  a: Tensor,
  b: Tensor,
  { dim = 1, eps = 1e-8 }: { dim?: number; eps?: number } = {},
): Tensor {
  const shape = broadcastShapes('cosineSimilarity', a.shape, b.shape);
  const unit = (x: Tensor): Tensor => {
    const length = norm(x, 2, dim, true);
    // The bound is on the value alone: as in PyTorch, the gradient is that of the norm.
    return x.div(add(length, stopGradient(sub(clamp(length, eps), length))));
  };
  return sum(mul(unit(expand(a, shape)), unit(expand(b, shape))), dim);
}
