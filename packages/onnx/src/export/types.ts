/** Types of inputs and outputs with their named axes. */
import type { DType, Shape } from '@hebb/core';
import { DataType } from '../codec/dtypes.ts';
import type { ValueInfoProto } from '../codec/types.ts';
import { isFixed } from './dims.ts';
import type { Follower } from './dims.ts';

export function valueInfo(
  name: string,
  dtype: DType,
  shapes: readonly Shape[],
  follower: Follower,
): ValueInfoProto {
  const dim = shapes[0]!.map((size, axis) => {
    const sizes = shapes.map((shape) => shape[axis]!);
    return isFixed(sizes) ? { dimValue: size } : { dimParam: follower.label(sizes) };
  });
  return {
    name,
    type: { tensorType: { elemType: DataType[dtype], shape: { dim } } },
    metadataProps: [],
  };
}
