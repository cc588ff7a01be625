/** Characters in, logits of the next character out, with the state of the LSTM carried along. */
import type { Tensor } from '@hebb/core';
import { LSTM } from '@hebb/layers-lstm';
import type { LSTMState } from '@hebb/layers-lstm';
import { Dropout, Embedding, Linear, Module, zeroState } from '@hebb/nn';

export interface Size {
  readonly embedding: number;
  readonly hidden: number;
  readonly layers: number;
  readonly dropout: number;
}

export class CharRnn extends Module {
  readonly embedding: Embedding;
  readonly lstm: LSTM;
  readonly drop: Dropout;
  readonly head: Linear;

  constructor(characters: number, { embedding, hidden, layers, dropout }: Size) {
    super();
    this.embedding = new Embedding(characters, embedding);
    this.lstm = new LSTM(embedding, hidden, { numLayers: layers, batchFirst: true, dropout });
    this.drop = new Dropout(dropout);
    this.head = new Linear(hidden, characters);
  }

  /** Shape: ids int32 [N, T] -> [logits [N, T, characters], state]. */
  forward(ids: Tensor, state?: LSTMState): [logits: Tensor, state: [h: Tensor, c: Tensor]] {
    const [y, next] = this.lstm.forward(this.embedding.forward(ids), state);
    return [this.head.forward(this.drop.forward(y)), next];
  }

  /** State before the first character of `batch` texts. */
  start(batch: number): [h: Tensor, c: Tensor] {
    return [zeroState(this.lstm, batch), zeroState(this.lstm, batch)];
  }
}
