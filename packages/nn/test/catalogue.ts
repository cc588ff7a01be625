/** Every layer of this package with inputs to try it on. */
import { tensor } from '@hebb/core';
import type { SampleInput, Shape, Tensor } from '@hebb/core';
import type { LayerTestOptions } from '@hebb/conformance';
import * as nn from '../src/index.ts';
import type { Module } from '../src/index.ts';

export interface Entry {
  readonly make: () => Module;
  readonly inputs: readonly SampleInput[];
  readonly output: Shape | readonly Shape[];
  readonly parameters?: Readonly<Record<string, Shape>>;
  readonly skip?: LayerTestOptions['skip'];
}

const integers = (shape: Shape, values: readonly number[]): SampleInput => ({
  shape,
  dtype: 'int32',
  values,
});
const within = (shape: Shape, low: number, high: number): SampleInput => ({
  shape,
  range: [low, high],
});

/** A layer from [2, 3] to the same. */
const same = (make: () => Module, parameters: Entry['parameters'] = {}): Entry => ({
  make,
  inputs: [[2, 3]],
  output: [2, 3],
  parameters,
});
/** A loss of two tensors alike. */
const loss = (make: () => Module, second: SampleInput = [4, 3], first: SampleInput = [4, 3]) => ({
  make,
  inputs: [first, second],
  output: [],
});
const signs = integers([4], [1, -1, -1, 1]);
const classes = integers([4], [0, 2, 1, 2]);

class Residual extends nn.Module {
  readonly body = new nn.Sequential(new nn.Linear(3, 3), new nn.Tanh());
  forward(x: Tensor): Tensor {
    return x.add(this.body.forward(x));
  }
}

/** A lazy layer that has seen the shape of its input. */
const lazy = (make: () => Module, input: Shape, output: Shape): Entry => ({
  make: () => nn.materialize(make(), input),
  inputs: [input],
  output,
});

const notTheDerivative = {
  'gradient of every parameter and input': 'the gradient is not that of the numbers, as in PyTorch',
};

export const catalogue: Readonly<Record<string, Entry>> = {
  Linear: {
    make: () => new nn.Linear(4, 3),
    inputs: [[2, 5, 4]],
    output: [2, 5, 3],
    parameters: { weight: [3, 4], bias: [3] },
  },
  'Linear without bias': {
    make: () => new nn.Linear(4, 3, { bias: false }),
    inputs: [[4]],
    output: [3],
    parameters: { weight: [3, 4] },
  },
  Bilinear: {
    make: () => new nn.Bilinear(3, 4, 2),
    inputs: [
      [5, 3],
      [5, 4],
    ],
    output: [5, 2],
    parameters: { weight: [2, 3, 4], bias: [2] },
  },
  Embedding: {
    make: () => new nn.Embedding(6, 4, { paddingIdx: -1 }),
    inputs: [integers([2, 3], [0, 3, 0, 4, 2, 1])],
    output: [2, 3, 4],
    parameters: { weight: [6, 4] },
  },
  'Embedding with maxNorm': {
    make: () => new nn.Embedding(5, 3, { maxNorm: 0.5 }),
    inputs: [integers([4], [0, 3, 0, 4])],
    output: [4, 3],
    skip: notTheDerivative,
  },
  'Embedding with scaleGradByFreq': {
    make: () => new nn.Embedding(5, 3, { scaleGradByFreq: true }),
    inputs: [integers([4], [0, 3, 0, 4])],
    output: [4, 3],
    skip: notTheDerivative,
  },
  EmbeddingBag: {
    make: () => new nn.EmbeddingBag(6, 4),
    inputs: [integers([2, 3], [0, 3, 0, 4, 2, 1])],
    output: [2, 4],
    parameters: { weight: [6, 4] },
  },
  'EmbeddingBag, sums of bags of different sizes': {
    make: () => new nn.EmbeddingBag(6, 4, { mode: 'sum', paddingIdx: 2 }),
    inputs: [integers([5], [0, 3, 2, 4, 1]), integers([3], [0, 1, 1]), [5]],
    output: [3, 4],
  },
  'EmbeddingBag, maxima': {
    make: () => new nn.EmbeddingBag(6, 4, { mode: 'max' }),
    inputs: [integers([5], [0, 3, 5, 4, 1]), integers([2], [0, 3])],
    output: [2, 4],
  },
  LayerNorm: {
    make: () => new nn.LayerNorm([3, 4]),
    inputs: [[2, 3, 4]],
    output: [2, 3, 4],
    parameters: { weight: [3, 4], bias: [3, 4] },
  },
  'LayerNorm without bias': {
    make: () => new nn.LayerNorm(4, { bias: false, eps: 1e-3 }),
    inputs: [[2, 4]],
    output: [2, 4],
    parameters: { weight: [4] },
  },
  'LayerNorm without parameters': {
    make: () => new nn.LayerNorm(4, { elementwiseAffine: false }),
    inputs: [[2, 4]],
    output: [2, 4],
    parameters: {},
  },
  RMSNorm: {
    make: () => new nn.RMSNorm(4),
    inputs: [[2, 4]],
    output: [2, 4],
    parameters: { weight: [4] },
  },
  CosineSimilarity: {
    make: () => new nn.CosineSimilarity(),
    inputs: [
      [2, 4],
      [2, 4],
    ],
    output: [2],
  },
  PairwiseDistance: {
    make: () => new nn.PairwiseDistance({ p: 1, keepdim: true }),
    inputs: [
      [2, 4],
      [2, 4],
    ],
    output: [2, 1],
  },

  Dropout: same(() => new nn.Dropout(0.4)),
  Dropout1d: { make: () => new nn.Dropout1d(0.4), inputs: [[3, 4, 2]], output: [3, 4, 2] },
  Dropout2d: { make: () => new nn.Dropout2d(0.4), inputs: [[3, 4, 2, 2]], output: [3, 4, 2, 2] },
  Dropout3d: {
    make: () => new nn.Dropout3d(0.4),
    inputs: [[3, 4, 2, 1, 2]],
    output: [3, 4, 2, 1, 2],
  },
  AlphaDropout: same(() => new nn.AlphaDropout(0.4)),
  FeatureAlphaDropout: {
    make: () => new nn.FeatureAlphaDropout(0.4),
    inputs: [[3, 4, 2]],
    output: [3, 4, 2],
  },

  'a model': {
    make: () => new nn.Sequential({ first: new Residual(), last: new nn.Linear(3, 2) }),
    inputs: [[4, 3]],
    output: [4, 2],
    parameters: {
      'first.body.0.weight': [3, 3],
      'first.body.0.bias': [3],
      'last.weight': [2, 3],
      'last.bias': [2],
    },
  },
  Identity: same(() => new nn.Identity()),
  Flatten: { make: () => new nn.Flatten(), inputs: [[2, 3, 2]], output: [2, 6] },
  Unflatten: { make: () => new nn.Unflatten(1, [2, -1]), inputs: [[2, 6]], output: [2, 2, 3] },

  'weight normalisation': {
    make: () => nn.weightNorm(new nn.Linear(4, 3)),
    inputs: [[2, 4]],
    output: [2, 3],
    parameters: {
      bias: [3],
      'parametrizations.weight.original0': [3, 1],
      'parametrizations.weight.original1': [3, 4],
    },
  },
  'weight normalisation over all axes': {
    make: () => nn.weightNorm(new nn.Linear(4, 3), { dim: null }),
    inputs: [[2, 4]],
    output: [2, 3],
    parameters: {
      bias: [3],
      'parametrizations.weight.original0': [],
      'parametrizations.weight.original1': [3, 4],
    },
  },
  'spectral normalisation': {
    make: () => nn.spectralNorm(new nn.Linear(4, 3)),
    inputs: [[2, 4]],
    output: [2, 3],
    parameters: { bias: [3], 'parametrizations.weight.original': [3, 4] },
    skip: {
      'gradient of every parameter and input':
        'the singular vectors count as constants: finite differences see them move',
    },
  },

  ReLU: same(() => new nn.ReLU()),
  ReLU6: same(() => new nn.ReLU6()),
  RReLU: same(() => new nn.RReLU()),
  LeakyReLU: same(() => new nn.LeakyReLU(0.2)),
  PReLU: same(() => new nn.PReLU(3), { weight: [3] }),
  ELU: same(() => new nn.ELU(0.7)),
  CELU: same(() => new nn.CELU(0.7)),
  SELU: same(() => new nn.SELU()),
  GELU: same(() => new nn.GELU()),
  'GELU by tanh': same(() => new nn.GELU({ approximate: 'tanh' })),
  SiLU: same(() => new nn.SiLU()),
  Mish: same(() => new nn.Mish()),
  Sigmoid: same(() => new nn.Sigmoid()),
  LogSigmoid: same(() => new nn.LogSigmoid()),
  Tanh: same(() => new nn.Tanh()),
  Softplus: same(() => new nn.Softplus(2)),
  Softsign: same(() => new nn.Softsign()),
  Softmax: same(() => new nn.Softmax(1)),
  Softmax2d: { make: () => new nn.Softmax2d(), inputs: [[2, 3, 2, 2]], output: [2, 3, 2, 2] },
  Softmin: same(() => new nn.Softmin(0)),
  LogSoftmax: same(() => new nn.LogSoftmax(1)),
  Hardswish: same(() => new nn.Hardswish()),
  Hardsigmoid: same(() => new nn.Hardsigmoid()),
  Hardtanh: same(() => new nn.Hardtanh(-0.75, 0.75)),
  Hardshrink: same(() => new nn.Hardshrink()),
  Softshrink: same(() => new nn.Softshrink()),
  Tanhshrink: same(() => new nn.Tanhshrink()),
  Threshold: same(() => new nn.Threshold(0.5, -1)),
  GLU: { make: () => new nn.GLU(1), inputs: [[2, 6]], output: [2, 3] },

  CrossEntropyLoss: loss(
    () => new nn.CrossEntropyLoss({ labelSmoothing: 0.1, weight: tensor([1, 2, 0.5]) }),
    classes,
  ),
  NLLLoss: loss(() => new nn.NLLLoss(), classes),
  BCELoss: loss(() => new nn.BCELoss(), within([4, 3], 0.1, 0.9), within([4, 3], 0.1, 0.9)),
  BCEWithLogitsLoss: loss(
    () => new nn.BCEWithLogitsLoss({ posWeight: tensor([1, 2, 3]) }),
    within([4, 3], 0, 1),
  ),
  MultiLabelSoftMarginLoss: loss(() => new nn.MultiLabelSoftMarginLoss(), within([4, 3], 0, 1)),
  MultiMarginLoss: loss(() => new nn.MultiMarginLoss(), classes),
  MultiLabelMarginLoss: loss(
    () => new nn.MultiLabelMarginLoss(),
    integers([4, 3], [0, -1, 1, 2, 0, -1, 1, -1, -1, 0, 1, 2]),
  ),
  MSELoss: loss(() => new nn.MSELoss()),
  L1Loss: loss(() => new nn.L1Loss({ reduction: 'sum' })),
  SmoothL1Loss: loss(() => new nn.SmoothL1Loss({ beta: 0.3 })),
  HuberLoss: loss(() => new nn.HuberLoss({ delta: 0.7 })),
  PoissonNLLLoss: loss(() => new nn.PoissonNLLLoss({ full: true }), within([4, 3], 2, 6)),
  KLDivLoss: loss(() => new nn.KLDivLoss({ reduction: 'batchmean' }), within([4, 3], 0.1, 0.9)),
  SoftMarginLoss: loss(() => new nn.SoftMarginLoss(), signs, [4]),
  HingeEmbeddingLoss: loss(() => new nn.HingeEmbeddingLoss(), signs, [4]),
  GaussianNLLLoss: {
    make: () => new nn.GaussianNLLLoss(),
    inputs: [[4, 3], [4, 3], within([4, 3], 0.5, 2)],
    output: [],
  },
  MarginRankingLoss: {
    make: () => new nn.MarginRankingLoss({ margin: 0.1 }),
    inputs: [[4], [4], signs],
    output: [],
  },
  CosineEmbeddingLoss: {
    make: () => new nn.CosineEmbeddingLoss(),
    inputs: [[4, 3], [4, 3], signs],
    output: [],
  },
  AdaptiveLogSoftmaxWithLoss: {
    make: () => new nn.AdaptiveLogSoftmaxWithLoss(6, 9, [2, 5], { divValue: 2 }),
    inputs: [[4, 6], integers([4], [0, 8, 3, 2])],
    output: [[4], []],
    parameters: {
      'head.weight': [4, 6],
      'tail.0.0.weight': [3, 6],
      'tail.0.1.weight': [3, 3],
      'tail.1.0.weight': [1, 6],
      'tail.1.1.weight': [4, 1],
    },
  },
  TripletMarginWithDistanceLoss: {
    make: () => new nn.TripletMarginWithDistanceLoss({ margin: 2, swap: true }),
    inputs: [
      [4, 3],
      [4, 3],
      [4, 3],
    ],
    output: [],
  },
  TripletMarginLoss: {
    make: () => new nn.TripletMarginLoss(),
    inputs: [
      [4, 3],
      [4, 3],
      [4, 3],
    ],
    output: [],
  },
  CTCLoss: {
    make: () => new nn.CTCLoss(),
    inputs: [
      [6, 2, 4],
      integers([2, 2], [1, 1, 3, 2]),
      integers([2], [6, 5]),
      integers([2], [2, 1]),
    ],
    output: [],
  },
  LazyLinear: lazy(() => new nn.LazyLinear(3), [2, 4], [2, 3]),
  LazyConv1d: lazy(() => new nn.LazyConv1d(2, 2), [1, 3, 4], [1, 2, 3]),
  LazyConv2d: lazy(() => new nn.LazyConv2d(2, 2), [1, 3, 4, 3], [1, 2, 3, 2]),
  LazyConv3d: lazy(() => new nn.LazyConv3d(2, 2), [1, 3, 2, 3, 2], [1, 2, 1, 2, 1]),
  LazyConvTranspose1d: lazy(() => new nn.LazyConvTranspose1d(2, 2), [1, 3, 4], [1, 2, 5]),
  LazyConvTranspose2d: lazy(() => new nn.LazyConvTranspose2d(2, 2), [1, 3, 2, 3], [1, 2, 3, 4]),
  LazyConvTranspose3d: lazy(
    () => new nn.LazyConvTranspose3d(2, 2),
    [1, 3, 1, 2, 1],
    [1, 2, 2, 3, 2],
  ),
  LazyBatchNorm1d: lazy(() => new nn.LazyBatchNorm1d(), [4, 3], [4, 3]),
  LazyBatchNorm2d: lazy(() => new nn.LazyBatchNorm2d(), [2, 3, 2, 2], [2, 3, 2, 2]),
  LazyBatchNorm3d: lazy(() => new nn.LazyBatchNorm3d(), [2, 3, 1, 2, 2], [2, 3, 1, 2, 2]),
};
