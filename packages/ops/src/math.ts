/** Elementwise mathematics beyond the primitives. Two operands broadcast and are promoted. */
import {
  abs,
  add,
  and,
  atan2,
  composite,
  cos,
  div,
  eq,
  erf,
  exp,
  expm1,
  floor,
  fmod,
  ge,
  isFloat,
  gt,
  le,
  log,
  log1p,
  lt,
  maximum,
  minimum,
  mul,
  ne,
  neg,
  not,
  or,
  sign as signPrimitive,
  sin,
  sqrt,
  sub,
  where,
  withOp,
} from '@hebb/core';
import type { OpFunction, Sample, Tensor, TensorLike } from '@hebb/core';
import { sigmoid } from './activations.ts';
import { broadcastOperands } from './operands.ts';

const within = (low: number, high: number): readonly Sample[] => [
  { in: [{ shape: [7], range: [low, high] }] },
  { in: [{ shape: [2, 3], range: [low, high] }] },
];
const pairs = (low: number, high: number): readonly Sample[] => [
  {
    in: [
      { shape: [5], range: [low, high] },
      { shape: [5], range: [low, high] },
    ],
  },
  {
    in: [
      { shape: [2, 3], range: [low, high] },
      { shape: [2, 3], range: [low, high] },
    ],
  },
];

/** A function of two operands over a composite whose inputs have equal shapes and dtypes. */
function binary(
  op: OpFunction<(a: Tensor, b: Tensor) => Tensor>,
): OpFunction<(a: TensorLike, b: TensorLike) => Tensor> {
  return withOp(op.op, (a: TensorLike, b: TensorLike): Tensor => {
    const [x, y] = broadcastOperands(op.op.name, [a, b]);
    return op(x!, y!);
  });
}

// --- powers and roots ---

/** 1 / √x. */
export const rsqrt = composite('rsqrt', {
  body: (x: Tensor) => div(1, sqrt(x)),
  vjp: ({ grads: [g], outputs: [y] }) => [mul(mul(g!, -0.5), mul(y!, mul(y!, y!)))],
  samples: within(0.2, 4),
});
/** 1 / x. */
export const reciprocal = composite('reciprocal', {
  body: (x: Tensor) => div(1, x),
  vjp: ({ grads: [g], outputs: [y] }) => [neg(mul(g!, mul(y!, y!)))],
  onnx: { op: 'Reciprocal', since: 6 },
  samples: within(0.3, 3),
});
/** x². */
export const square = (x: Tensor): Tensor => mul(x, x);
/** √(a² + b²), without overflow in between; the gradient at the origin is 0. */
export const hypot = binary(
  composite('hypot', {
    body: (a: Tensor, b: Tensor) => {
      const m = maximum(abs(a), abs(b));
      const scale = where(or(eq(m, 0), eq(m, Infinity)), 1, m);
      return mul(scale, sqrt(add(square(div(a, scale)), square(div(b, scale)))));
    },
    vjp: ({ grads: [g], inputs: [a, b], outputs: [y] }) => {
      const share = where(eq(y!, 0), 0, div(g!, where(eq(y!, 0), 1, y!)));
      return [mul(share, a!), mul(share, b!)];
    },
    samples: pairs(0.3, 2),
  }),
);

// --- logarithms ---

export const log2 = (x: Tensor): Tensor => div(log(x), Math.LN2);
export const log10 = (x: Tensor): Tensor => div(log(x), Math.LN10);
/** log(exp(a) + exp(b)), without overflow. */
export const logaddexp = binary(
  composite('logaddexp', {
    body: (a: Tensor, b: Tensor) => add(maximum(a, b), log1p(exp(neg(abs(difference(a, b)))))),
    vjp: ({ grads: [g], inputs: [a, b], needs }) => {
      const d = difference(a!, b!);
      return [needs[0] ? mul(g!, sigmoid(d)) : null, needs[1] ? mul(g!, sigmoid(neg(d))) : null];
    },
    samples: pairs(-3, 3),
  }),
);
/** a - b, with 0 for two equal infinities. */
const difference = (a: Tensor, b: Tensor): Tensor => where(eq(a, b), 0, sub(a, b));

/** log2(2^a + 2^b), without overflow. */
export function logaddexp2(a: TensorLike, b: TensorLike): Tensor {
  const [x, y] = broadcastOperands('logaddexp2', [a, b]);
  return div(logaddexp(mul(x!, Math.LN2), mul(y!, Math.LN2)), Math.LN2);
}
/** a · log(b), 0 where a is 0 whatever b is. */
export function xlogy(a: TensorLike, b: TensorLike): Tensor {
  const [x, y] = broadcastOperands('xlogy', [a, b]);
  const nothing = and(eq(x!, 0), eq(y!, y!));
  return where(nothing, 0, mul(x!, log(where(nothing, 1, y!))));
}
/** log(x / (1 - x)), the inverse of sigmoid; with `eps` x is first kept within [eps, 1 - eps]. */
export function logit(x: Tensor, eps?: number): Tensor {
  const p = eps === undefined ? x : clamp(x, eps, 1 - eps);
  return sub(log(p), log1p(neg(p)));
}

// --- trigonometry ---

export const tan = composite('tan', {
  body: (x: Tensor) => div(sin(x), cos(x)),
  vjp: ({ grads: [g], outputs: [y] }) => [mul(g!, add(mul(y!, y!), 1))],
  onnx: { op: 'Tan', since: 7 },
  samples: within(-1.2, 1.2),
});
/** √(1 - x²), exact near ±1. */
const cosOfAsin = (x: Tensor): Tensor => sqrt(mul(sub(1, x), add(x, 1)));
export const asin = composite('asin', {
  body: (x: Tensor) => atan2(x, cosOfAsin(x)),
  vjp: ({ grads: [g], inputs: [x] }) => [div(g!, cosOfAsin(x!))],
  onnx: { op: 'Asin', since: 7 },
  samples: within(-0.9, 0.9),
});
export const acos = composite('acos', {
  body: (x: Tensor) => atan2(cosOfAsin(x), x),
  vjp: ({ grads: [g], inputs: [x] }) => [neg(div(g!, cosOfAsin(x!)))],
  onnx: { op: 'Acos', since: 7 },
  samples: within(-0.9, 0.9),
});
export const atan = composite('atan', {
  body: (x: Tensor) => atan2(x, 1),
  vjp: ({ grads: [g], inputs: [x] }) => [div(g!, add(mul(x!, x!), 1))],
  onnx: { op: 'Atan', since: 7 },
  samples: within(-3, 3),
});
/** (exp(x) - exp(-x)) / 2, exact near 0. */
export const sinh = composite('sinh', {
  body: (x: Tensor) => mul(sub(expm1(x), expm1(neg(x))), 0.5),
  vjp: ({ grads: [g], inputs: [x] }) => [mul(g!, cosh(x!))],
  onnx: { op: 'Sinh', since: 9 },
  samples: within(-2, 2),
});
/** (exp(x) + exp(-x)) / 2. */
export const cosh: OpFunction<(x: Tensor) => Tensor> = composite('cosh', {
  body: (x: Tensor) => mul(add(exp(x), exp(neg(x))), 0.5),
  vjp: ({ grads: [g], inputs: [x] }) => [mul(g!, sinh(x!))],
  onnx: { op: 'Cosh', since: 9 },
  samples: within(-2, 2),
});

/** Beyond this x² + 1 = x² in every float type, and x² may overflow. */
const far = 1e9;
/** log(x + √(x² + 1)), exact near 0 and without overflow. */
export const asinh = composite('asinh', {
  body: (x: Tensor) => {
    const a = abs(x);
    const near = where(gt(a, far), 1, a);
    const square2 = mul(near, near);
    const small = log1p(add(near, div(square2, add(sqrt(add(square2, 1)), 1))));
    const large = add(log(where(gt(a, far), a, 1)), Math.LN2);
    return mul(signPrimitive(x), where(gt(a, far), large, small));
  },
  vjp: ({ grads: [g], inputs: [x] }) => [div(g!, sqrt(add(mul(x!, x!), 1)))],
  onnx: { op: 'Asinh', since: 9 },
  samples: within(-3, 3),
});
/** log(x + √(x² - 1)), exact near 1 and without overflow. */
export const acosh = composite('acosh', {
  body: (x: Tensor) => {
    const t = sub(where(gt(x, far), 1, x), 1);
    const small = log1p(add(t, mul(sqrt(t), sqrt(add(t, 2)))));
    const large = add(log(where(gt(x, far), x, 1)), Math.LN2);
    return where(gt(x, far), large, small);
  },
  vjp: ({ grads: [g], inputs: [x] }) => [div(g!, mul(sqrt(sub(x!, 1)), sqrt(add(x!, 1))))],
  onnx: { op: 'Acosh', since: 9 },
  samples: within(1.2, 4),
});
/** log((1 + x) / (1 - x)) / 2, exact near 0. */
export const atanh = composite('atanh', {
  body: (x: Tensor) => {
    const a = abs(x);
    return mul(signPrimitive(x), mul(log1p(div(mul(a, 2), sub(1, a))), 0.5));
  },
  vjp: ({ grads: [g], inputs: [x] }) => [div(g!, mul(sub(1, x!), add(x!, 1)))],
  onnx: { op: 'Atanh', since: 9 },
  samples: within(-0.9, 0.9),
});

// --- the error function ---

/** Steps of the continued fraction: relative error below 1e-12 from `fractionFrom` on. */
const fractionSteps = 24;
const fractionFrom = 2;
/**
 * 1 - erf(x) that keeps its relative precision far out, by Laplace's continued fraction (Abramowitz and
 * Stegun 7.1.14) from 2 on.
 */
export const erfc = composite('erfc', {
  body: (x: Tensor) => {
    const isFar = gt(x, fractionFrom);
    const z = where(isFar, x, fractionFrom);
    let tail = z;
    for (let k = fractionSteps; k >= 1; k--) tail = add(z, div(k / 2, tail));
    const large = div(exp(neg(mul(z, z))), mul(tail, Math.sqrt(Math.PI)));
    return where(isFar, large, sub(1, erf(x)));
  },
  vjp: ({ grads: [g], inputs: [x] }) => [
    mul(g!, mul(exp(neg(mul(x!, x!))), -2 / Math.sqrt(Math.PI))),
  ],
  samples: [{ in: [{ shape: [5], values: [-3, -0.5, 0.1, 1.5, 2.5] }] }, { in: [[2, 3]] }],
});

// --- combinations ---

/** start + weight · (end - start). */
export function lerp(start: Tensor, end: Tensor, weight: TensorLike): Tensor {
  return add(start, mul(sub(end, start), weight));
}
/** input + value · a · b. */
export function addcmul(
  input: Tensor,
  a: TensorLike,
  b: Tensor,
  { value = 1 }: { value?: number } = {},
): Tensor {
  const product = mul(a, b);
  return add(input, value === 1 ? product : mul(product, value));
}
/** input + value · a / b. */
export function addcdiv(
  input: Tensor,
  a: TensorLike,
  b: Tensor,
  { value = 1 }: { value?: number } = {},
): Tensor {
  const quotient = div(a, b);
  return add(input, value === 1 ? quotient : mul(quotient, value));
}

const clampOp = composite('clamp', {
  body: (x: Tensor, { min, max }: { min?: number; max?: number }) => {
    const raised = min === undefined ? x : where(lt(x, min), min, x);
    return max === undefined ? raised : where(gt(raised, max), max, raised);
  },
  onnx: {
    op: 'Clip',
    since: 12,
    emit: (onnx, { min, max }) => {
      const bound = (value: unknown): string | undefined =>
        typeof value === 'number' ? onnx.scalar(value, onnx.inputAvals[0]!.dtype) : undefined;
      return onnx.node('Clip', [onnx.inputs[0], bound(min), bound(max)]);
    },
  },
  samples: [
    { in: [{ shape: [4], values: [-1.3, -0.4, 0.2, 1.9] }], attrs: { min: -1, max: 1 } },
    { in: [{ shape: [2, 2], values: [-1.3, -0.4, 0.2, 1.9] }], attrs: { max: 0.5 } },
  ],
});

/**
 * x kept within [min, max]; either may be left out or null. The gradient at a bound is 1, and flows to a
 * bound that is a tensor where it decides. With min > max the result is max.
 */
export const clamp = withOp(
  clampOp.op,
  (x: Tensor, min?: TensorLike | null, max?: TensorLike | null): Tensor => {
    if (typeof min !== 'object' && typeof max !== 'object' && (min != null || max != null)) {
      return clampOp(x, {
        ...(min == null ? {} : { min: Number(min) }),
        ...(max == null ? {} : { max: Number(max) }),
      });
    }
    const raised = min == null ? x : where(lt(x, min), min, x);
    return max == null ? raised : where(gt(raised, max), max, raised);
  },
);

/** Remainder with the sign of the divisor, as Python's `%`: a - ⌊a / b⌋ · b. See `fmod` for the other. */
export const remainder = binary(
  composite('remainder', {
    body: (a: Tensor, b: Tensor) => {
      const r = fmod(a, b);
      const wrong = and(not(eq(r, 0)), ne(lt(r, 0), lt(b, 0)));
      return where(wrong, add(r, b), r);
    },
    samples: [
      {
        in: [
          { shape: [4], values: [5.3, -5.3, 2.2, -0.7] },
          { shape: [4], values: [2, 2, -1.5, 3] },
        ],
      },
      {
        in: [
          { shape: [4], dtype: 'int32', values: [5, -5, 5, -5] },
          { shape: [4], dtype: 'int32', values: [3, 3, -3, -3] },
        ],
        grad: false,
      },
    ],
  }),
);
/** ⌊a / b⌋. */
export function floorDivide(a: TensorLike, b: TensorLike): Tensor {
  const [x, y] = broadcastOperands('floorDivide', [a, b]);
  return floor(div(x!, y!));
}

/** -1, 0 or 1; NaN gives 0, as in PyTorch (core's primitive keeps NaN). */
export function sign(x: Tensor): Tensor {
  return isFloat(x.dtype) ? where(isnan(x), 0, signPrimitive(x)) : signPrimitive(x);
}

// --- tests ---

/** Whether a value is not a number. */
export const isnan = composite('isnan', {
  body: (x: Tensor) => ne(x, x),
  onnx: { op: 'IsNaN', since: 9 },
  samples: [{ in: [{ shape: [3], values: [1, Number.NaN, 0] }], grad: false }],
});
/** Whether a value is +∞ or -∞. */
export const isinf = composite('isinf', {
  body: (x: Tensor) => or(eq(x, Infinity), eq(x, -Infinity)),
  onnx: { op: 'IsInf', since: 10 },
  samples: [{ in: [{ shape: [3], values: [1, Infinity, -Infinity] }], grad: false }],
});
/** Whether a value is neither infinite nor NaN. */
export const isfinite = (x: Tensor): Tensor => lt(abs(x), Infinity);
/** NaN and infinities replaced; left out, infinities become the largest finite float32. */
export function nanToNum(
  x: Tensor,
  {
    nan = 0,
    posinf = 3.4028234663852886e38,
    neginf = -3.4028234663852886e38,
  }: { nan?: number; posinf?: number; neginf?: number } = {},
): Tensor {
  const finite = where(isnan(x), nan, x);
  return where(eq(finite, Infinity), posinf, where(eq(finite, -Infinity), neginf, finite));
}
/** Whether |a - b| <= atol + rtol · |b|, elementwise. */
export function isclose(
  a: Tensor,
  b: Tensor,
  { rtol = 1e-5, atol = 1e-8 }: { rtol?: number; atol?: number } = {},
): Tensor {
  return or(eq(a, b), le(abs(sub(a, b)), add(mul(abs(b), rtol), atol)));
}
/** 0 where x < 0, `values` where x = 0, 1 where x > 0. */
export function heaviside(x: Tensor, values: TensorLike): Tensor {
  return where(eq(x, 0), values, where(ge(x, 0), 1, 0));
}
/** sin(πx) / (πx), 1 at 0. */
export function sinc(x: Tensor): Tensor {
  const z = mul(where(eq(x, 0), 1, x), Math.PI);
  return where(eq(x, 0), 1, div(sin(z), z));
}
/** Fractional part, with the sign of x. */
export const frac = (x: Tensor): Tensor => fmod(x, 1);
/** Smaller of two, ignoring a NaN in either. */
export function fmin(a: TensorLike, b: TensorLike): Tensor {
  const [x, y] = broadcastOperands('fmin', [a, b]);
  return where(isnan(x!), y!, where(isnan(y!), x!, minimum(x!, y!)));
}
/** Larger of two, ignoring a NaN in either. */
export function fmax(a: TensorLike, b: TensorLike): Tensor {
  const [x, y] = broadcastOperands('fmax', [a, b]);
  return where(isnan(x!), y!, where(isnan(y!), x!, maximum(x!, y!)));
}
