/** Normalisation over batch, channels, groups and trailing axes. */
import {
  add,
  cast,
  div,
  mul,
  normalizeAxis,
  pow,
  reshape,
  sizeOf,
  sqrt,
  sub,
  sum,
} from '@hebb/core';
import type { DType, Tensor } from '@hebb/core';
import type { Call } from '../call.ts';
import { since } from '../table.ts';
import type { OperatorTable } from '../table.ts';

/** A value a channel, laid along axis 1. */
const channelwise = (v: Tensor, rank: number): Tensor =>
  reshape(v, [v.size, ...new Array<number>(Math.max(0, rank - 2)).fill(1)]);

function batchNorm(c: Call): Tensor[] {
  const x = c.tensor(0);
  const [scale, bias, mean, variance] = [c.tensor(1), c.tensor(2), c.tensor(3), c.tensor(4)];
  const epsilon = c.attr.float('epsilon', 1e-5);
  if (!c.attr.bool('training_mode')) {
    return [batchNormInference(x, scale, bias, mean, variance, epsilon)];
  }
  const axes = x.shape.map((_, i) => i).filter((i) => i !== 1);
  const count = sizeOf(axes.map((axis) => x.shape[axis]!));
  const now = div(sum(x, axes), count);
  const centred = sub(x, channelwise(now, x.rank));
  const spread = div(sum(mul(centred, centred), axes), count);
  const momentum = c.attr.float('momentum', 0.9);
  const moved = (old: Tensor, fresh: Tensor) => add(mul(old, momentum), mul(fresh, 1 - momentum));
  return [
    batchNormInference(x, scale, bias, now, spread, epsilon),
    moved(mean, now),
    moved(variance, spread),
  ];
}

function batchNormInference(
  x: Tensor,
  scale: Tensor,
  bias: Tensor,
  mean: Tensor,
  variance: Tensor,
  epsilon: number,
): Tensor {
  const factor = div(scale, sqrt(add(cast(variance, scale.dtype), epsilon)));
  const shift = sub(bias, mul(cast(mean, scale.dtype), factor));
  const y = add(mul(x, channelwise(factor, x.rank)), channelwise(shift, x.rank));
  return cast(y, x.dtype);
}

/** (x - mean) / √(variance + ε) over the axes. */
function standardised(
  x: Tensor,
  axes: readonly number[],
  epsilon: number,
): [Tensor, Tensor, Tensor] {
  const count = sizeOf(axes.map((axis) => x.shape[axis]!));
  const mean = div(sum(x, axes, true), count);
  const centred = sub(x, mean);
  const inverse = div(1, sqrt(add(div(sum(mul(centred, centred), axes, true), count), epsilon)));
  return [mul(centred, inverse), mean, inverse];
}

function instanceNorm(c: Call): Tensor {
  const x = c.tensor(0);
  const axes = x.shape.map((_, i) => i).slice(2);
  const [y] = standardised(x, axes, c.attr.float('epsilon', 1e-5));
  return add(mul(y, channelwise(c.tensor(1), x.rank)), channelwise(c.tensor(2), x.rank));
}

/** The type that statistics are computed in; float by default. */
function stash(c: Call, x: Tensor): DType {
  const type = c.attr.int('stash_type', 1);
  if (x.dtype === 'float64') return 'float64';
  return type === 1 ? 'float32' : x.dtype;
}

function layerNorm(c: Call): Tensor[] {
  const input = c.tensor(0);
  const axis = normalizeAxis(c.op, c.attr.int('axis', -1), input.rank);
  const axes = input.shape.map((_, i) => i).filter((i) => i >= axis);
  const type = stash(c, input);
  const [y, mean, inverse] = standardised(cast(input, type), axes, c.attr.float('epsilon', 1e-5));
  const scaled = mul(cast(y, input.dtype), c.tensor(1));
  return [c.has(2) ? add(scaled, c.tensor(2)) : scaled, mean, inverse];
}

function rmsNorm(c: Call): Tensor {
  const input = c.tensor(0);
  const axis = normalizeAxis(c.op, c.attr.int('axis', -1), input.rank);
  const axes = input.shape.map((_, i) => i).filter((i) => i >= axis);
  const x = cast(input, stash(c, input));
  const count = sizeOf(axes.map((a) => x.shape[a]!));
  const square = div(sum(mul(x, x), axes, true), count);
  const y = div(x, sqrt(add(square, c.attr.float('epsilon', 1e-5))));
  return mul(cast(y, input.dtype), cast(c.tensor(1), input.dtype));
}

function groupNorm(c: Call): Tensor {
  const x = c.tensor(0);
  const groups = c.attr.int('num_groups');
  const [n, channels] = x.shape as [number, number];
  const parts = reshape(x, [n, groups, -1]);
  const type = c.opset >= 21 ? stash(c, x) : x.dtype;
  const [y] = standardised(cast(parts, type), [2], c.attr.float('epsilon', 1e-5));
  const whole = reshape(cast(y, x.dtype), x.shape);
  const perChannel = (v: Tensor): Tensor => {
    // Before opset 21 scale and bias were one a group.
    if (c.opset >= 21 || v.size === channels) return channelwise(v, x.rank);
    const spread = v.reshape([groups, 1]).expand([groups, channels / groups]);
    return channelwise(reshape(spread, [channels]), x.rank);
  };
  return add(mul(whole, perChannel(c.tensor(1))), perChannel(c.tensor(2)));
}

function lpNorm(c: Call): Tensor {
  const x = c.tensor(0);
  const axis = normalizeAxis(c.op, c.attr.int('axis', -1), x.rank);
  const order = c.attr.int('p', 2);
  const length = order === 1 ? sum(x.abs(), axis, true) : sqrt(sum(mul(x, x), axis, true));
  // A zero vector stays zero.
  return div(x, length.where(length.ne(0), 1));
}

/** Local response normalisation across channels. Krizhevsky et al. 2012. */
function lrn(c: Call): Tensor {
  const x = c.tensor(0);
  const size = c.attr.int('size');
  const low = Math.floor((size - 1) / 2);
  const high = size - 1 - low;
  const widths = (n: number) => x.shape.map((_, i) => (i === 1 ? n : 0));
  const padded = mul(x, x).pad({ low: widths(low), high: widths(high) });
  let square = padded.narrow(1, 0, x.shape[1]!);
  for (let k = 1; k < size; k++) square = add(square, padded.narrow(1, k, x.shape[1]!));
  const [alpha, beta] = [c.attr.float('alpha', 1e-4), c.attr.float('beta', 0.75)];
  return div(x, pow(add(mul(square, alpha / size), c.attr.float('bias', 1)), beta));
}

function meanVariance(c: Call): Tensor {
  const x = c.tensor(0);
  const axes = c.attr.ints('axes', [0, 2, 3]);
  const count = sizeOf(axes.map((axis) => x.shape[axis]!));
  const mean = div(sum(x, axes, true), count);
  const square = div(sum(mul(x, x), axes, true), count);
  return div(sub(x, mean), add(sqrt(sub(square, mul(mean, mean))), 1e-9));
}

export const normalisationOperators: OperatorTable = {
  BatchNormalization: [{ since: 1, build: batchNorm, buffers: [3, 4] }],
  InstanceNormalization: [since(1, instanceNorm)],
  LayerNormalization: [since(1, layerNorm)],
  RMSNormalization: [since(1, rmsNorm)],
  GroupNormalization: [since(1, groupNorm)],
  LpNormalization: [since(1, lpNorm)],
  LRN: [since(1, lrn)],
  MeanVarianceNormalization: [since(1, meanVariance)],
};
