/** LSTM over images: every product of the gates is a convolution. */
import { add, fail, formatShape, permute, reshape, scan, tanh, zeros } from '@hebb/core';
import type { DType, Generator, Tensor } from '@hebb/core';
import { Module, Parameter, init } from '@hebb/nn';
import { conv2d, sigmoid } from '@hebb/ops';
import type { LSTMState } from './lstm.ts';

export interface ConvLSTMOptions {
  /** Default true. */
  readonly bias?: boolean;
  /** x and y are [N, T, ...] instead of [T, N, ...]. Default false. */
  readonly batchFirst?: boolean;
  /** Steps between the states that gradients keep, see LSTM; default: all is kept. */
  readonly checkpoint?: number | undefined;
  /** Default float32. */
  readonly dtype?: DType;
  /** Where start values come from; the default generator when left out. */
  readonly generator?: Generator;
}

/**
 * Convolutional LSTM without peepholes. Shi et al. 2015, arXiv:1506.04214. Gates in the order input,
 * forget, cell, output; the kernel has odd sizes, so that images keep theirs.
 * Shape: x [T, N, inChannels, H, W], state [h [N, hiddenChannels, H, W], c alike] ->
 * [y [T, N, hiddenChannels, H, W], [h, c]].
 */
export class ConvLSTM2d extends Module {
  readonly inChannels: number;
  readonly hiddenChannels: number;
  readonly kernelSize: readonly [number, number];
  readonly batchFirst: boolean;
  readonly checkpoint: number | undefined;
  /** [4·hiddenChannels, inChannels, kh, kw] */
  readonly weightIh: Parameter;
  /** [4·hiddenChannels, hiddenChannels, kh, kw] */
  readonly weightHh: Parameter;
  /** [4·hiddenChannels] */
  readonly bias: Parameter | undefined;

  constructor(
    inChannels: number,
    hiddenChannels: number,
    kernelSize: number | readonly [number, number],
    {
      bias = true,
      batchFirst = false,
      checkpoint,
      dtype = 'float32',
      generator,
    }: ConvLSTMOptions = {},
  ) {
    super();
    const [kh, kw] = typeof kernelSize === 'number' ? [kernelSize, kernelSize] : kernelSize;
    for (const [name, value] of Object.entries({ inChannels, hiddenChannels, kh, kw })) {
      if (!Number.isInteger(value) || value < 1) {
        fail('ConvLSTM2d', `${name} is a positive whole number`, String(value));
      }
    }
    if (kh % 2 === 0 || kw % 2 === 0) fail('ConvLSTM2d', 'kernel sizes are odd', `${kh}x${kw}`);
    this.inChannels = inChannels;
    this.hiddenChannels = hiddenChannels;
    this.kernelSize = [kh, kw];
    this.batchFirst = batchFirst;
    this.checkpoint = checkpoint;
    const how = { dtype, ...(generator && { generator }) };
    const rows = 4 * hiddenChannels;
    const start = (channels: number, shape: readonly number[]): Parameter =>
      new Parameter(init.fanInUniform(shape, channels * kh * kw, how));
    this.weightIh = start(inChannels, [rows, inChannels, kh, kw]);
    this.weightHh = start(hiddenChannels, [rows, hiddenChannels, kh, kw]);
    this.bias = bias ? start(inChannels, [rows]) : undefined;
  }

  forward(x: Tensor, state?: LSTMState): [y: Tensor, state: [h: Tensor, c: Tensor]] {
    const { hiddenChannels: hidden, batchFirst } = this;
    if (x.rank !== 5 || x.shape[2] !== this.inChannels) {
      const wanted = batchFirst ? '[N, T,' : '[T, N,';
      fail(
        'ConvLSTM2d',
        'input does not fit',
        formatShape(x.shape),
        `${wanted} ${this.inChannels}, H, W]`,
      );
    }
    const sequence = batchFirst ? permute(x, [1, 0, 2, 3, 4]) : x;
    const [steps, batch, channels, height, width] = sequence.shape as [
      number,
      number,
      number,
      number,
      number,
    ];
    const size = [batch, hidden, height, width];
    for (const each of state ?? []) {
      if (formatShape(each.shape) !== formatShape(size)) {
        fail('ConvLSTM2d', 'state does not fit', formatShape(each.shape), formatShape(size));
      }
    }
    const padding = this.kernelSize.map((k) => (k - 1) / 2);
    // The input's part of the gates for all steps in one convolution.
    const flat = reshape(sequence, [steps * batch, channels, height, width]);
    const given = conv2d(flat, this.weightIh.value, this.bias?.value, { padding });
    const weight = this.weightHh.value;
    const [last, [y]] = scan(
      ([h, c], [now]) => {
        const gates = add(now!, conv2d(h!, weight, null, { padding }));
        const gate = (k: number): Tensor => gates.narrow(1, k * hidden, hidden);
        const cell = sigmoid(gate(1))
          .mul(c!)
          .add(sigmoid(gate(0)).mul(tanh(gate(2))));
        const next = sigmoid(gate(3)).mul(tanh(cell));
        return [[next, cell], [next]];
      },
      state ?? [zeros(size, x.dtype), zeros(size, x.dtype)],
      [reshape(given, [steps, batch, 4 * hidden, height, width])],
      { checkpoint: this.checkpoint },
    );
    return [batchFirst ? permute(y!, [1, 0, 2, 3, 4]) : y!, [last[0]!, last[1]!]];
  }

  override extraRepr(): string {
    const [kh, kw] = this.kernelSize;
    const kernel = kh === kw ? String(kh) : `${kh}x${kw}`;
    return `${this.inChannels}, ${this.hiddenChannels}, kernelSize=${kernel}`;
  }
}
