/** Keyed random numbers: the same key gives the same bits on every backend and any number of threads. */
import { toFloat } from './dtype.ts';
import type { DType } from './dtype.ts';
import { fail } from './error.ts';
import { tensor } from './create.ts';
import { randomBits } from './primitives/constant.ts';
import { add, cast, cos, fmod, log, mul, shiftRight, sqrt, sub } from './primitives/elementwise.ts';
import { concat, narrow, reshape } from './primitives/movement.ts';
import { checkShape, sizeOf } from './shape.ts';
import type { Shape } from './shape.ts';
import type { Tensor } from './tensor.ts';
import { Variable } from './variable.ts';

/** A key from a seed, an integer in [0, 2^53). Shape: uint32[2]. */
export function key(seed: number): Tensor {
  if (!Number.isSafeInteger(seed) || seed < 0)
    fail('random.key', 'a seed is an integer', String(seed), '0 to 2^53 - 1');
  return tensor(Uint32Array.of(seed >>> 0, Math.floor(seed / 2 ** 32)), { dtype: 'uint32' });
}

/** `count` new keys from one; use each key once. Shape: uint32[2] -> count times uint32[2]. */
export function split(from: Tensor, count = 2): Tensor[] {
  const bits = randomBits(from, [count, 2]);
  return Array.from({ length: count }, (_, k) => reshape(narrow(bits, 0, k, 1), [2]));
}

/** Uniform in [low, high), on a grid of 2^24 steps (2^53 for float64, 2^11 for float16, 2^8 for bfloat16). */
export function uniform(
  from: Tensor,
  shape: Shape,
  { low = 0, high = 1, dtype = 'float32' }: { low?: number; high?: number; dtype?: DType } = {},
): Tensor {
  checkShape('random.uniform', shape);
  const type = toFloat(dtype);
  let unit: Tensor;
  if (type === 'float64') {
    const bits = randomBits(from, [2, ...shape]);
    const high27 = cast(shiftRight(reshape(narrow(bits, 0, 0, 1), shape), 5), 'float64');
    const low26 = cast(shiftRight(reshape(narrow(bits, 0, 1, 1), shape), 6), 'float64');
    unit = mul(add(mul(high27, 2 ** 26), low26), 2 ** -53);
  } else {
    // As many bits as the type's fraction holds: more would round up to 1, which is excluded.
    const digits = type === 'float16' ? 11 : type === 'bfloat16' ? 8 : 24;
    const bits = shiftRight(randomBits(from, shape), 32 - digits);
    unit = mul(cast(bits, 'float32'), 2 ** -digits);
  }
  const scaled = low === 0 && high === 1 ? unit : add(mul(unit, high - low), low);
  return cast(scaled, type);
}

/** Normal by Box and Muller's transform (1958), both halves used. */
export function normal(
  from: Tensor,
  shape: Shape,
  { mean = 0, std = 1, dtype = 'float32' }: { mean?: number; std?: number; dtype?: DType } = {},
): Tensor {
  checkShape('random.normal', shape);
  const type = toFloat(dtype);
  const wide: DType = type === 'float64' ? 'float64' : 'float32';
  const size = sizeOf(shape);
  const pairs = Math.ceil(size / 2);
  const u = uniform(from, [2, pairs], { dtype: wide });
  // 1 - u lies in (0, 1], so that the logarithm is finite.
  const radius = sqrt(mul(log(sub(1, narrow(u, 0, 0, 1))), -2));
  const angle = mul(narrow(u, 0, 1, 1), 2 * Math.PI);
  const both = reshape(
    concat([mul(radius, cos(angle)), mul(radius, cos(sub(angle, Math.PI / 2)))], 0),
    [2 * pairs],
  );
  const z = reshape(narrow(both, 0, 0, size), shape);
  const scaled = std === 1 ? z : mul(z, std);
  return cast(mean === 0 ? scaled : add(scaled, mean), type);
}

/** True with the probability. Shape: bool[shape]. */
export function bernoulli(from: Tensor, shape: Shape, probability: number): Tensor {
  if (!(probability >= 0 && probability <= 1))
    fail('random.bernoulli', 'not a probability', String(probability), '0 to 1');
  return uniform(from, shape).lt(probability);
}

/** Integers in [low, high), by the remainder of 32 random bits (biased by less than (high - low) / 2^32). */
export function integers(from: Tensor, shape: Shape, low: number, high: number): Tensor {
  if (!(Number.isInteger(low) && Number.isInteger(high) && low < high)) {
    fail('random.integers', 'needs integer bounds, low < high', `${low}, ${high}`);
  }
  const span = high - low;
  if (low < -(2 ** 31) || high > 2 ** 31 || span >= 2 ** 32) {
    fail('random.integers', 'bounds do not fit int32', `${low}, ${high}`);
  }
  checkShape('random.integers', shape);
  return add(cast(fmod(randomBits(from, shape), span), 'int32'), low);
}

/** Distinct positions 0 … n - 1 in random order. Shape: int32[n]. */
export function permutation(from: Tensor, n: number): Tensor {
  return randomBits(from, [n]).sort(0)[1];
}

/**
 * A source of keys with state: `next()` gives a new key each time, inside compiled functions too, where
 * the state travels along. Same seed, same keys.
 */
export class Generator {
  readonly state: Variable;

  constructor(seed = 0) {
    this.state = new Variable(tensor(Uint32Array.of(seed >>> 0, 0), { dtype: 'uint32' }));
    this.seed(seed);
  }

  /** Starts over. */
  seed(seed: number): void {
    if (!Number.isSafeInteger(seed) || seed < 0)
      fail('Generator', 'a seed is an integer', String(seed), '0 to 2^53 - 1');
    this.state.set(
      tensor(Uint32Array.of(seed >>> 0, Math.floor(seed / 2 ** 32)), { dtype: 'uint32' }),
    );
  }

  /** A fresh key. */
  next(): Tensor {
    const [state, fresh] = split(this.state.value, 2);
    this.state.value = state!;
    return fresh!;
  }
}

/** The generator that initialisers and dropout draw from unless they are given another. */
export const defaultGenerator = new Generator(0);

/** Seeds the default generator: the same program then draws the same numbers. */
export function manualSeed(seed: number): void {
  defaultGenerator.seed(seed);
}
