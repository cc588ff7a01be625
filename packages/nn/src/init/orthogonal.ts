/** Orthogonal start values. */
import { eye, fail, formatShape, scan, sizeOf, zeros } from '@hebb/core';
import type { Shape, Tensor } from '@hebb/core';
import { normal } from './draw.ts';
import type { RandomInitOptions } from './draw.ts';

/**
 * Saxe et al. 2013, arXiv:1312.6120: rows (or columns, whichever are fewer) of the weight, its axes after
 * the first made one, are orthogonal with length `gain`.
 */
export function orthogonal(
  shape: Shape,
  { gain = 1, ...rest }: RandomInitOptions & { readonly gain?: number } = {},
): Tensor {
  if (shape.length < 2) fail('init.orthogonal', 'needs at least two axes', formatShape(shape));
  const flat = [shape[0]!, sizeOf(shape.slice(1))];
  return orthonormalize(normal(flat, rest)).mul(gain).reshape(shape);
}

/**
 * The orthogonal factor of a matrix whose triangular factor has a positive diagonal, taken over the longer
 * side: Gram-Schmidt, each vector projected twice ("twice is enough", Giraud et al. 2005).
 * Shape: [m, n] -> [m, n].
 */
export function orthonormalize(matrix: Tensor): Tensor {
  const [rows = 0, columns = 0] = matrix.shape;
  const wide = rows < columns;
  const vectors = wide ? matrix : matrix.transpose();
  const [count = 0, length = 0] = vectors.shape;
  const [[basis]] = scan(
    ([found], [vector, row]) => {
      const rest = reject(found!, reject(found!, vector!));
      const unit = rest.div(rest.mul(rest).sum().sqrt());
      return [[found!.add(row!.unsqueeze(1).mul(unit.unsqueeze(0)))], []];
    },
    [zeros([count, length], matrix.dtype)],
    [vectors, eye(count, count, matrix.dtype)],
  );
  return wide ? basis! : basis!.transpose();
}

/** `vector` less its part in the span of the orthonormal rows of `basis` (rows of zeros do nothing). */
function reject(basis: Tensor, vector: Tensor): Tensor {
  const along = basis.matmul(vector.unsqueeze(1));
  return vector.sub(basis.matmul(along, { transposeA: true }).squeeze(1));
}
