import { OnnxFormatError } from './errors.ts';

/**
 * Number of elements of a tensor of `dims`.
 * @throws OnnxFormatError for a negative or fractional dimension, or more elements than can be
 *   counted.
 */
export function elementCount(dims: readonly number[], where = 'a tensor'): number {
  let count = 1;
  for (const dim of dims) {
    if (!Number.isSafeInteger(dim) || dim < 0) {
      throw new OnnxFormatError(`${where}: bad dimension ${dim} in shape [${dims.join(',')}]`);
    }
    count *= dim;
  }
  if (dims.includes(0)) return 0;
  if (!Number.isSafeInteger(count)) {
    throw new OnnxFormatError(`${where}: shape [${dims.join(',')}] has too many elements`);
  }
  return count;
}
