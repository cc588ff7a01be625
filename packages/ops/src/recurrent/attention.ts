/** Attention of an encoder-decoder's state over the encoder's outputs. */
import { composite, fail, formatShape, matmul, reshape, tanh, where, withOp } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { requireTensor } from '../operands.ts';
import { softmax } from '../softmax.ts';

/** Weighted sums of the values by the softmax of the scores. Shape: scores [N, L, T] -> [N, L, V], [N, L, T]. */
function attend(scores: Tensor, values: Tensor, mask: Tensor | undefined): Tensor[] {
  const [batch, , steps] = scores.shape as [number, number, number];
  const shown =
    mask === undefined ? scores : where(reshape(mask, [batch, 1, steps]), scores, -Infinity);
  const weights = softmax(shown, 2);
  return [matmul(weights, values), weights];
}

/** One query for each sequence, or several: [N, K] as [N, 1, K]. */
const several = (query: Tensor): Tensor =>
  query.rank === 3 ? query : reshape(query, [query.shape[0]!, 1, query.shape[1]!]);

/** What `attend` gave, with the axis of the queries only where there was one. */
const asAsked = (results: Tensor[], query: Tensor): Tensor[] =>
  query.rank === 3 ? results : results.map((x) => reshape(x, [x.shape[0]!, x.shape[2]!]));

const additiveOp = composite('additiveAttention', {
  body: (
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    v: Tensor,
    mask: Tensor | undefined,
  ): Tensor[] => {
    const [batch, steps, size] = keys.shape as [number, number, number];
    const queries = several(query).shape[1]!;
    const energy = tanh(
      reshape(keys, [batch, 1, steps, size]).add(reshape(query, [batch, queries, 1, size])),
    );
    const scores = reshape(matmul(energy, reshape(v, [size, 1])), [batch, queries, steps]);
    return asAsked(attend(scores, values, mask), query);
  },
  samples: [
    { in: [[2, 4], [2, 3, 4], [2, 3, 5], [4], null] },
    { name: 'several queries', in: [[2, 2, 4], [2, 3, 4], [2, 3, 5], [4], null] },
    {
      name: 'masked',
      in: [
        [2, 4],
        [2, 3, 4],
        [2, 3, 5],
        [4],
        { shape: [2, 3], dtype: 'bool', values: [1, 1, 0, 1, 1, 1] },
      ],
    },
  ],
});

const multiplicativeOp = composite('multiplicativeAttention', {
  body: (query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | undefined): Tensor[] => {
    const scores = matmul(several(query), keys, { transposeB: true });
    return asAsked(attend(scores, values, mask), query);
  },
  samples: [
    { in: [[2, 4], [2, 3, 4], [2, 3, 5], null] },
    {
      name: 'masked',
      in: [
        [2, 4],
        [2, 3, 4],
        [2, 3, 4],
        { shape: [2, 3], dtype: 'bool', values: [1, 1, 0, 1, 0, 0] },
      ],
    },
    {
      name: 'several queries, masked',
      in: [
        [2, 2, 4],
        [2, 3, 4],
        [2, 3, 5],
        { shape: [2, 3], dtype: 'bool', values: [1, 1, 0, 1, 0, 0] },
      ],
    },
  ],
});

function check(
  op: string,
  query: Tensor,
  keys: Tensor,
  values: Tensor,
  mask: Tensor | null | undefined,
): void {
  for (const each of [query, keys, values]) requireTensor(op, each);
  const batch = query.shape[0];
  const size = query.shape.at(-1);
  const fits =
    (query.rank === 2 || query.rank === 3) &&
    keys.rank === 3 &&
    values.rank === 3 &&
    keys.shape[0] === batch &&
    keys.shape[2] === size &&
    values.shape[0] === batch &&
    values.shape[1] === keys.shape[1] &&
    (mask == null || formatShape(mask.shape) === formatShape([batch!, keys.shape[1]!]));
  if (!fits) {
    fail(
      op,
      'arguments do not fit',
      [query, keys, values, ...(mask == null ? [] : [mask])]
        .map((x) => formatShape(x.shape))
        .join(', '),
      '[N, K] or [N, L, K], [N, T, K], [N, T, V], mask [N, T]',
    );
  }
}

/**
 * Scores `vᵀ tanh(query + key)` with both already projected to K. Bahdanau et al. 2015, arXiv:1409.0473.
 * Shape: query [N, K], keys [N, T, K], values [N, T, V], v [K], mask bool [N, T] (true: may be looked at)
 * -> [context [N, V], weights [N, T]]; a query for each of L steps, [N, L, K], gives [N, L, V], [N, L, T].
 */
export const additiveAttention = withOp(
  additiveOp.op,
  (
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    v: Tensor,
    mask?: Tensor | null,
  ): [context: Tensor, weights: Tensor] => {
    check('additiveAttention', query, keys, values, mask);
    const [context, weights] = additiveOp(query, keys, values, v, mask ?? undefined);
    return [context!, weights!];
  },
);

/**
 * Scores `queryᵀ key`, keys projected beforehand for the general form. Luong et al. 2015,
 * arXiv:1508.04025. Shape: query [N, K], keys [N, T, K], values [N, T, V], mask bool [N, T] (true: may be
 * looked at) -> [context [N, V], weights [N, T]]; a query for each of L steps, [N, L, K], gives [N, L, V],
 * [N, L, T].
 */
export const multiplicativeAttention = withOp(
  multiplicativeOp.op,
  (
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    mask?: Tensor | null,
  ): [context: Tensor, weights: Tensor] => {
    check('multiplicativeAttention', query, keys, values, mask);
    const [context, weights] = multiplicativeOp(query, keys, values, mask ?? undefined);
    return [context!, weights!];
  },
);
