/** What attention computes, whole and cut into parts. */
import {
  add,
  cast,
  concat,
  div,
  expand,
  gradients,
  isFloat,
  matmul,
  mul,
  reshape,
  sizeOf,
  tanh,
  where,
} from '@hebb/core';
import type { DType, Tensor } from '@hebb/core';
import { softmax } from '../softmax.ts';
import { gradientOverBlocks, limits, overBlocks, rowsOfBlock } from './blocks.ts';
import type { Limits, Operands } from './blocks.ts';
import { dropWeights, rowKeys } from './dropout.ts';
import { atPlace, partsOf, pieceOf } from './parts.ts';
import type { Part } from './parts.ts';
import { softmaxOrZeros } from './softmax.ts';
import { bandMask, mayHideRows } from './visible.ts';
import type { Band } from './visible.ts';

export type AttentionAttrs = Band & {
  readonly scale: number;
  /** 0: none. */
  readonly softcap: number;
  readonly dropout: number;
  /** Left out: the type of the queries. */
  readonly softmaxDtype?: DType;
};

const headsOf = (x: Tensor): number => (x.rank < 4 ? 1 : x.shape.at(-3)!);

/** Query heads that share a key head become rows of one matrix: [..., H, L, E] -> [..., Hk, H/Hk · L, E]. */
function foldHeads(x: Tensor, keyHeads: number): Tensor {
  const heads = headsOf(x);
  if (heads === keyHeads) return x;
  const [rows, size] = x.shape.slice(-2) as [number, number];
  return reshape(x, [...x.shape.slice(0, -3), keyHeads, (heads / keyHeads) * rows, size]);
}
function unfoldHeads(x: Tensor, heads: number): Tensor {
  const own = headsOf(x);
  if (own === heads) return x;
  const [rows, size] = x.shape.slice(-2) as [number, number];
  return reshape(x, [...x.shape.slice(0, -3), heads, (rows * own) / heads, size]);
}

/** Where the queries of a block stand: known only in the loop, unlike whether any of them sees no key. */
interface Place {
  readonly offset: Tensor | number;
  readonly hides: boolean;
}
const placeOf = (q: Tensor, k: Tensor, attrs: AttentionAttrs): Place => ({
  offset: attrs.offset,
  hides: mayHideRows(q.shape.at(-2)!, k.shape.at(-2)!, attrs),
});

/** Probabilities [..., H, L, S]. */
function weightsOf(
  { q, k, mask, keys }: Omit<Operands, 'v'>,
  attrs: AttentionAttrs,
  place: Place,
): Tensor {
  const { scale, softcap, dropout, softmaxDtype = q.dtype } = attrs;
  const folded = matmul(foldHeads(q, headsOf(k)), k, { transposeB: true });
  let scores = mul(unfoldHeads(folded, headsOf(q)), scale);
  if (softcap > 0) scores = mul(tanh(div(scores, softcap)), softcap);
  let visible = bandMask(q.shape.at(-2)!, k.shape.at(-2)!, attrs, place.offset);
  if (mask?.dtype === 'bool') visible = visible === undefined ? mask : mask.and(visible);
  else if (mask !== undefined) scores = add(scores, expand(mask, scores.shape));
  if (visible !== undefined) scores = where(expand(visible, scores.shape), scores, -Infinity);
  const wide = cast(scores, softmaxDtype);
  const hidden = mask !== undefined || place.hides;
  const weights = cast(hidden ? softmaxOrZeros(wide) : softmax(wide, -1), q.dtype);
  return keys === undefined ? weights : dropWeights(weights, keys, dropout);
}

/** softmax(…) v. */
function attendTo(all: Operands, attrs: AttentionAttrs, place: Place): Tensor {
  const weights = weightsOf(all, attrs, place);
  return unfoldHeads(matmul(foldHeads(weights, headsOf(all.v)), all.v), headsOf(all.q));
}

/** Gradients of q, k, v and of a mask that is added. */
function gradientOf(
  all: Operands,
  g: Tensor,
  attrs: AttentionAttrs,
  place: Place,
  keep: boolean,
): Tensor[] {
  const { q, k, v, mask } = all;
  // Said in another way, the probabilities are not those of the forward pass, which then keeps none.
  const y = keep
    ? attendTo(all, attrs, place)
    : attendTo({ ...all, q: mul(q, attrs.scale) }, { ...attrs, scale: 1 }, place);
  const wrt = [q, k, v, ...(isAdded(mask) ? [mask] : [])];
  return gradients(y, wrt, { cotangents: [g], unused: 'zeros' });
}
const isAdded = (mask: Tensor | undefined): mask is Tensor =>
  mask !== undefined && isFloat(mask.dtype);

type Inputs = readonly [
  q: Tensor,
  k: Tensor,
  v: Tensor,
  mask: Tensor | undefined,
  key: Tensor | undefined,
];
const operandsOf = ([q, k, v, mask, key]: Inputs): Operands => ({
  q,
  k,
  v,
  mask,
  keys: key && rowKeys(key, q.shape.at(-2)!),
});

export function probabilities(
  q: Tensor,
  k: Tensor,
  mask: Tensor | undefined,
  key: Tensor | undefined,
  attrs: AttentionAttrs,
): Tensor {
  const keys = key && rowKeys(key, q.shape.at(-2)!);
  return weightsOf({ q, k, mask, keys }, attrs, placeOf(q, k, attrs));
}

export function attend(inputs: Inputs, attrs: AttentionAttrs): Tensor {
  const all = operandsOf(inputs);
  return attendTo(all, attrs, placeOf(all.q, all.k, attrs));
}

export function attendGradient(inputs: Inputs, g: Tensor, attrs: AttentionAttrs): Tensor[] {
  const all = operandsOf(inputs);
  return gradientOf(all, g, attrs, placeOf(all.q, all.k, attrs), true);
}

/** Whether the scores of a whole call may be held, and its probabilities kept for the gradient. */
const mayHold = ({ q, k }: Operands, { whole }: Limits): boolean =>
  sizeOf(q.shape.slice(0, -1)) * k.shape.at(-2)! <= whole;

/** Dropout numbers the scores by all keys: these stay together. */
function cut({ q, k, keys }: Operands, attrs: AttentionAttrs): Part[] {
  if (keys === undefined) return partsOf(q.shape, k.shape, attrs);
  const [queries, all] = [q.shape.at(-2)!, k.shape.at(-2)!];
  return [{ query: 0, queries, key: 0, keys: all, offset: attrs.offset }];
}

/** A part of the operands, what its attributes become, and the rows of its blocks. */
function piece(all: Operands, attrs: AttentionAttrs, part: Part, within: Limits) {
  const { q, k, v, mask, keys } = all;
  const here = { ...attrs, offset: part.offset };
  const own: Operands = {
    q: pieceOf(q, 'query', part),
    k: pieceOf(k, 'key', part),
    v: pieceOf(v, 'key', part),
    mask: mask && pieceOf(mask, 'mask', part),
    keys,
  };
  const { hides } = placeOf(own.q, own.k, here);
  const place = (first: Tensor | number): Place => ({
    hides,
    offset: typeof first === 'number' ? part.offset + first : add(first, part.offset),
  });
  const rows = mayHold(all, within)
    ? undefined
    : rowsOfBlock(own.q.shape, part.keys, keys !== undefined, within);
  return { own, here, place, rows };
}

/** `attend` in parts for the bands of keys that are seen, and in blocks where there are too many scores. */
export function attendInParts(
  inputs: Inputs,
  attrs: AttentionAttrs,
  within: Limits = limits,
): Tensor {
  const all = operandsOf(inputs);
  const parts = cut(all, attrs);
  const results = parts.map((part) => {
    const { own, here, place, rows } = piece(all, attrs, part, within);
    if (rows === undefined) return attendTo(own, here, place(0));
    return overBlocks(own, rows, (block, first) => attendTo(block, here, place(first)));
  });
  return results.length === 1 ? results[0]! : concat(results, all.q.rank - 2);
}

export function gradientInParts(
  inputs: Inputs,
  g: Tensor,
  attrs: AttentionAttrs,
  within: Limits = limits,
): Tensor[] {
  const all = operandsOf(inputs);
  const { q, k, v, mask } = all;
  const keep = mayHold(all, within);
  const parts = cut(all, attrs);
  const ofQueries: Tensor[] = [];
  const ofMask: Tensor[] = [];
  /** Gradients of keys and values that are not in a sum yet, with the parts that they belong to. */
  let ofKeys: (readonly [part: Part, dk: Tensor, dv: Tensor])[] = [];
  const sum = (list: readonly Tensor[]): Tensor => list.reduce((a, b) => add(a, b));
  const sumOfKeys = (like: readonly [Tensor, Tensor]): [Tensor, Tensor] => [
    sum(ofKeys.map(([part, dk]) => atPlace(dk, like[0].shape, 'key', part))),
    sum(ofKeys.map(([part, , dv]) => atPlace(dv, like[1].shape, 'key', part))),
  ];
  // Each part sees at least the keys of those before.
  const nested = parts.every((part) => part.key === 0);
  for (const part of parts) {
    const { own, here, place, rows } = piece(all, attrs, part, within);
    const rowsOfG = pieceOf(g, 'query', part);
    const gradient = (block: Operands, cotangent: Tensor, first: Tensor | number) =>
      gradientOf(block, cotangent, here, place(first), keep);
    let grads: Tensor[];
    if (rows === undefined) grads = gradient(own, rowsOfG, 0);
    else {
      // The loop goes on with the sums of the parts before: not every part's gradients are there at once.
      const start = nested && ofKeys.length > 0 ? sumOfKeys([own.k, own.v]) : undefined;
      grads = gradientOverBlocks(own, rowsOfG, rows, isAdded(mask), start, gradient);
      if (start !== undefined) ofKeys = [];
    }
    const [dq, dk, dv, dm] = grads;
    ofQueries.push(atPlace(dq!, q.shape, 'query', part));
    ofKeys.push([part, dk!, dv!]);
    if (isAdded(mask)) ofMask.push(atPlace(dm!, mask.shape, 'mask', part));
  }
  return [sum(ofQueries), ...sumOfKeys([k, v]), ...(isAdded(mask) ? [sum(ofMask)] : [])];
}
