/** The plain recurrent layer. Elman 1990. */
import { composite, withOp } from '@hebb/core';
import type { Attrs, Tensor } from '@hebb/core';
import { oneOf } from '../operands.ts';
import { activationAttrs } from './activations.ts';
import type { RecurrentActivation } from './activations.ts';
import { cellArguments } from './cell.ts';
import type { CellWeights } from './cell.ts';
import { clipped, hiddenPart, initialState, prepare, projectInput, runDirections } from './loop.ts';
import type { RecurrentAttrs, RecurrentOptions, RecurrentWeights } from './loop.ts';
import {
  joinDirections,
  placedInputs,
  recurrentOnnxAttrs,
  stackBiases,
  stackDirections,
} from './onnx.ts';

const rnnOp = composite('rnn', {
  body: (
    x: Tensor,
    weightIh: readonly Tensor[],
    weightHh: readonly Tensor[],
    biasIh: readonly Tensor[],
    biasHh: readonly Tensor[],
    lengths: Tensor | undefined,
    h0: Tensor | undefined,
    attrs: RecurrentAttrs,
  ): Tensor[] => {
    const hidden = weightHh[0]!.shape[1]!;
    return runDirections(
      x,
      (d) => {
        const [f] = clipped(attrs, 1, d);
        const bias = biasIh.length === 0 ? undefined : biasIh[d]!.add(biasHh[d]!);
        return {
          project: (part) => projectInput(part, weightIh[d]!, bias),
          init: [initialState(h0, d, [x.shape[1]!, hidden], x)],
          step: (given, [h]) => [f!(given.add(hiddenPart(h!, weightHh[d]!)))],
        };
      },
      weightIh.length,
      attrs,
      lengths,
    );
  },
  onnx: {
    op: 'RNN',
    since: 14,
    emit: (onnx, attrs: Attrs) => {
      const { names, avals } = placedInputs(onnx, attrs);
      const [[x], w, r, biasIh, biasHh, [lengths], [h0]] = names as [
        string[],
        string[],
        string[],
        string[],
        string[],
        string[],
        string[],
      ];
      const hidden = avals[2]![0]!.shape[1]!;
      const [y, last] = onnx.node(
        'RNN',
        [
          x,
          stackDirections(onnx, w),
          stackDirections(onnx, r),
          stackBiases(onnx, biasIh, biasHh, [0], hidden),
          lengths,
          h0,
        ],
        recurrentOnnxAttrs(attrs as RecurrentAttrs, hidden, w.length, ['Tanh']),
        2,
      );
      return [joinDirections(onnx, y!, w.length), last!];
    },
  },
  samples: [
    {
      in: [
        [3, 2, 3],
        { list: [[4, 3]] },
        { list: [[4, 4]] },
        { list: [[4]] },
        { list: [[4]] },
        null,
        null,
      ],
      attrs: { reverse: false, activations: [['tanh', 0, 0]], clip: 0 },
    },
    {
      name: 'bidirectional with lengths and state',
      in: [
        [4, 3, 2],
        {
          list: [
            [3, 2],
            [3, 2],
          ],
        },
        {
          list: [
            [3, 3],
            [3, 3],
          ],
        },
        { list: [] },
        { list: [] },
        { shape: [3], dtype: 'int32', values: [2, 4, 1] },
        [2, 3, 3],
      ],
      attrs: {
        reverse: false,
        activations: [
          ['tanh', 0, 0],
          ['affine', 0.5, 0.25],
        ],
        clip: 0,
      },
    },
  ],
});

export interface RnnOptions extends RecurrentOptions {
  /** Default tanh; one, or one for each direction. */
  readonly activations?: readonly RecurrentActivation[] | undefined;
}

/**
 * `h' = f(W_ih x + b_ih + W_hh h + b_hh)` over a sequence. Weights for one direction, or a list of two for
 * both. Shape: x [T, N, I] -> y [T, N, D·H] with the directions side by side, hN [D, N, H].
 */
export const rnn = withOp(
  rnnOp.op,
  (
    x: Tensor,
    weights: RecurrentWeights | readonly RecurrentWeights[],
    options: RnnOptions = {},
  ): [y: Tensor, hN: Tensor] => {
    const call = prepare('rnn', x, weights, 1, options);
    const { weightIh, weightHh, biasIh, biasHh, lengths, h0, reverse, clip, checkpoint } = call;
    const activations = activationAttrs('rnn', options.activations, ['tanh'], call.directions);
    const [y, last] = rnnOp(x, weightIh, weightHh, biasIh, biasHh, lengths, h0, {
      reverse,
      activations,
      clip,
      checkpoint,
    });
    return [y!, last!];
  },
);

export interface RnnCellOptions {
  /** Default tanh. */
  readonly nonlinearity?: 'tanh' | 'relu';
}

const rnnCellOp = composite('rnnCell', {
  body: (
    x: Tensor,
    h: Tensor,
    weightIh: Tensor,
    weightHh: Tensor,
    bias: Tensor | undefined,
    attrs: RecurrentAttrs,
  ): Tensor => {
    const [f] = clipped(attrs, 1, 0);
    const total = hiddenPart(x, weightIh).add(hiddenPart(h, weightHh));
    return f!(bias === undefined ? total : total.add(bias));
  },
  samples: [
    {
      in: [[2, 3], [2, 4], [4, 3], [4, 4], [4]],
      attrs: { reverse: false, activations: [['tanh', 0, 0]], clip: 0 },
    },
  ],
});

/** One step of `rnn`. Shape: x [N, I], h [N, H] -> [N, H]. */
export const rnnCell = withOp(
  rnnCellOp.op,
  (x: Tensor, h: Tensor, weights: CellWeights, { nonlinearity = 'tanh' }: RnnCellOptions = {}) => {
    oneOf('rnnCell', 'nonlinearity', nonlinearity, ['tanh', 'relu']);
    const { biasIh, biasHh } = cellArguments('rnnCell', x, [h], weights, 1);
    const bias = biasIh === undefined ? undefined : biasIh.add(biasHh!);
    return rnnCellOp(x, h, weights.weightIh, weights.weightHh, bias, {
      reverse: false,
      activations: [[nonlinearity, 0, 0]],
      clip: 0,
    });
  },
);
