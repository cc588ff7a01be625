/** Array types that kernels are written against. */
import { dtypeInfo } from '@hebb/core';
import type { DType, HostArray } from '@hebb/core';

export type BigArray = BigInt64Array | BigUint64Array;
export type NumberArray = Exclude<HostArray, BigArray>;

export const isBig = (dtype: DType): boolean => dtypeInfo(dtype).big;
export const isHalf = (dtype: DType): boolean => dtype === 'float16' || dtype === 'bfloat16';

/** Width of a type in bits; 8 for bool, which is stored in a byte. */
export const widthOf = (dtype: DType): number => dtypeInfo(dtype).bytes * 8;
