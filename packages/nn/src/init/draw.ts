/** Initialisers: each returns the start value of a parameter of the given shape. */
import {
  defaultGenerator,
  erf,
  eye as identity,
  fail,
  formatShape,
  full,
  random,
  tensor,
  where,
} from '@hebb/core';
import type { DType, Generator, Shape, Tensor } from '@hebb/core';
import { calculateGain, fans } from './fan.ts';
import type { Nonlinearity } from './fan.ts';

export interface InitOptions {
  /** Default float32. */
  readonly dtype?: DType;
}
export interface RandomInitOptions extends InitOptions {
  /** Where the random numbers come from; the default generator when left out. */
  readonly generator?: Generator;
}

const keyOf = ({ generator = defaultGenerator }: RandomInitOptions): Tensor => generator.next();

/** The same number everywhere. */
export function constant(
  shape: Shape,
  value: number,
  { dtype = 'float32' }: InitOptions = {},
): Tensor {
  return full(shape, value, dtype);
}
export function zeros(shape: Shape, options: InitOptions = {}): Tensor {
  return constant(shape, 0, options);
}
export function ones(shape: Shape, options: InitOptions = {}): Tensor {
  return constant(shape, 1, options);
}

/** Ones on the diagonal of a matrix. */
export function eye(shape: Shape, { dtype = 'float32' }: InitOptions = {}): Tensor {
  const [rows, columns] = shape;
  if (shape.length !== 2) fail('init.eye', 'needs two axes', formatShape(shape));
  return identity(rows!, columns!, dtype);
}

/** A convolution weight [out, in/groups, ...kernel] that passes as many channels as it can through. */
export function dirac(
  shape: Shape,
  { groups = 1, dtype = 'float32' }: InitOptions & { readonly groups?: number } = {},
): Tensor {
  const [out = 0, inner = 0, ...kernel] = shape;
  if (shape.length < 3 || shape.length > 5) {
    fail('init.dirac', 'needs three to five axes', formatShape(shape));
  }
  if (!Number.isInteger(groups) || groups < 1 || out % groups !== 0) {
    fail('init.dirac', `${out} output channels do not divide into groups`, String(groups));
  }
  const field = kernel.reduce((n, k) => n * k, 1);
  const centre = kernel.reduce((at, k) => at * k + Math.floor(k / 2), 0);
  const data = new Float32Array(out * inner * field);
  for (let group = 0; group < groups; group++) {
    for (let c = 0; c < Math.min(out / groups, inner); c++) {
      data[((group * out) / groups + c) * inner * field + c * field + centre] = 1;
    }
  }
  return tensor(data, { shape, dtype });
}

/** Uniform in [low, high). */
export function uniform(
  shape: Shape,
  {
    low = 0,
    high = 1,
    dtype = 'float32',
    ...rest
  }: RandomInitOptions & { readonly low?: number; readonly high?: number } = {},
): Tensor {
  return random.uniform(keyOf(rest), shape, { low, high, dtype });
}

export function normal(
  shape: Shape,
  {
    mean = 0,
    std = 1,
    dtype = 'float32',
    ...rest
  }: RandomInitOptions & { readonly mean?: number; readonly std?: number } = {},
): Tensor {
  return random.normal(keyOf(rest), shape, { mean, std, dtype });
}

/**
 * A matrix of which the share `sparsity` of each column is zero, in random places, the rest normal. Martens
 * 2010, "Deep learning via Hessian-free optimization".
 */
export function sparse(
  shape: Shape,
  sparsity: number,
  {
    std = 0.01,
    dtype = 'float32',
    generator = defaultGenerator,
  }: RandomInitOptions & { readonly std?: number } = {},
): Tensor {
  if (shape.length !== 2) fail('init.sparse', 'needs two axes', formatShape(shape));
  if (!(sparsity >= 0 && sparsity <= 1)) {
    fail('init.sparse', 'sparsity is a share', String(sparsity), '0 to 1');
  }
  const values = normal(shape, { std, dtype, generator });
  const order = random.uniform(generator.next(), shape).sort(0)[1];
  const rank = order.sort(0)[1];
  return where(rank.lt(Math.ceil(sparsity * shape[0]!)), 0, values);
}

export interface TruncNormalOptions extends RandomInitOptions {
  readonly mean?: number;
  readonly std?: number;
  /** Lowest and highest value (not in standard deviations); default -2 and 2. */
  readonly a?: number;
  readonly b?: number;
}

/** Normal, confined to [a, b], by inverting the distribution function as PyTorch's `trunc_normal_`. */
export function truncNormal(
  shape: Shape,
  { mean = 0, std = 1, a = -2, b = 2, dtype = 'float32', ...rest }: TruncNormalOptions = {},
): Tensor {
  if (!(a < b) || !(std > 0)) {
    fail('init.truncNormal', 'needs a < b and std > 0', `a ${a}, b ${b}, std ${std}`);
  }
  const edge = (x: number) => erf(tensor((x - mean) / (std * Math.SQRT2), { dtype }));
  const [low, high] = [edge(a), edge(b)];
  const unit = random.uniform(keyOf(rest), shape, { dtype });
  const u = low.add(unit.mul(high.sub(low)));
  return erfinv(u)
    .mul(std * Math.SQRT2)
    .add(mean)
    .maximum(a)
    .minimum(b);
}

/** Giles 2010, "Approximating the erfinv function", single precision. Kept away from ±1, where it is infinite. */
function erfinv(x: Tensor): Tensor {
  const inside = x.maximum(-1 + 2 ** -23).minimum(1 - 2 ** -23);
  const w = inside.mul(inside).neg().add(1).log().neg();
  const central = horner(
    w.sub(2.5),
    [
      2.81022636e-8, 3.43273939e-7, -3.5233877e-6, -4.39150654e-6, 0.00021858087, -0.00125372503,
      -0.00417768164, 0.246640727, 1.50140941,
    ],
  );
  const tail = horner(
    w.maximum(5).sqrt().sub(3),
    [
      -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613,
      0.00943887047, 1.00167406, 2.83297682,
    ],
  );
  return central.where(w.lt(5), tail).mul(inside);
}

function horner(x: Tensor, coefficients: readonly number[]): Tensor {
  const [first, ...rest] = coefficients;
  return rest.reduce((sum, c) => sum.mul(x).add(c), x.mul(0).add(first!));
}

export interface XavierOptions extends RandomInitOptions {
  /** Default 1; see `calculateGain`. */
  readonly gain?: number;
}

/** Glorot & Bengio 2010: uniform within ±gain·√(6 / (fanIn + fanOut)). */
export function xavierUniform(shape: Shape, { gain = 1, ...rest }: XavierOptions = {}): Tensor {
  const { fanIn, fanOut } = fans(shape);
  const bound = gain * Math.sqrt(6 / (fanIn + fanOut));
  return uniform(shape, { low: -bound, high: bound, ...rest });
}

/** Glorot & Bengio 2010: normal with std gain·√(2 / (fanIn + fanOut)). */
export function xavierNormal(shape: Shape, { gain = 1, ...rest }: XavierOptions = {}): Tensor {
  const { fanIn, fanOut } = fans(shape);
  return normal(shape, { std: gain * Math.sqrt(2 / (fanIn + fanOut)), ...rest });
}

export interface KaimingOptions extends RandomInitOptions {
  /** Slope of the leaky ReLU that follows; default 0. */
  readonly a?: number;
  /** Keep the variance forwards (default) or backwards. */
  readonly mode?: 'fan_in' | 'fan_out';
  /** Default leaky_relu. */
  readonly nonlinearity?: Nonlinearity;
}

/** He et al. 2015: std gain/√fan. */
function kaimingStd(
  shape: Shape,
  { a = 0, mode = 'fan_in', nonlinearity = 'leaky_relu' }: KaimingOptions,
): number {
  if (mode !== 'fan_in' && mode !== 'fan_out') {
    fail('init.kaiming', 'unknown mode', String(mode), 'fan_in or fan_out');
  }
  const { fanIn, fanOut } = fans(shape);
  return calculateGain(nonlinearity, a) / Math.sqrt(mode === 'fan_in' ? fanIn : fanOut);
}

/** He et al. 2015: uniform within ±gain·√(3 / fan). */
export function kaimingUniform(shape: Shape, options: KaimingOptions = {}): Tensor {
  const bound = kaimingStd(shape, options) * Math.sqrt(3);
  return uniform(shape, { low: -bound, high: bound, ...common(options) });
}

/** He et al. 2015: normal with std gain/√fan. */
export function kaimingNormal(shape: Shape, options: KaimingOptions = {}): Tensor {
  return normal(shape, { std: kaimingStd(shape, options), ...common(options) });
}

function common({ dtype, generator }: RandomInitOptions): RandomInitOptions {
  return { ...(dtype && { dtype }), ...(generator && { generator }) };
}

/** Uniform within ±1/√fanIn: PyTorch's start values of linear and convolution layers, bias included. */
export function fanInUniform(shape: Shape, fanIn: number, options: RandomInitOptions = {}): Tensor {
  const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0;
  return uniform(shape, { low: -bound, high: bound, ...options });
}
