/** Values as the codec has them (files, test data) to values as the interpreter has them, and back. */
import { Tensor } from '@hebb/core';
import { ElementType } from '../codec/dtypes.ts';
import type { OnnxValue } from '../codec/value.ts';
import { isTensor } from '../codec/value.ts';
import { packCodes } from './narrow.ts';
import { ParameterValue, toHost } from './value.ts';
import type { Value } from './value.ts';
import { sparseToDense } from './sparse.ts';
import { unsupported } from './error.ts';

export function fromOnnxValue(value: OnnxValue): Value {
  if (isTensor(value)) return value;
  switch (value.kind) {
    case 'sequence':
      return { kind: 'sequence', items: value.items.map(fromOnnxValue) };
    case 'optional':
      return value.value === undefined
        ? { kind: 'optional' }
        : { kind: 'optional', value: fromOnnxValue(value.value) };
    case 'sparse':
      return sparseToDense(value);
    case 'map': {
      const values = value.values.items.map((item) =>
        isTensor(item) ? item : unsupported('map', 'a map of other than tensors'),
      );
      return { kind: 'map', keys: value.keys, values };
    }
  }
}

/** Reads the numbers of every tensor in the value. */
export async function toOnnxValue(value: Value): Promise<OnnxValue> {
  if (value instanceof Tensor) return toHost(await value.bits(), value.shape, value.dtype);
  if (value instanceof ParameterValue) return toOnnxValue(value.variable.value);
  if (!('kind' in value)) return value;
  switch (value.kind) {
    case 'coded':
      return packCodes(value.dtype, value.codes.shape, await value.codes.data());
    case 'sequence': {
      const items: OnnxValue[] = [];
      for (const item of value.items) items.push(await toOnnxValue(item));
      const [first] = items;
      return { kind: 'sequence', elemType: elementType(first), items };
    }
    case 'optional': {
      if (value.value === undefined) return { kind: 'optional', elemType: ElementType.UNDEFINED };
      const inner = await toOnnxValue(value.value);
      return { kind: 'optional', elemType: elementType(inner), value: inner };
    }
    case 'map':
      return {
        kind: 'map',
        keyType: typeof value.keys[0] === 'bigint' ? 'int64' : 'string',
        keys: value.keys,
        values: { kind: 'sequence', elemType: ElementType.TENSOR, items: [...value.values] },
      };
  }
}

function elementType(value: OnnxValue | undefined): number {
  if (value === undefined || isTensor(value)) return ElementType.TENSOR;
  return {
    sparse: ElementType.SPARSE_TENSOR,
    sequence: ElementType.SEQUENCE,
    map: ElementType.MAP,
    optional: ElementType.OPTIONAL,
  }[value.kind];
}
