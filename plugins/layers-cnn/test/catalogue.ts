/** Every layer and block of this package with inputs to try it on, and small models. */
import { random } from '@hebb/core';
import type { SampleInput, Shape } from '@hebb/core';
import type { LayerTestOptions } from '@hebb/conformance';
import { GELU, spectralNorm } from '@hebb/nn';
import type { Module } from '@hebb/nn';
import * as cnn from '../src/index.ts';

export interface Entry {
  readonly make: () => Module;
  readonly inputs: readonly SampleInput[];
  readonly output: Shape | readonly Shape[];
  readonly parameters?: Readonly<Record<string, Shape>>;
  readonly skip?: LayerTestOptions['skip'];
}

const entry = (
  make: () => Module,
  input: Shape,
  output: Shape | readonly Shape[],
  parameters?: Entry['parameters'],
): Entry => ({ make, inputs: [input], output, ...(parameters && { parameters }) });

const indices = (shape: Shape, values: readonly number[]): SampleInput => ({
  shape,
  dtype: 'int32',
  values,
});
/** The layer is random: fixed windows, so that two calls give the same. */
const drawn = (...shape: number[]) => random.uniform(random.key(0), shape);
const tracked = { affine: true, trackRunningStats: true };
const block = () => ({
  stride: 2,
  groups: 1,
  widthPerGroup: 64,
  downsample: new cnn.Conv2d(8, 8, 1, { stride: 2 }),
});
const inverted = {
  norm: (channels: number) => new cnn.BatchNorm2d(channels),
  activation: () => new GELU(),
  squeeze: (channels: number) => new cnn.SqueezeExcitation(channels, 2),
  stochasticDepth: 0.5,
  how: {},
};

export const catalogue: Readonly<Record<string, Entry>> = {
  Conv1d: entry(() => new cnn.Conv1d(3, 4, 2), [2, 3, 5], [2, 4, 4], {
    weight: [4, 3, 2],
    bias: [4],
  }),
  'Conv2d with every option': entry(
    () => new cnn.Conv2d(4, 6, [3, 2], { stride: [2, 1], padding: 1, dilation: [1, 2], groups: 2 }),
    [2, 4, 5, 6],
    [2, 6, 3, 6],
    { weight: [6, 2, 3, 2], bias: [6] },
  ),
  'Conv2d, circular': entry(
    () => new cnn.Conv2d(1, 2, 3, { padding: 1, paddingMode: 'circular' }),
    [1, 1, 4, 3],
    [1, 2, 4, 3],
  ),
  'Conv2d, reflected': entry(
    () => new cnn.Conv2d(1, 2, 3, { padding: 'same', paddingMode: 'reflect' }),
    [1, 1, 4, 3],
    [1, 2, 4, 3],
  ),
  'Conv2d with spectral normalisation, evaluation': {
    ...entry(() => spectralNorm(new cnn.Conv2d(2, 3, 2)), [1, 2, 3, 3], [1, 3, 2, 2], {
      bias: [3],
      'parametrizations.weight.original': [3, 2, 2, 2],
    }),
    skip: { gradient: 'the singular vectors count as constants: finite differences see them move' },
  },
  'Conv3d without bias': entry(
    () => new cnn.Conv3d(1, 2, 2, { bias: false }),
    [1, 1, 3, 3, 2],
    [1, 2, 2, 2, 1],
    { weight: [2, 1, 2, 2, 2] },
  ),
  ConvTranspose1d: entry(
    () => new cnn.ConvTranspose1d(2, 3, 3, { stride: 2 }),
    [1, 2, 4],
    [1, 3, 9],
    { weight: [2, 3, 3], bias: [3] },
  ),
  ConvTranspose2d: entry(
    () => new cnn.ConvTranspose2d(4, 2, 3, { stride: 2, padding: 1, outputPadding: 1, groups: 2 }),
    [1, 4, 3, 2],
    [1, 2, 6, 4],
    { weight: [4, 1, 3, 3], bias: [2] },
  ),
  ConvTranspose3d: entry(() => new cnn.ConvTranspose3d(1, 2, 2), [1, 1, 2, 2, 1], [1, 2, 3, 3, 2]),

  MaxPool1d: entry(() => new cnn.MaxPool1d(2), [2, 3, 6], [2, 3, 3]),
  MaxPool2d: entry(
    () => new cnn.MaxPool2d(3, { stride: 2, padding: 1 }),
    [2, 2, 5, 6],
    [2, 2, 3, 3],
  ),
  MaxPool3d: entry(
    () => new cnn.MaxPool3d(2, { ceilMode: true }),
    [1, 1, 3, 2, 2],
    [1, 1, 2, 1, 1],
  ),
  MaxPool1dWithIndices: entry(
    () => new cnn.MaxPool1dWithIndices(2),
    [2, 3, 6],
    [
      [2, 3, 3],
      [2, 3, 3],
    ],
  ),
  MaxPool2dWithIndices: entry(
    () => new cnn.MaxPool2dWithIndices(2, { padding: 1 }),
    [2, 2, 4, 6],
    [
      [2, 2, 3, 4],
      [2, 2, 3, 4],
    ],
  ),
  MaxPool3dWithIndices: entry(
    () => new cnn.MaxPool3dWithIndices(2),
    [1, 1, 2, 2, 4],
    [
      [1, 1, 1, 1, 2],
      [1, 1, 1, 1, 2],
    ],
  ),
  AvgPool1d: entry(() => new cnn.AvgPool1d(3, { padding: 1 }), [1, 2, 6], [1, 2, 2]),
  AvgPool2d: entry(
    () => new cnn.AvgPool2d(2, { countIncludePad: false, padding: 1 }),
    [1, 2, 4, 4],
    [1, 2, 3, 3],
  ),
  AvgPool3d: entry(() => new cnn.AvgPool3d(2), [1, 1, 2, 4, 2], [1, 1, 1, 2, 1]),
  LPPool1d: entry(() => new cnn.LPPool1d(2, 3, { stride: 2 }), [1, 2, 7], [1, 2, 3]),
  LPPool2d: entry(() => new cnn.LPPool2d(2, [2, 3]), [1, 2, 4, 6], [1, 2, 2, 2]),
  LPPool3d: entry(() => new cnn.LPPool3d(1, 2), [1, 1, 2, 4, 2], [1, 1, 1, 2, 1]),
  AdaptiveAvgPool1d: entry(() => new cnn.AdaptiveAvgPool1d(3), [1, 2, 7], [1, 2, 3]),
  AdaptiveAvgPool2d: entry(() => new cnn.AdaptiveAvgPool2d([2, null]), [1, 2, 5, 3], [1, 2, 2, 3]),
  AdaptiveAvgPool3d: entry(() => new cnn.AdaptiveAvgPool3d(2), [1, 1, 4, 2, 3], [1, 1, 2, 2, 2]),
  AdaptiveMaxPool1d: entry(() => new cnn.AdaptiveMaxPool1d(3), [1, 2, 7], [1, 2, 3]),
  AdaptiveMaxPool2d: entry(() => new cnn.AdaptiveMaxPool2d([2, 3]), [1, 2, 5, 6], [1, 2, 2, 3]),
  AdaptiveMaxPool3d: entry(() => new cnn.AdaptiveMaxPool3d(2), [1, 1, 4, 2, 3], [1, 1, 2, 2, 2]),
  AdaptiveMaxPool1dWithIndices: entry(
    () => new cnn.AdaptiveMaxPool1dWithIndices(3),
    [1, 2, 7],
    [
      [1, 2, 3],
      [1, 2, 3],
    ],
  ),
  AdaptiveMaxPool2dWithIndices: entry(
    () => new cnn.AdaptiveMaxPool2dWithIndices(2),
    [1, 2, 5, 4],
    [
      [1, 2, 2, 2],
      [1, 2, 2, 2],
    ],
  ),
  AdaptiveMaxPool3dWithIndices: entry(
    () => new cnn.AdaptiveMaxPool3dWithIndices(2),
    [1, 1, 2, 4, 2],
    [
      [1, 1, 2, 2, 2],
      [1, 1, 2, 2, 2],
    ],
  ),
  GlobalAvgPool1d: entry(() => new cnn.GlobalAvgPool1d(), [2, 3, 4], [2, 3, 1]),
  GlobalAvgPool2d: entry(() => new cnn.GlobalAvgPool2d(), [2, 3, 4, 2], [2, 3, 1, 1]),
  GlobalAvgPool3d: entry(() => new cnn.GlobalAvgPool3d(), [2, 3, 4, 1, 2], [2, 3, 1, 1, 1]),
  GlobalMaxPool1d: entry(() => new cnn.GlobalMaxPool1d(), [2, 3, 4], [2, 3, 1]),
  GlobalMaxPool2d: entry(() => new cnn.GlobalMaxPool2d(), [2, 3, 4, 2], [2, 3, 1, 1]),
  GlobalMaxPool3d: entry(() => new cnn.GlobalMaxPool3d(), [2, 3, 4, 1, 2], [2, 3, 1, 1, 1]),
  MaxUnpool1d: {
    make: () => new cnn.MaxUnpool1d(2),
    inputs: [[1, 2, 3], indices([1, 2, 3], [0, 3, 4, 1, 2, 5])],
    output: [1, 2, 6],
  },
  MaxUnpool2d: {
    make: () => new cnn.MaxUnpool2d(2),
    inputs: [[1, 1, 2, 2], indices([1, 1, 2, 2], [0, 3, 9, 14])],
    output: [1, 1, 4, 4],
  },
  MaxUnpool3d: {
    make: () => new cnn.MaxUnpool3d(2),
    inputs: [[1, 2, 1, 1, 2], indices([1, 2, 1, 1, 2], [0, 7, 9, 14])],
    output: [1, 2, 2, 2, 4],
  },

  BatchNorm1d: entry(() => new cnn.BatchNorm1d(3), [5, 3], [5, 3], { weight: [3], bias: [3] }),
  BatchNorm2d: entry(() => new cnn.BatchNorm2d(2, { momentum: null }), [3, 2, 2, 3], [3, 2, 2, 3]),
  'BatchNorm3d without parameters and statistics': entry(
    () => new cnn.BatchNorm3d(2, { affine: false, trackRunningStats: false }),
    [2, 2, 2, 1, 2],
    [2, 2, 2, 1, 2],
    {},
  ),
  GroupNorm: entry(() => new cnn.GroupNorm(2, 4), [2, 4, 3], [2, 4, 3], { weight: [4], bias: [4] }),
  InstanceNorm1d: entry(() => new cnn.InstanceNorm1d(3), [2, 3, 4], [2, 3, 4], {}),
  InstanceNorm2d: entry(() => new cnn.InstanceNorm2d(2, tracked), [2, 2, 3, 2], [2, 2, 3, 2], {
    weight: [2],
    bias: [2],
  }),
  InstanceNorm3d: entry(
    () => new cnn.InstanceNorm3d(2, { affine: true }),
    [2, 2, 2, 2, 1],
    [2, 2, 2, 2, 1],
  ),
  LocalResponseNorm: entry(
    () => new cnn.LocalResponseNorm(3, { alpha: 0.5 }),
    [2, 5, 2, 2],
    [2, 5, 2, 2],
  ),

  ConstantPad1d: entry(() => new cnn.ConstantPad1d([1, -1], 2.5), [1, 2, 4], [1, 2, 4]),
  ConstantPad2d: entry(() => new cnn.ConstantPad2d(1, 2.5), [1, 2, 2, 3], [1, 2, 4, 5]),
  ConstantPad3d: entry(() => new cnn.ConstantPad3d(1, 2.5), [1, 1, 2, 1, 1], [1, 1, 4, 3, 3]),
  ZeroPad1d: entry(() => new cnn.ZeroPad1d(2), [1, 2, 2], [1, 2, 6]),
  ZeroPad2d: entry(() => new cnn.ZeroPad2d([1, 2, 0, 3]), [1, 2, 2, 3], [1, 2, 5, 6]),
  ZeroPad3d: entry(() => new cnn.ZeroPad3d(1), [1, 1, 1, 2, 1], [1, 1, 3, 4, 3]),
  ReflectionPad1d: entry(() => new cnn.ReflectionPad1d(2), [1, 2, 4], [1, 2, 8]),
  ReflectionPad2d: entry(() => new cnn.ReflectionPad2d([1, 2, 0, 1]), [1, 2, 2, 4], [1, 2, 3, 7]),
  ReflectionPad3d: entry(() => new cnn.ReflectionPad3d(1), [1, 1, 2, 2, 3], [1, 1, 4, 4, 5]),
  ReplicationPad1d: entry(() => new cnn.ReplicationPad1d([0, 2]), [1, 2, 2], [1, 2, 4]),
  ReplicationPad2d: entry(() => new cnn.ReplicationPad2d(1), [1, 2, 2, 3], [1, 2, 4, 5]),
  ReplicationPad3d: entry(() => new cnn.ReplicationPad3d(1), [1, 1, 2, 1, 2], [1, 1, 4, 3, 4]),
  CircularPad1d: entry(() => new cnn.CircularPad1d(2), [1, 2, 3], [1, 2, 7]),
  CircularPad2d: entry(() => new cnn.CircularPad2d([1, 0, 0, 2]), [1, 2, 2, 3], [1, 2, 4, 4]),
  CircularPad3d: entry(() => new cnn.CircularPad3d(1), [1, 1, 2, 1, 2], [1, 1, 4, 3, 4]),
  'Upsample, nearest': entry(() => new cnn.Upsample({ scaleFactor: 2 }), [1, 2, 3], [1, 2, 6]),
  'Upsample, bilinear': entry(
    () => new cnn.Upsample({ size: [5, 3], mode: 'bilinear', alignCorners: true }),
    [1, 2, 3, 2],
    [1, 2, 5, 3],
  ),
  UpsamplingNearest2d: entry(
    () => new cnn.UpsamplingNearest2d({ scaleFactor: 2 }),
    [1, 2, 3, 2],
    [1, 2, 6, 4],
  ),
  UpsamplingBilinear2d: entry(
    () => new cnn.UpsamplingBilinear2d({ size: [3, 5] }),
    [1, 2, 2, 3],
    [1, 2, 3, 5],
  ),
  FractionalMaxPool2d: entry(
    () => new cnn.FractionalMaxPool2d(2, { outputRatio: 0.6, randomSamples: drawn(1, 2, 2) }),
    [2, 2, 6, 7],
    [2, 2, 3, 4],
  ),
  FractionalMaxPool3d: entry(
    () => new cnn.FractionalMaxPool3d(2, { outputSize: [2, 3, 2], randomSamples: drawn(1, 2, 3) }),
    [1, 2, 4, 5, 4],
    [1, 2, 2, 3, 2],
  ),
  FractionalMaxPool2dWithIndices: entry(
    () =>
      new cnn.FractionalMaxPool2dWithIndices(2, { outputSize: 3, randomSamples: drawn(1, 2, 2) }),
    [1, 2, 6, 5],
    [
      [1, 2, 3, 3],
      [1, 2, 3, 3],
    ],
  ),
  FractionalMaxPool3dWithIndices: entry(
    () =>
      new cnn.FractionalMaxPool3dWithIndices(2, { outputSize: 2, randomSamples: drawn(1, 1, 3) }),
    [1, 1, 4, 3, 4],
    [
      [1, 1, 2, 2, 2],
      [1, 1, 2, 2, 2],
    ],
  ),
  PixelShuffle: entry(() => new cnn.PixelShuffle(2), [1, 8, 2, 3], [1, 2, 4, 6]),
  PixelUnshuffle: entry(() => new cnn.PixelUnshuffle(2), [1, 2, 4, 6], [1, 8, 2, 3]),
  ChannelShuffle: entry(() => new cnn.ChannelShuffle(2), [1, 6, 2], [1, 6, 2]),
  Unfold: entry(() => new cnn.Unfold(2, { stride: 2 }), [1, 2, 4, 4], [1, 8, 4]),
  Fold: entry(() => new cnn.Fold([4, 4], 2, { stride: 2 }), [1, 8, 4], [1, 2, 4, 4]),

  ConvNormActivation: entry(
    () => new cnn.ConvNormActivation(2, 3, 3, { stride: 2, activation: () => new GELU() }),
    [2, 2, 4, 4],
    [2, 3, 2, 2],
    { '0.weight': [3, 2, 3, 3], '1.weight': [3], '1.bias': [3] },
  ),
  DepthwiseSeparableConv1d: entry(
    () => new cnn.DepthwiseSeparableConv1d(3, 4, 3, { padding: 1, depthMultiplier: 2 }),
    [1, 3, 5],
    [1, 4, 5],
    { 'depthwise.weight': [6, 1, 3], 'pointwise.weight': [4, 6, 1], 'pointwise.bias': [4] },
  ),
  DepthwiseSeparableConv2d: entry(
    () =>
      new cnn.DepthwiseSeparableConv2d(3, 4, 3, {
        stride: 2,
        padding: 1,
        bias: false,
        between: (channels) => new cnn.BatchNorm2d(channels),
      }),
    [2, 3, 5, 4],
    [2, 4, 3, 2],
    {
      'depthwise.weight': [3, 1, 3, 3],
      'between.weight': [3],
      'between.bias': [3],
      'pointwise.weight': [4, 3, 1, 1],
    },
  ),
  DepthwiseSeparableConv3d: entry(
    () => new cnn.DepthwiseSeparableConv3d(2, 1, 2),
    [1, 2, 2, 3, 2],
    [1, 1, 1, 2, 1],
  ),
  SqueezeExcitation: entry(() => new cnn.SqueezeExcitation(4, 3), [2, 4, 3, 2], [2, 4, 3, 2], {
    'fc1.weight': [3, 4, 1, 1],
    'fc1.bias': [3],
    'fc2.weight': [4, 3, 1, 1],
    'fc2.bias': [4],
  }),
  StochasticDepth: entry(() => new cnn.StochasticDepth(0.4), [6, 2, 2], [6, 2, 2]),
  BasicBlock: entry(() => new cnn.BasicBlock(8, 8, block()), [2, 8, 4, 4], [2, 8, 2, 2]),
  Bottleneck: entry(() => new cnn.Bottleneck(8, 2, block()), [2, 8, 4, 4], [2, 8, 2, 2]),
  InvertedResidual: entry(
    () =>
      new cnn.InvertedResidual(
        { inChannels: 3, expanded: 4, outChannels: 3, kernel: 3, stride: 1 },
        inverted,
      ),
    [2, 3, 3, 3],
    [2, 3, 3, 3],
  ),
};
