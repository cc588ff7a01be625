/** Long short-term memory. Hochreiter and Schmidhuber 1997; forget gates: Gers et al. 2000. */
import { composite, fail, sub, withOp } from '@hebb/core';
import type { Attrs, Tensor } from '@hebb/core';
import { oneOf } from '../operands.ts';
import { activationAttrs } from './activations.ts';
import type { Activation, RecurrentActivation } from './activations.ts';
import { cellArguments } from './cell.ts';
import {
  clipped,
  gate,
  hiddenPart,
  initialState,
  prepare,
  projectInput,
  runDirections,
  wants,
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

/** Order of the gates' rows: input, forget, cell, output (PyTorch, Keras), or input, output, forget, cell (ONNX). */
export type LstmGateOrder = 'ifgo' | 'iofg';

export interface LstmWeights extends RecurrentWeights {
  /** Projection of the hidden state [P, H]. Sak et al. 2014, arXiv:1402.1128. */
  readonly weightHr?: Tensor | null | undefined;
  /** Diagonal weights from the cell to the input, output and forget gate [3·H]. Gers and Schmidhuber 2000. */
  readonly peephole?: Tensor | null | undefined;
}

type LstmAttrs = RecurrentAttrs & {
  /** Forget gate 1 - input gate. */
  readonly inputForget: boolean;
  readonly gateOrder: LstmGateOrder;
};

interface StepWeights {
  readonly weightHh: Tensor;
  readonly weightHr: Tensor | undefined;
  readonly peephole: Tensor | undefined;
}

/** One step. `given` is the input's part of the gates with both biases. */
function lstmStep(
  [f, g, out]: readonly Activation[],
  { weightHh, weightHr, peephole }: StepWeights,
  { inputForget, gateOrder }: LstmAttrs,
): (given: Tensor, h: Tensor, c: Tensor) => [h: Tensor, c: Tensor] {
  const hidden = weightHh.shape[0]! / 4;
  const [inputAt, forgetAt, cellAt, outputAt] =
    gateOrder === 'ifgo' ? ([0, 1, 2, 3] as const) : ([0, 2, 3, 1] as const);
  const peep = (k: number, state: Tensor, x: Tensor): Tensor =>
    peephole === undefined ? x : x.add(peephole.narrow(0, k * hidden, hidden).mul(state));
  return (given, h, c) => {
    const gates = given.add(hiddenPart(h, weightHh));
    const input = f!(peep(0, c, gate(gates, inputAt, hidden)));
    const forget = inputForget ? sub(1, input) : f!(peep(2, c, gate(gates, forgetAt, hidden)));
    const cell = forget.mul(c).add(input.mul(g!(gate(gates, cellAt, hidden))));
    const output = f!(peep(1, cell, gate(gates, outputAt, hidden)));
    const full = output.mul(out!(cell));
    return [weightHr === undefined ? full : hiddenPart(full, weightHr), cell];
  };
}

const plain = { reverse: false, clip: 0, inputForget: false, gateOrder: 'ifgo' } as const;
const usual = [
  ['sigmoid', 0, 0],
  ['tanh', 0, 0],
  ['tanh', 0, 0],
] as const;

const lstmOp = composite('lstm', {
  body: (
    x: Tensor,
    weightIh: readonly Tensor[],
    weightHh: readonly Tensor[],
    biasIh: readonly Tensor[],
    biasHh: readonly Tensor[],
    weightHr: readonly Tensor[],
    peephole: readonly Tensor[],
    lengths: Tensor | undefined,
    h0: Tensor | undefined,
    c0: Tensor | undefined,
    attrs: LstmAttrs,
  ): Tensor[] => {
    const batch = x.shape[1]!;
    const [rows, state] = weightHh[0]!.shape as [number, number];
    return runDirections(
      x,
      (d) => {
        const bias = biasIh.length === 0 ? undefined : biasIh[d]!.add(biasHh[d]!);
        const weights = {
          weightHh: weightHh[d]!,
          weightHr: weightHr[d],
          peephole: peephole[d],
        };
        const step = lstmStep(clipped(attrs, 3, d), weights, attrs);
        return {
          project: (part) => projectInput(part, weightIh[d]!, bias),
          init: [initialState(h0, d, [batch, state], x), initialState(c0, d, [batch, rows / 4], x)],
          step: (given, [h, c]) => step(given, h!, c!),
        };
      },
      weightIh.length,
      attrs,
      lengths,
    );
  },
  onnx: {
    op: 'LSTM',
    since: 14,
    emit: (onnx, attrs: Attrs) => {
      const { names, avals } = placedInputs(onnx, attrs);
      const [[x], w, r, biasIh, biasHh, project, peephole, [lengths], [h0], [c0]] = names as [
        string[],
        string[],
        string[],
        string[],
        string[],
        string[],
        string[],
        string[],
        string[],
        string[],
      ];
      // ONNX has no projection: such a layer is written as a loop.
      if (project.length > 0) return undefined;
      const hidden = avals[2]![0]!.shape[1]!;
      const settings = attrs as LstmAttrs;
      // ONNX orders the gates input, output, forget, cell.
      const order = settings.gateOrder === 'iofg' ? [0, 1, 2, 3] : [0, 3, 1, 2];
      const rows = (list: string[]): string[] =>
        list.map((name) => reorderGates(onnx, name, order, hidden));
      const [y, lastH, lastC] = onnx.node(
        'LSTM',
        [
          x,
          stackDirections(onnx, rows(w)),
          stackDirections(onnx, rows(r)),
          stackBiases(onnx, biasIh, biasHh, order, hidden),
          lengths,
          h0,
          c0,
          peephole.length === 0 ? undefined : stackDirections(onnx, peephole),
        ],
        {
          ...recurrentOnnxAttrs(settings, hidden, w.length, ['Sigmoid', 'Tanh', 'Tanh']),
          ...(settings.inputForget ? { input_forget: 1 } : {}),
        },
        3,
      );
      return [joinDirections(onnx, y!, w.length), lastH!, lastC!];
    },
  },
  samples: [
    {
      in: [
        [3, 2, 3],
        { list: [[8, 3]] },
        { list: [[8, 2]] },
        { list: [[8]] },
        { list: [[8]] },
        { list: [] },
        { list: [] },
        null,
        null,
        null,
      ],
      attrs: { ...plain, activations: usual },
    },
    {
      name: 'bidirectional with lengths and states',
      in: [
        [4, 2, 2],
        {
          list: [
            [8, 2],
            [8, 2],
          ],
        },
        {
          list: [
            [8, 2],
            [8, 2],
          ],
        },
        { list: [] },
        { list: [] },
        { list: [] },
        { list: [] },
        { shape: [2], dtype: 'int32', values: [2, 4] },
        [2, 2, 2],
        [2, 2, 2],
      ],
      attrs: { ...plain, activations: [...usual, ...usual] },
    },
    {
      name: 'peepholes, backwards',
      in: [
        [3, 2, 2],
        { list: [[8, 2]] },
        { list: [[8, 2]] },
        { list: [[8]] },
        { list: [[8]] },
        { list: [] },
        { list: [[6]] },
        null,
        null,
        null,
      ],
      attrs: { ...plain, activations: usual, reverse: true, gateOrder: 'iofg' },
    },
    {
      name: 'projection',
      in: [
        [3, 2, 2],
        { list: [[12, 2]] },
        { list: [[12, 2]] },
        { list: [[12]] },
        { list: [[12]] },
        { list: [[2, 3]] },
        { list: [] },
        null,
        [1, 2, 2],
        [1, 2, 3],
      ],
      attrs: { ...plain, activations: usual },
    },
    {
      name: 'coupled gates',
      in: [
        [2, 1, 2],
        { list: [[8, 2]] },
        { list: [[8, 2]] },
        { list: [] },
        { list: [] },
        { list: [] },
        { list: [] },
        null,
        null,
        null,
      ],
      attrs: { ...plain, activations: usual, inputForget: true },
    },
  ],
});

export interface LstmOptions extends RecurrentOptions {
  /** First cell state [directions, N, H]; zeros when left out. */
  readonly c0?: Tensor | null | undefined;
  /** Of the gates, of the new value and of the output: default sigmoid, tanh, tanh; or three for each direction. */
  readonly activations?: readonly RecurrentActivation[] | undefined;
  /** Forget exactly what the input gate lets in: f = 1 - i. Default false. */
  readonly inputForget?: boolean | undefined;
  /** Default 'ifgo'. */
  readonly gateOrder?: LstmGateOrder | undefined;
}

/**
 * `i, f, o = σ(W_i· x + b_i· + W_h· h + b_h·)`, `g = tanh(...)`, `c' = f c + i g`, `h' = o tanh(c')` over a
 * sequence, `h' = W_hr (o tanh(c'))` with a projection. Weights for one direction, or a list of two for
 * both. Shape: x [T, N, I] -> y [T, N, D·H] with the directions side by side, hN [D, N, H], cN [D, N, H]
 * (P in place of H for y and hN with a projection).
 */
export const lstm = withOp(
  lstmOp.op,
  (
    x: Tensor,
    weights: LstmWeights | readonly LstmWeights[],
    options: LstmOptions = {},
  ): [y: Tensor, hN: Tensor, cN: Tensor] => {
    const { inputForget = false, gateOrder = 'ifgo', c0 } = options;
    oneOf('lstm', 'gateOrder', gateOrder, ['ifgo', 'iofg']);
    const call = prepare('lstm', x, weights, 4, options);
    const { weightIh, weightHh, biasIh, biasHh, lengths, h0, directions, reverse, clip } = call;
    const list = Array.isArray(weights)
      ? (weights as readonly LstmWeights[])
      : [weights as LstmWeights];
    const hidden = weightIh[0]!.shape[0]! / 4;
    const state = weightHh[0]!.shape[1]!;
    const project = list.flatMap(({ weightHr }) => weightHr ?? []);
    const peephole = list.flatMap((each) => each.peephole ?? []);
    if (project.length === 0 && state !== hidden) {
      wants('lstm', 'weightHh', weightHh[0]!, [4 * hidden, hidden]);
    }
    for (const each of project) wants('lstm', 'weightHr', each, [state, hidden]);
    for (const each of peephole) wants('lstm', 'peephole', each, [3 * hidden]);
    for (const [name, found] of Object.entries({ weightHr: project, peephole })) {
      if (found.length !== 0 && found.length !== directions) {
        fail('lstm', `${name} is for all directions or for none`, String(found.length));
      }
    }
    if (c0 != null) wants('lstm', 'c0', c0, [directions, x.shape[1]!, hidden]);
    const defaults = ['sigmoid', 'tanh', 'tanh'] as const;
    const [y, lastH, lastC] = lstmOp(
      x,
      weightIh,
      weightHh,
      biasIh,
      biasHh,
      project,
      peephole,
      lengths,
      h0,
      c0 ?? undefined,
      {
        reverse,
        activations: activationAttrs('lstm', options.activations, defaults, directions),
        clip,
        checkpoint: call.checkpoint,
        inputForget,
        gateOrder,
      },
    );
    return [y!, lastH!, lastC!];
  },
);

const lstmCellOp = composite('lstmCell', {
  body: (
    x: Tensor,
    h: Tensor,
    c: Tensor,
    weightIh: Tensor,
    weightHh: Tensor,
    bias: Tensor | undefined,
    weightHr: Tensor | undefined,
    peephole: Tensor | undefined,
    attrs: LstmAttrs,
  ): Tensor[] => {
    const given = hiddenPart(x, weightIh);
    const step = lstmStep(clipped(attrs, 3, 0), { weightHh, weightHr, peephole }, attrs);
    return step(bias === undefined ? given : given.add(bias), h, c);
  },
  samples: [
    {
      in: [[2, 3], [2, 2], [2, 2], [8, 3], [8, 2], [8], null, null],
      attrs: { ...plain, activations: usual },
    },
    {
      in: [[2, 3], [2, 1], [2, 2], [8, 3], [8, 1], null, [1, 2], [6]],
      attrs: { ...plain, activations: usual },
    },
  ],
});

/** One step of `lstm`. Shape: x [N, I], h [N, H] (or P), c [N, H] -> [h, c]. */
export const lstmCell = withOp(
  lstmCellOp.op,
  (
    x: Tensor,
    h: Tensor,
    c: Tensor,
    weights: LstmWeights,
    {
      inputForget = false,
      gateOrder = 'ifgo',
      activations,
    }: Pick<LstmOptions, 'activations' | 'inputForget' | 'gateOrder'> = {},
  ): [h: Tensor, c: Tensor] => {
    oneOf('lstmCell', 'gateOrder', gateOrder, ['ifgo', 'iofg']);
    const { weightIh, weightHh, weightHr, peephole } = weights;
    const { biasIh, biasHh } = cellArguments('lstmCell', x, [h, c], weights, 4);
    const [state, hidden] = [weightHh.shape[1]!, weightIh.shape[0]! / 4];
    if (weightHr != null) wants('lstmCell', 'weightHr', weightHr, [state, hidden]);
    else wants('lstmCell', 'weightHh', weightHh, [4 * hidden, hidden]);
    if (peephole != null) wants('lstmCell', 'peephole', peephole, [3 * hidden]);
    const bias = biasIh === undefined ? undefined : biasIh.add(biasHh!);
    const [nextH, nextC] = lstmCellOp(
      x,
      h,
      c,
      weightIh,
      weightHh,
      bias,
      weightHr ?? undefined,
      peephole ?? undefined,
      {
        reverse: false,
        activations: activationAttrs('lstmCell', activations, ['sigmoid', 'tanh', 'tanh'], 1),
        clip: 0,
        inputForget,
        gateOrder,
      },
    );
    return [nextH!, nextC!];
  },
);
