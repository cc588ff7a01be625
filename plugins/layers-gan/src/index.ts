/** @hebb/layers-gan: what generators and discriminators minimise, penalties on slopes, and networks that draw. */
export {
  hingeLoss,
  leastSquaresLoss,
  minimaxLoss,
  nonSaturatingLoss,
  wassersteinLoss,
} from './losses.ts';
export type { AdversarialLoss, LabelOptions } from './losses.ts';
export { gradientPenalty, r1Penalty } from './penalties.ts';
export type { Critic, GradientPenaltyOptions, R1Options } from './penalties.ts';

export { ConditionalBatchNorm2d } from './models/conditional-batch-norm.ts';
export { DcganDiscriminator, DcganGenerator } from './models/dcgan.ts';
export type {
  DcganDiscriminatorOptions,
  DcganGeneratorOptions,
  DcganOptions,
} from './models/dcgan.ts';
export { MinibatchStd } from './models/minibatch-std.ts';
export { PatchDiscriminator, UnetGenerator } from './models/pix2pix.ts';
export type {
  PatchDiscriminatorOptions,
  Pix2pixOptions,
  UnetGeneratorOptions,
} from './models/pix2pix.ts';
export { MappingNetwork, StyleGenerator } from './models/style.ts';
export type { MappingOptions, StyleGeneratorOptions } from './models/style.ts';
export {
  EqualizedLinear,
  ModulatedConv2d,
  StyledConv,
  scaledLeakyRelu,
} from './models/style-layers.ts';
export type {
  EqualizedLinearOptions,
  ModulatedConvOptions,
  StyleLayerOptions,
} from './models/style-layers.ts';
export { dcganInit } from './models/start.ts';
