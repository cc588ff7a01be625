/** Sparse initialisers, written out. */
import { dtypeInfo, isDType, sizeOf } from '@hebb/core';
import type { SparseValue } from '../codec/value.ts';
import { unsupported } from './error.ts';
import type { HostTensor } from './value.ts';

/** Elements; a few bytes of file could otherwise ask for any amount of memory. */
const largest = 2 ** 28;

export function sparseToDense(sparse: SparseValue): HostTensor {
  const { shape, values, indices } = sparse;
  const { dtype } = values;
  if (!isDType(dtype)) unsupported('initializer', `a sparse tensor of ${dtype}`);
  const data = values.data as ArrayLike<number | bigint>;
  if (sizeOf(shape) > largest) {
    unsupported(
      'initializer',
      `a sparse tensor of shape [${shape.join(',')}] is too large to write out`,
    );
  }
  const linear = indices.shape.length === 1;
  const dense = dtypeInfo(dtype).allocate(sizeOf(shape));
  for (let i = 0; i < data.length; i++) {
    let place = 0;
    if (linear) place = Number(indices.data[i]);
    else {
      for (let axis = 0; axis < shape.length; axis++) {
        place = place * shape[axis]! + Number(indices.data[i * shape.length + axis]);
      }
    }
    dense[place] = data[i]!;
  }
  return { dtype, shape, data: dense } as HostTensor;
}
