/** Plain recurrent layers. */
import type { Tensor } from '@hebb/core';
import { RNNBase, RNNCellBase } from '@hebb/nn';
import type { RecurrentCallOptions, RecurrentCellOptions, RecurrentLayerOptions } from '@hebb/nn';
import { rnn, rnnCell } from '@hebb/ops';
import { nonlinearityOf } from './check.ts';
import type { Nonlinearity } from './check.ts';

export interface RNNOptions extends RecurrentLayerOptions {
  /** Default 'tanh'. */
  readonly nonlinearity?: Nonlinearity;
}

/**
 * `h' = tanh(W_ih x + b_ih + W_hh h + b_hh)` over sequences, layer on layer. Elman 1990.
 * Shape: x [T, N, I] ([N, T, I] with batchFirst, or [T, I] without a batch), h0 [L·D, N, H] ->
 * [y [T, N, D·H], hN [L·D, N, H]]; states in the order layer 0, layer 0 backwards, layer 1, ...
 */
export class RNN extends RNNBase {
  readonly nonlinearity: Nonlinearity;

  constructor(inputSize: number, hiddenSize: number, options: RNNOptions = {}) {
    super({ name: 'RNN', gates: 1 }, inputSize, hiddenSize, options);
    this.nonlinearity = nonlinearityOf('RNN', options.nonlinearity);
  }

  forward(x: Tensor, h0?: Tensor, options: RecurrentCallOptions = {}): [y: Tensor, hN: Tensor] {
    const activations = [this.nonlinearity];
    const { checkpoint } = this;
    const [y, hN] = this.run(x, [h0], options, (input, weights, [h], lengths) =>
      rnn(input, weights, { h0: h, lengths, activations, checkpoint }),
    );
    return [y, hN!];
  }
}

export interface RNNCellLayerOptions extends RecurrentCellOptions {
  /** Default 'tanh'. */
  readonly nonlinearity?: Nonlinearity;
}

/** One step of `RNN`. Shape: x [N, I], h [N, H] (zeros when left out) -> [N, H]; all without N too. */
export class RNNCell extends RNNCellBase {
  readonly nonlinearity: Nonlinearity;

  constructor(inputSize: number, hiddenSize: number, options: RNNCellLayerOptions = {}) {
    super('RNNCell', 1, inputSize, hiddenSize, options);
    this.nonlinearity = nonlinearityOf('RNNCell', options.nonlinearity);
  }

  forward(x: Tensor, h?: Tensor): Tensor {
    const { nonlinearity } = this;
    return this.step(x, [h], (input, [state]) => [
      rnnCell(input, state!, this.weights(), { nonlinearity }),
    ])[0]!;
  }
}
