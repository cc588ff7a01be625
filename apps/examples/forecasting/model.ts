/** A recurrent layer over the window; its last state gives all steps of the forecast at once. */
import type { Tensor } from '@hebb/core';
import { LSTM } from '@hebb/layers-lstm';
import { GRU } from '@hebb/layers-rnn';
import { Linear, Module } from '@hebb/nn';

export type CellName = 'LSTM' | 'GRU';

export class Forecaster extends Module {
  readonly rnn: LSTM | GRU;
  readonly head: Linear;

  constructor(cell: CellName, features: number, hidden: number, horizon: number) {
    super();
    this.rnn = new (cell === 'LSTM' ? LSTM : GRU)(features, hidden, { batchFirst: true });
    this.head = new Linear(hidden, horizon);
  }

  /**
   * The forecast is what the network adds to the last value seen.
   * Shape: x [N, input, features] -> [N, horizon, 1].
   */
  forward(x: Tensor): Tensor {
    const [y] = this.rnn.forward(x);
    const last = y.narrow(1, y.shape[1]! - 1, 1).reshape([x.shape[0]!, -1]);
    const seen = x.narrow(1, x.shape[1]! - 1, 1).narrow(2, 0, 1);
    return this.head.forward(last).unsqueeze(2).add(seen);
  }
}
