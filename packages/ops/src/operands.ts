/** Arguments of ops brought into form: common dtype and shape, one entry an axis, indices as int32. */
import {
  broadcastShapes,
  broadcastTo,
  cast,
  dtypeInfo,
  fail,
  full,
  isFloat,
  isInteger,
  normalizeAxes,
  promote,
  sizeOf,
  Tensor,
  toFloat,
} from '@hebb/core';
import type { DType, Scalar, TensorLike } from '@hebb/core';

/** A whole number, or one for each axis. */
export type PerAxis = number | readonly number[];

/** Axes to reduce over; left out or null means all. */
export type Dim = number | readonly number[] | null;

/** Tensors and plain numbers cast and broadcast to a common dtype and shape. */
export function broadcastOperands(op: string, list: readonly TensorLike[]): Tensor[] {
  let dtype: DType | undefined;
  for (const x of list) {
    if (x instanceof Tensor) dtype = dtype === undefined ? x.dtype : promote(dtype, x.dtype);
  }
  if (dtype === undefined) fail(op, 'no operand is a tensor', list.map(String).join(', '));
  const type: DType =
    isFloat(dtype) || !list.some((x) => typeof x === 'number' && !Number.isInteger(x))
      ? dtype
      : 'float32';
  const shape = broadcastShapes(op, ...list.filter((x) => x instanceof Tensor).map((x) => x.shape));
  return list.map((x) =>
    x instanceof Tensor ? broadcastTo(cast(x, type), shape, op) : full(shape, x as Scalar, type),
  );
}

/** The values as floats: integers and bool become float32. */
export function asFloat(op: string, x: Tensor): Tensor {
  requireTensor(op, x);
  return cast(x, toFloat(x.dtype));
}

/** Indices as int32. */
export function asIndex(op: string, index: Tensor): Tensor {
  requireTensor(op, index);
  if (!isInteger(index.dtype)) fail(op, 'indices are integers', index.dtype, 'an integer type');
  return cast(index, 'int32');
}

/** Throws unless the value is a tensor: plain JavaScript callers reach ops without the type checker. */
export function requireTensor(op: string, value: unknown): asserts value is Tensor {
  if (!(value instanceof Tensor)) {
    fail(op, 'an argument is not a tensor', value === null ? 'null' : typeof value, 'a Tensor');
  }
}

/** One integer for each of `count` axes; a single one stands for all. */
export function perAxis(
  op: string,
  name: string,
  value: PerAxis,
  count: number,
  least = 0,
): number[] {
  const list = typeof value === 'number' ? new Array<number>(count).fill(value) : [...value];
  if (list.length === 1 && count > 1) list.push(...new Array<number>(count - 1).fill(list[0]!));
  if (list.length !== count || list.some((n) => !Number.isInteger(n) || n < least)) {
    const kind = least === 1 ? 'positive integers' : 'non-negative integers';
    fail(op, `${name} does not fit`, `[${list.join(',')}]`, `${count} ${kind}, or one for all`);
  }
  return list;
}

/** Throws unless the option is one of the given words. */
export function oneOf<T extends string>(
  op: string,
  name: string,
  value: string,
  allowed: readonly T[],
): asserts value is T {
  if (!allowed.includes(value as T)) {
    fail(op, `unknown ${name}`, JSON.stringify(value), allowed.join(', '));
  }
}

/** Number of elements that a reduction over the axes adds up. */
export function reducedCount(op: string, x: Tensor, dim: Dim | undefined): number {
  return sizeOf(normalizeAxes(op, dim, x.rank).map((axis) => x.shape[axis]!));
}

/** The lowest value of a dtype: minus infinity for floats, so that it never wins a maximum. */
export function lowest(dtype: DType): number | bigint {
  if (isFloat(dtype)) return -Infinity;
  return limits(dtype)[0];
}

/** The highest value of a dtype; infinity for floats. */
export function highest(dtype: DType): number | bigint {
  if (isFloat(dtype)) return Infinity;
  return limits(dtype)[1];
}

function limits(dtype: DType): [number | bigint, number | bigint] {
  const { min, max } = dtypeInfo(dtype);
  return [min, max];
}

/** A numeric setting of a node, or its default where it was left out. */
export function number(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise;
}
