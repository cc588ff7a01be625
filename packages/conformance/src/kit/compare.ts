/** Comparing results: tolerances by dtype, and messages that say what is wrong and where. */
import { decode, formatShape, isFloat, sizeOf } from '@hebb/core';
import type { Aval, DType, HostArray } from '@hebb/core';
import { positions } from './definitions/values.ts';

export interface Tolerance {
  /** Relative to the expected element. */
  readonly relative: number;
  /** Relative to the largest expected element, 1 at least: what cancellation in sums may cost. */
  readonly absolute: number;
}

export type Tolerances = Readonly<Partial<Record<DType, Tolerance>>>;

/** A few roundings of each type; integers and bool are exact. */
export const defaultTolerances = {
  float64: { relative: 1e-11, absolute: 1e-12 },
  float32: { relative: 2e-5, absolute: 2e-6 },
  float16: { relative: 4e-3, absolute: 2e-3 },
  bfloat16: { relative: 3e-2, absolute: 1.6e-2 },
} as const satisfies Tolerances;

const exact: Tolerance = { relative: 0, absolute: 0 };

export function toleranceOf(dtype: DType, given: Tolerances = {}): Tolerance {
  if (!isFloat(dtype)) return exact;
  return given[dtype] ?? (defaultTolerances as Tolerances)[dtype] ?? exact;
}

export interface CompareOptions {
  readonly tolerance: Tolerance;
  /** Zeros must have the same sign. */
  readonly signedZeros?: boolean;
}

/**
 * What differs between two values in storage form, or `undefined` when nothing does. NaN equals NaN;
 * infinities must be equal.
 */
export function difference(
  got: HostArray,
  expected: HostArray,
  aval: Aval,
  { tolerance, signedZeros = false }: CompareOptions,
): string | undefined {
  const size = sizeOf(aval.shape);
  if (got.constructor !== expected.constructor || got.length !== size || expected.length !== size) {
    return `got a ${got.constructor.name} of ${got.length} for ${aval.dtype}${formatShape(aval.shape)}, expected a ${expected.constructor.name} of ${expected.length}`;
  }
  const [a, b] = [decode(got, aval.dtype), decode(expected, aval.dtype)];
  let scale = 1;
  for (const x of b) if (Number.isFinite(Number(x))) scale = Math.max(scale, Math.abs(Number(x)));
  let wrong = 0;
  let worst = -1;
  let largest = -1;
  for (let i = 0; i < size; i++) {
    const [x, y] = [a[i]!, b[i]!];
    const error = errorOf(x, y, signedZeros);
    const allowed = tolerance.absolute * scale + tolerance.relative * Math.abs(Number(y));
    if (error === 0 || error <= allowed) continue;
    wrong += 1;
    if (error > largest) {
      largest = error;
      worst = i;
    }
  }
  if (wrong === 0) return undefined;
  const where = positions(aval.shape)[worst]!;
  return (
    `${wrong} of ${size} elements differ; largest error ${largest.toPrecision(3)} at ${formatShape(where)}: ` +
    `got ${show(a[worst]!)}, expected ${show(b[worst]!)} ` +
    `(allowed ${tolerance.relative} relative, ${(tolerance.absolute * scale).toPrecision(2)} absolute)`
  );
}

const show = (x: number | bigint): string => (Object.is(x, -0) ? '-0' : String(x));

function errorOf(x: number | bigint, y: number | bigint, signedZeros: boolean): number {
  if (typeof x === 'bigint' || typeof y === 'bigint') {
    return x === y ? 0 : Number(x > y ? BigInt(x) - BigInt(y) : BigInt(y) - BigInt(x));
  }
  if (x === y) return signedZeros && !Object.is(x, y) ? Infinity : 0;
  if (Number.isNaN(x) && Number.isNaN(y)) return 0;
  const error = Math.abs(x - y);
  return Number.isNaN(error) ? Infinity : error;
}

/** Throws with the message when there is one. */
export function assertSame(
  what: string,
  got: readonly HostArray[],
  expected: readonly HostArray[],
  avals: readonly Aval[],
  options: (aval: Aval) => CompareOptions,
): void {
  avals.forEach((aval, i) => {
    const problem = difference(got[i]!, expected[i]!, aval, options(aval));
    if (problem === undefined) return;
    throw new Error(`${what}${avals.length > 1 ? `, output ${i}` : ''}: ${problem}`);
  });
}

/** Throws unless the condition holds. */
export function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

/** Runs `body`; an error of the op itself is passed on with the case it happened in. */
export async function within<T>(what: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    if (error instanceof Error && error.message.startsWith(what)) throw error;
    throw new Error(`${what}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
