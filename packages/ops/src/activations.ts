/** Activation functions: elementwise, any shape to the same shape. Values at kinks follow PyTorch. */
import {
  composite,
  concat,
  div,
  erf,
  exp,
  expm1,
  fail,
  ge,
  gt,
  le,
  log1p,
  lt,
  minimum,
  maximum,
  mul,
  narrow,
  neg,
  normalizeAxis,
  reshape,
  sub,
  tanh,
  where,
  withOp,
} from '@hebb/core';
import type { Sample, Tensor } from '@hebb/core';
import { number, oneOf } from './operands.ts';

const anywhere: readonly Sample[] = [{ in: [[3]] }, { in: [[2, 3, 5]] }, { in: [[0, 4]] }];
/** Samples that keep away from the kinks of a piecewise function. */
const at = (...values: number[]): readonly Sample[] => [
  { in: [{ shape: [values.length], values }] },
  { in: [{ shape: [2, 3], range: [0.1, 0.9] }] },
];

/** max(x, 0). Nair and Hinton 2010. The gradient at 0 is 0. */
export const relu = composite('relu', {
  body: (x: Tensor) => maximum(x, 0),
  vjp: ({ grads: [g], outputs: [y] }) => [where(le(y!, 0), 0, g!)],
  onnx: { op: 'Relu', since: 6 },
  samples: anywhere,
});

/** 1 / (1 + exp(-x)). */
export const sigmoid = composite('sigmoid', {
  body: (x: Tensor) => div(1, neg(x).exp().add(1)),
  vjp: ({ grads: [g], outputs: [y] }) => [mul(g!, mul(y!, sub(1, y!)))],
  onnx: { op: 'Sigmoid', since: 6 },
  samples: anywhere,
});

/** x · sigmoid(αx), also called swish. Ramachandran et al. 2017, arXiv:1710.05941. */
export const silu = composite('silu', {
  body: (x: Tensor, { alpha = 1 }: { alpha?: number } = {}) =>
    mul(x, sigmoid(alpha === 1 ? x : mul(x, alpha))),
  onnx: { op: 'Swish', since: 24, attrs: ({ alpha }) => ({ alpha: { float: number(alpha, 1) } }) },
  samples: [...anywhere, { in: [[2, 4]], attrs: { alpha: 1.7 } }],
});

const hardtanhOp = composite('hardtanh', {
  body: (x: Tensor, { min = -1, max = 1 }: { min?: number; max?: number } = {}) =>
    where(le(x, min), min, where(ge(x, max), max, x)),
  onnx: {
    op: 'Clip',
    since: 11,
    emit: (onnx, { min, max }) => {
      const { dtype } = onnx.inputAvals[0]!;
      const bounds = [onnx.scalar(number(min, -1), dtype), onnx.scalar(number(max, 1), dtype)];
      return onnx.node('Clip', [onnx.inputs[0], ...bounds]);
    },
  },
  samples: [...at(-1.7, -0.3, 0.4, 1.4), { in: [[3]], attrs: { min: -3, max: 4 } }],
});
/** x kept within [minVal, maxVal]; the gradient at a bound is 0 (see `clamp`, where it is 1). */
export const hardtanh = withOp(
  hardtanhOp.op,
  (x: Tensor, { minVal = -1, maxVal = 1 }: { minVal?: number; maxVal?: number } = {}): Tensor => {
    if (!(minVal < maxVal))
      fail('hardtanh', 'bounds are out of order', `${minVal} and ${maxVal}`, 'minVal < maxVal');
    return hardtanhOp(x, { min: minVal, max: maxVal });
  },
);

/** min(max(x, 0), 6). Howard et al. 2017, arXiv:1704.04861. The gradient at 0 and 6 is 0. */
export function relu6(x: Tensor): Tensor {
  return hardtanh(x, { minVal: 0, maxVal: 6 });
}

/** x where positive, else negativeSlope · x. Maas et al. 2013. */
export const leakyRelu = composite('leakyRelu', {
  body: (x: Tensor, { negativeSlope = 0.01 }: { negativeSlope?: number } = {}) =>
    where(gt(x, 0), x, mul(x, negativeSlope)),
  vjp: ({ grads: [g], inputs: [x], attrs }) => [
    where(gt(x!, 0), g!, mul(g!, number(attrs.negativeSlope, 0.01))),
  ],
  onnx: {
    op: 'LeakyRelu',
    since: 6,
    attrs: ({ negativeSlope }) => ({ alpha: { float: number(negativeSlope, 0.01) } }),
  },
  samples: [...at(-1.7, -0.3, 0.4, 1.4), { in: [[2, 3]], attrs: { negativeSlope: 0.2 } }],
});

const preluOp = composite('prelu', {
  body: (x: Tensor, weight: Tensor) => where(gt(x, 0), x, mul(x, weight)),
  onnx: {
    op: 'PRelu',
    since: 9,
  },
  samples: [{ in: [[2, 3], [1]] }, { in: [{ shape: [2, 3, 2], range: [-2, -0.1] }, [3, 1]] }],
});
/**
 * x where positive, else weight · x, with one weight, or one for each channel (axis 1). He et al. 2015,
 * arXiv:1502.01852. Shape: x [N, C, ...], weight [1] or [C].
 */
export const prelu = withOp(preluOp.op, (x: Tensor, weight: Tensor): Tensor => {
  if (weight.size === 1) return preluOp(x, reshape(weight, x.rank === 0 ? [] : [1]));
  const channels = x.rank > 1 ? x.shape[1]! : 1;
  if (weight.rank !== 1 || weight.size !== channels) {
    fail('prelu', 'weight does not fit', `[${weight.shape.join(',')}]`, `[1] or [${channels}]`);
  }
  return preluOp(x, reshape(weight, [channels, ...new Array<number>(x.rank - 2).fill(1)]));
});

/** Negative part of x, 0 elsewhere: keeps an exponential from overflowing on the side that is not chosen. */
const negative = (x: Tensor): Tensor => where(gt(x, 0), 0, x);

/** x where positive, else α(exp(x) - 1). Clevert et al. 2016, arXiv:1511.07289. */
export const elu = composite('elu', {
  body: (x: Tensor, { alpha = 1 }: { alpha?: number } = {}) =>
    where(gt(x, 0), x, mul(expm1(negative(x)), alpha)),
  onnx: { op: 'Elu', since: 6, attrs: ({ alpha }) => ({ alpha: { float: number(alpha, 1) } }) },
  samples: [...at(-1.7, -0.3, 0.4, 1.4), { in: [[2, 3]], attrs: { alpha: 0.5 } }],
});

const seluAlpha = 1.6732632423543772848170429916717;
const seluScale = 1.0507009873554804934193349852946;
/** scale · elu(x, α) with the constants of Klambauer et al. 2017, arXiv:1706.02515. */
export const selu = composite('selu', {
  body: (x: Tensor) =>
    where(gt(x, 0), mul(x, seluScale), mul(expm1(negative(x)), seluAlpha * seluScale)),
  onnx: { op: 'Selu', since: 6 },
  samples: at(-1.7, -0.3, 0.4, 1.4),
});

/** max(0, x) + min(0, α(exp(x/α) - 1)). Barron 2017, arXiv:1704.07483. */
export const celu = composite('celu', {
  body: (x: Tensor, { alpha = 1 }: { alpha?: number } = {}) =>
    where(gt(x, 0), x, mul(expm1(div(negative(x), alpha)), alpha)),
  onnx: { op: 'Celu', since: 12, attrs: ({ alpha }) => ({ alpha: { float: number(alpha, 1) } }) },
  samples: [...at(-1.7, -0.3, 0.4, 1.4), { in: [[2, 3]], attrs: { alpha: 0.5 } }],
});

/**
 * x Φ(x) with the normal distribution function Φ, or its approximation by tanh. Hendrycks and Gimpel
 * 2016, arXiv:1606.08415.
 */
export const gelu = composite('gelu', {
  body: (x: Tensor, { approximate = 'none' }: { approximate?: 'none' | 'tanh' } = {}) => {
    oneOf('gelu', 'approximate', approximate, ['none', 'tanh']);
    if (approximate === 'none') return mul(mul(x, 0.5), erf(mul(x, Math.SQRT1_2)).add(1));
    const inner = mul(mul(mul(x, x), x).mul(0.044715).add(x), Math.sqrt(2 / Math.PI));
    return mul(mul(x, 0.5), tanh(inner).add(1));
  },
  onnx: {
    op: 'Gelu',
    since: 20,
    attrs: ({ approximate }) => ({ approximate: approximate === 'tanh' ? 'tanh' : 'none' }),
  },
  samples: [...anywhere, { in: [[2, 4]], attrs: { approximate: 'tanh' } }],
});

/** x · tanh(softplus(x)). Misra 2019, arXiv:1908.08681. */
export const mish = composite('mish', {
  body: (x: Tensor) => mul(x, tanh(softplus(x))),
  onnx: { op: 'Mish', since: 18 },
  samples: anywhere,
});

/** log(1 + exp(z)) that neither overflows nor loses small values. */
const log1pExp = (z: Tensor): Tensor => maximum(z, 0).add(log1p(exp(neg(z.abs()))));

/** log(1 + exp(βx)) / β, the identity where βx > threshold. Dugas et al. 2001. */
export const softplus = composite('softplus', {
  body: (
    x: Tensor,
    { beta = 1, threshold = 20 }: { beta?: number; threshold?: number } = {},
  ): Tensor => {
    const z = beta === 1 ? x : mul(x, beta);
    const soft = log1pExp(z);
    return where(gt(z, threshold), x, beta === 1 ? soft : div(soft, beta));
  },
  vjp: ({ grads: [g], inputs: [x], attrs }) => {
    const z = mul(x!, number(attrs.beta, 1));
    return [where(gt(z, number(attrs.threshold, 20)), g!, mul(g!, sigmoid(z)))];
  },
  onnx: {
    op: 'Softplus',
    since: 1,
    emit: (onnx, { beta }) =>
      number(beta, 1) === 1 ? onnx.node('Softplus', [onnx.inputs[0]]) : undefined,
  },
  samples: [...anywhere, { in: [[2, 4]], attrs: { beta: 2.5, threshold: 3 } }],
});

/** log(sigmoid(x)), without overflow. */
export const logSigmoid = composite('logSigmoid', {
  body: (x: Tensor) => sub(minimum(x, 0), log1p(exp(neg(x.abs())))),
  vjp: ({ grads: [g], inputs: [x] }) => [mul(g!, sigmoid(neg(x!)))],
  samples: anywhere,
});

/** x / (1 + |x|). Turian et al. 2009. */
export const softsign = composite('softsign', {
  body: (x: Tensor) => div(x, x.abs().add(1)),
  onnx: { op: 'Softsign', since: 1 },
  samples: anywhere,
});

/** x / 6 + 1/2 kept within [0, 1]. Courbariaux et al. 2015, arXiv:1511.00363. */
export const hardsigmoid = composite('hardsigmoid', {
  body: (x: Tensor) => where(le(x, -3), 0, where(ge(x, 3), 1, div(x.add(3), 6))),
  onnx: { op: 'HardSigmoid', since: 6, attrs: () => ({ alpha: { float: 1 / 6 } }) },
  samples: at(-4, -2, 0.5, 2, 4),
});

/** x · hardsigmoid(x). Howard et al. 2019, arXiv:1905.02244. */
export const hardswish = composite('hardswish', {
  body: (x: Tensor) => where(lt(x, -3), 0, where(ge(x, 3), x, div(mul(x, x.add(3)), 6))),
  onnx: { op: 'HardSwish', since: 14 },
  samples: at(-4, -2, 0.5, 2, 4),
});

/** x where |x| > lambd, else 0. */
export const hardshrink = composite('hardshrink', {
  body: (x: Tensor, { lambd = 0.5 }: { lambd?: number } = {}) => where(le(x.abs(), lambd), 0, x),
  onnx: {
    op: 'Shrink',
    since: 9,
    attrs: ({ lambd }) => ({ lambd: { float: number(lambd, 0.5) } }),
  },
  samples: at(-1.7, -0.3, 0.2, 1.4),
});
/** x moved towards 0 by lambd, 0 where |x| <= lambd. */
export const softshrink = composite('softshrink', {
  body: (x: Tensor, { lambd = 0.5 }: { lambd?: number } = {}) =>
    where(gt(x, lambd), sub(x, lambd), where(lt(x, -lambd), x.add(lambd), mul(x, 0))),
  onnx: {
    op: 'Shrink',
    since: 9,
    attrs: ({ lambd }) => ({
      lambd: { float: number(lambd, 0.5) },
      bias: { float: number(lambd, 0.5) },
    }),
  },
  samples: at(-1.7, -0.3, 0.2, 1.4),
});

/** x - tanh(x). */
export const tanhshrink = (x: Tensor): Tensor => sub(x, tanh(x));

const thresholdOp = composite('threshold', {
  body: (x: Tensor, { threshold = 0, value = 0 }: { threshold?: number; value?: number } = {}) =>
    where(le(x, threshold), value, x),
  onnx: {
    op: 'ThresholdedRelu',
    since: 10,
    emit: (onnx, { threshold, value }) =>
      number(value, 0) === 0
        ? onnx.node('ThresholdedRelu', [onnx.inputs[0]], { alpha: { float: number(threshold, 0) } })
        : undefined,
  },
  samples: [
    { in: [{ shape: [4], values: [-1, 0.2, 0.3, 2] }], attrs: { threshold: 0.25, value: -7 } },
  ],
});
/** x where it is above the threshold, else the value. */
export const threshold = withOp(thresholdOp.op, (x: Tensor, limit: number, value: number): Tensor =>
  thresholdOp(x, { threshold: limit, value }),
);

/**
 * a · sigmoid(b) of the two halves a, b along `dim`. Dauphin et al. 2017, arXiv:1612.08083. Shape: the
 * size of `dim` is halved; it must be even.
 */
export function glu(x: Tensor, dim = -1): Tensor {
  const [a, b] = halves('glu', x, dim);
  return mul(a, sigmoid(b));
}

/** The two halves of an axis. */
function halves(op: string, x: Tensor, dim: number): [Tensor, Tensor] {
  const axis = normalizeAxis(op, dim, x.rank);
  const size = x.shape[axis]!;
  if (size % 2 !== 0) fail(op, `axis ${axis} of size ${size} does not divide into halves`);
  return [narrow(x, axis, 0, size / 2), narrow(x, axis, size / 2, size / 2)];
}

/** max(x, 0) and max(-x, 0) side by side. Shang et al. 2016, arXiv:1603.05201. Shape: `dim` is doubled. */
export function crelu(x: Tensor, dim = 1): Tensor {
  return concat([relu(x), relu(neg(x))], dim);
}
