/**
 * @hebb/ops: the functional library. PyTorch's functions under their names in camelCase, with its argument
 * meaning, defaults and conventions at kinks and ties, as composites over the primitives of @hebb/core.
 */
export * from './activations.ts';
export * from './arrange.ts';
export * from './convolution.ts';
export * from './cumulative.ts';
export * from './diagonals.ts';
export * from './dropout.ts';
export { einsum } from './einsum.ts';
export * from './indexing/embedding.ts';
export * from './indexing/mask.ts';
export * from './indexing/select.ts';
export * from './linalg.ts';
export * from './losses/classification.ts';
export * from './losses/ctc.ts';
export * from './losses/margin.ts';
export type { LossOptions, Reduction } from './losses/reduction.ts';
export * from './losses/regression.ts';
export * from './math.ts';
export * from './normalisation/normalisation.ts';
export { standardize } from './normalisation/standardize.ts';
export * from './normalisation/weights.ts';
export { operators } from './operators.ts';
export type { Dim, PerAxis } from './operands.ts';
export * from './order.ts';
export { pad } from './padding.ts';
export type { PadMode } from './padding.ts';
export * from './pooling/adaptive.ts';
export * from './pooling/average.ts';
export * from './pooling/max.ts';
export type { PoolOptions } from './pooling/windows.ts';
export { recurrentActivations } from './recurrent/activations.ts';
export type { RecurrentActivation, RecurrentActivationName } from './recurrent/activations.ts';
export type { CellWeights } from './recurrent/cell.ts';
export * from './recurrent/gru.ts';
export type { RecurrentOptions, RecurrentWeights, SequenceLengths } from './recurrent/loop.ts';
export * from './recurrent/lstm.ts';
export * from './recurrent/rnn.ts';
export * from './reductions.ts';
export * from './resize.ts';
export * from './shuffle.ts';
export * from './softmax.ts';
export * from './unfold.ts';
