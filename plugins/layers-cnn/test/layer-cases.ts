/** Reference cases computed by the layers of this package (the functions have tables of their own). */
import type { Tensor } from '@hebb/core';
import { SkipCase, attrs as read } from '@hebb/conformance/reference';
import type {
  CaseAttrs,
  CaseContext,
  CaseFunction,
  CaseTable,
  FamilyTables,
  ReferenceCase,
  Tensors,
} from '@hebb/conformance/reference';
import { spectralNorm } from '@hebb/nn';
import type { Layer, Module } from '@hebb/nn';
import * as cnn from '../src/index.ts';

type Options = Readonly<Record<string, never>>;
interface Made extends CaseContext {
  readonly tensors: Tensors;
  readonly given: ReferenceCase;
}

/** PyTorch's settings under our names. */
function settings(attrs: CaseAttrs): Options {
  return Object.fromEntries(
    Object.entries(attrs).map(([name, value]) => [
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
const bufferOf = (layer: Module, name: string): Tensor | undefined =>
  layer.namedBuffers().get(name)?.value;

/** The output of a layer and its running statistics. */
const via =
  (make: (options: Options, made: Made) => Layer): CaseFunction =>
  (tensors, attrs, given, { dtype }) => {
    const layer = filled(make(settings(attrs), { tensors, given, dtype }), tensors);
    const output = layer.forward((tensors['x'] ?? tensors['input'])!);
    const mean = bufferOf(layer, 'running_mean');
    const variance = bufferOf(layer, 'running_var');
    return {
      output,
      ...(mean && { running_mean: mean }),
      ...(variance && { running_var: variance }),
    };
  };

type Convolution = new (
  inChannels: number,
  outChannels: number,
  kernelSize: readonly number[],
  options: object,
) => Layer;
const convolution = (Kind: Convolution): CaseFunction =>
  via(({ groups = 1, ...options }, { tensors: { weight, bias }, dtype }) => {
    const [out, inner, ...kernel] = weight!.shape as [number, number, ...number[]];
    const how = { ...options, groups, bias: bias !== undefined, dtype };
    return new Kind(inner * groups, out, kernel, how);
  });
const transposed = (Kind: Convolution): CaseFunction =>
  via(({ groups = 1, ...options }, { tensors: { weight, bias }, dtype }) => {
    const [inner, out, ...kernel] = weight!.shape as [number, number, ...number[]];
    const how = { ...options, groups, bias: bias !== undefined, dtype };
    return new Kind(inner, out * groups, kernel, how);
  });

type Pool = new (kernelSize: number, options: object) => Layer;
const pool = (Kind: Pool): CaseFunction =>
  via(({ kernelSize, returnIndices: _, ...options }) => new Kind(kernelSize!, options));
type PoolWithIndices = new (
  kernelSize: number,
  options: object,
) => Module & { forward(x: Tensor): [Tensor, Tensor] };
const maxPool =
  (Kind: Pool, WithIndices: PoolWithIndices): CaseFunction =>
  (tensors, attrs, given, context) => {
    if (given.outputs['indices'] === undefined) return pool(Kind)(tensors, attrs, given, context);
    const { kernelSize, returnIndices: _, ...options } = settings(attrs);
    const [output, indices] = new WithIndices(kernelSize!, options).forward(tensors['x']!);
    return { output, indices };
  };
const adaptive = (Kind: new (size: number) => Layer): CaseFunction =>
  via(({ outputSize }) => new Kind(outputSize!));
const lpPool = (
  Kind: new (p: number, kernelSize: number, options: object) => Layer,
): CaseFunction =>
  via(({ normType, kernelSize, ...options }) => new Kind(normType!, kernelSize!, options));

const convolutions: CaseTable = {
  conv1d: convolution(cnn.Conv1d),
  conv2d: convolution(cnn.Conv2d),
  conv3d: convolution(cnn.Conv3d),
  conv_transpose1d: transposed(cnn.ConvTranspose1d),
  conv_transpose2d: transposed(cnn.ConvTranspose2d),
  conv_transpose3d: transposed(cnn.ConvTranspose3d),
  max_pool1d: maxPool(cnn.MaxPool1d, cnn.MaxPool1dWithIndices),
  max_pool2d: maxPool(cnn.MaxPool2d, cnn.MaxPool2dWithIndices),
  max_pool3d: maxPool(cnn.MaxPool3d, cnn.MaxPool3dWithIndices),
  max_pool_unpool2d: ({ x }, attrs) => {
    const { kernelSize, ...options } = settings(attrs);
    const [values, indices] = new cnn.MaxPool2dWithIndices(kernelSize!, options).forward(x!);
    return new cnn.MaxUnpool2d(kernelSize!, options).forward(values, indices, {
      outputSize: x!.shape,
    });
  },
  avg_pool1d: pool(cnn.AvgPool1d),
  avg_pool2d: pool(cnn.AvgPool2d),
  avg_pool3d: pool(cnn.AvgPool3d),
  lp_pool1d: lpPool(cnn.LPPool1d),
  lp_pool2d: lpPool(cnn.LPPool2d),
  adaptive_avg_pool1d: adaptive(cnn.AdaptiveAvgPool1d),
  adaptive_avg_pool2d: adaptive(cnn.AdaptiveAvgPool2d),
  adaptive_avg_pool3d: adaptive(cnn.AdaptiveAvgPool3d),
  adaptive_max_pool1d: adaptive(cnn.AdaptiveMaxPool1d),
  adaptive_max_pool2d: adaptive(cnn.AdaptiveMaxPool2d),
  adaptive_max_pool3d: adaptive(cnn.AdaptiveMaxPool3d),
  interpolate: via((options) => new cnn.Upsample(options)),
  pixel_shuffle: via(({ upscaleFactor }) => new cnn.PixelShuffle(upscaleFactor!)),
  pixel_unshuffle: via(({ downscaleFactor }) => new cnn.PixelUnshuffle(downscaleFactor!)),
  channel_shuffle: via(({ groups }) => new cnn.ChannelShuffle(groups!)),
  unfold: via(({ kernelSize, ...options }) => new cnn.Unfold(kernelSize!, options)),
  fold: via(
    ({ outputSize, kernelSize, ...options }) => new cnn.Fold(outputSize!, kernelSize!, options),
  ),
};

const byAxes = <T>(shape: readonly number[], ...kinds: readonly T[]): T => kinds[shape.length - 2]!;

function batchNorm({ momentum, eps }: Options, x: Tensor, { tensors, dtype }: Made): Layer {
  const { weight, running_mean: mean } = tensors;
  const Kind = byAxes(x.shape, cnn.BatchNorm1d, cnn.BatchNorm1d, cnn.BatchNorm2d, cnn.BatchNorm3d);
  return new Kind(x.shape[1]!, {
    ...(momentum !== undefined && { momentum }),
    ...(eps !== undefined && { eps }),
    affine: weight !== undefined,
    trackRunningStats: mean !== undefined,
    dtype,
  });
}

const normalisations: CaseTable = {
  batch_norm: via((options, made) => {
    const layer = batchNorm(options, made.tensors['x']!, made);
    return layer.train(made.given.attrs['training'] === true);
  }),
  batch_norm_steps: (tensors, attrs, given, context) => {
    const first = tensors['x0']!;
    const options = { ...settings(attrs) };
    const made = { tensors: { running_mean: first, ...tensors }, given, ...context };
    const layer = filled(batchNorm(options, first, made), tensors);
    let output = first;
    for (let k = 0; tensors[`x${k}`] !== undefined; k++) output = layer.forward(tensors[`x${k}`]!);
    return {
      output,
      running_mean: bufferOf(layer, 'running_mean')!,
      running_var: bufferOf(layer, 'running_var')!,
      eval_output: layer.eval().forward(first),
    };
  },
  group_norm: via(({ numGroups, eps }, { tensors: { x, weight }, dtype }) => {
    return new cnn.GroupNorm(numGroups!, x!.shape[1]!, {
      eps: eps!,
      affine: weight !== undefined,
      dtype,
    });
  }),
  instance_norm: via(({ eps, momentum = 0.1 as never }, { tensors, given, dtype }) => {
    const { x, weight, running_mean: mean } = tensors;
    const kinds = [cnn.InstanceNorm1d, cnn.InstanceNorm2d, cnn.InstanceNorm3d];
    const layer = new kinds[x!.rank - 3]!(x!.shape[1]!, {
      eps: eps!,
      momentum,
      affine: weight !== undefined,
      trackRunningStats: mean !== undefined,
      dtype,
    });
    return layer.train(given.attrs['use_input_stats'] !== false);
  }),
  local_response_norm: via(({ size, ...options }) => new cnn.LocalResponseNorm(size!, options)),
  spectral_norm: ({ x, weight, bias, u, v }, attrs, _given, { dtype }) => {
    if (weight!.rank !== 4) throw new SkipCase('a convolution is not in this case');
    const [out, inner, ...kernel] = weight!.shape as [number, number, ...number[]];
    const layer = new cnn.Conv2d(inner, out, kernel, { bias: bias !== undefined, dtype });
    spectralNorm(layer, { nPowerIterations: read.num(attrs['n_power_iterations'] ?? 1) });
    filled(layer, {
      'parametrizations.weight.original': weight!,
      'parametrizations.weight.0._u': u!,
      'parametrizations.weight.0._v': v!,
      ...(bias && { bias }),
    });
    layer.train(attrs['training'] === true);
    const output = layer.forward(x!);
    return {
      output,
      normalised_weight: layer.eval().weight.value,
      u: bufferOf(layer, 'parametrizations.weight.0._u')!,
      v: bufferOf(layer, 'parametrizations.weight.0._v')!,
    };
  },
};

export const layerCases: FamilyTables = {
  convolution: convolutions,
  normalisation: normalisations,
};
