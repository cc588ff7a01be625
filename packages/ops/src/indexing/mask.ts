/** Masks. Where a result's shape depends on the mask's values, the function is asynchronous. */
import {
  broadcastShapes,
  broadcastTo,
  cast,
  fail,
  gather,
  ne,
  reshape,
  sameShape,
  scatter,
  sizeOf,
  tensor,
  Tensor,
  where,
} from '@hebb/core';
import type { TensorLike } from '@hebb/core';
import { requireTensor } from '../operands.ts';

const asMask = (op: string, mask: Tensor): Tensor => {
  requireTensor(op, mask);
  return mask.dtype === 'bool' ? mask : ne(mask, 0);
};

/** x with `value` where the mask is true. Shape: the mask broadcasts to x. */
export function maskedFill(x: Tensor, mask: Tensor, value: TensorLike): Tensor {
  const fill = value instanceof Tensor ? cast(value, x.dtype) : value;
  const spread = broadcastTo(asMask('maskedFill', mask), x.shape, 'maskedFill');
  return where(spread, fill, x);
}

/** Flat positions at which the mask is true; reads the mask. */
async function positions(mask: Tensor): Promise<Tensor> {
  const data = await mask.data();
  const found: number[] = [];
  for (let k = 0; k < data.length; k++) if (Number(data[k]) !== 0) found.push(k);
  return tensor(Int32Array.from(found));
}

/**
 * The elements of x where the mask is true, in row-major order. Shapes broadcast; the result has one
 * axis. Differentiable in x. Reads the mask's values, so it is asynchronous and cannot be compiled.
 */
export async function maskedSelect(x: Tensor, mask: Tensor): Promise<Tensor> {
  const shape = broadcastShapes('maskedSelect', x.shape, mask.shape);
  const at = await positions(broadcastTo(asMask('maskedSelect', mask), shape));
  return gather(reshape(broadcastTo(x, shape), [sizeOf(shape)]), at, 0);
}

/**
 * x[mask]: the slices of x where the mask, which covers its first axes, is true. Shape: x [M, B],
 * mask [M] -> [count, B]. Differentiable in x. Asynchronous, as `maskedSelect`.
 */
export async function booleanIndex(x: Tensor, mask: Tensor): Promise<Tensor> {
  const covered = requireCover('booleanIndex', x, mask);
  const at = await positions(asMask('booleanIndex', mask));
  return gather(reshape(x, [mask.size, ...covered]), at, 0);
}

/** x with x[mask] replaced by the values, in row-major order (`x[mask] = values`). Asynchronous. */
export async function booleanIndexPut(x: Tensor, mask: Tensor, values: Tensor): Promise<Tensor> {
  const covered = requireCover('booleanIndexPut', x, mask);
  const at = await positions(asMask('booleanIndexPut', mask));
  const source = broadcastTo(cast(values, x.dtype), [at.size, ...covered], 'booleanIndexPut');
  return reshape(scatter(reshape(x, [mask.size, ...covered]), at, source, 0), x.shape);
}

function requireCover(op: string, x: Tensor, mask: Tensor): readonly number[] {
  if (!sameShape(x.shape.slice(0, mask.rank), mask.shape)) {
    fail(
      op,
      'mask does not fit the first axes',
      `[${mask.shape.join(',')}]`,
      `those of [${x.shape.join(',')}]`,
    );
  }
  return x.shape.slice(mask.rank);
}

/** Positions of the elements that are not zero, one row each. Shape: -> int32[count, rank]. Asynchronous. */
export async function nonzero(x: Tensor): Promise<Tensor> {
  const data = await x.data();
  const rows: number[] = [];
  let count = 0;
  for (let k = 0; k < data.length; k++) {
    if (Number(data[k]) === 0) continue;
    count += 1;
    let rest = k;
    const row = new Array<number>(x.rank);
    for (let axis = x.rank - 1; axis >= 0; axis--) {
      row[axis] = rest % x.shape[axis]!;
      rest = Math.floor(rest / x.shape[axis]!);
    }
    rows.push(...row);
  }
  return tensor(Int32Array.from(rows), { shape: [count, x.rank] });
}
