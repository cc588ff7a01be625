/** @hebb/layers-rnn: plain and gated recurrent layers as modules. */
export { GRU, GRUCell } from './layers/gru.ts';
export type { GRUCellLayerOptions, GRUOptions } from './layers/gru.ts';
export { RNN, RNNCell } from './layers/rnn.ts';
export type { RNNCellLayerOptions, RNNOptions } from './layers/rnn.ts';
export type { Nonlinearity } from './layers/check.ts';
