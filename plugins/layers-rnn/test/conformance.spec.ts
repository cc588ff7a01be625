import { cpu } from '@hebb/backend-cpu';
import { testLayer } from '@hebb/conformance';
import {
  AdditiveAttention,
  GRU,
  GRUCell,
  MultiplicativeAttention,
  RNN,
  RNNCell,
} from '../src/index.ts';

const backend = () => cpu();

testLayer('RNN', () => new RNN(3, 2), {
  input: [4, 2, 3],
  output: [
    [4, 2, 2],
    [1, 2, 2],
  ],
  parameters: {
    weight_ih_l0: [2, 3],
    weight_hh_l0: [2, 2],
    bias_ih_l0: [2],
    bias_hh_l0: [2],
  },
  backend,
});
testLayer(
  'RNN, two layers in both directions with dropout',
  () => new RNN(2, 2, { numLayers: 2, bidirectional: true, batchFirst: true, dropout: 0.4 }),
  {
    input: [2, 3, 2],
    output: [
      [2, 3, 4],
      [4, 2, 2],
    ],
    backend,
  },
);
testLayer('GRU', () => new GRU(3, 2, { bias: false }), {
  inputs: [
    [3, 2, 3],
    [1, 2, 2],
  ],
  output: [
    [3, 2, 2],
    [1, 2, 2],
  ],
  parameters: { weight_ih_l0: [6, 3], weight_hh_l0: [6, 2] },
  backend,
});
testLayer('GRU, reset first', () => new GRU(2, 2, { linearBeforeReset: false }), {
  input: [3, 2],
  output: [
    [3, 2],
    [1, 2],
  ],
  backend,
});
testLayer('RNNCell', () => new RNNCell(3, 2, { nonlinearity: 'tanh' }), {
  inputs: [
    [2, 3],
    [2, 2],
  ],
  output: [2, 2],
  parameters: { weight_ih: [2, 3], weight_hh: [2, 2], bias_ih: [2], bias_hh: [2] },
  backend,
});
testLayer('GRUCell', () => new GRUCell(3, 2), {
  input: [3],
  output: [2],
  parameters: { weight_ih: [6, 3], weight_hh: [6, 2], bias_ih: [6], bias_hh: [6] },
  backend,
});
testLayer('AdditiveAttention', () => new AdditiveAttention(3, 4, 5), {
  inputs: [[2, 3], [2, 3, 4], { shape: [2, 3], dtype: 'bool', values: [1, 1, 0, 1, 1, 1] }],
  output: [
    [2, 4],
    [2, 3],
  ],
  parameters: { 'query.weight': [5, 3], 'key.weight': [5, 4], 'key.bias': [5], v: [5] },
  backend,
});
testLayer('MultiplicativeAttention', () => new MultiplicativeAttention(3, 4), {
  inputs: [
    [2, 3],
    [2, 3, 4],
  ],
  output: [
    [2, 4],
    [2, 3],
  ],
  parameters: { 'key.weight': [3, 4] },
  backend,
});
testLayer('MultiplicativeAttention of several queries', () => new MultiplicativeAttention(3, 4), {
  inputs: [
    [2, 5, 3],
    [2, 3, 4],
  ],
  output: [
    [2, 5, 4],
    [2, 5, 3],
  ],
  parameters: { 'key.weight': [3, 4] },
  backend,
});
