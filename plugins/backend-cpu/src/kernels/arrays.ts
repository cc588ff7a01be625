/** Array types that kernels are written against. */
import { dtypeInfo } from '@hebb/core';
import type { DType, HostArray } from '@hebb/core';

export type BigArray = BigInt64Array | BigUint64Array;
export type NumberArray = Exclude<HostArray, BigArray>;

export const isBig = (dtype: DType): boolean => dtypeInfo(dtype).big;
export const isHalf = (dtype: DType): boolean => dtype === 'float16' || dtype === 'bfloat16';

/** Width of an integer type in bits; 1 for bool. */
export const widthOf = (dtype: DType): number =>
  dtype === 'bool' ? 1 : dtypeInfo(dtype).bytes * 8;
