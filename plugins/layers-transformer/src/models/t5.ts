/**
 * T5: an encoder and a decoder whose attention knows positions as biases of its scores alone. Raffel et al.
 * 2019, arXiv:1910.10683. Names in state dicts are Hugging Face's.
 */
import {
  abs,
  add,
  cast,
  fail,
  gt,
  iota,
  log,
  lt,
  maximum,
  minimum,
  mul,
  permute,
  reshape,
  sub,
  where,
} from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Dropout, Embedding, Linear, Module, RMSNorm, init, Parameter } from '@hebb/nn';
import { linear, scaledDotProductAttention } from '@hebb/ops';
import { checkCounts, howOf, sourceOf, typeOf } from '../check.ts';
import type { How } from '../check.ts';
import type { AttentionCache, CacheSizes } from '../generation/cache.ts';
import { activationOf } from '../layers/feed-forward.ts';
import { joinHeads, splitHeads } from '../layers/heads.ts';
import { shownMask } from './bert.ts';
import { requireIds, stepAt, withoutSteps } from './causal.ts';
import type { CausalCallOptions } from './causal.ts';
import type { EncoderDecoderLM, ShownSource, SourceKeys } from './source.ts';
import { PublishedModel, numberOf } from './weights.ts';

export interface T5Config extends How {
  readonly vocabSize: number;
  /** Layers of the encoder. */
  readonly layers: number;
  /** Layers of the decoder; default as many. */
  readonly decoderLayers?: number;
  readonly heads: number;
  readonly width: number;
  /** Width of a head; default 64. */
  readonly headSize?: number;
  /** Width inside of the feed-forward networks. */
  readonly hidden: number;
  /** Kinds of distances; default 32. */
  readonly buckets?: number;
  /** Distances beyond share the last kind; default 128. */
  readonly maxDistance?: number;
  /** Feed-forward as GELU-gated (T5 1.1) instead of ReLU. Default false. */
  readonly gated?: boolean;
  /** The output layer is the table of embeddings; default true. */
  readonly tiedHead?: boolean;
  /** Probability of each dropout, while training. Default 0.1. */
  readonly dropout?: number;
  /** Default 1e-6. */
  readonly eps?: number;
  /** Token that texts of the decoder begin with; default 0. */
  readonly startToken?: number;
}

interface Buckets {
  readonly buckets: number;
  readonly maxDistance: number;
  /** Later keys are seen too. */
  readonly later: boolean;
}

/** The kind of each distance, int32 of any shape. */
function bucketsOf(distance: Tensor, { buckets, maxDistance, later }: Buckets): Tensor {
  const kinds = later ? buckets / 2 : buckets;
  const base = later ? where(gt(distance, 0), kinds, 0) : undefined;
  const far = later ? abs(distance) : maximum(sub(0, distance), 0);
  const exact = kinds / 2;
  const ratio = mul(cast(maximum(far, 1), 'float32'), 1 / exact);
  const scale = (kinds - exact) / Math.log(maxDistance / exact);
  const grown = minimum(add(cast(mul(log(ratio), scale), 'int32'), exact), kinds - 1);
  const kind = where(lt(far, exact), far, grown);
  return base === undefined ? kind : add(kind, cast(base, 'int32'));
}

const distances = (queries: number, keys: number): Tensor =>
  sub(iota(keys), reshape(iota(queries), [queries, 1]));

/**
 * The kind of each distance key - query: single ones while they are small, then by logarithm; half of the
 * kinds are for later keys where they are seen. Shape: int32 [queries, keys].
 */
export const relativeBuckets = (queries: number, keys: number, how: Buckets): Tensor =>
  bucketsOf(distances(queries, keys), how);

const sizesOf = (config: T5Config) => ({ ...config, headSize: config.headSize ?? 64 });
const normOf = (config: T5Config): RMSNorm =>
  new RMSNorm(config.width, { eps: config.eps ?? 1e-6, ...typeOf(config) });
const dropoutOf = (config: T5Config): Dropout =>
  new Dropout(config.dropout ?? 0.1, sourceOf(config));
/** Bias-free layer, normal at the start with the standard deviation of the published model. */
function linearOf(config: T5Config, from: number, to: number, std: number): Linear {
  const layer = new Linear(from, to, { bias: false, ...howOf(config) });
  layer.weight = new Parameter(init.normal([to, from], { std, ...howOf(config) }));
  return layer;
}

type Pair = readonly [keys: Tensor, values: Tensor];

class Attention extends Module {
  readonly #name: string;
  readonly config: T5Config;
  readonly q: Linear;
  readonly k: Linear;
  readonly v: Linear;
  readonly o: Linear;
  readonly relativeAttentionBias: Embedding | undefined;

  constructor(config: T5Config, name: string, biased: boolean) {
    super();
    const { width, heads, headSize } = sizesOf(config);
    const inner = heads * headSize;
    this.#name = name;
    this.config = config;
    this.q = linearOf(config, width, inner, (width * headSize) ** -0.5);
    this.k = linearOf(config, width, inner, width ** -0.5);
    this.v = linearOf(config, width, inner, width ** -0.5);
    this.o = linearOf(config, inner, width, inner ** -0.5);
    const { buckets = 32 } = config;
    this.relativeAttentionBias = biased ? new Embedding(buckets, heads, howOf(config)) : undefined;
    if (this.relativeAttentionBias !== undefined) {
      const how = { std: width ** -0.5, ...howOf(config) };
      this.relativeAttentionBias.weight = new Parameter(init.normal([buckets, heads], how));
    }
  }
  override memberName(): string {
    return this.#name;
  }
  /** Biases [1, heads, queries, keys] of distances [queries, keys]; the first layer's serve all. */
  bias(distance: Tensor, later: boolean): Tensor {
    const { buckets = 32, maxDistance = 128 } = this.config;
    const kinds = bucketsOf(distance, { buckets, maxDistance, later });
    return permute(this.relativeAttentionBias!.forward(kinds), [2, 0, 1]).unsqueeze(0);
  }
  /** Keys and values of a sequence: [N, heads, T, headSize] each. */
  keysOf(from: Tensor): Pair {
    const { heads } = this.config;
    return [splitHeads(this.k.forward(from), heads), splitHeads(this.v.forward(from), heads)];
  }
  forward(x: Tensor, [k, v]: Pair, mask: Tensor | undefined, isCausal = false): Tensor {
    const { heads, dropout = 0.1 } = this.config;
    const mixed = scaledDotProductAttention(splitHeads(this.q.forward(x), heads), k, v, {
      attnMask: mask,
      isCausal,
      scale: 1,
      ...(this.training ? { dropoutP: dropout, ...sourceOf(this.config) } : {}),
    });
    return this.o.forward(joinHeads(mixed));
  }
  /** Attention to the tokens of a cache, and of x, which come behind. */
  forwardCached(x: Tensor, cache: AttentionCache, bias: Tensor): Tensor {
    const q = splitHeads(this.q.forward(x), this.config.heads);
    return this.o.forward(joinHeads(cache.attend(q, ...this.keysOf(x), { scale: 1, bias })));
  }
}

class Dense extends Module {
  readonly wi: Linear | undefined;
  readonly wi_0: Linear | undefined;
  readonly wi_1: Linear | undefined;
  readonly wo: Linear;
  readonly dropout: Dropout;

  constructor(config: T5Config) {
    super();
    const { width, hidden, gated = false } = config;
    const into = () => linearOf(config, width, hidden, width ** -0.5);
    if (gated) {
      this.wi_0 = into();
      this.wi_1 = into();
    } else this.wi = into();
    this.wo = linearOf(config, hidden, width, hidden ** -0.5);
    this.dropout = dropoutOf(config);
  }
  override memberName(): string {
    return 'DenseReluDense';
  }
  forward(x: Tensor): Tensor {
    const hidden =
      this.wi !== undefined
        ? activationOf('T5', 'relu')(this.wi.forward(x))
        : activationOf('T5', 'gelu_tanh')(this.wi_0!.forward(x)).mul(this.wi_1!.forward(x));
    return this.wo.forward(this.dropout.forward(hidden));
  }
}

/** A block with the normalisation before it and a residual around it. */
class Residual<Inner extends Module> extends Module {
  readonly inner: Inner;
  readonly layer_norm: RMSNorm;
  readonly dropout: Dropout;
  constructor(config: T5Config, inner: Inner) {
    super();
    this.inner = inner;
    this.layer_norm = normOf(config);
    this.dropout = dropoutOf(config);
  }
  forward(x: Tensor, run: (inner: Inner, x: Tensor) => Tensor): Tensor {
    return x.add(this.dropout.forward(run(this.inner, this.layer_norm.forward(x))));
  }
}

class Block extends Module {
  readonly layer: readonly [Residual<Attention>, ...Residual<Attention | Dense>[]];
  readonly #cross: Residual<Attention> | undefined;
  readonly #dense: Residual<Dense>;

  constructor(config: T5Config, decoder: boolean, biased: boolean) {
    super();
    const own = new Residual(config, new Attention(config, 'SelfAttention', biased));
    this.#cross = decoder
      ? new Residual(config, new Attention(config, 'EncDecAttention', false))
      : undefined;
    this.#dense = new Residual(config, new Dense(config));
    this.layer = [own, ...(this.#cross === undefined ? [] : [this.#cross]), this.#dense];
  }
  /** Keys and values of a source for the attention to it. */
  sourceKeys(memory: Tensor): Pair {
    return this.#cross!.inner.keysOf(memory);
  }
  forward(
    x: Tensor,
    own: (attention: Attention, z: Tensor) => Tensor,
    source?: readonly [keys: Pair, mask: Tensor | undefined],
  ): Tensor {
    let y = this.layer[0].forward(x, own);
    if (this.#cross !== undefined) {
      y = this.#cross.forward(y, (inner, z) => inner.forward(z, ...source!));
    }
    return this.#dense.forward(y, (inner, z) => inner.forward(z));
  }
}

class Stack extends Module {
  readonly block: readonly Block[];
  readonly finalLayerNorm: RMSNorm;
  readonly dropout: Dropout;
  readonly #decoder: boolean;

  constructor(config: T5Config, decoder: boolean) {
    super();
    const layers = decoder ? (config.decoderLayers ?? config.layers) : config.layers;
    this.block = Array.from({ length: layers }, (_, i) => new Block(config, decoder, i === 0));
    this.finalLayerNorm = normOf(config);
    this.dropout = dropoutOf(config);
    this.#decoder = decoder;
  }
  /** x [N, T, width]; `shown` [N, 1, 1, T]; of a decoder `source`: keys and values of each layer, and a mask. */
  forward(x: Tensor, { shown, source, cache }: StackOptions = {}): Tensor {
    const steps = x.shape[1]!;
    const { inner: first } = this.block[0]!.layer[0];
    const distance = cache === undefined ? distances(steps, steps) : cache.distances();
    const bias = first.bias(distance, !this.#decoder);
    const mask = shown === undefined ? bias : where(shown, bias, -Infinity);
    const own = (attention: Attention, z: Tensor): Tensor =>
      cache === undefined
        ? attention.forward(z, attention.keysOf(z), mask, this.#decoder)
        : attention.forwardCached(z, cache, bias);
    let y = this.dropout.forward(x);
    this.block.forEach((block, i) => {
      y = block.forward(y, own, source && [source.keys[i]!, source.shown]);
    });
    return this.dropout.forward(this.finalLayerNorm.forward(y));
  }
}

interface StackOptions {
  readonly shown?: Tensor | undefined;
  readonly source?: { readonly keys: readonly Pair[]; readonly shown: Tensor | undefined };
  readonly cache?: AttentionCache | undefined;
}

export interface T5CallOptions {
  /** [N, S]: 0 or false hides the input token. */
  readonly attentionMask?: Tensor | undefined;
}

/**
 * `forward(ids, decoderIds)` for training; `SourceTextGenerator` writes texts. The first decoder token is 0 in
 * the published models. Shape: ids [N, S], decoderIds [N, T] integers -> logits
 * [N, T, vocabSize].
 */
export class T5 extends PublishedModel implements EncoderDecoderLM {
  readonly config: T5Config;
  readonly startToken: number;
  readonly shared: Embedding;
  readonly encoder: Stack;
  readonly decoder: Stack;
  readonly lmHead: Linear | undefined;

  constructor(config: T5Config) {
    super();
    const { vocabSize, layers, heads, width, hidden } = config;
    checkCounts('T5', { vocabSize, layers, heads, width, hidden });
    const { buckets = 32, maxDistance = 128 } = config;
    if (buckets % 4 !== 0 || maxDistance <= buckets / 2) {
      fail(
        'T5',
        'buckets are a multiple of 4, maxDistance more than half of them',
        `${buckets}, ${maxDistance}`,
      );
    }
    this.config = config;
    this.startToken = config.startToken ?? 0;
    this.shared = new Embedding(vocabSize, width, howOf(config));
    this.encoder = new Stack(config, false);
    this.decoder = new Stack(config, true);
    const tied = config.tiedHead ?? true;
    this.lmHead = tied ? undefined : linearOf(config, width, vocabSize, 1);
  }

  get vocabSize(): number {
    return this.config.vocabSize;
  }
  get cacheSizes(): CacheSizes {
    const { layers, decoderLayers = layers, heads, headSize } = sizesOf(this.config);
    return { layers: decoderLayers, heads, size: headSize };
  }

  /** Shape: ids [N, S] integers -> [N, S, width]. */
  encode(ids: Tensor, { attentionMask }: T5CallOptions = {}): Tensor {
    requireIds('T5', ids, this.config);
    const shown = shownMask('T5', attentionMask, ids);
    return this.encoder.forward(this.shared.forward(ids), { shown });
  }

  /** Logits of the token after each. Shape: decoderIds [N, T], memory [N, S, width] -> [N, T, vocabSize]. */
  decode(decoderIds: Tensor, memory: Tensor, { attentionMask }: T5CallOptions = {}): Tensor {
    const ids = memory.narrow(2, 0, 1).reshape(memory.shape.slice(0, 2));
    const shown = shownMask('T5', attentionMask, ids);
    requireIds('T5', decoderIds, this.config);
    const keys = this.decoder.block.map((block) => block.sourceKeys(memory));
    return this.#logits(
      this.decoder.forward(this.shared.forward(decoderIds), { source: { keys, shown } }),
    );
  }

  #logits(y: Tensor): Tensor {
    if (this.lmHead !== undefined) return this.lmHead.forward(y);
    return linear(mul(y, this.config.width ** -0.5), this.shared.weight.value);
  }

  readSource(ids: Tensor, options: T5CallOptions = {}): SourceKeys {
    const memory = this.encode(ids, options);
    const pairs = this.decoder.block.map((block) => block.sourceKeys(memory));
    return { keys: pairs.map(([k]) => k), values: pairs.map(([, v]) => v) };
  }

  continueText(
    ids: Tensor,
    { keys, values, shown }: ShownSource,
    { cache, last }: CausalCallOptions = {},
  ): Tensor {
    requireIds('T5', ids, this.config);
    const source = { keys: keys.map((k, i) => [k, values[i]!] as const), shown };
    const y = this.decoder.forward(this.shared.forward(ids), { source, cache });
    return withoutSteps(this.#logits(stepAt(y, last)), last);
  }

  forward(ids: Tensor, decoderIds: Tensor, options: T5CallOptions = {}): Tensor {
    return this.decode(decoderIds, this.encode(ids, options), options);
  }

  protected ownName(published: string): string | undefined {
    if (/^(encoder|decoder)\.embed_tokens\.weight$/.test(published)) return undefined;
    if (this.lmHead === undefined && published === 'lm_head.weight') return undefined;
    // A leftover of the published files that no version of the model reads.
    if (published.includes('EncDecAttention.relative_attention_bias')) return undefined;
    return published;
  }
}

const published = (layers: number, heads: number, width: number, hidden: number): T5Config => ({
  vocabSize: 32_128,
  layers,
  heads,
  width,
  hidden,
});

/** Published sizes, by Hugging Face's names. */
export const t5Configs = {
  /** 60,506,624 parameters. */
  't5-small': published(6, 8, 512, 2048),
  /** 222,903,552 */
  't5-base': published(12, 12, 768, 3072),
  /** 737,668,096 */
  't5-large': published(24, 16, 1024, 4096),
  /** 76,961,152 */
  'flan-t5-small': {
    ...published(8, 6, 512, 1024),
    gated: true,
    tiedHead: false,
  },
} as const satisfies Record<string, T5Config>;

/** The configuration that a `config.json` of Hugging Face (`model_type: t5`) describes. */
export function t5ConfigOf(config: Readonly<Record<string, unknown>>): T5Config {
  const read = (name: string, otherwise?: number) => numberOf('T5', config, name, otherwise);
  return {
    vocabSize: read('vocab_size'),
    layers: read('num_layers'),
    decoderLayers: read('num_decoder_layers', read('num_layers')),
    heads: read('num_heads'),
    width: read('d_model'),
    headSize: read('d_kv', 64),
    hidden: read('d_ff'),
    buckets: read('relative_attention_num_buckets', 32),
    maxDistance: read('relative_attention_max_distance', 128),
    gated: String(config['feed_forward_proj'] ?? 'relu').startsWith('gated'),
    tiedHead: config['tie_word_embeddings'] !== false,
    dropout: read('dropout_rate', 0.1),
    eps: read('layer_norm_epsilon', 1e-6),
    startToken: read('decoder_start_token_id', 0),
  };
}
