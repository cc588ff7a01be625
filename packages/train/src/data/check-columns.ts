/** Looks through batches on the host: what is wrong there is named by sample before it reaches a step. */
import { bfloat16Value, float16Value, isFloat, isInteger, sizeOf } from '@hebb/core';
import type { Column } from './dataset.ts';

/** The first row that holds NaN or an infinity, and which. */
export function findNonFinite({
  data,
  shape,
  dtype,
}: Column): { row: number; value: number } | undefined {
  if (!isFloat(dtype)) return undefined;
  const at = firstNonFinite(data as ArrayLike<number>, dtype);
  if (at < 0) return undefined;
  const raw = data[at] as number;
  const value =
    dtype === 'float16' ? float16Value(raw) : dtype === 'bfloat16' ? bfloat16Value(raw) : raw;
  return { row: Math.floor(at / Math.max(1, sizeOf(shape.slice(1)))), value };
}

function firstNonFinite(data: ArrayLike<number>, dtype: Column['dtype']): number {
  if (dtype === 'float16' || dtype === 'bfloat16') {
    // All exponent bits set.
    const mask = dtype === 'float16' ? 0x7c00 : 0x7f80;
    for (let i = 0; i < data.length; i++) if ((data[i]! & mask) === mask) return i;
    return -1;
  }
  // x · 0 is 0 for finite numbers only. Four sums at a time, as additions wait for each other.
  const block = 1024;
  for (let start = 0; start < data.length; start += block) {
    const end = Math.min(start + block, data.length);
    let [a, b, c, d] = [0, 0, 0, 0];
    let i = start;
    for (; i + 3 < end; i += 4) {
      a += data[i]! * 0;
      b += data[i + 1]! * 0;
      c += data[i + 2]! * 0;
      d += data[i + 3]! * 0;
    }
    for (; i < end; i++) a += data[i]! * 0;
    if (a + b + c + d === 0) continue;
    for (i = start; i < end; i++) if (!Number.isFinite(data[i]!)) return i;
  }
  return -1;
}

/** The first row with a label outside [0, classes); `ignored` is let through. */
export function findBadLabel(
  { data, shape, dtype }: Column,
  classes: number,
  ignored: number,
): { row: number; value: number } | undefined {
  if (!isInteger(dtype)) return undefined;
  for (let i = 0; i < data.length; i++) {
    const value = Number(data[i]);
    if ((value < 0 || value >= classes) && value !== ignored) {
      return { row: Math.floor(i / Math.max(1, sizeOf(shape.slice(1)))), value };
    }
  }
  return undefined;
}
