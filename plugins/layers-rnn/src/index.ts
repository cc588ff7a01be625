/** @hebb/layers-rnn: plain and gated recurrent layers as modules. */
export { AdditiveAttention, MultiplicativeAttention } from './layers/attention.ts';
export type { AttentionOptions } from './layers/attention.ts';
export { GRU, GRUCell } from './layers/gru.ts';
export type { GRUCellLayerOptions, GRUOptions } from './layers/gru.ts';
export { RNN, RNNCell } from './layers/rnn.ts';
export type { RNNCellLayerOptions, RNNOptions } from './layers/rnn.ts';
export type { Nonlinearity } from './layers/check.ts';
