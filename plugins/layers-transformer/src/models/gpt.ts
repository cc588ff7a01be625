/** GPT. Radford et al. 2019, Language Models are Unsupervised Multitask Learners. Names are those of GPT-2. */
import { fail, iota } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Dropout, Embedding, LayerNorm, Linear, Module } from '@hebb/nn';
import { linear, scaledDotProductAttention } from '@hebb/ops';
import { checkCounts, checkHeads, howOf, sourceOf, typeOf } from '../check.ts';
import type { How } from '../check.ts';
import type { AttentionCache, CacheSizes } from '../generation/cache.ts';
import { activationOf } from '../layers/feed-forward.ts';
import type { Activation } from '../layers/feed-forward.ts';
import { joinHeads, splitProjections } from '../layers/heads.ts';
import { requireIds, stepAt, withoutSteps } from './causal.ts';
import type { CausalCallOptions, CausalLM } from './causal.ts';
import { PublishedModel, numberOf, setNormal } from './weights.ts';

export interface GPTConfig extends How {
  readonly vocabSize: number;
  /** Longest sequence. */
  readonly contextLength: number;
  readonly layers: number;
  readonly heads: number;
  /** Width of the embeddings. */
  readonly width: number;
  /** Width inside of the feed-forward networks; default 4 · width. */
  readonly hidden?: number;
  /** Probability of dropout on embeddings, attention and residuals, while training. Default 0. */
  readonly dropout?: number;
  /** Default 'gelu_tanh'. */
  readonly activation?: Activation;
  /** Default 1e-5. */
  readonly eps?: number;
  /** Bias of the projection to query, key and value; default true. */
  readonly qkvBias?: boolean;
  /** The output layer is the table of embeddings; default true. */
  readonly tiedHead?: boolean;
}

class Attention extends Module {
  readonly heads: number;
  readonly dropout: number;
  readonly cAttn: Linear;
  readonly cProj: Linear;
  readonly residDropout: Dropout;
  readonly #source: ReturnType<typeof sourceOf>;

  constructor({ width, heads, dropout = 0, qkvBias = true, ...rest }: GPTConfig) {
    super();
    this.heads = heads;
    this.dropout = dropout;
    this.cAttn = new Linear(width, 3 * width, { bias: qkvBias, ...howOf(rest) });
    this.cProj = new Linear(width, width, howOf(rest));
    this.residDropout = new Dropout(dropout, sourceOf(rest));
    this.#source = sourceOf(rest);
  }
  forward(x: Tensor, cache?: AttentionCache): Tensor {
    const [q, k, v] = splitProjections(this.cAttn.forward(x), this.heads, 3);
    const mixed =
      cache === undefined
        ? scaledDotProductAttention(q!, k!, v!, {
            isCausal: true,
            ...(this.training ? { dropoutP: this.dropout, ...this.#source } : {}),
          })
        : cache.attend(q!, k!, v!);
    return this.residDropout.forward(this.cProj.forward(joinHeads(mixed)));
  }
}

class MLP extends Module {
  readonly cFc: Linear;
  readonly cProj: Linear;
  readonly dropout: Dropout;
  readonly #activation: (x: Tensor) => Tensor;

  constructor({ width, hidden = 4 * width, activation = 'gelu_tanh', ...rest }: GPTConfig) {
    super();
    this.cFc = new Linear(width, hidden, howOf(rest));
    this.cProj = new Linear(hidden, width, howOf(rest));
    this.dropout = new Dropout(rest.dropout ?? 0, sourceOf(rest));
    this.#activation = activationOf('GPT', activation);
  }
  forward(x: Tensor): Tensor {
    return this.dropout.forward(this.cProj.forward(this.#activation(this.cFc.forward(x))));
  }
}

/** `x += attention(norm(x)); x += mlp(norm(x))`. Shape: [N, T, width] -> same. */
export class GPTBlock extends Module {
  readonly ln_1: LayerNorm;
  readonly attn: Attention;
  readonly ln_2: LayerNorm;
  readonly mlp: MLP;

  constructor(config: GPTConfig) {
    super();
    const norm = () => new LayerNorm(config.width, { eps: config.eps ?? 1e-5, ...typeOf(config) });
    this.ln_1 = norm();
    this.attn = new Attention(config);
    this.ln_2 = norm();
    this.mlp = new MLP(config);
  }
  forward(x: Tensor, cache?: AttentionCache): Tensor {
    const y = x.add(this.attn.forward(this.ln_1.forward(x), cache));
    return y.add(this.mlp.forward(this.ln_2.forward(y)));
  }
}

/**
 * Learned embeddings of tokens and positions, blocks with the normalisation first, and an output layer that
 * is the table of embeddings. Weights are normal with standard deviation 0.02 at the start, those that end
 * a residual 0.02/√(2 · layers). Names in state dicts are GPT-2's: `wte`, `wpe`, `h.0.attn.c_attn`...
 * Weights of linear layers are [out, in]; `loadHuggingFace` turns those of a GPT-2 file.
 * Shape: ids [N, T] integers -> logits [N, T, vocabSize].
 */
export class GPT extends PublishedModel implements CausalLM {
  readonly config: GPTConfig;
  readonly wte: Embedding;
  readonly wpe: Embedding;
  readonly drop: Dropout;
  readonly h: readonly GPTBlock[];
  readonly lnF: LayerNorm;
  readonly lmHead: Linear | undefined;

  constructor(config: GPTConfig) {
    super();
    const { vocabSize, contextLength, layers, heads, width, dropout = 0 } = config;
    checkCounts('GPT', { vocabSize, contextLength, layers, heads, width });
    checkHeads('GPT', width, heads);
    this.config = config;
    const how = howOf(config);
    this.wte = new Embedding(vocabSize, width, how);
    this.wpe = new Embedding(contextLength, width, how);
    this.drop = new Dropout(dropout, sourceOf(config));
    this.h = Array.from({ length: layers }, () => new GPTBlock(config));
    this.lnF = new LayerNorm(width, { eps: config.eps ?? 1e-5, ...typeOf(config) });
    const tied = config.tiedHead ?? true;
    this.lmHead = tied ? undefined : new Linear(width, vocabSize, { bias: false, ...how });
    const ends = new Set<unknown>(this.h.flatMap(({ attn, mlp }) => [attn.cProj, mlp.cProj]));
    const end = 0.02 / Math.sqrt(2 * layers);
    setNormal(this, config, (layer) => (ends.has(layer) ? end : 0.02));
  }

  get vocabSize(): number {
    return this.config.vocabSize;
  }
  get contextLength(): number {
    return this.config.contextLength;
  }
  get cacheSizes(): CacheSizes {
    const { layers, heads, width } = this.config;
    return { layers, heads, size: width / heads };
  }

  forward(ids: Tensor, { cache, last }: CausalCallOptions = {}): Tensor {
    requireIds('GPT', ids, this.config);
    const positions = cache === undefined ? iota(ids.shape[1]!) : cache.positions();
    let x = this.drop.forward(this.wte.forward(ids).add(this.wpe.forward(positions)));
    for (const block of this.h) x = block.forward(x, cache);
    const y = this.lnF.forward(stepAt(x, last));
    const logits =
      this.lmHead === undefined ? linear(y, this.wte.weight.value) : this.lmHead.forward(y);
    return withoutSteps(logits, last);
  }

  /** With or without `transformer.` in front, masks as buffers. */
  protected ownName(published: string): string | undefined {
    const name = published.replace(/^transformer\./, '');
    if (/^h\.\d+\.attn\.(bias|masked_bias)$/.test(name)) return undefined;
    return this.lmHead === undefined && name === 'lm_head.weight' ? undefined : name;
  }
  /** GPT-2 has linear weights [in, out]. */
  protected override isTurned(name: string): boolean {
    return /\.(c_attn|c_proj|c_fc)\.weight$/.test(name);
  }
}

const published = (layers: number, heads: number, width: number): GPTConfig => ({
  vocabSize: 50_257,
  contextLength: 1024,
  layers,
  heads,
  width,
});

/** The sizes that OpenAI published, by Hugging Face's names. */
export const gptConfigs = {
  /** 124,439,808 parameters. */
  gpt2: published(12, 12, 768),
  /** 354,823,168 parameters. */
  'gpt2-medium': published(24, 16, 1024),
  /** 774,030,080 parameters. */
  'gpt2-large': published(36, 20, 1280),
  /** 1,557,611,200 parameters. */
  'gpt2-xl': published(48, 25, 1600),
  /** 81,912,576 parameters. */
  distilgpt2: published(6, 12, 768),
} as const satisfies Record<string, GPTConfig>;

/** The configuration that a `config.json` of Hugging Face (`model_type: gpt2`) describes. */
export function gptConfigOf(config: Readonly<Record<string, unknown>>): GPTConfig {
  const read = (name: string, otherwise?: number) => numberOf('GPT', config, name, otherwise);
  const width = read('n_embd');
  const kind = config['activation_function'] ?? 'gelu_new';
  const kinds = { gelu_new: 'gelu_tanh', gelu: 'gelu', relu: 'relu', silu: 'silu' } as const;
  if (typeof kind !== 'string' || !Object.hasOwn(kinds, kind)) {
    return fail('GPT', 'unknown activation_function', String(kind), Object.keys(kinds).join(', '));
  }
  return {
    vocabSize: read('vocab_size'),
    contextLength: read('n_positions'),
    layers: read('n_layer'),
    heads: read('n_head'),
    width,
    hidden: typeof config['n_inner'] === 'number' ? config['n_inner'] : 4 * width,
    eps: read('layer_norm_epsilon', 1e-5),
    activation: kinds[kind as keyof typeof kinds],
    tiedHead: config['tie_word_embeddings'] !== false,
  };
}
