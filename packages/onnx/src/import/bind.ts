/** Inputs of a call against the declared types. */
import { fail } from '@hebb/core';
import { formatType } from './types.ts';
import type { ValueType } from './types.ts';
import { dtypeOf, isTensorValue, shapeOf } from './value.ts';
import type { Value } from './value.ts';

/** Names of dynamic axes must have one size throughout a call. */
export function checkInput(
  type: ValueType,
  value: Value,
  sizes: Map<string, { size: number; input: string }>,
): void {
  const tensor = isTensorValue(value);
  if (type.kind === 'tensor' && !tensor) {
    const got = 'kind' in value ? value.kind : 'tensor';
    fail('run', `input ${type.name} is no tensor`, got, formatType(type));
  }
  if (!tensor || type.kind !== 'tensor') return;
  const got = `${dtypeOf(value)}[${shapeOf(value).join(',')}]`;
  if (type.dtype !== undefined && dtypeOf(value) !== type.dtype) {
    fail('run', `input ${type.name} has the wrong dtype`, got, formatType(type));
  }
  const shape = shapeOf(value);
  if (type.shape === undefined) return;
  // ONNX Runtime does not check inputs declared without axes, and files in the wild count on it.
  if (type.shape.length === 0 && shape.length === 1 && shape[0] === 1) return;
  if (shape.length !== type.shape.length) {
    fail('run', `input ${type.name} has the wrong shape`, got, formatType(type));
  }
  type.shape.forEach((dim, i) => {
    const size = shape[i]!;
    if (typeof dim === 'number' && dim !== size) {
      fail('run', `input ${type.name} has the wrong shape`, got, formatType(type));
    }
    if (typeof dim !== 'string') return;
    const before = sizes.get(dim);
    if (before !== undefined && before.size !== size) {
      fail(
        'run',
        `axis ${dim} is ${size} in input ${type.name} and ${before.size} in ${before.input}`,
      );
    }
    sizes.set(dim, { size, input: type.name });
  });
}
