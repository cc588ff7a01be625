/** com.microsoft: attention in the forms that ONNX Runtime's optimizer and model builder write. */
import {
  add,
  and,
  broadcastTo,
  cast,
  concat,
  div,
  exp,
  gatherElements,
  iota,
  le,
  lt,
  matmul,
  max,
  maximum,
  minimum,
  mul,
  narrow,
  pad,
  permute,
  reshape,
  sub,
  sum,
  tanh,
  where,
} from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { rotaryEmbedding, scaledDotProductAttention } from '@hebb/ops';
import { joinHeads, repeatHeads, splitHeads } from '../attention.ts';
import type { Call } from '../../call.ts';
import { since } from '../../table.ts';
import type { OperatorTable } from '../../table.ts';

/** What stands for -∞ in masks of 0 and 1: a row without any key then has equal weights. */
const filter = (c: Call): number => c.attr.float('mask_filter_value', -10000);

/**
 * A mask as a summand of the scores [batch, heads, queries, keys]. It is given as lengths [batch], as
 * lengths and starts [2·batch], as 0 and 1 for each key [batch, keys], or for each query and key.
 */
function padding(c: Call, i: number, batch: number, queries: number, keys: number): Tensor {
  const mask = cast(c.tensor(i), 'int32');
  const summand = (seen: Tensor): Tensor => where(seen, 0, filter(c));
  if (mask.rank === 2) {
    return summand(lt(0, reshape(mask, [batch, 1, 1, mask.shape[1]!])));
  }
  if (mask.rank === 3) return summand(lt(0, reshape(mask, [batch, 1, queries, mask.shape[2]!])));
  if (mask.rank === 1 && [batch, 2 * batch].includes(mask.size)) {
    const column = reshape(iota(keys), [1, 1, 1, keys]);
    const part = (k: number): Tensor =>
      reshape(narrow(mask, 0, k * batch, batch), [batch, 1, 1, 1]);
    const inside = lt(column, part(0));
    return summand(mask.size === batch ? inside : and(inside, le(part(1), column)));
  }
  return c.unsupported(`a mask of shape [${mask.shape.join(',')}]`);
}

interface Parts {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
  readonly maskAt: number;
  readonly biasAt: number;
}

/** [output, scores] of heads [batch, heads, steps, size]. */
function attend(c: Call, { q, k, v, maskAt, biasAt }: Parts): [Tensor, Tensor] {
  const [batch, , queries, size] = q.shape as [number, number, number, number];
  const keys = k.shape[2]!;
  const given = c.attr.float('scale', 0);
  const scale = given === 0 ? 1 / Math.sqrt(size) : given;
  const hidden = c.has(maskAt)
    ? cast(padding(c, maskAt, batch, queries, keys), q.dtype)
    : undefined;
  const bias = c.maybe(biasAt);
  const y = scaledDotProductAttention(q, k, v, {
    attnMask: hidden === undefined || bias === undefined ? (hidden ?? bias) : add(hidden, bias),
    isCausal: c.attr.bool('unidirectional'),
    offset: keys - queries,
    scale,
  });
  return [joinHeads(y), mul(matmul(q, k, { transposeB: true }), scale)];
}

const withPast = (past: Tensor | undefined, now: Tensor): Tensor =>
  past === undefined || past.shape[2] === 0 ? now : concat([past, now], 2);

function multiHead(c: Call): (Tensor | undefined)[] {
  const heads = c.attr.int('num_heads');
  const query = c.tensor(0);
  const packed = (x: Tensor, at: number): Tensor =>
    // [batch, steps, heads, parts, size]
    permute(reshape(narrow(x, 3, at, 1), [...x.shape.slice(0, 3), x.shape[4]!]), [0, 2, 1, 3]);
  const bias = c.maybe(3);
  const width = query.rank === 5 ? query.shape[2]! * query.shape[4]! : query.shape[2]!;
  const plus = (x: Tensor, part: number): Tensor => {
    if (bias === undefined || x.rank !== 3) return x;
    const length = part === 2 ? bias.size - 2 * width : width;
    return add(x, narrow(bias, 0, part * width, length));
  };
  let [q, k, v]: Tensor[] = [];
  if (query.rank === 5) [q, k, v] = [0, 1, 2].map((part) => packed(query, part));
  else {
    q = splitHeads(c, plus(query, 0), heads);
    const key = c.tensor(1);
    if (key.rank === 5) [k, v] = [packed(key, 0), packed(key, 1)];
    else {
      k = splitHeads(c, plus(key, 1), heads);
      v = splitHeads(c, plus(c.tensor(2), 2), heads);
    }
  }
  k = withPast(c.maybe(6), k!);
  v = withPast(c.maybe(7), v!);
  const [y, scores] = attend(c, { q: q!, k, v, maskAt: 4, biasAt: 5 });
  return [y, k, v, scores];
}

/** Self-attention with the projections inside: weights [width, q + k + v]. */
function selfAttention(c: Call): (Tensor | undefined)[] {
  const heads = c.attr.int('num_heads');
  if (c.attr.bool('do_rotary')) c.unsupported('with rotary embedding inside');
  const product = matmul(c.tensor(0), c.tensor(1));
  const projected = c.has(2) ? add(product, c.tensor(2)) : product;
  const third = projected.shape[2]! / 3;
  const sizes = c.attr.ints('qkv_hidden_sizes') ?? [third, third, third];
  const part = (k: number): Tensor => {
    const start = sizes.slice(0, k).reduce((a, b) => a + b, 0);
    return splitHeads(c, narrow(projected, 2, start, sizes[k]!), heads);
  };
  const past = (k: number): Tensor | undefined =>
    c.has(4) ? reshape(narrow(c.tensor(4), 0, k, 1), c.shape(4).slice(1)) : undefined;
  const k = withPast(past(0), part(1));
  const v = withPast(past(1), part(2));
  const [y] = attend(c, { q: part(0), k, v, maskAt: 3, biasAt: 5 });
  const present = c.wants(1) ? concat([k.unsqueeze(0), v.unsqueeze(0)], 0) : undefined;
  return [y, present];
}

// --- grouped queries ---

/**
 * Attention of decoders with a cache. `seqlens_k` holds the number of keys less one for each row of the
 * batch; new keys are written behind the old ones of their row. Ainslie et al. 2023, arXiv:2305.13245.
 */
function groupQuery(c: Call): (Tensor | undefined)[] {
  const heads = c.attr.int('num_heads');
  const kvHeads = c.attr.int('kv_num_heads');
  const total = c.number(6);
  let [query, key, value] = [c.tensor(0), c.maybe(1), c.maybe(2)];
  if (key === undefined || value === undefined) {
    const size = query.shape[2]! / (heads + 2 * kvHeads);
    const all = query;
    query = narrow(all, 2, 0, heads * size);
    key = narrow(all, 2, heads * size, kvHeads * size);
    value = narrow(all, 2, (heads + kvHeads) * size, kvHeads * size);
  }
  const [batch, steps] = query.shape as [number, number];
  let q = splitHeads(c, query, heads);
  let k = splitHeads(c, key, kvHeads);
  const v = splitHeads(c, value, kvHeads);
  const size = q.shape[3]!;
  const lengths = add(reshape(cast(c.tensor(5), 'int32'), [batch, 1]), 1);
  // A prompt is the first call, whatever the lengths of its rows: their ends are padding.
  const old = steps === total ? mul(lengths, 0) : sub(lengths, steps);
  const positions = add(old, reshape(iota(steps), [1, steps]));
  if (c.attr.bool('do_rotary')) {
    const at = c.has(9) ? cast(c.tensor(9), 'int32') : positions;
    const how = { interleaved: c.attr.bool('rotary_interleaved'), positions: at };
    q = rotaryEmbedding(q, c.tensor(7), c.tensor(8), how);
    k = rotaryEmbedding(k, c.tensor(7), c.tensor(8), how);
  }
  const keys = Math.max(total, c.has(3) ? c.shape(3)[2]! : 0);
  const presentKey = written(c.maybe(3), k, old, keys);
  const presentValue = written(c.maybe(4), v, old, keys);

  const given = c.attr.float('scale', 0);
  const scale = given === 0 ? 1 / Math.sqrt(size) : given;
  const softcap = c.attr.float('softcap', 0);
  const row = reshape(positions, [batch, 1, steps, 1]);
  const column = reshape(iota(keys), [1, 1, 1, keys]);
  let seen = le(column, row);
  const window = c.attr.int('local_window_size', -1);
  if (window >= 0) seen = and(seen, lt(sub(row, window), column));
  const mask = c.has(10) ? where(seen, c.tensor(10), -Infinity) : seen;
  const smooth = c.has(11) || c.attr.int('smooth_softmax', 0) === 1;
  if (!smooth) {
    const y = scaledDotProductAttention(q, presentKey, presentValue, {
      attnMask: mask,
      scale,
      softcap,
    });
    return [joinHeads(y), presentKey, presentValue];
  }
  let scores = mul(matmul(q, repeatHeads(presentKey, heads), { transposeB: true }), scale);
  if (softcap > 0) scores = mul(tanh(div(scores, softcap)), softcap);
  if (c.has(10)) scores = add(scores, c.tensor(10));
  const sink = c.has(11) ? reshape(c.tensor(11), [1, heads, 1, 1]) : undefined;
  const weights = sinkSoftmax(where(seen, scores, -Infinity), sink);
  const y = matmul(weights, repeatHeads(presentValue, heads));
  return [joinHeads(y), presentKey, presentValue];
}

/** Softmax with one more score, of a key that gives nothing. */
function sinkSoftmax(scores: Tensor, sink: Tensor | undefined): Tensor {
  const most = maximum(max(scores, -1, true), sink ?? 0);
  const e = exp(sub(scores, most));
  const rest = exp(sink === undefined ? mul(most, -1) : sub(sink, most));
  return div(e, add(sum(e, -1, true), rest));
}

/** The cache [batch, heads, keys, size] with the new steps of each row behind its `old` ones [batch, 1]. */
function written(past: Tensor | undefined, now: Tensor, old: Tensor, keys: number): Tensor {
  const [batch, heads, steps, size] = now.shape as [number, number, number, number];
  const before = past?.shape[2] ?? 0;
  if (past === undefined || before === 0) return widened(now, keys);
  if (batch === 1 && before + steps === keys) return concat([past, now], 2);
  const from = sub(reshape(iota(keys), [1, keys]), old);
  const inside = and(le(0, from), lt(from, steps));
  const index = minimum(maximum(from, 0), steps - 1);
  const shape = [batch, heads, keys, size];
  const spread = (x: Tensor): Tensor => broadcastTo(reshape(x, [batch, 1, keys, 1]), shape);
  return where(spread(inside), gatherElements(now, spread(index), 2), widened(past, keys));
}

function widened(x: Tensor, keys: number): Tensor {
  const missing = keys - x.shape[2]!;
  return missing <= 0 ? x : pad(x, { low: [0, 0, 0, 0], high: [0, 0, missing, 0] });
}

/** Su et al. 2021, arXiv:2104.09864, with positions given, or counted from one. */
function rotary(c: Call): Tensor {
  const input = c.tensor(0);
  const flat = input.rank === 3;
  const [, half] = c.shape(2) as [number, number];
  const width = c.attr.int('rotary_embedding_dim', 0) || 2 * half;
  const heads = c.attr.int('num_heads', 0) || input.shape[2]! / width;
  const x = flat ? splitHeads(c, input, heads) : input;
  const [batch, , steps] = x.shape as [number, number, number];
  const given = cast(c.tensor(1), 'int32');
  const counted = add(
    reshape(iota(steps), [1, steps]),
    reshape(given, [-1, given.rank === 2 ? steps : 1]),
  );
  const positions = broadcastTo(given.rank === 2 ? given : counted, [batch, steps]);
  const factor = c.attr.float('scale', 1);
  const scaled = factor === 1 ? x : mul(x, factor);
  const y = rotaryEmbedding(scaled, c.tensor(2), c.tensor(3), {
    interleaved: c.attr.bool('interleaved'),
    positions,
  });
  return flat ? joinHeads(y) : y;
}

export const attentionOperators: OperatorTable = {
  Attention: [since(1, selfAttention)],
  MultiHeadAttention: [since(1, multiHead)],
  GroupQueryAttention: [since(1, groupQuery)],
  RotaryEmbedding: [since(1, rotary)],
};
