/** Gated recurrent units. */
import type { Tensor } from '@hebb/core';
import { RNNBase, RNNCellBase } from '@hebb/nn';
import type { RecurrentCallOptions, RecurrentCellOptions, RecurrentLayerOptions } from '@hebb/nn';
import { gru, gruCell } from '@hebb/ops';

interface ResetOption {
  /**
   * Whether the reset gate scales `W_hn h + b_hn` (PyTorch; the default) or h before the product (the
   * paper, ONNX's default).
   */
  readonly linearBeforeReset?: boolean;
}
export interface GRUOptions extends RecurrentLayerOptions, ResetOption {}
export interface GRUCellLayerOptions extends RecurrentCellOptions, ResetOption {}

/**
 * `r, z = σ(W x + b + W_h h + b_h)`, `n = tanh(W_in x + b_in + r (W_hn h + b_hn))`,
 * `h' = (1 - z) n + z h` over sequences, layer on layer. Cho et al. 2014, arXiv:1406.1078.
 * Shape: x [T, N, I] ([N, T, I] with batchFirst, or [T, I] without a batch), h0 [L·D, N, H] ->
 * [y [T, N, D·H], hN [L·D, N, H]]; states in the order layer 0, layer 0 backwards, layer 1, ...
 */
export class GRU extends RNNBase {
  readonly linearBeforeReset: boolean;

  constructor(inputSize: number, hiddenSize: number, options: GRUOptions = {}) {
    super({ name: 'GRU', gates: 3 }, inputSize, hiddenSize, options);
    this.linearBeforeReset = options.linearBeforeReset ?? true;
  }

  forward(x: Tensor, h0?: Tensor, options: RecurrentCallOptions = {}): [y: Tensor, hN: Tensor] {
    const { linearBeforeReset, checkpoint } = this;
    const [y, hN] = this.run(x, [h0], options, (input, weights, [h], lengths) =>
      gru(input, weights, { h0: h, lengths, linearBeforeReset, checkpoint }),
    );
    return [y, hN!];
  }
}

/** One step of `GRU`. Shape: x [N, I], h [N, H] (zeros when left out) -> [N, H]; all without N too. */
export class GRUCell extends RNNCellBase {
  readonly linearBeforeReset: boolean;

  constructor(inputSize: number, hiddenSize: number, options: GRUCellLayerOptions = {}) {
    super('GRUCell', 3, inputSize, hiddenSize, options);
    this.linearBeforeReset = options.linearBeforeReset ?? true;
  }

  forward(x: Tensor, h?: Tensor): Tensor {
    const { linearBeforeReset } = this;
    return this.step(x, [h], (input, [state]) => [
      gruCell(input, state!, this.weights(), { linearBeforeReset }),
    ])[0]!;
  }
}
