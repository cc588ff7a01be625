/** The recurrent classifier of family `training`: embedding, recurrent layers, the last hidden state, fc. */
import { attrs as read } from '@hebb/conformance/reference';
import type { ReferenceCase } from '@hebb/conformance/reference';
import type { DType, Tensor } from '@hebb/core';
import { LSTM } from '@hebb/layers-lstm';
import { GRU, RNN } from '@hebb/layers-rnn';
import { Embedding, Linear, Module } from '@hebb/nn';

const { num, flag } = read;

export class RnnClassifier extends Module {
  readonly emb: Embedding;
  readonly rnn: RNN | GRU | LSTM;
  readonly fc: Linear;

  constructor({ attrs, params }: ReferenceCase, dtype: DType) {
    super();
    const [embedding, hidden] = [num(attrs['embedding']), num(attrs['hidden'])];
    const options = {
      numLayers: num(attrs['layers'] ?? 1),
      bidirectional: flag(attrs['bidirectional']),
      batchFirst: true,
      dtype,
    };
    const cell = read.word(attrs['cell'] ?? null, ['rnn', 'gru', 'lstm']);
    const Layer = { rnn: RNN, gru: GRU, lstm: LSTM }[cell];
    this.emb = new Embedding(num(attrs['vocab']), embedding, { dtype });
    this.rnn = new Layer(embedding, hidden, options);
    const [classes, width] = params['fc.weight']!.shape as [number, number];
    this.fc = new Linear(width, classes, { dtype });
  }

  forward(x: Tensor): Tensor {
    const [, state] = this.rnn.forward(this.emb.forward(x));
    const h = Array.isArray(state) ? (state[0] as Tensor) : (state as Tensor);
    const { directions } = this.rnn;
    // The last layer's states of all directions, side by side.
    const last = h.narrow(0, h.shape[0]! - directions, directions);
    return this.fc.forward(last.permute([1, 0, 2]).reshape([x.shape[0]!, -1]));
  }
}
