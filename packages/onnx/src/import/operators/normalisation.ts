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
import { batchNorm, groupNorm, instanceNorm, layerNorm, rmsNorm } from '@hebb/ops';
import type { Call } from '../call.ts';
import { since } from '../table.ts';
import type { OperatorTable } from '../table.ts';

/** A value a channel, laid along axis 1. */
const channelwise = (v: Tensor, rank: number): Tensor =>
  reshape(v, [v.size, ...new Array<number>(Math.max(0, rank - 2)).fill(1)]);

function batchNormalisation(c: Call): Tensor[] {
  const x = c.tensor(0);
  const [scale, bias, mean, variance] = [c.tensor(1), c.tensor(2), c.tensor(3), c.tensor(4)];
  const eps = c.attr.float('epsilon', 1e-5);
  const normal = (average: Tensor, spread: Tensor): Tensor => {
    const like = (v: Tensor): Tensor => cast(v, x.dtype);
    return batchNorm(x, like(average), like(spread), like(scale), like(bias), { eps });
  };
  // While the model is trained its running statistics are kept as the operator's training mode says.
  const [averages, spreads] = c.training ? [c.variable(3), c.variable(4)] : [];
  const learns = averages !== undefined && spreads !== undefined;
  if (!c.attr.bool('training_mode') && !learns) return [normal(mean, variance)];
  const axes = x.shape.map((_, i) => i).filter((i) => i !== 1);
  const count = sizeOf(axes.map((axis) => x.shape[axis]!));
  const now = div(sum(x, axes), count);
  const centred = sub(x, channelwise(now, x.rank));
  const spread = div(sum(mul(centred, centred), axes), count);
  const momentum = c.attr.float('momentum', 0.9);
  const moved = (old: Tensor, fresh: Tensor) => add(mul(old, momentum), mul(fresh, 1 - momentum));
  const moving: [Tensor, Tensor] = [moved(mean, now), moved(variance, spread)];
  if (learns) [averages.value, spreads.value] = moving;
  return [normal(now, spread), ...moving];
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

function instanceNormalisation(c: Call): Tensor {
  const eps = c.attr.float('epsilon', 1e-5);
  return instanceNorm(c.tensor(0), c.tensor(1), c.tensor(2), { eps });
}

/** The type that statistics are computed in; float by default. */
function stash(c: Call, x: Tensor): DType {
  const type = c.attr.int('stash_type', 1);
  if (x.dtype === 'float64') return 'float64';
  return type === 1 ? 'float32' : x.dtype;
}

function layerNormalisation(c: Call): Tensor[] {
  const input = c.tensor(0);
  if (isPlain(c, input) && c.has(2) && !c.wants(1) && !c.wants(2)) {
    const eps = c.attr.float('epsilon', 1e-5);
    return [layerNorm(input, c.shape(1), c.tensor(1), c.tensor(2), { eps })];
  }
  const axis = normalizeAxis(c.op, c.attr.int('axis', -1), input.rank);
  const axes = input.shape.map((_, i) => i).filter((i) => i >= axis);
  const type = stash(c, input);
  const [y, mean, inverse] = standardised(cast(input, type), axes, c.attr.float('epsilon', 1e-5));
  const scaled = mul(cast(y, input.dtype), c.tensor(1));
  return [c.has(2) ? add(scaled, c.tensor(2)) : scaled, mean, inverse];
}

/** Computed in the input's type, with parameters of the shape of the normalised axes. */
function isPlain(c: Call, input: Tensor): boolean {
  const axis = normalizeAxis(c.op, c.attr.int('axis', -1), input.rank);
  const same = (i: number) => c.shape(i).join() === input.shape.slice(axis).join();
  return stash(c, input) === input.dtype && same(1) && (!c.has(2) || same(2));
}

function rmsNormalisation(c: Call): Tensor {
  const input = c.tensor(0);
  if (isPlain(c, input)) {
    return rmsNorm(input, c.shape(1), c.tensor(1), { eps: c.attr.float('epsilon', 1e-5) });
  }
  const axis = normalizeAxis(c.op, c.attr.int('axis', -1), input.rank);
  const axes = input.shape.map((_, i) => i).filter((i) => i >= axis);
  const x = cast(input, stash(c, input));
  const count = sizeOf(axes.map((a) => x.shape[a]!));
  const square = div(sum(mul(x, x), axes, true), count);
  const y = div(x, sqrt(add(square, c.attr.float('epsilon', 1e-5))));
  return mul(cast(y, input.dtype), cast(c.tensor(1), input.dtype));
}

function groupNormalisation(c: Call): Tensor {
  const x = c.tensor(0);
  const groups = c.attr.int('num_groups');
  if (c.opset >= 21 && stash(c, x) === x.dtype) {
    return groupNorm(x, groups, c.tensor(1), c.tensor(2), { eps: c.attr.float('epsilon', 1e-5) });
  }
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
  if (!(size >= 1)) c.invalid(`size is ${size}, not positive`);
  // What lies further away than the outermost channel adds nothing.
  const reach = Math.max(0, x.shape[1]! - 1);
  const low = Math.min(reach, Math.floor((size - 1) / 2));
  const high = Math.min(reach, Math.ceil((size - 1) / 2));
  const widths = (n: number) => x.shape.map((_, i) => (i === 1 ? n : 0));
  const padded = mul(x, x).pad({ low: widths(low), high: widths(high) });
  let square = padded.narrow(1, 0, x.shape[1]!);
  for (let k = 1; k <= low + high; k++) square = add(square, padded.narrow(1, k, x.shape[1]!));
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
  BatchNormalization: [{ since: 1, build: batchNormalisation, buffers: [3, 4] }],
  InstanceNormalization: [since(1, instanceNormalisation)],
  LayerNormalization: [since(1, layerNormalisation)],
  RMSNormalization: [since(1, rmsNormalisation)],
  GroupNormalization: [since(1, groupNormalisation)],
  LpNormalization: [since(1, lpNorm)],
  LRN: [since(1, lrn)],
  MeanVarianceNormalization: [since(1, meanVariance)],
};
