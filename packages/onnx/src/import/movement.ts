/** Operators that only move elements work for every kind of tensor: text and codes are moved alike. */
import { fromBits, sizeOf, stridesOf } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { Call } from './call.ts';
import { codedHost, isNarrow } from './narrow.ts';
import { isHost } from './value.ts';
import type { HostTensor, Value } from './value.ts';

/** Applies a movement to a value of any element type. `part` tells several movements of a call apart. */
export function movement(call: Call, value: Value, move: (x: Tensor) => Tensor, part = ''): Value {
  if (isHost(value) && value.dtype === 'string') {
    return moveStrings(call, [value], ([x]) => move(x!), part);
  }
  if (isHost(value) && isNarrow(value.dtype)) {
    const coded = codedHost(value);
    return { ...coded, codes: move(coded.codes) };
  }
  if ('kind' in value && value.kind === 'coded') return { ...value, codes: move(value.codes) };
  return move(call.asTensor(value));
}

/** Memory of an element of text, or of one character, beside that of a number: it lies on the heap. */
export const textCost = 16;

/** Text is moved by its positions in the list of all elements. */
export function moveStrings(
  call: Call,
  parts: readonly HostTensor[],
  move: (positions: Tensor[]) => Tensor,
  part = '',
): HostTensor {
  let offset = 0;
  const positions = parts.map((part) => {
    const data = Int32Array.from({ length: part.data.length }, (_, i) => offset + i);
    offset += data.length;
    return fromBits(data, part.shape, 'int32');
  });
  const all = parts.flatMap((part) => [...(part.data as readonly string[])]);
  const moved = call.memo(`positions ${part}`, () => move(positions));
  call.sized(moved.size * textCost);
  const order = call.asHost(moved);
  return {
    dtype: 'string',
    shape: order.shape,
    data: Array.from(order.data as Int32Array, (at) => all[at]!),
  };
}

/** For each element of a broadcast shape, row-major, which element of `from` it is. */
export function positionsOf(from: readonly number[], to: readonly number[]): number[] {
  const strides = stridesOf(from);
  const lead = to.length - from.length;
  const steps = to.map((_, i) => (i < lead || from[i - lead] === 1 ? 0 : strides[i - lead]!));
  const result: number[] = [];
  const at = to.map(() => 0);
  for (let i = 0; i < sizeOf(to); i++) {
    result.push(steps.reduce((sum, step, axis) => sum + step * at[axis]!, 0));
    for (let axis = to.length - 1; axis >= 0; axis--) {
      at[axis]! += 1;
      if (at[axis]! < to[axis]!) break;
      at[axis] = 0;
    }
  }
  return result;
}
