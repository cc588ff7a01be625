/** Normalisation layers as functions. `weight` and `bias` may be left out or null. */
import {
  add,
  composite,
  div,
  fail,
  formatShape,
  argumentLayout,
  mul,
  narrow,
  pad,
  pow,
  reshape,
  sameShape,
  sizeOf,
  stopGradient,
  sub,
  sum,
  window,
  withOp,
} from '@hebb/core';
import type { Attrs, Shape, Tensor } from '@hebb/core';
import { number } from '../operands.ts';
import { rsqrt } from '../math.ts';
import { mean } from '../reductions.ts';
import { moments, standardize } from './standardize.ts';

/** A parameter for each channel, shaped to broadcast over [N, C, ...]. */
const perChannel = (value: Tensor, rank: number): Tensor =>
  reshape(value, [value.size, ...new Array<number>(Math.max(0, rank - 2)).fill(1)]);

function affine(y: Tensor, weight: Tensor | undefined, bias: Tensor | undefined): Tensor {
  const scaled = weight === undefined ? y : mul(y, weight);
  return bias === undefined ? scaled : add(scaled, bias);
}

function requireChannels(
  op: string,
  x: Tensor,
  parameters: Readonly<Record<string, Tensor | null | undefined>>,
): void {
  if (x.rank < 2) fail(op, 'input does not fit', formatShape(x.shape), '[N, C, ...]');
  for (const [name, value] of Object.entries(parameters)) {
    if (value != null && (value.rank !== 1 || value.size !== x.shape[1]))
      fail(op, `${name} does not fit`, formatShape(value.shape), `[${x.shape[1]}]`);
  }
}
/** Whether a node was given all of its optional arguments. */
const complete = (attrs: Attrs): boolean => argumentLayout(attrs) === undefined;

// --- batch ---

type BatchAttrs = { readonly eps: number };
const batchNormOp = composite('batchNorm', {
  body: (
    x: Tensor,
    average: Tensor,
    variance: Tensor,
    weight: Tensor | undefined,
    bias: Tensor | undefined,
    { eps }: BatchAttrs,
  ): Tensor => {
    const spread = (value: Tensor): Tensor => perChannel(value, x.rank);
    const scale = rsqrt(add(variance, eps));
    const factor = weight === undefined ? scale : mul(scale, weight);
    const y = mul(sub(x, spread(average)), spread(factor));
    return bias === undefined ? y : add(y, spread(bias));
  },
  onnx: {
    op: 'BatchNormalization',
    since: 15,
    emit: (onnx, attrs) => {
      if (!complete(attrs)) return undefined;
      const [x, average, variance, weight, bias] = onnx.inputs;
      return onnx.node('BatchNormalization', [x, weight, bias, average, variance], {
        epsilon: { float: number(attrs.eps, 1e-5) },
      });
    },
  },
  samples: [
    { in: [[2, 3, 4], [3], { shape: [3], range: [0.3, 2] }, [3], [3]], attrs: { eps: 1e-5 } },
    { in: [[4, 2], [2], { shape: [2], range: [0.3, 2] }, null, null], attrs: { eps: 1e-3 } },
  ],
});

export interface BatchNormOptions {
  /** Normalise by the statistics of this batch instead of the running ones. */
  readonly training?: boolean;
  readonly eps?: number;
}
const channelAxes = (x: Tensor): number[] => x.shape.map((_, i) => i).filter((i) => i !== 1);

/**
 * Normalisation of each channel, by the running statistics, or in training (and where there are none) by
 * those of the batch. Ioffe and Szegedy 2015, arXiv:1502.03167. `batchNormTraining` gives the updated
 * running statistics as well. Shape: x [N, C, ...], the others [C].
 */
export const batchNorm = withOp(
  batchNormOp.op,
  (
    x: Tensor,
    runningMean?: Tensor | null,
    runningVar?: Tensor | null,
    weight?: Tensor | null,
    bias?: Tensor | null,
    { training = false, eps = 1e-5 }: BatchNormOptions = {},
  ): Tensor => {
    requireChannels('batchNorm', x, { runningMean, runningVar, weight, bias });
    if (!training && runningMean != null && runningVar != null) {
      return batchNormOp(x, runningMean, runningVar, weight ?? undefined, bias ?? undefined, {
        eps,
      });
    }
    if (!training && (runningMean != null || runningVar != null))
      fail('batchNorm', 'runningMean and runningVar come together');
    const count = sizeOf(channelAxes(x).map((axis) => x.shape[axis]!));
    if (count < 2)
      fail('batchNorm', 'needs more than one value for each channel', formatShape(x.shape));
    const y = standardize(x, { dim: channelAxes(x), eps });
    return affine(
      y,
      weight == null ? undefined : perChannel(weight, x.rank),
      bias == null ? undefined : perChannel(bias, x.rank),
    );
  },
);

export interface BatchNormTrainingOptions {
  /** Weight of the new statistics in the running ones; a scalar tensor where it changes from call to call. */
  readonly momentum?: number | Tensor;
  readonly eps?: number;
}
/**
 * `batchNorm` in training: the result, and the running statistics moved towards those of the batch (the
 * variance with Bessel's correction) by `momentum`. Statistics are constants to differentiation.
 */
export function batchNormTraining(
  x: Tensor,
  runningMean: Tensor,
  runningVar: Tensor,
  weight?: Tensor | null,
  bias?: Tensor | null,
  { momentum = 0.1, eps = 1e-5 }: BatchNormTrainingOptions = {},
): [output: Tensor, runningMean: Tensor, runningVar: Tensor] {
  const y = batchNorm(x, runningMean, runningVar, weight, bias, { training: true, eps });
  const dim = channelAxes(x);
  const count = sizeOf(dim.map((axis) => x.shape[axis]!));
  const { mean: average, variance } = moments(stopGradient(x), dim);
  return [
    y,
    moved(runningMean, average, momentum),
    moved(runningVar, mul(variance, count / (count - 1)), momentum),
  ];
}
function moved(running: Tensor, fresh: Tensor, momentum: number | Tensor): Tensor {
  const kept = typeof momentum === 'number' ? 1 - momentum : sub(1, momentum);
  return add(mul(running, kept), mul(reshape(fresh, running.shape), momentum)).to(running.dtype);
}

// --- layer ---

type LayerAttrs = { readonly axes: number; readonly eps: number };
const layerNormOp = composite('layerNorm', {
  body: (
    x: Tensor,
    weight: Tensor | undefined,
    bias: Tensor | undefined,
    { axes, eps }: LayerAttrs,
  ): Tensor => {
    const dim = Array.from({ length: axes }, (_, i) => x.rank - axes + i);
    return affine(standardize(x, { dim, eps }), weight, bias);
  },
  onnx: {
    op: 'LayerNormalization',
    since: 17,
    emit: (onnx, attrs) =>
      complete(attrs)
        ? onnx.node('LayerNormalization', [...onnx.inputs], {
            axis: -number(attrs.axes, 1),
            epsilon: { float: number(attrs.eps, 1e-5) },
          })
        : undefined,
  },
  samples: [
    { in: [[2, 3, 4], [4], [4]], attrs: { axes: 1, eps: 1e-5 } },
    { in: [[2, 3, 4], [3, 4], null], attrs: { axes: 2, eps: 1e-5 } },
    { in: [[3, 5], null, null], attrs: { axes: 1, eps: 1e-3 } },
  ],
});
function requireLast(op: string, x: Tensor, shape: Shape, name = 'normalizedShape'): void {
  if (shape.length === 0 || !sameShape(x.shape.slice(-shape.length), shape))
    fail(
      op,
      `${name} does not fit the input`,
      formatShape(shape),
      `the end of ${formatShape(x.shape)}`,
    );
}
/**
 * Normalisation over the last axes. Ba et al. 2016, arXiv:1607.06450. Shape: x [..., ...normalizedShape],
 * weight and bias [...normalizedShape].
 */
export const layerNorm = withOp(
  layerNormOp.op,
  (
    x: Tensor,
    normalizedShape: number | Shape,
    weight?: Tensor | null,
    bias?: Tensor | null,
    { eps = 1e-5 }: { eps?: number } = {},
  ): Tensor => {
    const shape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape;
    requireLast('layerNorm', x, shape);
    if (weight != null) requireLast('layerNorm', x, weight.shape, 'weight');
    if (bias != null) requireLast('layerNorm', x, bias.shape, 'bias');
    return layerNormOp(x, weight ?? undefined, bias ?? undefined, { axes: shape.length, eps });
  },
);

const rmsNormOp = composite('rmsNorm', {
  body: (x: Tensor, weight: Tensor | undefined, { axes, eps }: LayerAttrs): Tensor => {
    const dim = Array.from({ length: axes }, (_, i) => x.rank - axes + i);
    const y = mul(x, rsqrt(add(mean(mul(x, x), dim, true), eps)));
    return weight === undefined ? y : mul(y, weight);
  },
  onnx: {
    op: 'RMSNormalization',
    since: 23,
    emit: (onnx, attrs) =>
      complete(attrs)
        ? onnx.node('RMSNormalization', [...onnx.inputs], {
            axis: -number(attrs.axes, 1),
            epsilon: { float: number(attrs.eps, 1e-5) },
          })
        : undefined,
  },
  samples: [
    { in: [[2, 3, 4], [4]], attrs: { axes: 1, eps: 1e-6 } },
    { in: [[3, 5], null], attrs: { axes: 1, eps: 1e-3 } },
  ],
});
/** x / √(mean(x²) + eps) · weight over the last axes. Zhang and Sennrich 2019, arXiv:1910.07467. */
export const rmsNorm = withOp(
  rmsNormOp.op,
  (
    x: Tensor,
    normalizedShape: number | Shape,
    weight?: Tensor | null,
    { eps = 1e-6 }: { eps?: number } = {},
  ): Tensor => {
    const shape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape;
    requireLast('rmsNorm', x, shape);
    return rmsNormOp(x, weight ?? undefined, { axes: shape.length, eps });
  },
);

// --- groups and instances ---

type GroupAttrs = { readonly groups: number; readonly eps: number };
const groupNormOp = composite('groupNorm', {
  body: (
    x: Tensor,
    weight: Tensor | undefined,
    bias: Tensor | undefined,
    { groups, eps }: GroupAttrs,
  ): Tensor => {
    const n = x.shape[0]!;
    const grouped = reshape(x, [n, groups, n * groups === 0 ? 0 : x.size / (n * groups)]);
    const y = reshape(standardize(grouped, { dim: [2], eps }), x.shape);
    return affine(
      y,
      weight === undefined ? undefined : perChannel(weight, x.rank),
      bias === undefined ? undefined : perChannel(bias, x.rank),
    );
  },
  onnx: {
    op: 'GroupNormalization',
    since: 21,
    emit: (onnx, attrs) =>
      complete(attrs)
        ? onnx.node('GroupNormalization', [...onnx.inputs], {
            num_groups: number(attrs.groups, 1),
            epsilon: { float: number(attrs.eps, 1e-5) },
          })
        : undefined,
  },
  samples: [
    { in: [[2, 4, 3], [4], [4]], attrs: { groups: 2, eps: 1e-5 } },
    { in: [[2, 4, 2, 2], null, null], attrs: { groups: 4, eps: 1e-5 } },
  ],
});
/**
 * Normalisation of groups of channels in each item. Wu and He 2018, arXiv:1803.08494. Shape: x [N, C, ...],
 * weight and bias [C].
 */
export const groupNorm = withOp(
  groupNormOp.op,
  (
    x: Tensor,
    numGroups: number,
    weight?: Tensor | null,
    bias?: Tensor | null,
    { eps = 1e-5 }: { eps?: number } = {},
  ): Tensor => {
    requireChannels('groupNorm', x, { weight, bias });
    if (!Number.isInteger(numGroups) || numGroups < 1 || x.shape[1]! % numGroups !== 0)
      fail('groupNorm', `${x.shape[1]} channels do not divide into ${numGroups} groups`);
    return groupNormOp(x, weight ?? undefined, bias ?? undefined, { groups: numGroups, eps });
  },
);

const instanceNormOp = composite('instanceNorm', {
  body: (
    x: Tensor,
    weight: Tensor | undefined,
    bias: Tensor | undefined,
    { eps }: BatchAttrs,
  ): Tensor => {
    const dim = x.shape.map((_, i) => i).slice(2);
    return affine(
      standardize(x, { dim, eps }),
      weight === undefined ? undefined : perChannel(weight, x.rank),
      bias === undefined ? undefined : perChannel(bias, x.rank),
    );
  },
  onnx: {
    op: 'InstanceNormalization',
    since: 6,
    emit: (onnx, attrs) =>
      complete(attrs)
        ? onnx.node('InstanceNormalization', [...onnx.inputs], {
            epsilon: { float: number(attrs.eps, 1e-5) },
          })
        : undefined,
  },
  samples: [{ in: [[2, 3, 4], [3], [3]], attrs: { eps: 1e-5 } }],
});
/** Normalisation of each channel of each item. Ulyanov et al. 2016, arXiv:1607.08022. Shape: x [N, C, ...]. */
export const instanceNorm = withOp(
  instanceNormOp.op,
  (
    x: Tensor,
    weight?: Tensor | null,
    bias?: Tensor | null,
    { eps = 1e-5 }: { eps?: number } = {},
  ): Tensor => {
    requireChannels('instanceNorm', x, { weight, bias });
    if (x.rank < 3) fail('instanceNorm', 'has no spatial axis', formatShape(x.shape));
    return instanceNormOp(x, weight ?? undefined, bias ?? undefined, { eps });
  },
);
/**
 * The running statistics of instance normalisation after this batch: those of the items (variance with
 * Bessel's correction), averaged over the batch, weigh `momentum`.
 */
export function instanceNormStatistics(
  x: Tensor,
  runningMean: Tensor,
  runningVar: Tensor,
  { momentum = 0.1 }: { momentum?: number } = {},
): [runningMean: Tensor, runningVar: Tensor] {
  const dim = x.shape.map((_, i) => i).slice(2);
  const count = sizeOf(x.shape.slice(2));
  const { mean: average, variance } = moments(stopGradient(x), dim);
  return [
    moved(runningMean, mean(average, 0), momentum),
    moved(runningVar, mul(mean(variance, 0), count / (count - 1)), momentum),
  ];
}

// --- across channels ---

type ResponseAttrs = {
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly k: number;
};
const localResponseNormOp = composite('localResponseNorm', {
  body: (x: Tensor, { size, alpha, beta, k }: ResponseAttrs): Tensor => {
    const channels = x.shape[1]!;
    const before = Math.floor(size / 2);
    const flat = reshape(mul(x, x), [x.shape[0]!, channels, sizeOf(x.shape.slice(2))]);
    const rows = flat.transpose(1, 2);
    const low = [0, 0, before];
    const padded = pad(rows, { low, high: [0, 0, size - 1 - before] });
    const total = sum(window(padded, { size: [size], stride: [1], dilation: [1] }), -1);
    const mean2 = reshape(narrow(total, 2, 0, channels).transpose(1, 2), x.shape);
    return div(x, pow(add(mul(mean2, alpha / size), k), beta));
  },
  onnx: {
    op: 'LRN',
    since: 13,
    emit: (onnx, { size, alpha, beta, k }) =>
      // ONNX rounds the window of an even size the other way; its runtimes know images only.
      number(size, 1) % 2 === 1 && onnx.inputAvals[0]!.shape.length === 4
        ? onnx.node('LRN', [onnx.inputs[0]], {
            size: number(size, 1),
            alpha: { float: number(alpha, 1e-4) },
            beta: { float: number(beta, 0.75) },
            bias: { float: number(k, 1) },
          })
        : undefined,
  },
  samples: [{ in: [[2, 5, 3]], attrs: { size: 3, alpha: 0.1, beta: 0.75, k: 1 } }],
});
/**
 * x / (k + alpha · mean of x² over `size` channels)^beta, with zeros outside. Krizhevsky et al. 2012.
 * Shape: [N, C, ...] -> same.
 */
export const localResponseNorm = withOp(
  localResponseNormOp.op,
  (
    x: Tensor,
    size: number,
    { alpha = 1e-4, beta = 0.75, k = 1 }: { alpha?: number; beta?: number; k?: number } = {},
  ): Tensor => {
    if (x.rank < 3)
      fail('localResponseNorm', 'input does not fit', formatShape(x.shape), '[N, C, ...]');
    if (!Number.isInteger(size) || size < 1)
      fail('localResponseNorm', 'size is a positive integer', String(size));
    return localResponseNormOp(x, { size, alpha, beta, k });
  },
);
