import { cpu } from '@hebb/backend-cpu';
import { testLayer } from '@hebb/conformance';
import { ConvLSTM2d, LSTM, LSTMCell } from '../src/index.ts';
import type { LSTMState } from '../src/index.ts';

const backend = () => cpu();

testLayer('LSTM', () => new LSTM(3, 2), {
  input: [3, 2, 3],
  output: [
    [3, 2, 2],
    [1, 2, 2],
    [1, 2, 2],
  ],
  parameters: { weight_ih_l0: [8, 3], weight_hh_l0: [8, 2], bias_ih_l0: [8], bias_hh_l0: [8] },
  backend,
});
testLayer(
  'LSTM, two layers in both directions with projection and dropout',
  () =>
    new LSTM(2, 3, {
      numLayers: 2,
      bidirectional: true,
      batchFirst: true,
      dropout: 0.3,
      projSize: 1,
      bias: false,
    }),
  {
    input: [2, 3, 2],
    output: [
      [2, 3, 2],
      [4, 2, 1],
      [4, 2, 3],
    ],
    backend,
  },
);
testLayer('LSTM with a first state', () => new LSTM(2, 2), {
  inputs: [
    [3, 2],
    [1, 2],
    [1, 2],
  ],
  call: (layer, [x, h, c]) => (layer as LSTM).forward(x!, [h!, c!]),
  output: [
    [3, 2],
    [1, 2],
    [1, 2],
  ],
  backend,
});
testLayer('LSTMCell', () => new LSTMCell(3, 2), {
  inputs: [
    [2, 3],
    [2, 2],
    [2, 2],
  ],
  call: (layer, [x, h, c]) => (layer as LSTMCell).forward(x!, [h!, c!] satisfies LSTMState),
  output: [
    [2, 2],
    [2, 2],
  ],
  parameters: { weight_ih: [8, 3], weight_hh: [8, 2], bias_ih: [8], bias_hh: [8] },
  backend,
});
testLayer('ConvLSTM2d', () => new ConvLSTM2d(2, 1, 3), {
  input: [2, 1, 2, 3, 4],
  output: [
    [2, 1, 1, 3, 4],
    [1, 1, 3, 4],
    [1, 1, 3, 4],
  ],
  parameters: { weight_ih: [4, 2, 3, 3], weight_hh: [4, 1, 3, 3], bias: [4] },
  backend,
});
