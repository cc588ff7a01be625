/** @hebb/layers-cnn: convolution, pooling, normalisation and resampling as modules, and the models made of them. */
// These are in nn, because other plugins build on them too.
export {
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  Conv1d,
  Conv2d,
  Conv3d,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
} from '@hebb/nn';
export type { BatchNormLayerOptions, ConvLayerOptions, ConvTransposeLayerOptions } from '@hebb/nn';
export {
  GroupNorm,
  InstanceNorm1d,
  InstanceNorm2d,
  InstanceNorm3d,
  LocalResponseNorm,
} from './layers/norm.ts';
export type { GroupNormLayerOptions, InstanceNormLayerOptions } from './layers/norm.ts';
export {
  AvgPool1d,
  AvgPool2d,
  AvgPool3d,
  LPPool1d,
  LPPool2d,
  LPPool3d,
  MaxPool1d,
  MaxPool1dWithIndices,
  MaxPool2d,
  MaxPool2dWithIndices,
  MaxPool3d,
  MaxPool3dWithIndices,
} from './layers/pool.ts';
export type { LPPoolOptions } from './layers/pool.ts';
export {
  AdaptiveAvgPool1d,
  AdaptiveAvgPool2d,
  AdaptiveAvgPool3d,
  AdaptiveMaxPool1d,
  AdaptiveMaxPool1dWithIndices,
  AdaptiveMaxPool2d,
  AdaptiveMaxPool2dWithIndices,
  AdaptiveMaxPool3d,
  AdaptiveMaxPool3dWithIndices,
  GlobalAvgPool1d,
  GlobalAvgPool2d,
  GlobalAvgPool3d,
  GlobalMaxPool1d,
  GlobalMaxPool2d,
  GlobalMaxPool3d,
} from './layers/adaptive-pool.ts';
export {
  FractionalMaxPool2d,
  FractionalMaxPool2dWithIndices,
  FractionalMaxPool3d,
  FractionalMaxPool3dWithIndices,
} from './layers/fractional-pool.ts';
export { MaxUnpool1d, MaxUnpool2d, MaxUnpool3d } from './layers/unpool.ts';
export type { MaxUnpoolOptions } from './layers/unpool.ts';
export {
  CircularPad1d,
  CircularPad2d,
  CircularPad3d,
  ConstantPad1d,
  ConstantPad2d,
  ConstantPad3d,
  ReflectionPad1d,
  ReflectionPad2d,
  ReflectionPad3d,
  ReplicationPad1d,
  ReplicationPad2d,
  ReplicationPad3d,
  ZeroPad1d,
  ZeroPad2d,
  ZeroPad3d,
} from './layers/padding.ts';
export type { PadWidths } from './layers/padding.ts';
export {
  ChannelShuffle,
  Fold,
  PixelShuffle,
  PixelUnshuffle,
  Unfold,
  Upsample,
  UpsamplingBilinear2d,
  UpsamplingNearest2d,
} from './layers/resize.ts';
export type { UpsampleOptions } from './layers/resize.ts';

export { ConvNormActivation } from './blocks/conv-norm.ts';
export type { ConvNormActivationOptions, MakeActivation, MakeNorm } from './blocks/conv-norm.ts';
export {
  DepthwiseSeparableConv1d,
  DepthwiseSeparableConv2d,
  DepthwiseSeparableConv3d,
} from './blocks/depthwise.ts';
export type { SeparableOptions } from './blocks/depthwise.ts';
export { SqueezeExcitation } from './blocks/squeeze-excitation.ts';
export type { SqueezeExcitationOptions } from './blocks/squeeze-excitation.ts';
export { StochasticDepth } from './blocks/stochastic-depth.ts';

export type { ModelOptions } from './models/options.ts';
export { LeNet, lenet } from './models/lenet.ts';
export type { LeNetOptions } from './models/lenet.ts';
export { VGG, vgg11, vgg13, vgg16, vgg19 } from './models/vgg.ts';
export type { VGGOptions } from './models/vgg.ts';
export {
  BasicBlock,
  Bottleneck,
  ResNet,
  ResNetCifar,
  resnet101,
  resnet152,
  resnet18,
  resnet34,
  resnet50,
  resnetCifar,
} from './models/resnet.ts';
export type { ResNetCifarOptions, ResNetOptions } from './models/resnet.ts';
export { MobileNetV2, mobilenetV2 } from './models/mobilenet-v2.ts';
export type { MobileNetV2Options } from './models/mobilenet-v2.ts';
export { MobileNetV3, mobilenetV3Large, mobilenetV3Small } from './models/mobilenet-v3.ts';
export type { MobileNetV3Options } from './models/mobilenet-v3.ts';
export { InvertedResidual } from './models/inverted-residual.ts';
export type { InvertedResidualConfig, InvertedResidualParts } from './models/inverted-residual.ts';
export { EfficientNet, efficientnetB0 } from './models/efficientnet.ts';
export type { EfficientNetOptions } from './models/efficientnet.ts';
export { UNet, unet } from './models/unet.ts';
export type { UNetOptions } from './models/unet.ts';
