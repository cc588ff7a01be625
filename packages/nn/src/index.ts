/** @hebb/nn: modules, layers, losses and initialisers, with PyTorch's names, defaults and layouts. */
export { Module } from './module/module.ts';
export type { ForwardHook, ForwardPreHook, Layer } from './module/module.ts';
export { decayGroups, parameterGroups } from './module/groups.ts';
export type { Group, GroupRule, GroupSettings, ParameterMatch } from './module/groups.ts';
export { LazyModule, UninitializedParameter, materialize } from './module/lazy.ts';
export { ModuleBuffer, Parameter } from './module/parameter.ts';
export type { ModuleBufferOptions, ParameterOptions } from './module/parameter.ts';
export type { PathPattern } from './module/pattern.ts';
export { withMode } from './module/run.ts';
export type { LoadOptions, LoadReport, StateDict } from './module/state-dict.ts';

export { BatchNorm1d, BatchNorm2d, BatchNorm3d } from './layers/batch-norm.ts';
export type { BatchNormLayerOptions } from './layers/batch-norm.ts';
export { AdaptiveLogSoftmaxWithLoss } from './layers/adaptive-softmax.ts';
export type { AdaptiveLogSoftmaxOptions } from './layers/adaptive-softmax.ts';
export { Bilinear } from './layers/bilinear.ts';
export {
  ModuleDict,
  ModuleList,
  ParameterDict,
  ParameterList,
  Sequential,
} from './layers/containers.ts';
export type { Named } from './layers/containers.ts';
export { Conv1d, Conv2d, Conv3d } from './layers/conv.ts';
export type { ConvLayerOptions } from './layers/conv.ts';
export { ConvTranspose1d, ConvTranspose2d, ConvTranspose3d } from './layers/conv-transpose.ts';
export type { ConvTransposeLayerOptions } from './layers/conv-transpose.ts';
export { CosineSimilarity, PairwiseDistance } from './layers/distance.ts';
export {
  AlphaDropout,
  Dropout,
  Dropout1d,
  Dropout2d,
  Dropout3d,
  FeatureAlphaDropout,
} from './layers/dropout.ts';
export type { DropoutLayerOptions } from './layers/dropout.ts';
export { Embedding, EmbeddingBag } from './layers/embedding.ts';
export type {
  EmbeddingBagLayerOptions,
  EmbeddingOptions,
  PretrainedOptions,
} from './layers/embedding.ts';
export {
  LazyBatchNorm1d,
  LazyBatchNorm2d,
  LazyBatchNorm3d,
  LazyConv1d,
  LazyConv2d,
  LazyConv3d,
  LazyConvTranspose1d,
  LazyConvTranspose2d,
  LazyConvTranspose3d,
  LazyLinear,
} from './layers/lazy.ts';
export { Linear } from './layers/linear.ts';
export type { LinearOptions } from './layers/linear.ts';
export { LayerNorm, RMSNorm } from './layers/normalisation.ts';
export type { LayerNormOptions, RMSNormOptions } from './layers/normalisation.ts';
export { Flatten, Identity, Unflatten } from './layers/shape.ts';
export {
  CELU,
  ELU,
  GELU,
  GLU,
  Hardshrink,
  Hardsigmoid,
  Hardswish,
  Hardtanh,
  LeakyReLU,
  LogSigmoid,
  LogSoftmax,
  Mish,
  PReLU,
  RReLU,
  ReLU,
  ReLU6,
  SELU,
  SiLU,
  Sigmoid,
  Softmax,
  Softmax2d,
  Softmin,
  Softplus,
  Softshrink,
  Softsign,
  Tanh,
  Tanhshrink,
  Threshold,
} from './layers/activations.ts';
export {
  BCELoss,
  BCEWithLogitsLoss,
  CTCLoss,
  CosineEmbeddingLoss,
  CrossEntropyLoss,
  GaussianNLLLoss,
  HingeEmbeddingLoss,
  HuberLoss,
  KLDivLoss,
  L1Loss,
  MSELoss,
  MarginRankingLoss,
  MultiLabelMarginLoss,
  MultiLabelSoftMarginLoss,
  MultiMarginLoss,
  NLLLoss,
  PoissonNLLLoss,
  SmoothL1Loss,
  SoftMarginLoss,
  TripletMarginLoss,
  TripletMarginWithDistanceLoss,
} from './layers/losses.ts';
export { RNNBase } from './recurrent/base.ts';
export type {
  RecurrentCallOptions,
  RecurrentKind,
  RecurrentLayerOptions,
} from './recurrent/base.ts';
export { RNNCellBase } from './recurrent/cell.ts';
export type { RecurrentCellOptions } from './recurrent/cell.ts';
export {
  Stateful,
  detachState,
  timeChunks,
  truncatedBptt,
  zeroState,
} from './recurrent/stateful.ts';
export type { Recurrent } from './recurrent/stateful.ts';
export * as init from './init/index.ts';

export {
  Parametrization,
  isParametrized,
  parametrize,
  removeParametrizations,
} from './parametrize/parametrization.ts';
export { SpectralNorm, WeightNorm, spectralNorm, weightNorm } from './parametrize/norms.ts';
export type { SpectralNormOptions, WeightNormOptions } from './parametrize/norms.ts';

export { multiplyAdds, multiplyAddsByPath, peakBytes } from './summary/cost.ts';
export { recordCalls } from './summary/record.ts';
export type { LayerCall } from './summary/record.ts';
export { summary } from './summary/summary.ts';
export type {
  LayerSummary,
  ModelSummary,
  SummaryInput,
  SummaryOptions,
} from './summary/summary.ts';

// Checks of settings, for layers elsewhere.
export { checkAxes, checkCount, checkNumber, checkOptions, showAxes } from './check.ts';

/** Everything as functions of tensors: all of `@hebb/ops`, PyTorch's `torch.nn.functional` and more. */
export * as functional from '@hebb/ops';

// The activations as functions.
export {
  celu,
  cosineSimilarity,
  elu,
  gelu,
  glu,
  hardshrink,
  hardsigmoid,
  hardswish,
  hardtanh,
  leakyRelu,
  logSigmoid,
  logSoftmax,
  mish,
  pairwiseDistance,
  prelu,
  relu,
  relu6,
  selu,
  sigmoid,
  silu,
  softmax,
  softmin,
  softplus,
  softshrink,
  softsign,
  tanhshrink,
  threshold,
} from '@hebb/ops';
export { tanh } from '@hebb/core';

// The losses as functions, so that a model and its training need one import.
export {
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  cosineEmbeddingLoss,
  crossEntropy,
  ctcLoss,
  gaussianNllLoss,
  hingeEmbeddingLoss,
  huberLoss,
  klDiv,
  l1Loss,
  marginRankingLoss,
  mseLoss,
  multiMarginLoss,
  multilabelMarginLoss,
  multilabelSoftMarginLoss,
  nllLoss,
  poissonNllLoss,
  smoothL1Loss,
  softMarginLoss,
  tripletMarginLoss,
  tripletMarginWithDistanceLoss,
} from '@hebb/ops';
export type {
  CrossEntropyOptions,
  CtcOptions,
  LossOptions,
  NllOptions,
  Reduction,
} from '@hebb/ops';
