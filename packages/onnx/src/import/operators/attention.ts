/** Attention and its kin. */
import {
  add,
  and,
  broadcastTo,
  cast,
  concat,
  conv,
  div,
  exp,
  full,
  iota,
  le,
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
import type { Tensor } from '@hebb/core';
import {
  attentionWeights,
  rotaryEmbedding,
  scaledDotProductAttention,
  silu,
  softmax,
} from '@hebb/ops';
import type { AttentionOptions } from '@hebb/ops';
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

/** A mask in full width, and the keys that count where their number is given: what both mean together. */
function maskOf(c: Call, past: number, queries: number, keys: number): Tensor | undefined {
  let mask = c.maybe(3);
  const missing = mask === undefined ? 0 : keys - mask.shape[mask.rank - 1]!;
  if (mask !== undefined && missing > 0) {
    const width = mask.shape.map((_, i) => (i === mask!.rank - 1 ? missing : 0));
    const hidden = mask.dtype === 'bool' ? false : -Infinity;
    mask = mask.pad({ low: width.map(() => 0), high: width }, hidden);
  }
  if (!c.has(6)) return mask;
  const lengths = cast(c.tensor(6), 'int32');
  const ends = reshape(lengths, [lengths.size, 1, 1, 1]);
  const column = reshape(iota(keys), [1, 1, 1, keys]);
  let seen = lt(column, ends);
  if (c.attr.bool('is_causal')) {
    // Queries stand at the end of the keys that count.
    const row = add(reshape(iota(queries), [1, 1, queries, 1]), sub(ends, queries));
    seen = and(seen, le(column, row));
  }
  if (mask === undefined) return seen;
  return mask.dtype === 'bool'
    ? and(mask, seen)
    : where(seen, mask, full([], -Infinity, mask.dtype));
}

/** Scaled dot-product attention with grouped heads, cache, masks and soft capping. */
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
  const scale = c.attr.has('scale') ? c.attr.float('scale') : 1 / Math.sqrt(size);
  const precision = c.attr.int('softmax_precision', 0);
  const options: AttentionOptions = {
    attnMask: maskOf(c, past, queries, k.shape[2]!),
    isCausal: c.attr.bool('is_causal') && !c.has(6),
    offset: past,
    scale,
    softcap: c.attr.float('softcap', 0),
    softmaxDtype: precision === 0 ? undefined : c.coreDType(c.dtypeAttribute('softmax_precision')),
  };
  const y = scaledDotProductAttention(q, k, v, options);
  const stage = c.wants(3) ? stageOf(c, q, repeatHeads(k, count), options) : undefined;
  return [flat ? joinHeads(y) : y, k, v, stage];
}

/** The products on their way to probabilities: plain, capped, masked, or done. */
function stageOf(c: Call, q: Tensor, k: Tensor, options: AttentionOptions): Tensor {
  const { attnMask, isCausal = false, offset = 0, scale = 1, softcap = 0 } = options;
  const mode = c.attr.int('qk_matmul_output_mode', 0);
  if (mode === 3) return attentionWeights(q, k, options);
  let scores = mul(matmul(q, k, { transposeB: true }), scale);
  if (mode >= 1 && softcap > 0) scores = mul(tanh(div(scores, softcap)), softcap);
  if (mode < 2) return scores;
  const hide = (seen: Tensor): Tensor => where(seen, scores, full([], -Infinity, scores.dtype));
  if (attnMask?.dtype === 'bool') scores = hide(attnMask);
  else if (attnMask != null) scores = add(scores, cast(attnMask, scores.dtype));
  if (!isCausal) return scores;
  const [queries, keys] = scores.shape.slice(-2) as [number, number];
  const row = add(reshape(iota(queries), [queries, 1]), offset);
  return hide(le(reshape(iota(keys), [1, keys]), row));
}

/** Su et al. 2021, arXiv:2104.09864. The last axis is rotated in pairs. */
function rotary(c: Call): Tensor {
  const input = c.tensor(0);
  const flat = input.rank === 3;
  const heads = c.attr.int('num_heads', 0);
  const x = flat ? splitHeads(c, input, heads) : input;
  const [batch, , steps, size] = x.shape as [number, number, number, number];
  const half = (c.attr.int('rotary_embedding_dim', 0) || size) / 2;
  const positions = c.has(3) ? cast(c.tensor(3), 'int32') : undefined;
  const cache = (i: number): Tensor => {
    const table = narrow(c.tensor(i), c.shape(i).length - 1, 0, half);
    return positions === undefined ? reshape(table, [batch, steps, half]) : table;
  };
  const interleaved = c.attr.bool('interleaved');
  const y = rotaryEmbedding(x, cache(1), cache(2), { interleaved, positions });
  return flat ? joinHeads(y) : y;
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
  // What is erased may be another key than what is written to.
  const erase = delta && c.has(6) ? stepwise(c.tensor(6), kvHeads) : undefined;
  const given = c.attr.float('scale', 0);
  const scale = given === 0 ? 1 / Math.sqrt(q.shape[3]!) : given;
  const sequences = [
    q,
    k,
    v,
    ...(decay === undefined ? [] : [decay]),
    ...(beta === undefined ? [] : [beta]),
    ...(erase === undefined ? [] : [erase]),
  ];
  const [[last], [outputs]] = scan(
    ([memory], elements) => {
      const [qt, kt, vt, ...rest] = elements as [Tensor, Tensor, Tensor, ...Tensor[]];
      const dt = decay && rest.shift();
      const bt = beta && rest.shift();
      const et = erase && rest.shift();
      const faded = dt === undefined ? memory! : mul(memory!, exp(dt).unsqueeze(-1));
      const column = kt.unsqueeze(-1);
      let write = vt;
      if (delta) {
        const erased = et === undefined ? column : mul(et, kt).unsqueeze(-1);
        const seen = matmul(faded, erased, { transposeA: true }).squeeze(-1);
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
