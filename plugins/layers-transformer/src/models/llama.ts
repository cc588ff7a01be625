/**
 * Llama: RMS normalisation, rotary positions, gated feed-forward, shared key heads. Touvron et al. 2023,
 * arXiv:2302.13971. Names are those of Hugging Face without `model.`.
 */
import { fail, iota } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Embedding, Linear, Module, RMSNorm } from '@hebb/nn';
import { linear, scaledDotProductAttention } from '@hebb/ops';
import { checkCount, checkCounts, howOf, typeOf } from '../check.ts';
import type { How } from '../check.ts';
import type { AttentionCache, CacheSizes } from '../generation/cache.ts';
import { SwiGLU } from '../layers/feed-forward.ts';
import { joinHeads, splitHeads } from '../layers/heads.ts';
import { RotaryPositions } from '../layers/positions.ts';
import { requireIds, stepAt, withoutSteps } from './causal.ts';
import type { CausalCallOptions, CausalLM } from './causal.ts';
import { PublishedModel, numberOf, setNormal } from './weights.ts';

export interface LlamaConfig extends How {
  readonly vocabSize: number;
  readonly contextLength: number;
  readonly layers: number;
  readonly heads: number;
  /** Heads of keys and values; default as many as heads. */
  readonly kvHeads?: number;
  readonly width: number;
  /** Width of a head; default width / heads. */
  readonly headSize?: number;
  /** Width inside of the feed-forward networks. */
  readonly hidden: number;
  /** Default 1e-5. */
  readonly eps?: number;
  /** Base of the rotary positions; default 10 000. */
  readonly ropeBase?: number;
  /** Biases of the projections to query, key and value (Qwen2); default false. */
  readonly qkvBias?: boolean;
  /** Each token sees this many keys (Mistral); default all. */
  readonly window?: number;
  /** The output layer is the table of embeddings; default false. */
  readonly tiedHead?: boolean;
}

class Attention extends Module {
  readonly heads: number;
  readonly kvHeads: number;
  readonly window: number | undefined;
  readonly qProj: Linear;
  readonly kProj: Linear;
  readonly vProj: Linear;
  readonly oProj: Linear;
  readonly rotary: RotaryPositions;

  constructor(config: LlamaConfig) {
    super();
    const { width, heads, kvHeads = heads, headSize = width / heads, qkvBias = false } = config;
    const how = howOf(config);
    this.heads = heads;
    this.kvHeads = kvHeads;
    this.window = config.window;
    this.qProj = new Linear(width, heads * headSize, { bias: qkvBias, ...how });
    this.kProj = new Linear(width, kvHeads * headSize, { bias: qkvBias, ...how });
    this.vProj = new Linear(width, kvHeads * headSize, { bias: qkvBias, ...how });
    this.oProj = new Linear(heads * headSize, width, { bias: false, ...how });
    this.rotary = new RotaryPositions(headSize, { base: config.ropeBase ?? 10_000 });
  }
  forward(x: Tensor, positions: Tensor, cache?: AttentionCache): Tensor {
    const { window } = this;
    const q = this.rotary.forward(splitHeads(this.qProj.forward(x), this.heads), positions);
    const k = this.rotary.forward(splitHeads(this.kProj.forward(x), this.kvHeads), positions);
    const v = splitHeads(this.vProj.forward(x), this.kvHeads);
    const mixed =
      cache === undefined
        ? scaledDotProductAttention(q, k, v, { isCausal: true, window })
        : cache.attend(q, k, v, { window });
    return this.oProj.forward(joinHeads(mixed));
  }
}

/** Shape: [N, T, width] -> same. */
export class LlamaBlock extends Module {
  readonly selfAttn: Attention;
  readonly mlp: SwiGLU;
  readonly input_layernorm: RMSNorm;
  readonly post_attention_layernorm: RMSNorm;

  constructor(config: LlamaConfig) {
    super();
    const norm = () => new RMSNorm(config.width, { eps: config.eps ?? 1e-5, ...typeOf(config) });
    this.selfAttn = new Attention(config);
    this.mlp = new SwiGLU(config.width, config.hidden, howOf(config));
    this.input_layernorm = norm();
    this.post_attention_layernorm = norm();
  }
  forward(x: Tensor, positions: Tensor, cache?: AttentionCache): Tensor {
    const y = x.add(this.selfAttn.forward(this.input_layernorm.forward(x), positions, cache));
    return y.add(this.mlp.forward(this.post_attention_layernorm.forward(y)));
  }
}

/** Shape: ids [N, T] integers -> logits [N, T, vocabSize]. */
export class Llama extends PublishedModel implements CausalLM {
  readonly config: LlamaConfig;
  readonly embedTokens: Embedding;
  readonly layers: readonly LlamaBlock[];
  readonly norm: RMSNorm;
  readonly lmHead: Linear | undefined;

  constructor(config: LlamaConfig) {
    super();
    const { vocabSize, contextLength, layers, heads, kvHeads = heads, width, hidden } = config;
    checkCounts('Llama', { vocabSize, contextLength, layers, heads, kvHeads, width, hidden });
    if (heads % kvHeads !== 0) {
      fail('Llama', 'heads do not divide among kvHeads', `${heads}, ${kvHeads}`);
    }
    checkCount('Llama', 'headSize (width / heads)', config.headSize ?? width / heads);
    this.config = config;
    const how = howOf(config);
    this.embedTokens = new Embedding(vocabSize, width, how);
    this.layers = Array.from({ length: layers }, () => new LlamaBlock(config));
    this.norm = new RMSNorm(width, { eps: config.eps ?? 1e-5, ...typeOf(config) });
    const tied = config.tiedHead ?? false;
    this.lmHead = tied ? undefined : new Linear(width, vocabSize, { bias: false, ...how });
    setNormal(this, config);
  }

  get vocabSize(): number {
    return this.config.vocabSize;
  }
  get contextLength(): number {
    return this.config.contextLength;
  }
  get cacheSizes(): CacheSizes {
    const { layers, heads, kvHeads = heads, width, headSize = width / heads } = this.config;
    return { layers, heads: kvHeads, size: headSize };
  }

  forward(ids: Tensor, { cache, last }: CausalCallOptions = {}): Tensor {
    requireIds('Llama', ids, this.config);
    const positions = cache === undefined ? iota(ids.shape[1]!) : cache.positions();
    const rows = cache === undefined ? positions : positions.expand([...ids.shape]);
    let x = this.embedTokens.forward(ids);
    for (const layer of this.layers) x = layer.forward(x, rows, cache);
    const y = this.norm.forward(stepAt(x, last));
    const logits =
      this.lmHead === undefined ? linear(y, this.embedTokens.weight.value) : this.lmHead.forward(y);
    return withoutSteps(logits, last);
  }

  /** With or without `model.` in front. */
  protected ownName(published: string): string | undefined {
    const name = published.replace(/^model\./, '');
    if (name.endsWith('rotary_emb.inv_freq')) return undefined;
    return this.lmHead === undefined && name === 'lm_head.weight' ? undefined : name;
  }
}

/** Published sizes, by Hugging Face's names. */
export const llamaConfigs = {
  /** 1,100,048,384 parameters. Zhang et al. 2024, arXiv:2401.02385. */
  'tinyllama-1.1b': {
    vocabSize: 32_000,
    contextLength: 2048,
    layers: 22,
    heads: 32,
    kvHeads: 4,
    width: 2048,
    hidden: 5632,
  },
  /** 134,515,008 parameters. Ben Allal et al. 2025, arXiv:2502.02737. */
  'smollm2-135m': {
    vocabSize: 49_152,
    contextLength: 8192,
    layers: 30,
    heads: 9,
    kvHeads: 3,
    width: 576,
    hidden: 1536,
    ropeBase: 100_000,
    tiedHead: true,
  },
  /** 6,738,415,616 parameters. */
  'llama-2-7b': {
    vocabSize: 32_000,
    contextLength: 4096,
    layers: 32,
    heads: 32,
    width: 4096,
    hidden: 11_008,
  },
  /** 494,032,768 parameters. Yang et al. 2024, arXiv:2407.10671. */
  'qwen2-0.5b': {
    vocabSize: 151_936,
    contextLength: 32_768,
    layers: 24,
    heads: 14,
    kvHeads: 2,
    width: 896,
    hidden: 4864,
    eps: 1e-6,
    ropeBase: 1_000_000,
    qkvBias: true,
    tiedHead: true,
  },
} as const satisfies Record<string, LlamaConfig>;

/** The configuration that a `config.json` of Hugging Face (llama, mistral, qwen2) describes. */
export function llamaConfigOf(config: Readonly<Record<string, unknown>>): LlamaConfig {
  const read = (name: string, otherwise?: number) => numberOf('Llama', config, name, otherwise);
  if (config['rope_scaling'] != null) {
    fail('Llama', 'rope_scaling is not supported', JSON.stringify(config['rope_scaling']));
  }
  const [width, heads] = [read('hidden_size'), read('num_attention_heads')];
  const window = config['use_sliding_window'] === false ? undefined : config['sliding_window'];
  return {
    vocabSize: read('vocab_size'),
    contextLength: read('max_position_embeddings'),
    layers: read('num_hidden_layers'),
    heads,
    kvHeads: read('num_key_value_heads', heads),
    width,
    headSize: read('head_dim', width / heads),
    hidden: read('intermediate_size'),
    eps: read('rms_norm_eps', 1e-6),
    ropeBase: read('rope_theta', 10_000),
    qkvBias: config['model_type'] === 'qwen2' || config['attention_bias'] === true,
    tiedHead: config['tie_word_embeddings'] === true,
    ...(typeof window === 'number' ? { window } : {}),
  };
}
