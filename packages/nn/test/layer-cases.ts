/** Reference cases computed by the modules of this package (the functions have tables of their own). */
import type { Tensor } from '@hebb/core';
import { SkipCase } from '@hebb/conformance/reference';
import type {
  CaseAttrs,
  CaseContext,
  CaseFunction,
  CaseTable,
  FamilyTables,
  Tensors,
} from '@hebb/conformance/reference';
import * as nn from '../src/index.ts';
import type { Layer, Module } from '../src/index.ts';

type Options = Readonly<Record<string, never>>;

/** PyTorch's settings under our names. */
function settings(attrs: CaseAttrs, ...foreign: readonly string[]): Options {
  return Object.fromEntries(
    Object.entries(attrs)
      .filter(([name]) => !foreign.includes(name))
      .map(([name, value]) => [
        name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
        value as never,
      ]),
  );
}

/** Gives a layer the case's parameters and buffers, so that gradients reach them. */
function filled<M extends Module>(layer: M, tensors: Tensors): M {
  for (const [name, variable] of [...layer.namedParameters(), ...layer.namedBuffers()]) {
    const value = tensors[name];
    if (value !== undefined) variable.value = value;
  }
  return layer;
}

const via =
  (make: (options: Options, tensors: Tensors, context: CaseContext) => Layer): CaseFunction =>
  (tensors, attrs, _given, context) =>
    filled(make(settings(attrs), tensors, context), tensors).forward(tensors['x']!);

const activations: CaseTable = {
  celu: via(({ alpha }) => new nn.CELU(alpha)),
  elu: via(({ alpha }) => new nn.ELU(alpha)),
  gelu: via((options) => new nn.GELU(options)),
  glu: via(({ dim }) => new nn.GLU(dim)),
  hardshrink: via(({ lambd }) => new nn.Hardshrink(lambd)),
  hardsigmoid: via(() => new nn.Hardsigmoid()),
  hardswish: via(() => new nn.Hardswish()),
  hardtanh: via(({ minVal, maxVal }) => new nn.Hardtanh(minVal, maxVal)),
  leaky_relu: via(({ negativeSlope }) => new nn.LeakyReLU(negativeSlope)),
  log_softmax: via(({ dim }) => new nn.LogSoftmax(dim)),
  logsigmoid: via(() => new nn.LogSigmoid()),
  mish: via(() => new nn.Mish()),
  prelu: via((_, { weight }, { dtype }) => new nn.PReLU(weight!.size, { dtype })),
  relu: via(() => new nn.ReLU()),
  relu6: via(() => new nn.ReLU6()),
  selu: via(() => new nn.SELU()),
  sigmoid: via(() => new nn.Sigmoid()),
  silu: via(() => new nn.SiLU()),
  softmax: via(({ dim }) => new nn.Softmax(dim)),
  softmin: via(({ dim }) => new nn.Softmin(dim)),
  softplus: via(({ beta, threshold }) => new nn.Softplus(beta, threshold)),
  softshrink: via(({ lambd }) => new nn.Softshrink(lambd)),
  softsign: via(() => new nn.Softsign()),
  tanh: via(() => new nn.Tanh()),
  tanhshrink: via(() => new nn.Tanhshrink()),
  threshold: via(({ threshold, value }) => new nn.Threshold(threshold!, value!)),
};

type Loss = Module & { forward(...inputs: Tensor[]): Tensor };
/** A loss whose inputs stand under these names; weights go to the constructor. */
const loss =
  (Kind: new (options: object) => Loss, ...inputs: readonly string[]): CaseFunction =>
  (tensors, attrs) => {
    const { weight, pos_weight: posWeight } = tensors;
    const layer = new Kind({
      ...settings(attrs, 'class_probabilities'),
      ...(weight && { weight }),
      ...(posWeight && { posWeight }),
    });
    return layer.forward(...inputs.map((name) => tensors[name]!));
  };
const pair = (Kind: new (options: object) => Loss): CaseFunction => loss(Kind, 'x', 'target');

const losses: CaseTable = {
  bce: pair(nn.BCELoss),
  bce_with_logits: pair(nn.BCEWithLogitsLoss),
  cosine_embedding: loss(nn.CosineEmbeddingLoss, 'a', 'b', 'target'),
  cross_entropy: pair(nn.CrossEntropyLoss),
  ctc: ({ x, targets, input_lengths: steps, target_lengths: sizes }, attrs, { inputs }) => {
    const lengths = inputs['target_lengths']!.data.map(Number);
    const given = targets!.rank === 1 ? lengths : sizes!;
    const logProbs = new nn.LogSoftmax(-1).forward(x!);
    return new nn.CTCLoss(settings(attrs)).forward(logProbs, targets!, steps!, given);
  },
  gaussian_nll: loss(nn.GaussianNLLLoss, 'x', 'target', 'var'),
  hinge_embedding: pair(nn.HingeEmbeddingLoss),
  huber: pair(nn.HuberLoss),
  kl_div: pair(nn.KLDivLoss),
  l1: pair(nn.L1Loss),
  margin_ranking: loss(nn.MarginRankingLoss, 'a', 'b', 'target'),
  mse: pair(nn.MSELoss),
  multi_margin: pair(nn.MultiMarginLoss),
  multilabel_soft_margin: pair(nn.MultiLabelSoftMarginLoss),
  nll: pair(nn.NLLLoss),
  poisson_nll: pair(nn.PoissonNLLLoss),
  smooth_l1: pair(nn.SmoothL1Loss),
  soft_margin: pair(nn.SoftMarginLoss),
  triplet_margin: loss(nn.TripletMarginLoss, 'anchor', 'positive', 'negative'),
};

const normalisations: CaseTable = {
  layer_norm: via(({ normalizedShape, eps }, { weight, bias }, { dtype }) => {
    const elementwiseAffine = weight !== undefined;
    const options = { eps: eps!, elementwiseAffine, bias: bias !== undefined, dtype };
    return new nn.LayerNorm(normalizedShape!, options);
  }),
  rms_norm: via(({ eps }, { x, weight }, { dtype }) => {
    const shape = weight?.shape ?? x!.shape.slice(-1);
    return new nn.RMSNorm(shape, { eps: eps!, elementwiseAffine: weight !== undefined, dtype });
  }),
  weight_norm: ({ v, g }, { dim }, _given, { dtype }) => {
    const layer = new nn.Linear(v!.shape[1]!, v!.shape[0]!, { bias: false, dtype });
    nn.weightNorm(layer, { dim: dim as number | null });
    filled(layer, {
      'parametrizations.weight.original0': g!,
      'parametrizations.weight.original1': v!,
    });
    return layer.weight.value;
  },
  spectral_norm: ({ x, weight, bias, u, v }, attrs, _given, { dtype }) => {
    if (weight!.rank !== 2) throw new SkipCase('a matrix is not in this case');
    const [out, inner] = weight!.shape as [number, number];
    const layer = new nn.Linear(inner, out, { bias: bias !== undefined, dtype });
    nn.spectralNorm(layer, { nPowerIterations: attrs['n_power_iterations'] as number });
    filled(layer, {
      'parametrizations.weight.original': weight!,
      'parametrizations.weight.0._u': u!,
      'parametrizations.weight.0._v': v!,
      ...(bias && { bias }),
    });
    layer.train(attrs['training'] === true);
    const output = layer.forward(x!);
    const buffers = layer.namedBuffers();
    return {
      output,
      normalised_weight: layer.eval().weight.value,
      u: buffers.get('parametrizations.weight.0._u')!.value,
      v: buffers.get('parametrizations.weight.0._v')!.value,
    };
  },
};

export const layerCases: FamilyTables = {
  elementwise: activations,
  losses,
  normalisation: normalisations,
};
