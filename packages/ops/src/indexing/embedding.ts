/** Lookups of rows in a table. */
import {
  cast,
  div,
  eq,
  fail,
  full,
  gather,
  iota,
  maximum,
  mul,
  ne,
  reshape,
  scatter,
  stopGradient,
  sub,
  sum,
  unsqueeze,
  where,
  zeros,
} from '@hebb/core';
import type { DType, Tensor } from '@hebb/core';
import { asIndex, oneOf } from '../operands.ts';
import { searchsorted } from '../order.ts';

function paddingRow(op: string, paddingIdx: number, rows: number): number {
  const row = paddingIdx < 0 ? paddingIdx + rows : paddingIdx;
  if (!Number.isInteger(paddingIdx) || row < 0 || row >= rows)
    fail(op, 'paddingIdx is out of range', String(paddingIdx), `a row of ${rows}`);
  return row;
}

/**
 * Rows of the table. Gradients of repeated rows add up; the row `paddingIdx` gets none. Shape: index [I],
 * weight [rows, width] -> [I, width].
 */
export function embedding(
  index: Tensor,
  weight: Tensor,
  { paddingIdx }: { paddingIdx?: number | null } = {},
): Tensor {
  if (weight.rank !== 2)
    fail('embedding', 'weight does not fit', `[${weight.shape.join(',')}]`, '[rows, width]');
  const at = asIndex('embedding', index);
  const found = gather(weight, at, 0);
  if (paddingIdx == null) return found;
  const row = paddingRow('embedding', paddingIdx, weight.shape[0]!);
  return where(unsqueeze(eq(at, row), at.rank), stopGradient(found), found);
}

export interface EmbeddingBagOptions {
  readonly mode?: 'sum' | 'mean' | 'max';
  /** A factor for each index, with mode 'sum'. */
  readonly perSampleWeights?: Tensor;
  /** Entries that do not count. */
  readonly paddingIdx?: number | null;
  /** The last offset is the end of the last bag. */
  readonly includeLastOffset?: boolean;
}
/**
 * Sums, means or maxima of bags of rows. With index [bags, n] each row is a bag; with index [n] the bags
 * start at `offsets` [bags]. An empty bag gives 0. Shape: weight [rows, width] -> [bags, width].
 */
export function embeddingBag(
  index: Tensor,
  weight: Tensor,
  offsets?: Tensor,
  {
    mode = 'mean',
    perSampleWeights,
    paddingIdx,
    includeLastOffset = false,
  }: EmbeddingBagOptions = {},
): Tensor {
  const op = 'embeddingBag';
  oneOf(op, 'mode', mode, ['sum', 'mean', 'max']);
  if (perSampleWeights !== undefined && mode !== 'sum')
    fail(op, 'perSampleWeights needs mode sum', mode);
  if (index.rank === 2 ? offsets !== undefined : offsets === undefined)
    fail(op, 'needs index [bags, n], or index [n] and offsets', `[${index.shape.join(',')}]`);
  const flat = reshape(asIndex(op, index), [index.size]);
  const width = weight.shape[1]!;
  let bags: number;
  let bag: Tensor;
  if (offsets === undefined) {
    bags = index.shape[0]!;
    bag = reshape(iota(bags), [bags, 1]).expand([bags, index.shape[1]!]).reshape([index.size]);
  } else {
    const starts = asIndex(op, offsets);
    bags = starts.size - (includeLastOffset ? 1 : 0);
    bag = sub(searchsorted(starts.narrow(0, 0, bags), iota(index.size), { right: true }), 1);
  }
  let rows = gather(weight, flat, 0);
  if (perSampleWeights !== undefined) rows = mul(rows, reshape(perSampleWeights, [index.size, 1]));
  const dtype: DType = rows.dtype;
  let present = full([index.size, 1], 1, dtype);
  if (paddingIdx != null) {
    const counts = ne(flat, paddingRow(op, paddingIdx, weight.shape[0]!));
    present = reshape(cast(counts, dtype), [index.size, 1]);
  }
  const count = scatter(zeros([bags, 1], dtype), bag, present, 0, 'add');
  if (mode === 'max') {
    const kept = where(eq(present, 0), -Infinity, rows);
    const top = scatter(full([bags, width], -Infinity, dtype), bag, kept, 0, 'max');
    return where(eq(count, 0), 0, top);
  }
  const kept = paddingIdx == null ? rows : mul(rows, present);
  const total = scatter(zeros([bags, width], dtype), bag, kept, 0, 'add');
  return mode === 'sum' ? total : div(total, maximum(count, 1));
}

/**
 * 1 at the index along a new last axis, 0 elsewhere. Shape: index [I] -> [I, numClasses]. int32 unless
 * another dtype is asked for.
 */
export function oneHot(
  index: Tensor,
  numClasses: number,
  { dtype = 'int32' }: { dtype?: DType } = {},
): Tensor {
  if (!Number.isInteger(numClasses) || numClasses < 1)
    fail('oneHot', 'the number of classes must be given', String(numClasses), 'a positive integer');
  return cast(eq(unsqueeze(asIndex('oneHot', index), index.rank), iota(numClasses)), dtype);
}

/** How often each of 0 … length - 1 occurs. Shape: index [n] -> int32[length]. */
export function bincount(index: Tensor, length: number): Tensor {
  return sum(oneHot(reshape(index, [index.size]), length), 0);
}
