/**
 * Reductions beyond the primitives. `dim` is an axis, a list of them, or left out (or null) for all;
 * `keepdim` keeps the reduced axes at size 1.
 */
import {
  abs,
  argmax,
  argmin,
  composite,
  div,
  eq,
  exp,
  gatherElements,
  isFloat,
  log,
  max,
  min,
  mul,
  ne,
  normalizeAxes,
  normalizeAxis,
  not,
  pow,
  reshape,
  sign,
  sqrt,
  stopGradient,
  sub,
  sum,
  unsqueeze,
  where,
  withOp,
} from '@hebb/core';
import type { Aval, OnnxEmitter, OnnxMapping, Sample, Tensor } from '@hebb/core';
import { asFloat, reducedCount } from './operands.ts';
import type { Dim } from './operands.ts';

type AxesAttrs = { readonly dim: readonly number[]; readonly keepdim: boolean };

const samples: readonly Sample[] = [
  { in: [[2, 3, 4]], attrs: { dim: [1], keepdim: false } },
  { in: [[2, 3, 4]], attrs: { dim: [0, 2], keepdim: true } },
  { in: [[5]], attrs: { dim: [0], keepdim: false } },
];
const withAttr = (name: string, value: number): readonly Sample[] =>
  samples.map((sample) => ({ ...sample, attrs: { ...sample.attrs, [name]: value } }));

/** An ONNX reduction whose axes are an input. */
function reduceNode(op: string, since: number, accepts?: (attrs: unknown) => boolean): OnnxMapping {
  return {
    op,
    since,
    emit: (onnx: OnnxEmitter, attrs) =>
      accepts === undefined || accepts(attrs)
        ? onnx.node(op, [onnx.inputs[0], onnx.int64(attrs.dim as number[])], {
            keepdims: attrs.keepdim === true ? 1 : 0,
          })
        : undefined,
  };
}

/** A reduced value (or its gradient) with the reduced axes put back at size 1. */
function kept(y: Tensor, x: Aval, dim: readonly number[]): Tensor {
  return reshape(
    y,
    x.shape.map((size, axis) => (dim.includes(axis) ? 1 : size)),
  );
}

function axesAttrs(op: string, x: Tensor, dim: Dim | undefined, keepdim: boolean): AxesAttrs {
  return { dim: normalizeAxes(op, dim, x.rank), keepdim };
}

// --- extrema ---

/** Largest element; ties share the gradient. */
export function amax(x: Tensor, dim?: Dim, keepdim = false): Tensor {
  return max(x, dim, keepdim);
}
/** Smallest element; ties share the gradient. */
export function amin(x: Tensor, dim?: Dim, keepdim = false): Tensor {
  return min(x, dim, keepdim);
}
/** Smallest and largest element. */
export function aminmax(x: Tensor, dim?: Dim, keepdim = false): [Tensor, Tensor] {
  return [min(x, dim, keepdim), max(x, dim, keepdim)];
}
/**
 * Largest elements along one axis and the first position of each (int32), as `torch.max(x, dim)`: the
 * first of several equal ones takes the whole gradient.
 */
export function maxWithIndices(x: Tensor, dim: number, keepdim = false): [Tensor, Tensor] {
  return pick('maxWithIndices', x, dim, keepdim, argmax);
}
/** Smallest elements along one axis and the first position of each (int32). */
export function minWithIndices(x: Tensor, dim: number, keepdim = false): [Tensor, Tensor] {
  return pick('minWithIndices', x, dim, keepdim, argmin);
}

function pick(
  op: string,
  x: Tensor,
  dim: number,
  keepdim: boolean,
  arg: (x: Tensor, axis?: number) => Tensor,
): [Tensor, Tensor] {
  if (x.rank === 0) {
    const [values, indices] = pick(op, reshape(x, [1]), dim, false, arg);
    return [values, indices];
  }
  const axis = normalizeAxis(op, dim, x.rank);
  const indices = unsqueeze(arg(x, axis), axis);
  const values = gatherElements(x, indices, axis);
  const short = x.shape.filter((_, i) => i !== axis);
  return keepdim ? [values, indices] : [reshape(values, short), reshape(indices, short)];
}

// --- logic ---

const truth = (x: Tensor): Tensor => (x.dtype === 'bool' ? x : ne(x, 0));

/** Whether any element is not zero. */
export function any(x: Tensor, dim?: Dim, keepdim = false): Tensor {
  return reducedCount('any', x, dim) === 0
    ? ne(sum(truth(x), dim, keepdim), 0)
    : max(truth(x), dim, keepdim);
}
/** Whether all elements are not zero. */
export function all(x: Tensor, dim?: Dim, keepdim = false): Tensor {
  return not(any(not(truth(x)), dim, keepdim));
}
/** How many elements are not zero (int32). */
export function countNonzero(x: Tensor, dim?: Dim): Tensor {
  return sum(truth(x), dim);
}

// --- moments ---

const meanOp = composite('mean', {
  body: (x: Tensor, { dim, keepdim }: AxesAttrs) => {
    const count = dim.reduce((n, axis) => n * x.shape[axis]!, 1);
    return div(sum(x, dim, keepdim), count);
  },
  onnx: reduceNode('ReduceMean', 18),
  samples,
});
/** Arithmetic mean; of nothing NaN. Integers are averaged as floats. */
export const mean = withOp(meanOp.op, (x: Tensor, dim?: Dim, keepdim = false): Tensor =>
  meanOp(asFloat('mean', x), axesAttrs('mean', x, dim, keepdim)),
);

export interface VarianceOptions {
  readonly keepdim?: boolean;
  /** Divide by n - 1 (the default, Bessel's correction) or by n. */
  readonly unbiased?: boolean;
  /** What is taken off n; overrides `unbiased`. */
  readonly correction?: number;
}
type VarianceAttrs = AxesAttrs & { readonly correction: number };

function varianceAttrs(
  op: string,
  x: Tensor,
  dim: Dim | undefined,
  { keepdim = false, unbiased = true, correction = unbiased ? 1 : 0 }: VarianceOptions,
): VarianceAttrs {
  return { ...axesAttrs(op, x, dim, keepdim), correction };
}
const freedom = (x: Aval, dim: readonly number[], correction: number): number =>
  Math.max(0, dim.reduce((n, axis) => n * x.shape[axis]!, 1) - correction);
const deviation = (x: Tensor, dim: readonly number[]): Tensor => sub(x, mean(x, dim, true));

const varOp = composite('variance', {
  // Two passes: E[x²] - E[x]² loses everything when the mean is large.
  body: (x: Tensor, { dim, keepdim, correction }: VarianceAttrs) => {
    const d = deviation(x, dim);
    return div(sum(mul(d, d), dim, keepdim), freedom(x, dim, correction));
  },
  vjp: ({ grads: [g], inputs: [x], attrs }) => {
    const { dim, correction } = attrs as VarianceAttrs;
    const scale = div(kept(g!, x!, dim), freedom(x!, dim, correction) / 2);
    return [mul(scale, deviation(x!, dim))];
  },
  samples: [...withAttr('correction', 0), ...withAttr('correction', 1)],
});
/** Variance, by default with Bessel's correction. (`var` is a reserved word: exported under both names.) */
export const variance = withOp(
  varOp.op,
  (x: Tensor, dim?: Dim, options: VarianceOptions = {}): Tensor =>
    varOp(asFloat('variance', x), varianceAttrs('variance', x, dim, options)),
);
export { variance as var };

const stdOp = composite('std', {
  body: (x: Tensor, attrs: VarianceAttrs) => sqrt(varOp(x, attrs)),
  // As in PyTorch the gradient at a deviation of 0 is 0, not infinite.
  vjp: ({ grads: [g], inputs: [x], outputs: [y], attrs }) => {
    const { dim, correction } = attrs as VarianceAttrs;
    const flat = eq(y!, 0);
    const slope = where(flat, 0, div(g!, where(flat, 1, y!)));
    const scale = div(kept(slope, x!, dim), freedom(x!, dim, correction));
    return [mul(scale, deviation(x!, dim))];
  },
  samples: [...withAttr('correction', 0), ...withAttr('correction', 1)].slice(0, 5),
});
/** Standard deviation, by default with Bessel's correction; its gradient at 0 is 0. */
export const std = withOp(stdOp.op, (x: Tensor, dim?: Dim, options: VarianceOptions = {}): Tensor =>
  stdOp(asFloat('std', x), varianceAttrs('std', x, dim, options)),
);
/** Variance and mean. */
export function varMean(x: Tensor, dim?: Dim, options: VarianceOptions = {}): [Tensor, Tensor] {
  return [variance(x, dim, options), mean(x, dim, options.keepdim)];
}
/** Standard deviation and mean. */
export function stdMean(x: Tensor, dim?: Dim, options: VarianceOptions = {}): [Tensor, Tensor] {
  return [std(x, dim, options), mean(x, dim, options.keepdim)];
}

// --- norms and logarithms ---

type NormAttrs = AxesAttrs & { readonly p: number };

function normValue(x: Tensor, { p, dim, keepdim }: NormAttrs): Tensor {
  const a = abs(x);
  if (p === 2) return sqrt(sum(mul(x, x), dim, keepdim));
  if (p === 1) return sum(a, dim, keepdim);
  if (p === 0) return sum(ne(a, 0).to(x.dtype), dim, keepdim);
  if (p === Infinity) return max(a, dim, keepdim);
  if (p === -Infinity) return min(a, dim, keepdim);
  return pow(sum(pow(a, p), dim, keepdim), 1 / p);
}

const normOp = composite('norm', {
  body: normValue,
  vjp: ({ grads: [g], inputs: [x], outputs: [y], attrs }) => {
    const { p, dim } = attrs as NormAttrs;
    const [cotangent, value] = [kept(g!, x!, dim), kept(y!, x!, dim)];
    if (p === 0) return [null];
    if (p === 1) return [mul(cotangent, sign(x!))];
    if (Math.abs(p) === Infinity) {
      const hit = eq(abs(x!), value).to(x!.dtype);
      return [mul(mul(sign(x!), hit), div(cotangent, sum(hit, dim, true)))];
    }
    // At the zero vector the gradient is 0.
    const empty = eq(value, 0);
    const safe = where(empty, 1, value);
    if (p === 2) return [mul(x!, where(empty, 0, div(cotangent, safe)))];
    const zero = eq(x!, 0);
    const powers = where(zero, 0, pow(where(zero, 1, abs(x!)), p - 1));
    const scale = where(empty, 0, mul(cotangent, pow(safe, 1 - p)));
    return [mul(mul(sign(x!), powers), scale)];
  },
  onnx: {
    op: 'ReduceL2',
    since: 18,
    emit: (onnx, attrs) => {
      const name = attrs.p === 2 ? 'ReduceL2' : attrs.p === 1 ? 'ReduceL1' : undefined;
      return name === undefined
        ? undefined
        : onnx.node(name, [onnx.inputs[0], onnx.int64(attrs.dim as number[])], {
            keepdims: attrs.keepdim === true ? 1 : 0,
          });
    },
  },
  samples: [
    ...withAttr('p', 2),
    { in: [[2, 3]], attrs: { p: 1, dim: [1], keepdim: false } },
    { in: [[2, 3]], attrs: { p: 3, dim: [0], keepdim: true } },
    { in: [[2, 3]], attrs: { p: Infinity, dim: [1], keepdim: false } },
  ],
});
/**
 * The p-norm (Σ|x|^p)^(1/p) of the elements as one vector (`torch.linalg.vector_norm`); p may be 0,
 * Infinity and -Infinity. Its gradient at the zero vector is 0.
 */
export const norm = withOp(normOp.op, (x: Tensor, p = 2, dim?: Dim, keepdim = false): Tensor =>
  normOp(asFloat('norm', x), { ...axesAttrs('norm', x, dim, keepdim), p }),
);

const logsumexpOp = composite('logsumexp', {
  body: (x: Tensor, { dim, keepdim }: AxesAttrs) => {
    if (dim.some((axis) => x.shape[axis] === 0)) return log(sum(x, dim, keepdim));
    const top = stopGradient(max(x, dim, true));
    const shift = where(eq(abs(top), Infinity), 0, top);
    const y = log(sum(exp(sub(x, shift)), dim, true)).add(shift);
    return keepdim
      ? y
      : reshape(
          y,
          x.shape.filter((_, axis) => !dim.includes(axis)),
        );
  },
  vjp: ({ grads: [g], inputs: [x], outputs: [y], attrs }) => {
    const { dim } = attrs as AxesAttrs;
    const value = kept(y!, x!, dim);
    // Divided by its sum once more: the rounding of a large value would weigh on every share.
    const share = exp(where(eq(x!, value), 0, sub(x!, value)));
    return [mul(kept(g!, x!, dim), div(share, sum(share, dim, true)))];
  },
  onnx: reduceNode('ReduceLogSumExp', 18),
  samples,
});
/** log Σ exp(x), without overflow. */
export const logsumexp = withOp(logsumexpOp.op, (x: Tensor, dim?: Dim, keepdim = false): Tensor =>
  logsumexpOp(asFloat('logsumexp', x), axesAttrs('logsumexp', x, dim, keepdim)),
);

/** Sum in which NaN counts as 0. */
export function nansum(x: Tensor, dim?: Dim, keepdim = false): Tensor {
  return sum(isFloat(x.dtype) ? where(ne(x, x), 0, x) : x, dim, keepdim);
}
/** Mean of the elements that are not NaN. */
export function nanmean(x: Tensor, dim?: Dim, keepdim = false): Tensor {
  const present = eq(x, x);
  return div(nansum(x, dim, keepdim), sum(present, dim, keepdim).to(x.dtype));
}
/** x scaled to unit p-norm along `dim`: x / max(‖x‖, eps). */
export function normalize(
  x: Tensor,
  { p = 2, dim = 1, eps = 1e-12 }: { p?: number; dim?: Dim; eps?: number } = {},
): Tensor {
  const length = norm(x, p, dim, true);
  return div(x, where(length.lt(eps), eps, length));
}
