/** @hebb/nn: modules, layers, losses and initialisers, with PyTorch's names, defaults and layouts. */
export { Module } from './module/module.ts';
export type { ForwardHook, Layer } from './module/module.ts';
export { ModuleBuffer, Parameter } from './module/parameter.ts';
export type { ModuleBufferOptions, ParameterOptions } from './module/parameter.ts';
export { withMode } from './module/run.ts';
export type { LoadOptions, LoadReport, StateDict } from './module/state-dict.ts';

export { ModuleList, Sequential } from './layers/containers.ts';
export { Dropout, Dropout1d, Dropout2d, Dropout3d } from './layers/dropout.ts';
export type { DropoutLayerOptions } from './layers/dropout.ts';
export { Linear } from './layers/linear.ts';
export type { LinearOptions } from './layers/linear.ts';
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
  ReLU,
  ReLU6,
  SELU,
  SiLU,
  Sigmoid,
  Softmax,
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
} from './layers/losses.ts';
export * as init from './init/index.ts';

// The losses as functions, so that a model and its training need one import.
export {
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  cosineEmbeddingLoss,
  crossEntropy,
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
} from '@hebb/ops';
export type { CrossEntropyOptions, LossOptions, NllOptions, Reduction } from '@hebb/ops';
