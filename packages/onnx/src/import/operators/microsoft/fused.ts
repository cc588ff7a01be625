/** com.microsoft: what ONNX Runtime's optimizer fuses. Source: its ContribOperators.md. */
import {
  Tensor,
  add,
  cast,
  div,
  gather,
  matmul,
  maximum,
  minimum,
  mul,
  normalizeAxis,
  permute,
  reshape,
  sizeOf,
  sqrt,
  sub,
  sum,
  tanh,
  zeros,
} from '@hebb/core';

import { gelu, layerNorm, leakyRelu, relu, rmsNorm, sigmoid } from '@hebb/ops';
import type { Call } from '../../call.ts';
import { since } from '../../table.ts';
import type { OperatorTable } from '../../table.ts';
import { convOperators } from '../conv.ts';
import { linearOperators } from '../linear.ts';

// --- activations ---

const fastGelu = (x: Tensor): Tensor => gelu(x, { approximate: 'tanh' });

/** x · sigmoid(αx). */
const quickGelu = (c: Call): Tensor => {
  const x = c.tensor(0);
  return mul(x, sigmoid(mul(x, c.attr.float('alpha', 1.702))));
};

/** The two halves of the last axis, one gating the other. */
function biasSplitGelu(c: Call): Tensor {
  const x = add(c.tensor(0), c.tensor(1));
  const half = x.shape[x.rank - 1]! / 2;
  return mul(x.narrow(x.rank - 1, 0, half), gelu(x.narrow(x.rank - 1, half, half)));
}

/** The activation that a fused operator ends in, with its parameters in order. */
export function activated(c: Call, x: Tensor, parameters: readonly number[]): Tensor {
  const name = c.attr.string('activation', '');
  const [first, second] = parameters;
  switch (name) {
    case '':
      return x;
    case 'Relu':
      return relu(x);
    case 'Tanh':
      return tanh(x);
    case 'Sigmoid':
      return sigmoid(x);
    case 'LeakyRelu':
      return leakyRelu(x, { negativeSlope: first ?? 0.01 });
    case 'Clip':
      return minimum(maximum(x, first ?? -Infinity), second ?? Infinity);
    case 'HardSigmoid':
      return minimum(maximum(add(mul(x, first ?? 0.2), second ?? 0.5), 0), 1);
    default:
      return c.unsupported(`activation ${name}`);
  }
}

// --- normalisation ---

/** Input and skip summed, with the bias of the layer before. */
function skipSum(c: Call, biasAt: number): Tensor {
  const total = add(c.tensor(0), c.tensor(1));
  return c.has(biasAt) ? add(total, c.tensor(biasAt)) : total;
}

function lastMoments(x: Tensor, eps: number, centred: boolean): [Tensor | undefined, Tensor] {
  const n = x.shape[x.rank - 1]!;
  const mean = centred ? div(sum(x, -1, true), n) : undefined;
  const apart = mean === undefined ? x : sub(x, mean);
  return [mean, div(1, sqrt(add(div(sum(mul(apart, apart), -1, true), n), eps)))];
}

function skipLayerNorm(c: Call): (Tensor | undefined)[] {
  const total = skipSum(c, 4);
  const eps = c.attr.float('epsilon', 1e-12);
  const y = layerNorm(total, c.shape(2), c.tensor(2), c.maybe(3), { eps });
  const [mean, inverse] = c.wants(1) || c.wants(2) ? lastMoments(total, eps, true) : [];
  return [y, mean, inverse, total];
}

function skipRmsNorm(c: Call): (Tensor | undefined)[] {
  const total = skipSum(c, 3);
  const eps = c.attr.float('epsilon', 1e-12);
  const y = rmsNorm(total, c.shape(2), c.tensor(2), { eps });
  const inverse = c.wants(2) ? lastMoments(total, eps, false)[1] : undefined;
  return [y, undefined, inverse, total];
}

/** RMSNormalization under its older name, which ONNX Runtime kept in ai.onnx. */
function simplifiedLayerNorm(c: Call): (Tensor | undefined)[] {
  const input = c.tensor(0);
  const axis = normalizeAxis(c.op, c.attr.int('axis', -1), input.rank);
  const axes = input.shape.map((_, i) => i).filter((i) => i >= axis);
  const x = cast(input, input.dtype === 'float64' ? 'float64' : 'float32');
  const count = sizeOf(axes.map((i) => x.shape[i]!));
  const square = div(sum(mul(x, x), axes, true), count);
  const inverse = div(1, sqrt(add(square, c.attr.float('epsilon', 1e-5))));
  return [mul(cast(mul(x, inverse), input.dtype), c.tensor(1)), inverse];
}

/** Words, positions and segments looked up, added and normalised: the first layer of BERT. */
function embedLayerNorm(c: Call): (Tensor | undefined)[] {
  const ids = cast(c.tensor(0), 'int32');
  const [batch, steps] = ids.shape as [number, number];
  const words = gather(c.tensor(2), ids, 0);
  const positions = c.has(8)
    ? gather(c.tensor(3), cast(c.tensor(8), 'int32'), 0)
    : reshape(c.tensor(3).narrow(0, 0, steps), [1, steps, -1]);
  let total = add(words, positions);
  if (c.has(1)) total = add(total, gather(c.tensor(4), cast(c.tensor(1), 'int32'), 0));
  const eps = c.attr.float('epsilon', 1e-12);
  const y = layerNorm(total, c.shape(5), c.tensor(5), c.tensor(6), { eps });
  const lengths = c.has(7) ? sum(cast(c.tensor(7), 'int32'), 1) : zeros([batch], 'int32');
  return [y, lengths, total];
}

// --- products ---

function fusedMatMul(c: Call): Tensor {
  /** Batch axes moved behind the first matrix axis are brought to the front again. */
  const operand = (i: number, name: string): Tensor => {
    const x = c.tensor(i);
    if (!c.attr.bool(name) || x.rank < 3) return x;
    const axes = x.shape.map((_, axis) => axis);
    return permute(x, [...axes.slice(1, -1), 0, axes.length - 1]);
  };
  const [a, b] = [operand(0, 'transBatchA'), operand(1, 'transBatchB')];
  const y = matmul(a, b, {
    transposeA: c.attr.bool('transA') && a.rank > 1,
    transposeB: c.attr.bool('transB') && b.rank > 1,
  });
  const alpha = c.attr.float('alpha', 1);
  return alpha === 1 ? y : mul(y, alpha);
}

/** As the operator of ai.onnx, whose attributes have the same names. */
function standard(c: Call, table: OperatorTable, op: string): Tensor {
  const built = table[op]?.[0]?.build?.(c);
  return built instanceof Tensor ? built : c.unsupported('without its standard operator');
}

function fusedGemm(c: Call): Tensor {
  const y = standard(c, linearOperators, 'Gemm');
  const given = ['activation_alpha', 'activation_beta'].filter((name) => c.attr.has(name));
  return activated(
    c,
    y,
    given.map((name) => c.attr.float(name)),
  );
}

/** Convolution, a summand of the same shape, an activation. */
function fusedConv(c: Call): Tensor {
  const y = standard(c, convOperators, 'Conv');
  return activated(c, c.has(3) ? add(y, c.tensor(3)) : y, c.attr.floats('activation_params') ?? []);
}

export const fusedOperators: OperatorTable = {
  Gelu: [since(1, (c) => gelu(c.tensor(0)))],
  FastGelu: [since(1, (c) => fastGelu(c.has(1) ? add(c.tensor(0), c.tensor(1)) : c.tensor(0)))],
  BiasGelu: [since(1, (c) => gelu(add(c.tensor(0), c.tensor(1))))],
  QuickGelu: [since(1, quickGelu)],
  BiasAdd: [since(1, (c) => add(add(c.tensor(0), c.tensor(1)), c.tensor(2)))],
  BiasSplitGelu: [since(1, biasSplitGelu)],
  SkipLayerNormalization: [since(1, skipLayerNorm)],
  SkipSimplifiedLayerNormalization: [since(1, skipRmsNorm)],
  EmbedLayerNormalization: [since(1, embedLayerNorm)],
  FusedMatMul: [since(1, fusedMatMul)],
  TransposeMatMul: [since(1, fusedMatMul)],
  FusedGemm: [since(1, fusedGemm)],
  FusedConv: [since(1, fusedConv)],
};

export const simplifiedOperators: OperatorTable = {
  SimplifiedLayerNormalization: [since(1, simplifiedLayerNorm)],
};
