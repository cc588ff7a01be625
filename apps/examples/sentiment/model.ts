/** A bidirectional LSTM that attends to the words that matter. */
import { reshape, sum, tanh, where } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { LSTM } from '@hebb/layers-lstm';
import { Dropout, Embedding, Linear, Module } from '@hebb/nn';
import { lengthMask, softmax } from '@hebb/ops';

export interface Size {
  readonly words: number;
  readonly embedding: number;
  readonly hidden: number;
  readonly dropout: number;
}

export class SentimentNet extends Module {
  readonly embedding: Embedding;
  readonly drop: Dropout;
  readonly lstm: LSTM;
  readonly score: Linear;
  readonly head: Linear;

  constructor({ words, embedding, hidden, dropout }: Size) {
    super();
    this.embedding = new Embedding(words, embedding, { paddingIdx: 0 });
    this.drop = new Dropout(dropout);
    this.lstm = new LSTM(embedding, hidden, { batchFirst: true, bidirectional: true });
    this.score = new Linear(2 * hidden, 1);
    this.head = new Linear(2 * hidden, 2);
  }

  /** Shape: ids int32 [N, T], lengths int32 [N] -> logits [N, 2]: panned, praised. */
  forward(ids: Tensor, lengths: Tensor): Tensor {
    const [batch, steps] = ids.shape as [number, number];
    const x = this.drop.forward(this.embedding.forward(ids));
    const [y] = this.lstm.forward(x, undefined, { lengths });
    // One weight a word: Yang et al. 2016, without the hierarchy.
    const scores = reshape(this.score.forward(tanh(y)), [batch, steps]);
    const weights = softmax(where(lengthMask(lengths, steps), scores, -Infinity), 1);
    const pooled = sum(y.mul(weights.unsqueeze(2)), 1);
    return this.head.forward(this.drop.forward(pooled));
  }
}
