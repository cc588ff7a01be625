/** @hebb/layers-lstm: long short-term memory as modules. */
export { ConvLSTM2d } from './layers/conv-lstm.ts';
export type { ConvLSTMOptions } from './layers/conv-lstm.ts';
export { LSTM, LSTMCell } from './layers/lstm.ts';
export type { LSTMOptions, LSTMState } from './layers/lstm.ts';
