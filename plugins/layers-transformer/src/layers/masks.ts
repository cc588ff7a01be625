/** PyTorch's masks, where true hides, as the one mask that attention takes, where true may be looked at. */
import {
  add,
  cast,
  fail,
  formatShape,
  full,
  gt,
  iota,
  isFloat,
  not,
  reshape,
  where,
} from '@hebb/core';
import type { DType, Tensor } from '@hebb/core';

export interface MaskSizes {
  readonly batch: number;
  readonly heads: number;
  readonly queries: number;
  readonly keys: number;
}

function requireKind(layer: string, name: string, mask: Tensor): void {
  if (mask.dtype !== 'bool' && !isFloat(mask.dtype)) {
    fail(layer, `${name} is of another type`, mask.dtype, 'bool (true hides) or float (added)');
  }
}

function wrong(layer: string, name: string, mask: Tensor, wanted: string): never {
  return fail(layer, `${name} does not fit`, formatShape(mask.shape), wanted);
}

/** [L, S], or [N · heads, L, S], as [1 or N, 1 or heads, L, S]. */
function attention(layer: string, mask: Tensor, sizes: MaskSizes): Tensor {
  const { batch, heads, queries, keys } = sizes;
  requireKind(layer, 'attnMask', mask);
  const shape = mask.shape.join(',');
  if (shape === `${queries},${keys}`) return reshape(mask, [1, 1, queries, keys]);
  if (shape === `${batch * heads},${queries},${keys}`) {
    return reshape(mask, [batch, heads, queries, keys]);
  }
  const both = [`[${queries},${keys}]`, `[${batch * heads},${queries},${keys}]`];
  return wrong(layer, 'attnMask', mask, both.join(' or '));
}

function padding(layer: string, mask: Tensor, { batch, keys }: MaskSizes): Tensor {
  requireKind(layer, 'keyPaddingMask', mask);
  if (mask.shape.join(',') !== `${batch},${keys}`) {
    wrong(layer, 'keyPaddingMask', mask, `[${batch},${keys}]`);
  }
  return reshape(mask, [batch, 1, 1, keys]);
}

/** What both masks mean together, for `scaledDotProductAttention`. */
export function combinedMask(
  layer: string,
  attnMask: Tensor | null | undefined,
  keyPaddingMask: Tensor | null | undefined,
  sizes: MaskSizes,
  dtype: DType,
): Tensor | undefined {
  const masks = [
    ...(attnMask == null ? [] : [attention(layer, attnMask, sizes)]),
    ...(keyPaddingMask == null ? [] : [padding(layer, keyPaddingMask, sizes)]),
  ];
  const [first, second] = masks;
  if (first === undefined) return undefined;
  if (second === undefined) return first.dtype === 'bool' ? not(first) : first;
  if (first.dtype === 'bool' && second.dtype === 'bool') return not(first.or(second));
  const [a, b] = masks.map((mask) =>
    mask.dtype === 'bool'
      ? where(mask, full([], -Infinity, dtype), full([], 0, dtype))
      : cast(mask, dtype),
  );
  return add(a!, b!);
}

/** True above the diagonal: what a query may not look at. Shape: [queries, keys]. */
export function causalMask(queries: number, keys = queries): Tensor {
  return gt(reshape(iota(keys), [1, keys]), reshape(iota(queries), [queries, 1]));
}

/** A mask of `combinedMask` that also hides what comes later. */
export function withCausal(mask: Tensor | undefined, { queries, keys }: MaskSizes): Tensor {
  const later = reshape(causalMask(queries, keys), [1, 1, queries, keys]);
  if (mask === undefined) return not(later);
  if (mask.dtype === 'bool') return mask.and(not(later));
  return where(later, full([], -Infinity, mask.dtype), mask);
}
