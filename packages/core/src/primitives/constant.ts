/** Values that come from nowhere: constants, ramps, random bits, and host data. */
import { apply1, describe } from '../apply.ts';
import type { Scalar } from '../apply.ts';
import { dtypeInfo } from '../dtype.ts';
import type { DType } from '../dtype.ts';
import { fail } from '../error.ts';
import { primitive, withOp } from '../op.ts';
import type { Aval, Op } from '../op.ts';
import { checkShape } from '../shape.ts';
import type { Shape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';

type FullAttrs = { readonly shape: Shape; readonly value: number | bigint; readonly dtype: DType };

const fullOp: Op<FullAttrs> = primitive<FullAttrs>('full', {
  infer: (_, { shape, dtype }) => [{ shape, dtype }],
  vjp: () => [],
  samples: [
    { in: [], attrs: { shape: [2, 3], value: 1.5, dtype: 'float32' }, grad: false },
    { in: [], attrs: { shape: [], value: 7, dtype: 'int32' }, grad: false },
  ],
});

/** A plain value as the dtype stores it: BigInt for 64-bit integers, 0 or 1 for bool. */
export function scalarValue(op: string, value: Scalar, dtype: DType): number | bigint {
  // Plain JavaScript callers: `add(x, undefined)` must not become NaN.
  if (typeof value !== 'number' && typeof value !== 'bigint' && typeof value !== 'boolean') {
    fail(op, 'not a number', value === null ? 'null' : typeof value, 'a number or a tensor');
  }
  const { big, kind, min, max } = dtypeInfo(dtype);
  if (kind === 'bool') return value ? 1 : 0;
  if (kind === 'float') return Number(value);
  const number = typeof value === 'boolean' ? Number(value) : value;
  if (typeof number === 'number' && !Number.isInteger(number)) {
    fail(op, `${number} is not an integer`, String(number), dtype);
  }
  if (number < min || number > max)
    fail(op, `${number} does not fit ${dtype}`, String(number), `${min} to ${max}`);
  return big ? BigInt(number) : Number(number);
}

/** A tensor of one repeated value. */
export const full = withOp(
  fullOp,
  (shape: Shape, value: Scalar, dtype: DType = 'float32'): Tensor => {
    checkShape('full', shape);
    return apply1(fullOp, [], {
      shape: [...shape],
      value: scalarValue('full', value, dtype),
      dtype,
    });
  },
);

export const zeros = (shape: Shape, dtype: DType = 'float32'): Tensor => full(shape, 0, dtype);
export const ones = (shape: Shape, dtype: DType = 'float32'): Tensor => full(shape, 1, dtype);
export const fullLike = (x: Aval, value: Scalar): Tensor => full(x.shape, value, x.dtype);
export const zerosLike = (x: Aval): Tensor => full(x.shape, 0, x.dtype);
export const onesLike = (x: Aval): Tensor => full(x.shape, 1, x.dtype);

type IotaAttrs = { readonly length: number; readonly dtype: DType };

const iotaOp: Op<IotaAttrs> = primitive<IotaAttrs>('iota', {
  infer: (_, { length, dtype }) => {
    if (dtype === 'bool') fail('iota', 'wrong dtype', 'bool', 'numbers');
    checkShape('iota', [length]);
    return [{ shape: [length], dtype }];
  },
  vjp: () => [],
  samples: [{ in: [], attrs: { length: 5, dtype: 'int32' }, grad: false }],
});
/** 0, 1, … length - 1. Shape: [length]. */
export const iota = withOp(iotaOp, (length: number, dtype: DType = 'int32'): Tensor =>
  apply1(iotaOp, [], { length, dtype }),
);

type RandomAttrs = { readonly shape: Shape };

const randomOp: Op<RandomAttrs> = primitive<RandomAttrs>('randomBits', {
  infer: ([key], { shape }) => {
    if (key!.dtype !== 'uint32' || key!.shape.length !== 1 || key!.shape[0] !== 2) {
      fail('randomBits', 'not a random key', describe(key!), 'uint32[2]');
    }
    return [{ shape, dtype: 'uint32' }];
  },
  vjp: () => [null],
  samples: [
    { in: [{ shape: [2], dtype: 'uint32', values: [1, 2] }], attrs: { shape: [7] }, grad: false },
    {
      in: [{ shape: [2], dtype: 'uint32', values: [0, 0] }],
      attrs: { shape: [2, 3] },
      grad: false,
    },
  ],
});
/**
 * Uniform 32-bit words: Philox4x32-10 (Salmon et al. 2011) with the given key. Element i, counted
 * row-major, is word i mod 4 of the block whose counter is (⌊i/4⌋, 0, 0, 0), so any element can be drawn
 * on its own and every backend and thread count draws the same. Shape: uint32[2] -> uint32[shape].
 */
export const randomBits = withOp(randomOp, (key: Tensor, shape: Shape): Tensor => {
  checkShape('randomBits', shape);
  return apply1(randomOp, [key], { shape: [...shape] });
});

export const constantOps = [fullOp, iotaOp, randomOp] as Op[];
