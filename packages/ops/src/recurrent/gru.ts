/** Gated recurrent units. Cho et al. 2014, arXiv:1406.1078. */
import { composite, sub, withOp } from '@hebb/core';
import type { Attrs, Tensor } from '@hebb/core';
import { oneOf } from '../operands.ts';
import { activationAttrs } from './activations.ts';
import type { Activation, RecurrentActivation } from './activations.ts';
import { cellArguments } from './cell.ts';
import type { CellWeights } from './cell.ts';
import {
  clipped,
  gate,
  gateRows,
  hiddenPart,
  initialState,
  prepare,
  projectInput,
  runDirections,
} from './loop.ts';
import type { RecurrentAttrs, RecurrentOptions, RecurrentWeights } from './loop.ts';
import {
  joinDirections,
  placedInputs,
  recurrentOnnxAttrs,
  reorderGates,
  stackBiases,
  stackDirections,
} from './onnx.ts';

/** Order of the gates' rows: reset, update, new (PyTorch), or update, reset, new (ONNX, Keras). */
export type GruGateOrder = 'rzn' | 'zrn';

type GruAttrs = RecurrentAttrs & {
  readonly linearBeforeReset: boolean;
  readonly gateOrder: GruGateOrder;
};

/**
 * One step. `given` is the input's part of the gates with every bias that no reset gate scales.
 * `newBias` [H] is the bias of the new gate's hidden part where the reset gate does scale it.
 */
function gruStep(
  [f, g]: readonly Activation[],
  weightHh: Tensor,
  newBias: Tensor | undefined,
  { linearBeforeReset, gateOrder }: GruAttrs,
): (given: Tensor, h: Tensor) => Tensor {
  const hidden = weightHh.shape[1]!;
  const [r, z] = gateOrder === 'rzn' ? [0, 1] : [1, 0];
  if (linearBeforeReset) {
    return (given, h) => {
      const inner = hiddenPart(h, weightHh);
      const reset = f!(gate(given, r, hidden).add(gate(inner, r, hidden)));
      const update = f!(gate(given, z, hidden).add(gate(inner, z, hidden)));
      const part = gate(inner, 2, hidden);
      const biased = newBias === undefined ? part : part.add(newBias);
      const next = g!(gate(given, 2, hidden).add(reset.mul(biased)));
      return sub(1, update).mul(next).add(update.mul(h));
    };
  }
  const [gates, fresh] = [gateRows(weightHh, 0, hidden, 2), gateRows(weightHh, 2, hidden)];
  return (given, h) => {
    const inner = hiddenPart(h, gates);
    const reset = f!(gate(given, r, hidden).add(gate(inner, r, hidden)));
    const update = f!(gate(given, z, hidden).add(gate(inner, z, hidden)));
    const next = g!(gate(given, 2, hidden).add(hiddenPart(reset.mul(h), fresh)));
    return sub(1, update).mul(next).add(update.mul(h));
  };
}

/** Splits the biases into what is added once and what the reset gate scales. */
function gruBiases(
  biasIh: Tensor | undefined,
  biasHh: Tensor | undefined,
  { linearBeforeReset }: GruAttrs,
): { readonly outer: Tensor | undefined; readonly inner: Tensor | undefined } {
  if (biasIh === undefined || biasHh === undefined) return { outer: undefined, inner: undefined };
  if (!linearBeforeReset) return { outer: biasIh.add(biasHh), inner: undefined };
  const hidden = biasIh.shape[0]! / 3;
  const gates = biasHh.narrow(0, 0, 2 * hidden);
  return {
    outer: biasIh.add(gates.pad({ low: [0], high: [hidden] })),
    inner: gateRows(biasHh, 2, hidden),
  };
}

const plain = { reverse: false, clip: 0, linearBeforeReset: true, gateOrder: 'rzn' } as const;
const usual = [
  ['sigmoid', 0, 0],
  ['tanh', 0, 0],
] as const;

const gruOp = composite('gru', {
  body: (
    x: Tensor,
    weightIh: readonly Tensor[],
    weightHh: readonly Tensor[],
    biasIh: readonly Tensor[],
    biasHh: readonly Tensor[],
    lengths: Tensor | undefined,
    h0: Tensor | undefined,
    attrs: GruAttrs,
  ): Tensor[] => {
    const hidden = weightHh[0]!.shape[1]!;
    return runDirections(
      x,
      (d) => {
        const { outer, inner } = gruBiases(biasIh[d], biasHh[d], attrs);
        const step = gruStep(clipped(attrs, 2, d), weightHh[d]!, inner, attrs);
        return {
          project: (part) => projectInput(part, weightIh[d]!, outer),
          init: [initialState(h0, d, [x.shape[1]!, hidden], x)],
          step: (given, [h]) => [step(given, h!)],
        };
      },
      weightIh.length,
      attrs,
      lengths,
    );
  },
  onnx: {
    op: 'GRU',
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
      const settings = attrs as GruAttrs;
      // ONNX orders the gates update, reset, new.
      const order = settings.gateOrder === 'zrn' ? [0, 1, 2] : [1, 0, 2];
      const rows = (list: string[]): string[] =>
        list.map((name) => reorderGates(onnx, name, order, hidden));
      const [y, last] = onnx.node(
        'GRU',
        [
          x,
          stackDirections(onnx, rows(w)),
          stackDirections(onnx, rows(r)),
          stackBiases(onnx, biasIh, biasHh, order, hidden),
          lengths,
          h0,
        ],
        {
          ...recurrentOnnxAttrs(settings, hidden, w.length, ['Sigmoid', 'Tanh']),
          linear_before_reset: settings.linearBeforeReset ? 1 : 0,
        },
        2,
      );
      return [joinDirections(onnx, y!, w.length), last!];
    },
  },
  samples: [
    {
      in: [
        [3, 2, 3],
        { list: [[6, 3]] },
        { list: [[6, 2]] },
        { list: [[6]] },
        { list: [[6]] },
        null,
        null,
      ],
      attrs: { ...plain, activations: usual },
    },
    {
      name: 'reset before the product, backwards',
      in: [
        [3, 2, 3],
        { list: [[6, 3]] },
        { list: [[6, 2]] },
        { list: [[6]] },
        { list: [[6]] },
        null,
        [1, 2, 2],
      ],
      attrs: {
        ...plain,
        activations: usual,
        reverse: true,
        linearBeforeReset: false,
        gateOrder: 'zrn',
      },
    },
    {
      name: 'bidirectional with lengths',
      in: [
        [4, 2, 2],
        {
          list: [
            [6, 2],
            [6, 2],
          ],
        },
        {
          list: [
            [6, 2],
            [6, 2],
          ],
        },
        { list: [[6], [6]] },
        { list: [[6], [6]] },
        { shape: [2], dtype: 'int32', values: [2, 4] },
        null,
      ],
      attrs: { ...plain, activations: [...usual, ...usual] },
    },
  ],
});

export interface GruOptions extends RecurrentOptions {
  /** Of the gates and of the new value: default sigmoid, tanh; or two for each direction. */
  readonly activations?: readonly RecurrentActivation[] | undefined;
  /**
   * Whether the reset gate scales `W_hn h + b_hn` (PyTorch, cuDNN, Keras's `reset_after`; the default)
   * or h before the product (the paper).
   */
  readonly linearBeforeReset?: boolean | undefined;
  /** Default 'rzn'. */
  readonly gateOrder?: GruGateOrder | undefined;
}

/**
 * `r = σ(W_ir x + b_ir + W_hr h + b_hr)`, `z` alike, `n = tanh(W_in x + b_in + r (W_hn h + b_hn))`,
 * `h' = (1 - z) n + z h` over a sequence. Weights for one direction, or a list of two for both.
 * Shape: x [T, N, I] -> y [T, N, D·H] with the directions side by side, hN [D, N, H].
 */
export const gru = withOp(
  gruOp.op,
  (
    x: Tensor,
    weights: RecurrentWeights | readonly RecurrentWeights[],
    options: GruOptions = {},
  ): [y: Tensor, hN: Tensor] => {
    const { linearBeforeReset = true, gateOrder = 'rzn' } = options;
    oneOf('gru', 'gateOrder', gateOrder, ['rzn', 'zrn']);
    const call = prepare('gru', x, weights, 3, options);
    const { weightIh, weightHh, biasIh, biasHh, lengths, h0, directions, reverse, clip } = call;
    const defaults = ['sigmoid', 'tanh'] as const;
    const [y, last] = gruOp(x, weightIh, weightHh, biasIh, biasHh, lengths, h0, {
      reverse,
      activations: activationAttrs('gru', options.activations, defaults, directions),
      clip,
      checkpoint: call.checkpoint,
      linearBeforeReset,
      gateOrder,
    });
    return [y!, last!];
  },
);

const gruCellOp = composite('gruCell', {
  body: (
    x: Tensor,
    h: Tensor,
    weightIh: Tensor,
    weightHh: Tensor,
    biasIh: Tensor | undefined,
    biasHh: Tensor | undefined,
    attrs: GruAttrs,
  ): Tensor => {
    const { outer, inner } = gruBiases(biasIh, biasHh, attrs);
    const given = hiddenPart(x, weightIh);
    const step = gruStep(clipped(attrs, 2, 0), weightHh, inner, attrs);
    return step(outer === undefined ? given : given.add(outer), h);
  },
  samples: [
    {
      in: [[2, 3], [2, 2], [6, 3], [6, 2], [6], [6]],
      attrs: { ...plain, activations: usual },
    },
    {
      in: [[2, 3], [2, 2], [6, 3], [6, 2], null, null],
      attrs: { ...plain, activations: usual, linearBeforeReset: false },
    },
  ],
});

/** One step of `gru`. Shape: x [N, I], h [N, H] -> [N, H]. */
export const gruCell = withOp(
  gruCellOp.op,
  (
    x: Tensor,
    h: Tensor,
    weights: CellWeights,
    {
      linearBeforeReset = true,
      gateOrder = 'rzn',
      activations,
    }: Pick<GruOptions, 'activations' | 'linearBeforeReset' | 'gateOrder'> = {},
  ): Tensor => {
    oneOf('gruCell', 'gateOrder', gateOrder, ['rzn', 'zrn']);
    const { biasIh, biasHh } = cellArguments('gruCell', x, [h], weights, 3);
    return gruCellOp(x, h, weights.weightIh, weights.weightHh, biasIh, biasHh, {
      reverse: false,
      activations: activationAttrs('gruCell', activations, ['sigmoid', 'tanh'], 1),
      clip: 0,
      linearBeforeReset,
      gateOrder,
    });
  },
);
