/**
 * Movements that undo what the file has just done, as exporters pack weights into the form of an operator:
 * the value from before is taken, so that a model can go round without growing.
 */
import { narrow, permute, reshape, sameShape } from '@hebb/core';
import type { Shape, Tensor } from '@hebb/core';

/** `reshape`, of what was reshaped before. */
export function reshaped(x: Tensor, shape: Shape): Tensor {
  let from = x;
  while (from.node.op?.name === 'reshape') {
    from = from.node.inputs[0]!;
    if (sameShape(from.shape, shape)) return from;
  }
  return sameShape(x.shape, shape) ? x : reshape(x, shape);
}

/** `permute`, together with one from before. Where only axes of one move it is a reshape. */
export function permuted(x: Tensor, axes: readonly number[]): Tensor {
  const { op, attrs, inputs } = x.node;
  const before = op?.name === 'permute' ? (attrs.axes as readonly number[]) : undefined;
  const from = before === undefined ? x : inputs[0]!;
  const order = before === undefined ? axes : axes.map((axis) => before[axis]!);
  const long = order.filter((axis) => from.shape[axis] !== 1);
  if (long.every((axis, k) => k === 0 || axis > long[k - 1]!)) {
    return reshaped(
      from,
      order.map((axis) => from.shape[axis]!),
    );
  }
  return permute(from, order);
}

/** `narrow` along the first axis, of what was put together there. */
export function cut(x: Tensor, start: number, length: number): Tensor {
  if (start === 0 && length === x.shape[0]) return x;
  // A list may have been given further axes of one since.
  const whole = x.rank === 1 ? reshaped(x, [x.size]) : x;
  for (const list of [whole, ...sources(whole)]) {
    const { op, attrs, inputs } = list.node;
    if (op?.name !== 'concat' || attrs.axis !== 0 || !sameShape(list.shape, x.shape)) continue;
    let at = 0;
    for (const part of inputs) {
      if (at === start && part.shape[0] === length) return part;
      at += part.shape[0]!;
    }
  }
  return narrow(x, 0, start, length);
}

/** What a value was reshaped from. */
function sources(x: Tensor): Tensor[] {
  const list: Tensor[] = [];
  for (let from = x; from.node.op?.name === 'reshape';) {
    from = from.node.inputs[0]!;
    list.push(from);
  }
  return list;
}
