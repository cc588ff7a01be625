/** RNN, GRU and LSTM with every attribute, as the ops of the same names. */
import { cast, permute, reshape } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { gru, lstm, recurrentActivations, rnn } from '@hebb/ops';
import type { LstmWeights, RecurrentActivation, RecurrentOptions } from '@hebb/ops';
import type { Call } from '../call.ts';
import { cut, permuted, reshaped } from '../undo.ts';
import { since } from '../table.ts';
import type { OperatorTable } from '../table.ts';

/** Functions that take a number from activation_alpha, and those that take one from activation_beta. */
const takesAlpha = new Set([
  'affine',
  'leakyrelu',
  'thresholdedrelu',
  'scaledtanh',
  'hardsigmoid',
  'elu',
]);
const takesBeta = new Set(['affine', 'scaledtanh', 'hardsigmoid']);

/** Activation functions in the order of directions; alphas and betas are dealt out in order. */
function activations(
  c: Call,
  count: number,
  directions: number,
): RecurrentActivation[] | undefined {
  const names = c.attr.strings('activations');
  if (names === undefined) return undefined;
  if (names.length !== count * directions) {
    c.invalid(`${names.length} activations for ${count * directions}`);
  }
  const alphas = [...(c.attr.floats('activation_alpha') ?? [])];
  const betas = [...(c.attr.floats('activation_beta') ?? [])];
  return names.map((given) => {
    const key = given.toLowerCase();
    const name =
      recurrentActivations().find((known) => known.toLowerCase() === key) ??
      c.unsupported(`activation ${given}`);
    return {
      name,
      alpha: takesAlpha.has(key) ? alphas.shift() : undefined,
      beta: takesBeta.has(key) ? betas.shift() : undefined,
    };
  });
}

interface Kind {
  readonly gates: number;
  /** Values carried: h, and c for LSTM. */
  readonly states: number;
  /** Activation functions of one direction. */
  readonly functions: number;
  run(
    c: Call,
    x: Tensor,
    weights: readonly LstmWeights[],
    options: RecurrentOptions & {
      readonly c0: Tensor | undefined;
      readonly activations: RecurrentActivation[] | undefined;
    },
  ): readonly Tensor[];
}

const kinds = {
  rnn: {
    gates: 1,
    states: 1,
    functions: 1,
    run: (_, x, weights, options) => rnn(x, weights, options),
  },
  gru: {
    gates: 3,
    states: 1,
    functions: 2,
    run: (c, x, weights, options) =>
      gru(x, weights, {
        ...options,
        linearBeforeReset: c.attr.bool('linear_before_reset'),
        gateOrder: 'zrn',
      }),
  },
  lstm: {
    gates: 4,
    states: 2,
    functions: 3,
    run: (c, x, weights, options) =>
      lstm(x, weights, {
        ...options,
        inputForget: c.attr.bool('input_forget'),
        gateOrder: 'iofg',
      }),
  },
} satisfies Record<string, Kind>;

/** One direction's part of what is stacked along the first axis; a view where there is one direction. */
const part = (x: Tensor, d: number): Tensor => reshaped(cut(x, d, 1), x.shape.slice(1));

function recurrentOperator(kind: Kind): (c: Call) => Tensor[] {
  return (c) => {
    const batchFirst = c.attr.int('layout', 0) === 1;
    const direction = c.attr.string('direction', 'forward');
    if (direction !== 'forward' && direction !== 'reverse' && direction !== 'bidirectional') {
      c.invalid(`direction is ${direction}`);
    }
    const directions = direction === 'bidirectional' ? 2 : 1;
    const given = c.tensor(0);
    const x = batchFirst ? permute(given, [1, 0, 2]) : given;
    const hidden = c.shape(2)[2] ?? 0;
    const width = kind.gates * hidden;
    for (const k of [1, 2]) {
      if (c.shape(k)[0] !== directions) {
        c.invalid(
          `input ${k} has ${c.shape(k)[0] ?? 0} directions, ${direction} wants ${directions}`,
        );
      }
    }
    const [w, r, b] = [c.tensor(1), c.tensor(2), c.maybe(3)];
    const peephole = kind.states === 2 ? c.maybe(7) : undefined;
    const weights = Array.from({ length: directions }, (_, d): LstmWeights => {
      const biases = b === undefined ? undefined : part(b, d);
      return {
        weightIh: part(w, d),
        weightHh: part(r, d),
        biasIh: biases && cut(biases, 0, width),
        biasHh: biases && cut(biases, width, width),
        peephole: peephole && part(peephole, d),
      };
    });
    /** Initial states lie in input 5 and, for the cell of LSTM, 6. */
    const initial = (i: number): Tensor | undefined => {
      const state = c.maybe(i);
      return state !== undefined && batchFirst ? permute(state, [1, 0, 2]) : state;
    };
    const [y, ...states] = kind.run(c, x, weights, {
      lengths: c.has(4) ? cast(c.tensor(4), 'int32') : undefined,
      h0: initial(5),
      c0: kind.states === 2 ? initial(6) : undefined,
      reverse: direction === 'reverse',
      clip: c.attr.has('clip') ? c.attr.float('clip') : undefined,
      activations: activations(c, kind.functions, directions),
    });
    // [steps, directions, batch, hidden], or batch first.
    const [steps, batch] = x.shape as [number, number, number];
    const apart = reshape(y!, [steps, batch, directions, hidden]);
    return [
      permuted(apart, batchFirst ? [1, 0, 2, 3] : [0, 2, 1, 3]),
      ...states.map((state) => (batchFirst ? permute(state, [1, 0, 2]) : state)),
    ];
  };
}

export const recurrentOperators: OperatorTable = {
  RNN: [since(1, recurrentOperator(kinds.rnn))],
  GRU: [since(1, recurrentOperator(kinds.gru))],
  LSTM: [since(1, recurrentOperator(kinds.lstm))],
};
