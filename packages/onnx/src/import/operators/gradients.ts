/**
 * Gradients as operators of their own, as ONNX Runtime's training graphs have them (com.microsoft, and the
 * same names without a domain in files that were trimmed), with what such graphs do around a step.
 * Each is the pullback of the forward operator, so there is one rule of differentiation.
 */
import {
  add,
  cast,
  div,
  eq,
  exp,
  gather,
  gradients,
  iota,
  maximum,
  mul,
  reshape,
  stopGradient,
  sub,
  sum,
  where,
} from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { gelu, layerNorm, rmsNorm } from '@hebb/ops';
import type { Call } from '../call.ts';
import { since } from '../table.ts';
import type { Built, OperatorTable } from '../table.ts';
import { convolve } from './conv.ts';

/** Cotangents of the inputs of `fn` for one of its output; inputs count as independent of each other. */
function pullback(
  fn: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  cotangent: Tensor,
): Tensor[] {
  const own = inputs.map((x) => stopGradient(x));
  return gradients([fn(...own)], own, { cotangents: [cotangent] });
}

/** The gradient of an elementwise function, from (dY, X). */
const ofInput = (fn: (x: Tensor) => Tensor) =>
  since(1, (c: Call) => pullback(fn, [c.tensor(1)], c.tensor(0)));

/** dY, X, W to dX, dW and dB. */
function convGrad(c: Call): Built {
  const dy = c.tensor(0);
  const grads = pullback((x, w) => convolve(c, x, w), [c.tensor(1), c.tensor(2)], dy);
  return [
    ...grads,
    sum(
      dy,
      [...dy.shape.keys()].filter((axis) => axis !== 1),
    ),
  ];
}

function layerNormGrad(c: Call): Built {
  const [dy, x, scale] = [c.tensor(0), c.tensor(1), c.tensor(2)];
  const eps = c.attr.float('epsilon', 1e-5);
  const bias = mul(scale, 0);
  return pullback((a, s, b) => layerNorm(a, scale.shape, s, b, { eps }), [x, scale, bias], dy);
}

function rmsNormGrad(c: Call): Built {
  const [dy, x, scale] = [c.tensor(0), c.tensor(1), c.tensor(2)];
  const eps = c.attr.float('epsilon', 1e-5);
  return pullback((a, s) => rmsNorm(a, scale.shape, s, { eps }), [x, scale], dy);
}

const softmaxGrad = (c: Call): Tensor => {
  const [dy, y] = [c.tensor(0), c.tensor(1)];
  const axis = c.attr.int('axis', -1);
  return mul(y, sub(dy, sum(mul(dy, y), axis, true)));
};

const logSoftmaxGrad = (c: Call): Tensor => {
  const [dy, y] = [c.tensor(0), c.tensor(1)];
  return sub(dy, mul(exp(y), sum(dy, c.attr.int('axis', -1), true)));
};

/** (dLoss, log-probabilities, labels, weights); trimmed files leave dLoss out. */
function crossEntropyGrad(c: Call): Tensor {
  const short = c.count === 2;
  const at = short ? 0 : 1;
  const [logp, labels] = [c.tensor(at), cast(c.tensor(at + 1), 'int32')];
  const classes = logp.shape[1]!;
  const ignore = c.attr.int('ignore_index', -(2 ** 31));
  const counted = cast(labels.ne(ignore), logp.dtype);
  let weight = counted;
  if (!short && c.has(3)) weight = mul(counted, gather(c.tensor(3), maximum(labels, 0), 0));
  const reduction = c.attr.string('reduction', 'mean');
  if (reduction === 'mean') weight = div(weight, sum(weight));
  const outer = short ? undefined : c.tensor(0);
  if (outer !== undefined) weight = mul(weight, reduction === 'none' ? outer : reshape(outer, []));
  const column = reshape(
    iota(classes),
    logp.shape.map((_, axis) => (axis === 1 ? classes : 1)),
  );
  const hot = cast(eq(labels.unsqueeze(1), column), logp.dtype);
  return mul(sub(exp(logp), hot), weight.unsqueeze(1));
}

/** The buffer plus the gradient, or the gradient alone where the buffer is to start anew. */
function accumulate(c: Call): Built {
  const [buffer, value] = [c.tensor(0), c.tensor(1)];
  const grown = add(buffer, value);
  const reset = c.maybe(2);
  const y = reset === undefined ? grown : where(reshape(reset, []), value, grown);
  // The first of two outputs says that it is done.
  return c.outputs > 1 ? [cast(reshape(mul(y, 0).sum().eq(0), [1]), 'bool'), y] : y;
}

export const gradientOperators: OperatorTable = {
  ConvGrad: [since(1, convGrad)],
  ReluGrad: [since(1, (c) => where(c.tensor(1).gt(0), c.tensor(0), 0))],
  SigmoidGrad: [since(1, (c) => mul(c.tensor(0), mul(c.tensor(1), sub(1, c.tensor(1)))))],
  TanhGrad: [since(1, (c) => mul(c.tensor(0), sub(1, mul(c.tensor(1), c.tensor(1)))))],
  GeluGrad: [ofInput((x) => gelu(x))],
  FastGeluGrad: [ofInput((x) => gelu(x, { approximate: 'tanh' }))],
  SoftmaxGrad: [since(1, softmaxGrad)],
  SoftmaxGrad_13: [since(1, softmaxGrad)],
  LogSoftmaxGrad: [since(1, logSoftmaxGrad)],
  LogSoftmaxGrad_13: [since(1, logSoftmaxGrad)],
  LayerNormalizationGrad: [since(1, layerNormGrad)],
  SimplifiedLayerNormalizationGrad: [since(1, rmsNormGrad)],
  SoftmaxCrossEntropyLossGrad: [since(1, crossEntropyGrad)],
  InPlaceAccumulator: [since(1, accumulate)],
  InPlaceAccumulatorV2: [since(1, accumulate)],
  SGD: [since(1, (c) => sub(c.tensor(0), mul(c.tensor(1), c.attr.float('lr'))))],
};
