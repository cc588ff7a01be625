import { tensor } from '@hebb/core';
import type { DType, Tensor } from '@hebb/core';
import type { Plain } from './reference.ts';

export function given({ shape, data }: Plain, dtype: DType = 'float32'): Tensor {
  return tensor(Float64Array.from(data), { shape, dtype });
}

/** Integers from -2^31 on as a tensor of any integer type, wrapped to its width. */
export const numbers = async (x: Tensor): Promise<(number | bigint)[]> => [...(await x.data())];

/** Fails unless shape and numbers agree within `tolerance` of the larger magnitude (or 1). */
export async function expectClose(x: Tensor, wanted: Plain, tolerance = 0): Promise<void> {
  expect([...x.shape]).toEqual([...wanted.shape]);
  const got = await numbers(x);
  expect(got.length).toBe(wanted.data.length);
  let worst = 0;
  got.forEach((value, i) => {
    const error = Math.abs(Number(value) - wanted.data[i]!);
    const relative = error / Math.max(1, Math.abs(wanted.data[i]!));
    // NaN never compares, so it has to be turned into a failure here.
    worst = Math.max(worst, Number.isNaN(relative) ? Infinity : relative);
  });
  expect(worst).toBeLessThanOrEqual(tolerance);
}
