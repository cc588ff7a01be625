/** Scaled dot-product attention. Vaswani et al. 2017, arXiv:1706.03762. */
import {
  argumentLayout,
  broadcastShapes,
  broadcastTo,
  cast,
  composite,
  defaultGenerator,
  fail,
  formatShape,
  isFloat,
  withOp,
} from '@hebb/core';
import type { Attrs, DType, Generator, OnnxEmitter, Tensor } from '@hebb/core';
import { number, requireTensor } from '../operands.ts';
import { attend, attendGradient, attendInParts, gradientInParts, probabilities } from './attend.ts';
import type { AttentionAttrs } from './attend.ts';

/** Which of the arguments a node was given. */
function inputsGiven(attrs: Attrs): (i: number) => boolean {
  const layout = argumentLayout(attrs);
  return (i) => layout === undefined || layout[i] === 'x';
}

/** The settings without the layout of the arguments. */
function settingsOf(attrs: AttentionAttrs): AttentionAttrs {
  const { scale, causal, offset, window, softcap, dropout, softmaxDtype } = attrs;
  const type = softmaxDtype === undefined ? {} : { softmaxDtype };
  return { scale, causal, offset, window, softcap, dropout, ...type };
}

const plain = { scale: 0.5, causal: false, offset: 0, window: 0, softcap: 0, dropout: 0 } as const;
const heads = { q: [2, 2, 3, 4], k: [2, 2, 5, 4], v: [2, 2, 5, 3] } as const;
const boolMask = {
  shape: [3, 5],
  dtype: 'bool',
  values: [1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1],
} as const;
const dropoutKey = { shape: [2], dtype: 'uint32', values: [7, 9] } as const;

type MaybeTensor = Tensor | undefined;

const gradientOp = composite('scaledDotProductAttentionGradient', {
  body: (
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: MaybeTensor,
    key: MaybeTensor,
    g: Tensor,
    attrs: AttentionAttrs,
  ): Tensor[] => attendGradient([q, k, v, mask, key], g, attrs),
  inParts: (q, k, v, mask, key, g, attrs) => gradientInParts([q, k, v, mask, key], g, attrs),
  samples: [
    { in: [heads.q, heads.k, heads.v, boolMask, null, [2, 2, 3, 3]], attrs: plain },
    {
      name: 'parts',
      in: [[40, 2], [40, 2], [40, 1], [40, 40], null, [40, 1]],
      attrs: { ...plain, causal: true },
    },
  ],
});

const attentionOp = composite('scaledDotProductAttention', {
  body: (
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: MaybeTensor,
    key: MaybeTensor,
    attrs: AttentionAttrs,
  ): Tensor => attend([q, k, v, mask, key], attrs),
  inParts: (q, k, v, mask, key, attrs) => attendInParts([q, k, v, mask, key], attrs),
  vjp: ({ grads: [g], inputs, attrs }) => {
    const given = inputsGiven(attrs);
    const [q, k, v, ...rest] = inputs as [Tensor, Tensor, Tensor, ...Tensor[]];
    const mask = given(3) ? rest[0] : undefined;
    const key = given(4) ? rest.at(-1) : undefined;
    const found = gradientOp(q, k, v, mask, key, g!, settingsOf(attrs as AttentionAttrs));
    return [...found, ...rest.map(() => null)].slice(0, inputs.length);
  },
  onnx: { op: 'Attention', since: 23, emit: (onnx, attrs) => emitAttention(onnx, attrs) },
  samples: [
    { in: [[3, 4], [5, 4], [5, 2], null, null], attrs: plain },
    { name: 'heads', in: [heads.q, heads.k, heads.v, null, null], attrs: plain },
    {
      name: 'causal, shared key heads',
      in: [[2, 4, 3, 4], [2, 2, 3, 4], [2, 2, 3, 3], null, null],
      attrs: { ...plain, causal: true },
    },
    {
      name: 'mask with a hidden row',
      in: [heads.q, heads.k, heads.v, boolMask, null],
      attrs: plain,
    },
    {
      name: 'hidden keys',
      in: [
        heads.q,
        heads.k,
        heads.v,
        { shape: [2, 1, 1, 5], dtype: 'bool', values: [1, 1, 1, 0, 0, 1, 0, 1, 1, 1] },
        null,
      ],
      attrs: plain,
    },
    {
      name: 'bias, capped scores',
      in: [heads.q, heads.k, heads.v, [2, 1, 3, 5], null],
      attrs: { ...plain, softcap: 2 },
    },
    {
      name: 'sliding window behind a cache',
      in: [[2, 2, 4], [2, 6, 4], [2, 6, 3], null, null],
      attrs: { ...plain, causal: true, offset: 4, window: 3 },
    },
    {
      name: 'window past the keys',
      in: [[1, 6, 2], [1, 2, 2], [1, 2, 2], null, null],
      attrs: { ...plain, window: 2 },
    },
    {
      name: 'parts',
      in: [[40, 2], [45, 2], [45, 1], null, null],
      attrs: { ...plain, causal: true, offset: 5, window: 9 },
    },
    {
      name: 'dropout',
      in: [heads.q, heads.k, heads.v, null, dropoutKey],
      attrs: { ...plain, dropout: 0.4 },
    },
  ],
});

const weightsOp = composite('attentionWeights', {
  body: probabilities,
  samples: [
    { in: [heads.q, heads.k, null, null], attrs: plain },
    { in: [heads.q, heads.k, boolMask, null], attrs: { ...plain, causal: true } },
  ],
});

/** A node `Attention` for four axes; it has no dropout, no window and counts queries from the first key. */
function emitAttention(onnx: OnnxEmitter, attrs: Attrs): string[] | undefined {
  const given = inputsGiven(attrs);
  const [q, k] = onnx.inputAvals;
  const fits = onnx.inputAvals.slice(0, 3).every(({ shape }) => shape.length === 4);
  if (!fits || given(4) || number(attrs.window, 0) > 0) return undefined;
  if (attrs.causal === true && number(attrs.offset, 0) !== 0) return undefined;
  if (q!.shape[0] !== k!.shape[0] || attrs.softmaxDtype !== undefined) return undefined;
  const softcap = number(attrs.softcap, 0);
  const [query, key, value, mask] = onnx.inputs;
  const inputs = [query, key, value, ...(given(3) ? [wholeMask(onnx, mask!)] : [])];
  return onnx.node('Attention', inputs, {
    scale: { float: number(attrs.scale, 1) },
    ...(attrs.causal === true ? { is_causal: 1 } : {}),
    ...(softcap > 0 ? { softcap: { float: softcap } } : {}),
  });
}

/** ONNX Runtime repeats a mask over batch and heads, not over queries and keys. */
function wholeMask(onnx: OnnxEmitter, mask: string): string {
  const [queries, keys] = [onnx.inputAvals[0]!.shape[2]!, onnx.inputAvals[1]!.shape[2]!];
  const { shape } = onnx.inputAvals[3]!;
  if (shape.at(-2) === queries && shape.at(-1) === keys) return mask;
  return onnx.node('Expand', [mask, onnx.shape([...shape.slice(0, -2), queries, keys])])[0]!;
}

export interface AttentionOptions {
  /** Bool: true may be looked at. Float: added to the scores. Broadcasts to [..., H, L, S]. */
  readonly attnMask?: Tensor | null | undefined;
  /** Query i sees keys 0 … i + offset only. Default false. */
  readonly isCausal?: boolean | undefined;
  /** Position of the first query among the keys, for `isCausal` and `window`; default 0. */
  readonly offset?: number | undefined;
  /** Only keys whose distance from the query is less than this; default: all. */
  readonly window?: number | undefined;
  /** Factor of the products; default 1/√E. */
  readonly scale?: number | undefined;
  /** Scores s become softcap · tanh(s / softcap). Gemma Team 2024, arXiv:2408.00118. */
  readonly softcap?: number | undefined;
  /** Share of the probabilities set to zero; default 0. Unlike a module it knows no mode: pass 0 in evaluation. */
  readonly dropoutP?: number | undefined;
  /** Key of the dropout, uint32[2]; by default the next one of `generator`. */
  readonly dropoutKey?: Tensor | undefined;
  readonly generator?: Generator | undefined;
  /** Type of the softmax; default that of the queries. */
  readonly softmaxDtype?: DType | undefined;
}

interface Call {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly mask: Tensor | undefined;
  readonly key: Tensor | undefined;
  readonly attrs: AttentionAttrs;
}

/** Leading axes made equal; key heads may be fewer than query heads. */
function leading(op: string, q: Tensor, x: Tensor, name: string): readonly number[] {
  const grouped = q.rank >= 4 && x.rank >= 4;
  const cut = grouped ? -3 : -2;
  if (grouped && (x.shape.at(-3) === 0 || q.shape.at(-3)! % x.shape.at(-3)! !== 0)) {
    fail(
      op,
      `${q.shape.at(-3)} heads of the query do not divide among ${x.shape.at(-3)} of the ${name}`,
      formatShape(x.shape),
    );
  }
  return broadcastShapes(op, q.shape.slice(0, cut), x.shape.slice(0, cut));
}

function prepare(op: string, query: Tensor, key: Tensor, options: AttentionOptions): Call {
  requireTensor(op, query);
  requireTensor(op, key);
  const { attnMask, isCausal = false, offset = 0, window = 0, softcap = 0 } = options;
  if (query.rank < 2 || key.rank !== query.rank || query.shape.at(-1) !== key.shape.at(-1)) {
    fail(
      op,
      'query and key do not fit',
      `${formatShape(query.shape)}, ${formatShape(key.shape)}`,
      '[..., H, L, E], [..., H, S, E]',
    );
  }
  if (!isFloat(query.dtype) || key.dtype !== query.dtype) {
    fail(op, 'query and key are of one float type', `${query.dtype}, ${key.dtype}`);
  }
  for (const [name, value] of Object.entries({ offset, window })) {
    if (!Number.isInteger(value)) fail(op, `${name} is a whole number`, String(value));
  }
  if (window < 0) fail(op, 'window is at least 1, or 0 for none', String(window));
  if (!(softcap >= 0)) fail(op, 'softcap is at least 0', String(softcap));
  const { dropoutP = 0, generator = defaultGenerator, softmaxDtype } = options;
  if (!(dropoutP >= 0 && dropoutP <= 1)) {
    fail(op, 'dropoutP is a probability', String(dropoutP), '0 to 1');
  }
  const lead = leading(op, query, key, 'key');
  const keep = query.rank >= 4 ? -3 : -2;
  const scores = [...lead, ...query.shape.slice(keep, -1), key.shape.at(-2)!];
  return {
    q: broadcastTo(query, [...lead, ...query.shape.slice(keep)], op),
    k: broadcastTo(key, [...lead, ...key.shape.slice(keep)], op),
    mask: attnMask == null ? undefined : checkedMask(op, attnMask, scores, query.dtype),
    key: dropoutP === 0 ? undefined : (options.dropoutKey ?? generator.next()),
    attrs: {
      scale: options.scale ?? 1 / Math.sqrt(query.shape.at(-1)!),
      causal: isCausal,
      offset,
      window,
      softcap,
      dropout: dropoutP,
      ...(softmaxDtype === undefined ? {} : { softmaxDtype }),
    },
  };
}

function checkedMask(op: string, mask: Tensor, scores: readonly number[], dtype: DType): Tensor {
  requireTensor(op, mask);
  if (mask.dtype !== 'bool' && !isFloat(mask.dtype)) {
    fail(op, 'attnMask is of another type', mask.dtype, 'bool (true may be looked at) or float');
  }
  const fits =
    mask.rank <= scores.length &&
    mask.shape.every((size, i) => size === 1 || size === scores[i + scores.length - mask.rank]);
  if (!fits) {
    fail(
      op,
      'attnMask does not fit',
      formatShape(mask.shape),
      `what broadcasts to ${formatShape(scores)}`,
    );
  }
  return mask.dtype === 'bool' ? mask : cast(mask, dtype);
}

/**
 * softmax(scale · q kᵀ + mask) v. Key and value may have fewer heads than the query: each serves a group of
 * neighbouring query heads (Ainslie et al. 2023, arXiv:2305.13245). A query that may look at no key gives
 * zeros. Backends may run it without ever holding the [L, S] scores.
 * Shape: query [..., H, L, E], key [..., Hk, S, E], value [..., Hk, S, V] -> [..., H, L, V]; the axis of the
 * heads may be missing.
 */
export const scaledDotProductAttention = withOp(
  attentionOp.op,
  (query: Tensor, key: Tensor, value: Tensor, options: AttentionOptions = {}): Tensor => {
    const op = 'scaledDotProductAttention';
    const call = prepare(op, query, key, options);
    requireTensor(op, value);
    const keep = query.rank >= 4 ? -3 : -2;
    const cut = (x: Tensor): string => formatShape(x.shape.slice(keep, -1));
    if (value.rank !== key.rank || cut(value) !== cut(key) || value.dtype !== query.dtype) {
      fail(
        op,
        'key and value do not fit',
        `${key.dtype} ${formatShape(key.shape)}, ${value.dtype} ${formatShape(value.shape)}`,
        '[..., H, S, E], [..., H, S, V]',
      );
    }
    const lead = leading(op, call.q, value, 'value');
    const { q, k, mask, attrs } = call;
    const v = broadcastTo(value, [...lead, ...value.shape.slice(keep)], op);
    return attentionOp(q, k, v, mask, call.key, attrs);
  },
);

/** The gradients of `scaledDotProductAttention` as one record: [dq, dk, dv], and that of a float mask. */
export const attentionGradient = withOp(gradientOp.op, gradientOp);

/**
 * The probabilities of `scaledDotProductAttention` with the same options: softmax(scale · q kᵀ + mask).
 * Shape: query [..., H, L, E], key [..., Hk, S, E] -> [..., H, L, S].
 */
export const attentionWeights = withOp(
  weightsOp.op,
  (query: Tensor, key: Tensor, options: AttentionOptions = {}): Tensor => {
    const {
      q,
      k,
      mask,
      key: dropoutKeyed,
      attrs,
    } = prepare('attentionWeights', query, key, options);
    return weightsOp(q, k, mask, dropoutKeyed, attrs);
  },
);
