/** Matrix products. */
import { add, cast, matmul, mul, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { einsum, linear } from '@hebb/ops';
import { since } from '../table.ts';
import type { OperatorTable } from '../table.ts';
import type { Call } from '../call.ts';
import { centred } from './conv.ts';

function scaled(x: Tensor, by: number): Tensor {
  return by === 1 ? x : mul(x, by);
}

function gemm(c: Call): Tensor {
  if (isLinear(c)) return linear(c.tensor(0), c.tensor(1), c.maybe(2));
  const y = matmul(c.tensor(0), c.tensor(1), {
    transposeA: c.attr.bool('transA'),
    transposeB: c.attr.bool('transB'),
  });
  const scaledY = scaled(y, gain(c, y, 'alpha'));
  if (!c.has(2)) return scaledY;
  const bias = c.tensor(2);
  return add(scaledY, scaled(bias, gain(c, bias, 'beta')));
}

/** A fully connected layer: weight [out, in], bias [out]. */
function isLinear(c: Call): boolean {
  const plain = ['alpha', 'beta'].every((name) => c.attr.float(name, 1) === 1);
  if (!plain || c.attr.bool('transA') || !c.attr.bool('transB')) return false;
  const [out] = c.shape(1);
  return (
    c.shape(1).length === 2 && (!c.has(2) || (c.shape(2).length === 1 && c.shape(2)[0] === out))
  );
}

/** alpha and beta are floats even where the matrices are integers. */
const gain = (c: Call, x: Tensor, name: string): number => {
  const value = c.attr.float(name, 1);
  return x.dtype.startsWith('float') || x.dtype === 'bfloat16' ? value : Math.trunc(value);
};

function determinant(x: Tensor): Tensor {
  // Gaussian elimination without pivoting would fail on zeros: expand along the first row instead.
  const n = x.shape[x.rank - 1]!;
  if (n === 1) return x.index('...', 0, 0);
  let total: Tensor | undefined;
  for (let k = 0; k < n; k++) {
    const columns = [...Array(n).keys()].filter((i) => i !== k);
    const rest = x.index('...', [1], [null]).index('...', columnsOf(columns));
    const term = mul(x.index('...', 0, k), determinant(rest));
    total = total === undefined ? term : k % 2 === 0 ? add(total, term) : total.sub(term);
  }
  return total!;
}
const columnsOf = (columns: readonly number[]): Tensor =>
  tensor(Int32Array.from(columns), { dtype: 'int32' });

export const linearOperators: OperatorTable = {
  MatMul: [since(1, (c) => matmul(c.tensor(0), c.tensor(1)))],
  Gemm: [since(1, gemm)],
  MatMulInteger: [
    since(1, (c) => {
      const [a, b] = [c.tensor(0), c.tensor(1)];
      return matmul(rows(c, a, c.maybe(2)), centred(b, c.maybe(3), b.rank - 1));
    }),
  ],
  Einsum: [since(1, (c) => einsum(c.attr.string('equation'), ...c.tensors()))],
  Det: [
    since(1, (c) => {
      const x = c.tensor(0);
      if (x.shape[x.rank - 1]! > 6) c.unsupported('of matrices beyond 6 x 6');
      return determinant(x);
    }),
  ],
};

/** A's zero point may be one a row. */
function rows(c: Call, a: Tensor, zero: Tensor | undefined): Tensor {
  if (zero === undefined || zero.size === 1) return centred(a, zero, a.rank - 1);
  return cast(a, 'int32').sub(cast(zero, 'int32').reshape([...a.shape.slice(0, -1), 1]));
}
