/** Attention and its kin. */
import {
  add,
  broadcastTo,
  cast,
  concat,
  conv,
  div,
  eq,
  exp,
  gather,
  iota,
  isFloat,
  lt,
  matmul,
  mul,
  narrow,
  permute,
  reshape,
  scan,
  sub,
  tanh,
  where,
  zeros,
} from '@hebb/core';
import type { DType, Tensor } from '@hebb/core';
import { silu, softmax } from '@hebb/ops';
import type { Call } from '../call.ts';
import type { Steps } from '../need.ts';
import { since } from '../table.ts';
import type { Built, OperatorTable } from '../table.ts';
import { withBias } from './conv.ts';

/** [batch, steps, heads · size] -> [batch, heads, steps, size]; four axes stay. */
export function splitHeads(c: Call, x: Tensor, heads: number | undefined): Tensor {
  if (x.rank === 4) return x;
  const [batch, steps, width] = x.shape as [number, number, number];
  if (heads === undefined || width % heads !== 0) {
    return c.invalid(
      `${width} features do not split into ${heads ?? 'an unknown number of'} heads`,
    );
  }
  return permute(reshape(x, [batch, steps, heads, width / heads]), [0, 2, 1, 3]);
}

export function joinHeads(x: Tensor): Tensor {
  const [batch, heads, steps, size] = x.shape as [number, number, number, number];
  return reshape(permute(x, [0, 2, 1, 3]), [batch, steps, heads * size]);
}

/** Each key or value head serves a group of query heads that stand together. */
export function repeatHeads(x: Tensor, heads: number): Tensor {
  const [batch, own, steps, size] = x.shape as [number, number, number, number];
  if (own === heads) return x;
  const wide = broadcastTo(reshape(x, [batch, own, 1, steps, size]), [
    batch,
    own,
    heads / own,
    steps,
    size,
  ]);
  return reshape(wide, [batch, heads, steps, size]);
}

/** Additive mask: what the query may not see is -∞. */
function bias(
  c: Call,
  past: number,
  queries: number,
  keys: number,
  type: DType,
): Tensor | undefined {
  let total: Tensor | undefined;
  const plus = (part: Tensor): void => {
    total = total === undefined ? part : add(total, part);
  };
  if (c.has(3)) {
    const given = c.tensor(3);
    let mask = isFloat(given.dtype) ? cast(given, type) : where(given, 0, -Infinity).to(type);
    const missing = keys - mask.shape[mask.rank - 1]!;
    if (missing > 0) {
      const width = mask.shape.map((_, i) => (i === mask.rank - 1 ? missing : 0));
      mask = mask.pad({ low: width.map(() => 0), high: width }, -Infinity);
    }
    // Of rank 3 the leading axis is that of the heads.
    plus(mask);
  }
  const lengths = c.has(6) ? cast(c.tensor(6), 'int32') : undefined;
  const column = reshape(iota(keys), [1, 1, 1, keys]);
  if (c.attr.bool('is_causal')) {
    const row = reshape(iota(queries), [1, 1, queries, 1]);
    // Queries stand at the end of the keys that count.
    const offset =
      lengths === undefined ? past : reshape(sub(lengths, queries), [lengths.size, 1, 1, 1]);
    plus(where(lt(add(row, offset), column), -Infinity, 0).to(type));
  }
  if (lengths !== undefined) {
    const inside = lt(column, reshape(lengths, [lengths.size, 1, 1, 1]));
    plus(where(inside, 0, -Infinity).to(type));
  }
  return total;
}

/**
 * Scaled dot-product attention with grouped heads, cache, masks and soft capping. Rows that may see
 * nothing give zeros. Vaswani et al. 2017, arXiv:1706.03762.
 */
function attention(c: Call): (Tensor | undefined)[] {
  const flat = c.shape(0).length === 3;
  const heads = (name: string) => (c.attr.has(name) ? c.attr.int(name) : undefined);
  const q = splitHeads(c, c.tensor(0), heads('q_num_heads'));
  let k = splitHeads(c, c.tensor(1), heads('kv_num_heads'));
  let v = splitHeads(c, c.tensor(2), heads('kv_num_heads'));
  const past = c.has(4) ? c.shape(4)[2]! : 0;
  if (c.has(4)) k = concat([c.tensor(4), k], 2);
  if (c.has(5)) v = concat([c.tensor(5), v], 2);
  const [, count, queries, size] = q.shape as [number, number, number, number];
  const keys = k.shape[2]!;

  const root = Math.sqrt(c.attr.has('scale') ? c.attr.float('scale') : 1 / Math.sqrt(size));
  const scores = matmul(mul(q, root), mul(repeatHeads(k, count), root), { transposeB: true });
  const cap = c.attr.float('softcap', 0);
  const capped = cap > 0 ? mul(tanh(div(scores, cap)), cap) : scores;
  const mask = bias(c, past, queries, keys, q.dtype);
  const masked = mask === undefined ? capped : add(capped, mask);
  const precision = c.attr.int('softmax_precision', 0);
  const type = precision === 0 ? masked.dtype : c.coreDType(c.dtypeAttribute('softmax_precision'));
  let weights = cast(softmax(cast(masked, type), -1), q.dtype);
  if (mask !== undefined) {
    const blind = eq(mask.max(-1, true), -Infinity);
    weights = where(blind, 0, weights);
  }
  const y = matmul(weights, repeatHeads(v, count));
  const stages = [scores, capped, masked, weights];
  return [flat ? joinHeads(y) : y, k, v, stages[c.attr.int('qk_matmul_output_mode', 0)]];
}

/** Su et al. 2021, arXiv:2104.09864. The last axis is rotated in pairs. */
function rotary(c: Call): Tensor {
  const input = c.tensor(0);
  const flat = input.rank === 3;
  const heads = c.attr.int('num_heads', 0);
  const x = flat ? splitHeads(c, input, heads) : input;
  const [batch, , steps, size] = x.shape as [number, number, number, number];
  const width = c.attr.int('rotary_embedding_dim', 0) || size;
  const half = width / 2;
  const cache = (i: number): Tensor => {
    let table = c.tensor(i);
    if (c.has(3)) table = gather(table, cast(c.tensor(3), 'int32'), 0);
    return reshape(narrow(table, table.rank - 1, 0, half), [batch, 1, steps, half]);
  };
  const y = rotate(x, cache(1), cache(2), width, c.attr.bool('interleaved'));
  return flat ? joinHeads(y) : y;
}

/**
 * The first `width` elements of the last axis turned in pairs: neighbours, or element k with k + width/2.
 * x [batch, heads, steps, size]; cosine and sine [batch, 1, steps, width/2].
 */
export function rotate(
  x: Tensor,
  cosine: Tensor,
  sine: Tensor,
  width: number,
  interleaved: boolean,
): Tensor {
  const size = x.shape[3]!;
  const half = width / 2;
  const turned = narrow(x, 3, 0, width);
  const pair = (k: number): Tensor =>
    interleaved ? turned.index('...', [k, null, 2]) : narrow(turned, 3, k * half, half);
  const [a, b] = [pair(0), pair(1)];
  const real = sub(mul(cosine, a), mul(sine, b));
  const imaginary = add(mul(sine, a), mul(cosine, b));
  const rotated = interleaved
    ? reshape(concat([real.unsqueeze(-1), imaginary.unsqueeze(-1)], 4), turned.shape)
    : concat([real, imaginary], 3);
  return width === size ? rotated : concat([rotated, narrow(x, 3, width, size - width)], 3);
}

/** Attention as a recurrence over an outer-product memory, with decay and delta rule. */
function linearAttention(c: Call): Tensor[] {
  const query = c.tensor(0);
  const heads = c.attr.int('q_num_heads');
  const kvHeads = c.attr.int('kv_num_heads', heads);
  const rule = c.attr.string('update_rule', 'gated_delta');
  const [batch, steps] = query.shape as [number, number, number];
  /** Steps lead: [steps, batch, heads, size]. */
  const stepwise = (x: Tensor, count: number): Tensor =>
    cast(permute(reshape(x, [batch, steps, count, x.shape[2]! / count]), [1, 0, 2, 3]), 'float32');
  const q = stepwise(query, heads);
  const k = stepwise(c.tensor(1), kvHeads);
  const v = stepwise(c.tensor(2), kvHeads);
  const keySize = k.shape[3]!;
  const state = c.has(3)
    ? cast(c.tensor(3), 'float32')
    : zeros([batch, kvHeads, keySize, v.shape[3]!]);
  const gated = rule.startsWith('gated') && c.has(4);
  const delta = rule.endsWith('delta');
  const decay = gated ? stepwise(c.tensor(4), kvHeads) : undefined;
  const beta = delta && c.has(5) ? stepwise(c.tensor(5), c.shape(5)[2]!) : undefined;
  const given = c.attr.float('scale', 0);
  const scale = given === 0 ? 1 / Math.sqrt(q.shape[3]!) : given;
  const sequences = [
    q,
    k,
    v,
    ...(decay === undefined ? [] : [decay]),
    ...(beta === undefined ? [] : [beta]),
  ];
  const [[last], [outputs]] = scan(
    ([memory], elements) => {
      const [qt, kt, vt] = elements as [Tensor, Tensor, Tensor];
      const dt = decay === undefined ? undefined : elements[3]!;
      const bt = beta === undefined ? undefined : elements[elements.length - 1]!;
      const faded = dt === undefined ? memory! : mul(memory!, exp(dt).unsqueeze(-1));
      const column = kt.unsqueeze(-1);
      let write = vt;
      if (delta) {
        const seen = matmul(faded, column, { transposeA: true }).squeeze(-1);
        write = sub(vt, seen);
        if (bt !== undefined) write = mul(bt, write);
      }
      const next = add(faded, matmul(column, write.unsqueeze(-2)));
      const full = repeatHeads(next, heads);
      const read = matmul(qt.unsqueeze(-2), full).squeeze(-2);
      return [[next], [mul(read, scale)]];
    },
    [state],
    sequences,
  );
  const y = permute(outputs!, [1, 0, 2, 3]);
  const flat = reshape(y, [batch, steps, y.shape[2]! * y.shape[3]!]);
  return [cast(flat, query.dtype), cast(last!, c.has(3) ? c.tensor(3).dtype : query.dtype)];
}

/** Depthwise convolution over time that continues where the last call ended. */
function causalConv(c: Call): Tensor[] {
  const x = c.tensor(0);
  const weight = c.tensor(1);
  const [batch, channels] = x.shape as [number, number, number];
  const before = weight.shape[2]! - 1;
  const past = c.has(3) ? c.tensor(3) : zeros([batch, channels, before], x.dtype);
  const padded = concat([past, x], 2);
  const y = withBias(
    conv(padded, weight, { stride: [1], dilation: [1], padding: [[0, 0]], groups: channels }),
    c.maybe(2),
  );
  const activation = c.attr.string('activation', 'none');
  if (!['none', 'silu', 'swish', ''].includes(activation))
    c.unsupported(`activation ${activation}`);
  const out = activation === 'silu' || activation === 'swish' ? silu(y) : y;
  return [out, narrow(padded, 2, padded.shape[2]! - before, before)];
}

/** Attention whose scores and probabilities pass through subgraphs of the model's own. */
function* flex(c: Call): Steps<Built> {
  const q = c.tensor(0);
  const [, count, , size] = q.shape as [number, number, number, number];
  const [k, v] = [repeatHeads(c.tensor(1), count), repeatHeads(c.tensor(2), count)];
  const scale = c.attr.has('scale') ? c.attr.float('scale') : 1 / Math.sqrt(size);
  const precision = c.attr.int('softmax_precision', 0);
  const type =
    precision === 0
      ? q.dtype === 'float64'
        ? 'float64'
        : 'float32'
      : c.coreDType(c.dtypeAttribute('softmax_precision'));
  const through = function* (name: string, x: Tensor): Steps<Tensor> {
    const body = c.node.graphs.get(name);
    if (body === undefined) return x;
    const [y] = yield* c.subgraph(body, [x]);
    return c.asTensor(y!);
  };
  const raw = mul(matmul(cast(q, type), cast(k, type), { transposeB: true }), scale);
  const scores = yield* through('score_mod', raw);
  const weights = yield* through('prob_mod', softmax(scores, -1));
  return cast(matmul(weights, cast(v, type)), q.dtype);
}

export const flexAttention = [{ since: 1, run: flex }];

export const attentionOperators: OperatorTable = {
  Attention: [since(1, attention)],
  RotaryEmbedding: [since(1, rotary)],
  LinearAttention: [since(1, linearAttention)],
  CausalConvWithState: [since(1, causalConv)],
  SwiGLU: [
    since(1, (c) => mul(silu(c.tensor(0), { alpha: c.attr.float('alpha', 1) }), c.tensor(1))),
  ],
};
