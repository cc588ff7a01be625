/** BERT. Devlin et al. 2018, arXiv:1810.04805. Names in state dicts are Hugging Face's. */
import { fail, formatShape, iota, ne, reshape } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { Dropout, Embedding, LayerNorm, Linear, Module, Parameter, init } from '@hebb/nn';
import { linear, scaledDotProductAttention } from '@hebb/ops';
import { checkCount, checkCounts, checkHeads, howOf, sourceOf, typeOf } from '../check.ts';
import type { How } from '../check.ts';
import { activationOf } from '../layers/feed-forward.ts';
import type { Activation } from '../layers/feed-forward.ts';
import { joinHeads, splitHeads } from '../layers/heads.ts';
import { requireIds } from './causal.ts';
import { PublishedModel, numberOf, setNormal } from './weights.ts';

export interface BertConfig extends How {
  readonly vocabSize: number;
  /** Longest sequence. */
  readonly contextLength: number;
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
  /** Width inside of the feed-forward networks; default 4 · width. */
  readonly hidden?: number;
  /** Kinds of segments; default 2. */
  readonly segments?: number;
  /** Probability of each dropout, while training. Default 0.1. */
  readonly dropout?: number;
  /** Default 'gelu'. */
  readonly activation?: Activation;
  /** Default 1e-12. */
  readonly eps?: number;
}

/** A normalisation that stands under Hugging Face's name. */
class Norm extends LayerNorm {
  constructor(config: BertConfig) {
    super(config.width, { eps: config.eps ?? 1e-12, ...typeOf(config) });
  }
  override memberName(): string {
    return 'LayerNorm';
  }
}
const dropoutOf = (config: BertConfig): Dropout =>
  new Dropout(config.dropout ?? 0.1, sourceOf(config));
const hiddenOf = ({ width, hidden = 4 * width }: BertConfig): number => hidden;

class Embeddings extends Module {
  readonly wordEmbeddings: Embedding;
  readonly positionEmbeddings: Embedding;
  readonly tokenTypeEmbeddings: Embedding;
  readonly norm: LayerNorm;
  readonly dropout: Dropout;

  constructor(config: BertConfig) {
    super();
    const { vocabSize, contextLength, width, segments = 2 } = config;
    const how = howOf(config);
    this.wordEmbeddings = new Embedding(vocabSize, width, how);
    this.positionEmbeddings = new Embedding(contextLength, width, how);
    this.tokenTypeEmbeddings = new Embedding(segments, width, how);
    this.norm = new Norm(config);
    this.dropout = dropoutOf(config);
  }
  forward(ids: Tensor, segments: Tensor | undefined): Tensor {
    const words = this.wordEmbeddings.forward(ids);
    const positions = this.positionEmbeddings.forward(iota(ids.shape[1]!));
    const kinds = this.tokenTypeEmbeddings;
    const kind =
      segments === undefined ? kinds.weight.value.narrow(0, 0, 1) : kinds.forward(segments);
    return this.dropout.forward(this.norm.forward(words.add(kind).add(positions)));
  }
}

class SelfAttention extends Module {
  readonly heads: number;
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly #dropout: number;
  readonly #source: ReturnType<typeof sourceOf>;

  constructor(config: BertConfig) {
    super();
    const { width, heads, dropout = 0.1 } = config;
    const make = () => new Linear(width, width, howOf(config));
    this.heads = heads;
    this.query = make();
    this.key = make();
    this.value = make();
    this.#dropout = dropout;
    this.#source = sourceOf(config);
  }
  forward(x: Tensor, mask: Tensor | undefined): Tensor {
    const [q, k, v] = [this.query, this.key, this.value].map((layer) =>
      splitHeads(layer.forward(x), this.heads),
    );
    const mixed = scaledDotProductAttention(q!, k!, v!, {
      attnMask: mask,
      ...(this.training ? { dropoutP: this.#dropout, ...this.#source } : {}),
    });
    return joinHeads(mixed);
  }
}

/** A layer, dropout, the sum with what it came from, a normalisation. */
class Output extends Module {
  readonly dense: Linear;
  readonly norm: LayerNorm;
  readonly dropout: Dropout;

  constructor(from: number, config: BertConfig) {
    super();
    this.dense = new Linear(from, config.width, howOf(config));
    this.norm = new Norm(config);
    this.dropout = dropoutOf(config);
  }
  forward(x: Tensor, before: Tensor): Tensor {
    return this.norm.forward(this.dropout.forward(this.dense.forward(x)).add(before));
  }
}

class Attention extends Module {
  readonly self: SelfAttention;
  readonly output: Output;
  constructor(config: BertConfig) {
    super();
    this.self = new SelfAttention(config);
    this.output = new Output(config.width, config);
  }
  forward(x: Tensor, mask: Tensor | undefined): Tensor {
    return this.output.forward(this.self.forward(x, mask), x);
  }
}

class Intermediate extends Module {
  readonly dense: Linear;
  readonly #activation: (x: Tensor) => Tensor;
  constructor(config: BertConfig) {
    super();
    this.dense = new Linear(config.width, hiddenOf(config), howOf(config));
    this.#activation = activationOf('Bert', config.activation ?? 'gelu');
  }
  forward(x: Tensor): Tensor {
    return this.#activation(this.dense.forward(x));
  }
}

/** Attention and feed-forward, each followed by its normalisation. Shape: [N, T, width] -> same. */
export class BertLayer extends Module {
  readonly attention: Attention;
  readonly intermediate: Intermediate;
  readonly output: Output;
  constructor(config: BertConfig) {
    super();
    this.attention = new Attention(config);
    this.intermediate = new Intermediate(config);
    this.output = new Output(hiddenOf(config), config);
  }
  forward(x: Tensor, mask: Tensor | undefined): Tensor {
    const y = this.attention.forward(x, mask);
    return this.output.forward(this.intermediate.forward(y), y);
  }
}

class Encoder extends Module {
  readonly layer: readonly BertLayer[];
  constructor(config: BertConfig) {
    super();
    this.layer = Array.from({ length: config.layers }, () => new BertLayer(config));
  }
  forward(x: Tensor, mask: Tensor | undefined): Tensor {
    return this.layer.reduce((y, layer) => layer.forward(y, mask), x);
  }
}

class Pooler extends Module {
  readonly dense: Linear;
  constructor(config: BertConfig) {
    super();
    this.dense = new Linear(config.width, config.width, howOf(config));
  }
  forward(x: Tensor): Tensor {
    const [batch, , width] = x.shape as [number, number, number];
    return this.dense.forward(reshape(x.narrow(1, 0, 1), [batch, width])).tanh();
  }
}

export interface BertCallOptions {
  /** Which of the segments each token belongs to, integers [N, T]; default all 0. */
  readonly segments?: Tensor | undefined;
  /** [N, T]: 0 or false hides the token from all. Default: all are seen. */
  readonly attentionMask?: Tensor | undefined;
}

/** [N, T] with 0 for what is hidden, as a mask of attention. */
export function shownMask(
  model: string,
  mask: Tensor | undefined,
  ids: Tensor,
): Tensor | undefined {
  if (mask === undefined) return undefined;
  const [batch, steps] = ids.shape as [number, number];
  if (formatShape(mask.shape) !== formatShape(ids.shape)) {
    fail(model, 'attentionMask does not fit', formatShape(mask.shape), formatShape(ids.shape));
  }
  const shown = mask.dtype === 'bool' ? mask : ne(mask, 0);
  return reshape(shown, [batch, 1, 1, steps]);
}

/**
 * The own name of an entry of Hugging Face's files: with the older names of normalisations, and without the heads of
 * tasks other than `own`.
 */
function bertName(published: string, prefix: string, own?: RegExp): string | undefined {
  const name = published
    .replace(/LayerNorm\.gamma$/, 'LayerNorm.weight')
    .replace(/LayerNorm\.beta$/, 'LayerNorm.bias');
  if (name.endsWith('position_ids') || /^cls\.predictions\.decoder\./.test(name)) return undefined;
  if (/^(cls\.|classifier\.|qa_outputs\.)/.test(name)) {
    return own?.test(name) === true ? name : undefined;
  }
  return `${prefix}${name.replace(/^bert\./, '')}`;
}

/**
 * The encoder alone. Shape: ids [N, T] integers -> [sequence [N, T, width], pooled [N, width]]; pooled is
 * `undefined` without the pooling layer.
 */
export class BertModel extends PublishedModel {
  readonly config: BertConfig;
  readonly embeddings: Embeddings;
  readonly encoder: Encoder;
  readonly pooler: Pooler | undefined;

  constructor(config: BertConfig, { pooler = true }: { pooler?: boolean } = {}) {
    super();
    const { vocabSize, contextLength, layers, heads, width } = config;
    checkCounts('BertModel', { vocabSize, contextLength, layers, heads, width });
    checkHeads('BertModel', width, heads);
    this.config = config;
    this.embeddings = new Embeddings(config);
    this.encoder = new Encoder(config);
    this.pooler = pooler ? new Pooler(config) : undefined;
    setNormal(this, config);
  }
  forward(
    ids: Tensor,
    { segments, attentionMask }: BertCallOptions = {},
  ): [sequence: Tensor, pooled: Tensor | undefined] {
    requireIds('BertModel', ids, this.config);
    const mask = shownMask('BertModel', attentionMask, ids);
    const sequence = this.encoder.forward(this.embeddings.forward(ids, segments), mask);
    return [sequence, this.pooler?.forward(sequence)];
  }
  protected ownName(published: string): string | undefined {
    const name = bertName(published, '');
    return this.pooler === undefined && name?.startsWith('pooler.') === true ? undefined : name;
  }
}

class Transform extends Module {
  readonly dense: Linear;
  readonly norm: LayerNorm;
  readonly #activation: (x: Tensor) => Tensor;
  constructor(config: BertConfig) {
    super();
    this.dense = new Linear(config.width, config.width, howOf(config));
    this.norm = new Norm(config);
    this.#activation = activationOf('Bert', config.activation ?? 'gelu');
  }
  forward(x: Tensor): Tensor {
    return this.norm.forward(this.#activation(this.dense.forward(x)));
  }
}

class Predictions extends Module {
  readonly transform: Transform;
  bias: Parameter;
  constructor(config: BertConfig) {
    super();
    this.transform = new Transform(config);
    this.bias = new Parameter(init.zeros([config.vocabSize], typeOf(config)));
  }
  forward(x: Tensor, table: Tensor): Tensor {
    return linear(this.transform.forward(x), table, this.bias.value);
  }
}

class Heads extends Module {
  readonly predictions: Predictions;
  constructor(config: BertConfig) {
    super();
    this.predictions = new Predictions(config);
  }
  forward(x: Tensor, table: Tensor): Tensor {
    return this.predictions.forward(x, table);
  }
}

/** Which word stands at each place. Shape: ids [N, T] integers -> logits [N, T, vocabSize]. */
export class BertForMaskedLM extends PublishedModel {
  readonly bert: BertModel;
  readonly cls: Heads;
  constructor(config: BertConfig) {
    super();
    this.bert = new BertModel(config, { pooler: false });
    this.cls = new Heads(config);
    setNormal(this.cls, config);
  }
  forward(ids: Tensor, options: BertCallOptions = {}): Tensor {
    const [sequence] = this.bert.forward(ids, options);
    return this.cls.forward(sequence, this.bert.embeddings.wordEmbeddings.weight.value);
  }
  protected ownName(published: string): string | undefined {
    const name = bertName(published, 'bert.', /^cls\.predictions\./);
    return name?.startsWith('bert.pooler.') === true ? undefined : name;
  }
}

/** Classes of whole sequences, from the first token. Shape: ids [N, T] integers -> logits [N, classes]. */
export class BertForSequenceClassification extends PublishedModel {
  readonly bert: BertModel;
  readonly dropout: Dropout;
  readonly classifier: Linear;
  constructor(config: BertConfig, numClasses: number) {
    super();
    this.bert = new BertModel(config);
    this.dropout = dropoutOf(config);
    this.classifier = new Linear(config.width, checkCount('Bert', 'numClasses', numClasses), {
      ...howOf(config),
    });
    setNormal(this.classifier, config);
  }
  forward(ids: Tensor, options: BertCallOptions = {}): Tensor {
    const [, pooled] = this.bert.forward(ids, options);
    return this.classifier.forward(this.dropout.forward(pooled!));
  }
  protected ownName(published: string): string | undefined {
    return bertName(published, 'bert.', /^classifier\./);
  }
}

const published = (layers: number, width: number, heads = width / 64): BertConfig => ({
  vocabSize: 30_522,
  contextLength: 512,
  layers,
  heads,
  width,
});

/** Published sizes, by Hugging Face's names; the small ones are of Turc et al. 2019, arXiv:1908.08962. */
export const bertConfigs = {
  /** 4,385,920 parameters with the pooling layer. */
  'bert-tiny': published(2, 128),
  /** 11,170,560 */
  'bert-mini': published(4, 256),
  /** 28,763,648 */
  'bert-small': published(4, 512),
  /** 109,482,240 */
  'bert-base-uncased': published(12, 768),
  /** 108,310,272 */
  'bert-base-cased': { ...published(12, 768), vocabSize: 28_996 },
  /** 335,141,888 */
  'bert-large-uncased': published(24, 1024),
} as const satisfies Record<string, BertConfig>;

/** The configuration that a `config.json` of Hugging Face (`model_type: bert`) describes. */
export function bertConfigOf(config: Readonly<Record<string, unknown>>): BertConfig {
  const read = (name: string, otherwise?: number) => numberOf('Bert', config, name, otherwise);
  return {
    vocabSize: read('vocab_size'),
    contextLength: read('max_position_embeddings'),
    layers: read('num_hidden_layers'),
    heads: read('num_attention_heads'),
    width: read('hidden_size'),
    hidden: read('intermediate_size'),
    segments: read('type_vocab_size', 2),
    dropout: read('hidden_dropout_prob', 0.1),
    eps: read('layer_norm_eps', 1e-12),
  };
}
