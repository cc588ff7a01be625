/** Whether two values agree, as the ONNX test suite asks it. */
import type { OnnxDtype } from '../codec/dtypes.ts';
import type { TensorData } from '../codec/tensor.ts';
import { isTensor } from '../codec/value.ts';
import type { OnnxValue } from '../codec/value.ts';
import { hostNumbersOf } from '../import/numbers.ts';

export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
  /**
   * Further absolute tolerance in units of the largest expected element. Sums of many float32 terms differ
   * by their order; an element that cancels to almost nothing shows it in full.
   */
  readonly scale?: number;
}

export interface Comparison {
  readonly ok: boolean;
  /** Largest absolute difference; NaN against a number counts as infinite. */
  readonly maxError: number;
  /** What differs, where it is not a matter of size. */
  readonly reason?: string;
}

/**
 * The suite's own, |actual - expected| <= atol + rtol · |expected|, and one float32 rounding of the largest
 * element: where that cancels to zero, the recorded outputs themselves are no more exact.
 */
export const suiteTolerance: Tolerance = { rtol: 1e-3, atol: 1e-7, scale: 2 ** -23 };

const same: Comparison = { ok: true, maxError: 0 };
const differs = (reason: string): Comparison => ({ ok: false, maxError: Infinity, reason });

/** For whole networks, where thousands of float32 sums follow one another. */
export const modelTolerance: Tolerance = { ...suiteTolerance, scale: 2e-5 };

/** Steps of these types are coarser than the suite's tolerance. */
const coarse: Partial<Record<OnnxDtype, Tolerance>> = {
  float16: { rtol: 1e-3, atol: 1e-3 },
  bfloat16: { rtol: 1e-2, atol: 1e-2 },
};

export function compareValues(
  actual: OnnxValue,
  expected: OnnxValue,
  tolerance: Tolerance = suiteTolerance,
): Comparison {
  if (isTensor(expected)) {
    return isTensor(actual)
      ? compareTensors(actual, expected, tolerance)
      : differs(`a ${actual.kind}, wanted a tensor`);
  }
  if (isTensor(actual)) return differs(`a tensor, wanted a ${expected.kind}`);
  if (expected.kind === 'sequence' && actual.kind === 'sequence') {
    return compareLists(actual.items, expected.items, tolerance);
  }
  if (expected.kind === 'optional' && actual.kind === 'optional') {
    if (expected.value === undefined || actual.value === undefined) {
      return expected.value === actual.value
        ? same
        : differs('an optional is empty, the other not');
    }
    return compareValues(actual.value, expected.value, tolerance);
  }
  if (expected.kind === 'map' && actual.kind === 'map') {
    if (expected.keys.join() !== actual.keys.join()) return differs('keys differ');
    return compareLists(actual.values.items, expected.values.items, tolerance);
  }
  if (expected.kind === 'sparse' && actual.kind === 'sparse') {
    return compareLists(
      [actual.values, actual.indices],
      [expected.values, expected.indices],
      tolerance,
    );
  }
  return differs(`a ${actual.kind}, wanted a ${expected.kind}`);
}

function compareLists(
  actual: readonly OnnxValue[],
  expected: readonly OnnxValue[],
  tolerance: Tolerance,
): Comparison {
  if (actual.length !== expected.length) {
    return differs(`${actual.length} elements, wanted ${expected.length}`);
  }
  let maxError = 0;
  for (let i = 0; i < expected.length; i++) {
    const result = compareValues(actual[i]!, expected[i]!, tolerance);
    if (!result.ok) return { ...result, reason: `element ${i}: ${result.reason ?? 'differs'}` };
    maxError = Math.max(maxError, result.maxError);
  }
  return { ok: true, maxError };
}

export function compareTensors(
  actual: TensorData,
  expected: TensorData,
  tolerance: Tolerance = suiteTolerance,
): Comparison {
  if (actual.dtype !== expected.dtype) {
    return differs(`${actual.dtype}, wanted ${expected.dtype}`);
  }
  if (actual.shape.join() !== expected.shape.join()) {
    return differs(`shape [${actual.shape.join(',')}], wanted [${expected.shape.join(',')}]`);
  }
  if (actual.dtype === 'string' || expected.dtype === 'string') {
    const other = actual.data as readonly string[];
    const at = (expected.data as readonly string[]).findIndex((text, i) => text !== other[i]);
    if (at < 0) return same;
    return differs(
      `${JSON.stringify(other[at])} at ${at}, wanted ${JSON.stringify(expected.data[at])}`,
    );
  }
  const [a, b] = [hostNumbersOf(actual), hostNumbersOf(expected)];
  const wide = widest(tolerance, coarse[expected.dtype]);
  const { rtol } = wide;
  const atol = wide.atol + (wide.scale ?? 0) * largest(b);
  let maxError = 0;
  let ok = true;
  for (let i = 0; i < b.length; i++) {
    const [p, q] = [a[i]!, b[i]!];
    if (p === q) continue;
    if (typeof p === 'bigint' || typeof q === 'bigint') {
      const gap = BigInt(p) - BigInt(q);
      maxError = Math.max(maxError, Math.abs(Number(gap)));
      ok = false;
      continue;
    }
    if (Number.isNaN(p) && Number.isNaN(q)) continue;
    const error = Math.abs(p - q);
    if (Number.isNaN(error)) {
      maxError = Infinity;
      ok = false;
      continue;
    }
    maxError = Math.max(maxError, error);
    if (!(error <= atol + rtol * Math.abs(q))) ok = false;
  }
  return { ok, maxError };
}

function largest(values: ArrayLike<number | bigint>): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) {
    const value = Math.abs(Number(values[i]));
    if (value > most && Number.isFinite(value)) most = value;
  }
  return most;
}

const widest = (a: Tolerance, b: Tolerance | undefined): Tolerance =>
  b === undefined ? a : { ...a, rtol: Math.max(a.rtol, b.rtol), atol: Math.max(a.atol, b.atol) };
