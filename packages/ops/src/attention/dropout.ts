/** Dropout of probabilities, drawn for some queries at a time, so that no other ones need be drawn with them. */
import { concat, div, narrow, random, reshape, where } from '@hebb/core';
import type { Tensor } from '@hebb/core';

/** Queries whose draws have one key. */
export const dropoutRows = 64;

/** A key for each `dropoutRows` queries: uint32[2] -> [blocks, 2]. */
export function rowKeys(key: Tensor, queries: number): Tensor {
  const blocks = Math.ceil(queries / dropoutRows);
  if (blocks <= 1) return reshape(key, [1, 2]);
  return reshape(concat(random.split(key, blocks), 0), [blocks, 2]);
}

/** Probabilities [..., L, S] with the share `dropout` of them zero, the others larger by as much. */
export function dropWeights(weights: Tensor, keys: Tensor, dropout: number): Tensor {
  const axis = weights.rank - 2;
  const queries = weights.shape[axis]!;
  const drawn = Array.from({ length: keys.shape[0]! }, (_, i) => {
    const first = i * dropoutRows;
    const shape = [...weights.shape];
    shape[axis] = Math.min(dropoutRows, queries - first);
    return random.bernoulli(reshape(narrow(keys, 0, i, 1), [2]), shape, 1 - dropout);
  });
  const keep = drawn.length === 1 ? drawn[0]! : concat(drawn, axis);
  return where(keep, dropout === 1 ? weights : div(weights, 1 - dropout), 0);
}
