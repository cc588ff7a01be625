/** Encoder-decoder with attention: Cho et al. 2014 and Luong et al. 2015, in gated recurrent units. */
import { concat, narrow, permute, reshape, tanh } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { GRU, MultiplicativeAttention } from '@hebb/layers-rnn';
import { Dropout, Embedding, Linear, Module } from '@hebb/nn';
import { lengthMask } from '@hebb/ops';

export interface Size {
  readonly sourceWords: number;
  readonly targetWords: number;
  readonly embedding: number;
  /** Of the decoder; the encoder has half of it in each direction. */
  readonly hidden: number;
  readonly dropout: number;
}

/** What the encoder knows of a source, for all steps of the decoder. */
export interface Memory {
  /** [N, S, hidden] */
  readonly values: Tensor;
  /** [N, S, hidden] */
  readonly keys: Tensor;
  /** bool [N, S]: true where there is a word. */
  readonly mask: Tensor;
}

export class Encoder extends Module {
  readonly embedding: Embedding;
  readonly drop: Dropout;
  readonly rnn: GRU;
  readonly bridge: Linear;

  constructor({ sourceWords, embedding, hidden, dropout }: Size) {
    super();
    this.embedding = new Embedding(sourceWords, embedding);
    this.drop = new Dropout(dropout);
    this.rnn = new GRU(embedding, hidden / 2, { batchFirst: true, bidirectional: true });
    this.bridge = new Linear(hidden, hidden);
  }

  /** Shape: ids int32 [N, S], lengths int32 [N] -> [values [N, S, hidden], state of the decoder [N, hidden]]. */
  forward(ids: Tensor, lengths: Tensor): [values: Tensor, state: Tensor] {
    const x = this.drop.forward(this.embedding.forward(ids));
    const [values, last] = this.rnn.forward(x, undefined, { lengths });
    const both = reshape(permute(last, [1, 0, 2]), [ids.shape[0]!, -1]);
    return [values, tanh(this.bridge.forward(both))];
  }
}

export class Decoder extends Module {
  readonly embedding: Embedding;
  readonly drop: Dropout;
  readonly rnn: GRU;
  readonly attention: MultiplicativeAttention;
  readonly combine: Linear;
  readonly head: Linear;
  readonly #scale: number;

  constructor({ targetWords, embedding, hidden, dropout }: Size) {
    super();
    this.drop = new Dropout(dropout);
    this.rnn = new GRU(embedding, hidden, { batchFirst: true });
    this.attention = new MultiplicativeAttention(hidden, hidden);
    this.combine = new Linear(2 * hidden, embedding);
    this.head = new Linear(embedding, targetWords);
    this.embedding = new Embedding(targetWords, embedding);
    // One table for the words that go in and those that come out. Press and Wolf 2017, arXiv:1608.05859.
    this.embedding.weight = this.head.weight;
    // As Vaswani et al. 2017, section 3.4: rows of a head are small.
    this.#scale = Math.sqrt(embedding);
  }

  /** What attention looks into. */
  remember(values: Tensor, lengths: Tensor): Memory {
    const mask = lengthMask(lengths, values.shape[1]!);
    return { values, keys: this.attention.project(values), mask };
  }

  /** Shape: ids int32 [N, T], state [N, hidden] -> [logits [N, T, words], state after the last step]. */
  forward(ids: Tensor, state: Tensor, memory: Memory): [logits: Tensor, state: Tensor] {
    const x = this.drop.forward(this.embedding.forward(ids).mul(this.#scale));
    const [y, last] = this.rnn.forward(x, state.unsqueeze(0));
    // Queries of all steps at once: the context goes into the output, not back into the state.
    const [context] = this.attention.forward(y, memory.values, memory.mask, memory.keys);
    const mixed = tanh(this.combine.forward(concat([context, y], 2)));
    return [this.head.forward(this.drop.forward(mixed)), last.squeeze(0)];
  }

  /** One step. Shape: tokens int32 [N] -> [logits [N, words], state [N, hidden]]. */
  step(tokens: Tensor, state: Tensor, memory: Memory): [logits: Tensor, state: Tensor] {
    const [logits, next] = this.forward(tokens.unsqueeze(1), state, memory);
    return [narrow(logits, 1, 0, 1).squeeze(1), next];
  }
}

export class Translator extends Module {
  readonly encoder: Encoder;
  readonly decoder: Decoder;

  constructor(size: Size) {
    super();
    this.encoder = new Encoder(size);
    this.decoder = new Decoder(size);
  }

  /** Logits of the targets' words, each given the right ones before. Shape: int32 [N, S], [N], [N, T] -> [N, T, words]. */
  forward(source: Tensor, lengths: Tensor, inputs: Tensor): Tensor {
    const [values, state] = this.encoder.forward(source, lengths);
    return this.decoder.forward(inputs, state, this.decoder.remember(values, lengths))[0];
  }
}
