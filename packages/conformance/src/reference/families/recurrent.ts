/** Family `recurrent`: layers and cells as functions, with the weights under PyTorch's names. */
import { concat, permute } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import * as ops from '@hebb/ops';
import { flag, num, word } from '../attrs.ts';
import type { CaseAttrs, CaseTable, Outputs, ReferenceCase, Tensors } from '../case.ts';

type Kind = 'rnn' | 'gru' | 'lstm';

const suffixed = (tensors: Tensors, suffix: string): ops.LstmWeights => ({
  weightIh: tensors[`weight_ih${suffix}`]!,
  weightHh: tensors[`weight_hh${suffix}`]!,
  biasIh: tensors[`bias_ih${suffix}`],
  biasHh: tensors[`bias_hh${suffix}`],
  weightHr: tensors[`weight_hr${suffix}`],
});

const nonlinearity = (attrs: CaseAttrs): 'tanh' | 'relu' =>
  word(attrs['nonlinearity'] ?? 'tanh', ['tanh', 'relu']);

/** All layers, each on the outputs of the one below. */
function layers(
  kind: Kind,
  tensors: Tensors,
  attrs: CaseAttrs,
  { inputs }: ReferenceCase,
): { y: Tensor; states: Tensor[] } {
  const directions = flag(attrs['bidirectional']) ? ['', '_reverse'] : [''];
  const batchFirst = flag(attrs['batch_first']);
  const lengths = inputs['lengths']?.data.map(Number);
  const stateOf = (name: string, layer: number): Tensor | undefined =>
    tensors[name]?.narrow(0, layer * directions.length, directions.length);
  let y = batchFirst ? permute(tensors['x']!, [1, 0, 2]) : tensors['x']!;
  const states: Tensor[][] = [];
  for (let layer = 0; layer < num(attrs['num_layers'] ?? 1); layer++) {
    const weights = directions.map((direction) => suffixed(tensors, `_l${layer}${direction}`));
    const shared = { lengths, h0: stateOf('h0', layer) };
    const [output, ...last] =
      kind === 'rnn'
        ? ops.rnn(y, weights, { ...shared, activations: [nonlinearity(attrs)] })
        : kind === 'gru'
          ? ops.gru(y, weights, shared)
          : ops.lstm(y, weights, { ...shared, c0: stateOf('c0', layer) });
    y = output;
    states.push(last);
  }
  return {
    y: batchFirst ? permute(y, [1, 0, 2]) : y,
    states: states[0]!.map((_, k) =>
      concat(
        states.map((each) => each[k]!),
        0,
      ),
    ),
  };
}

const sequence =
  (kind: Kind) =>
  (tensors: Tensors, attrs: CaseAttrs, given: ReferenceCase): Outputs => {
    const { y, states } = layers(kind, tensors, attrs, given);
    const named: Record<string, Tensor> = { output: y, h_n: states[0]! };
    if (states[1] !== undefined) named['c_n'] = states[1];
    return named;
  };

/** Only one of the results is used, so that the others' gradients are absent. */
const partOf =
  (kind: Kind) =>
  (tensors: Tensors, attrs: CaseAttrs, given: ReferenceCase): Outputs => {
    const { y, states } = layers(kind, tensors, attrs, given);
    const used = word(attrs['used'] ?? null, ['last', 'state', 'mean']);
    if (used === 'mean') return y.mean(0);
    return used === 'state' ? states[0]!.index(0) : y.index(y.shape[0]! - 1);
  };

export const recurrent: CaseTable = {
  rnn: sequence('rnn'),
  gru: sequence('gru'),
  lstm: sequence('lstm'),
  rnn_part: partOf('rnn'),
  gru_part: partOf('gru'),
  lstm_part: partOf('lstm'),
  rnn_cell: (tensors, attrs) => ({
    h_next: ops.rnnCell(tensors['x']!, tensors['h']!, suffixed(tensors, ''), {
      nonlinearity: nonlinearity(attrs),
    }),
  }),
  gru_cell: (tensors) => ({
    h_next: ops.gruCell(tensors['x']!, tensors['h']!, suffixed(tensors, '')),
  }),
  lstm_cell: ({ x, h, c, ...params }) => {
    const [next, cell] = ops.lstmCell(x!, h!, c!, suffixed(params, ''));
    return { h_next: next, c_next: cell };
  },
};
