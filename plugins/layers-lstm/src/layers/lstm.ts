/** Long short-term memory. */
import type { Tensor } from '@hebb/core';
import { RNNBase, RNNCellBase } from '@hebb/nn';
import type { RecurrentCallOptions, RecurrentCellOptions, RecurrentLayerOptions } from '@hebb/nn';
import { lstm, lstmCell } from '@hebb/ops';

/** Hidden state and cell. */
export type LSTMState = readonly [h: Tensor, c: Tensor];

export interface LSTMOptions extends RecurrentLayerOptions {
  /** Size P of a projected hidden state, less than the hidden size; 0 (the default) for none. */
  readonly projSize?: number;
}

/**
 * `i, f, o = σ(W x + b + W_h h + b_h)`, `g = tanh(...)`, `c' = f c + i g`, `h' = o tanh(c')` over
 * sequences, layer on layer; with projSize `h' = W_hr (o tanh(c'))`. Hochreiter and Schmidhuber 1997,
 * projection: Sak et al. 2014, arXiv:1402.1128.
 * Shape: x [T, N, I] ([N, T, I] with batchFirst, or [T, I] without a batch), state [h0 [L·D, N, H],
 * c0 [L·D, N, H]] -> [y [T, N, D·H], [hN, cN]]; states in the order layer 0, layer 0 backwards, layer 1,
 * ... With a projection P stands for H in y and h.
 */
export class LSTM extends RNNBase {
  constructor(inputSize: number, hiddenSize: number, options: LSTMOptions = {}) {
    const { projSize = 0 } = options;
    super({ name: 'LSTM', gates: 4, projSize }, inputSize, hiddenSize, options);
  }

  forward(
    x: Tensor,
    state?: LSTMState,
    options: RecurrentCallOptions = {},
  ): [y: Tensor, state: [hN: Tensor, cN: Tensor]] {
    const { checkpoint } = this;
    const [y, hN, cN] = this.run(
      x,
      [state?.[0], state?.[1]],
      options,
      (input, weights, [h0, c0], lengths) => lstm(input, weights, { h0, c0, lengths, checkpoint }),
    );
    return [y, [hN!, cN!]];
  }
}

/**
 * One step of `LSTM`. Shape: x [N, I], state [h [N, H], c [N, H]] (zeros when left out) -> [h, c]; all
 * without N too.
 */
export class LSTMCell extends RNNCellBase {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentCellOptions = {}) {
    super('LSTMCell', 4, inputSize, hiddenSize, options);
  }

  forward(x: Tensor, state?: LSTMState): [h: Tensor, c: Tensor] {
    const [h, c] = this.step(x, [state?.[0], state?.[1]], (input, [hidden, cell]) =>
      lstmCell(input, hidden!, cell!, this.weights()),
    );
    return [h!, c!];
  }
}
