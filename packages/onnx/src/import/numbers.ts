/** Elements of host tensors as numbers that can be calculated with. */
import { bfloat16Value, float16Value } from '@hebb/core';
import { unpackCodes } from './narrow.ts';
import type { HostTensor } from './value.ts';

/** 16-bit floats decoded, 64-bit integers as bigints; codes of narrow types as they are. */
export function hostNumbersOf(host: HostTensor): ArrayLike<number | bigint> {
  const { dtype, data, shape } = host;
  if (dtype === 'float16') return Float64Array.from(data, float16Value);
  if (dtype === 'bfloat16') return Float64Array.from(data, bfloat16Value);
  if (/^(u?int[24]$|float[468]e)/.test(dtype)) {
    const count = shape.reduce((n, dim) => n * dim, 1);
    return unpackCodes(dtype, data as Uint8Array, count);
  }
  return data as ArrayLike<number | bigint>;
}
