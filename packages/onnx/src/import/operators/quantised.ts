/** Quantised arithmetic: linear scales, in integers of 2 to 16 bits and floats of 4 to 8. */
import {
  add,
  broadcastTo,
  cast,
  div,
  dtypeInfo,
  isDType,
  isFloat,
  matmul,
  maximum,
  minimum,
  mul,
  normalizeAxis,
  reshape,
  round,
  sub,
  where,
} from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { OnnxDtype } from '../../codec/dtypes.ts';
import type { Call } from '../call.ts';
import { encodeFloat, encodeInteger, isNarrowFloat, narrowIntegers } from '../narrow.ts';
import { since } from '../table.ts';
import type { OperatorTable } from '../table.ts';
import type { Value } from '../value.ts';
import { decoded } from './cast.ts';
import { centred, convolve } from './conv.ts';

/** Lowest and highest number of an integer type. */
function range(c: Call, dtype: OnnxDtype): [number, number] {
  const narrow = narrowIntegers[dtype];
  if (narrow !== undefined) {
    const { bits, signed } = narrow;
    return signed ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1];
  }
  const { min, max } = dtypeInfo(c.coreDType(dtype));
  return [Number(min), Number(max)];
}

/**
 * A scale or zero point laid over x: one number, one for each position of the axis, or one for each block
 * of `block` positions.
 */
function spread(v: Tensor, x: readonly number[], axis: number, block: number): Tensor {
  if (v.size === 1 && v.rank <= 1) return reshape(v, []);
  if (v.rank <= 1) {
    return reshape(
      v,
      x.map((_, i) => (i === axis ? v.size : 1)),
    );
  }
  const size = x[axis]!;
  const each = block > 0 ? block : Math.ceil(size / v.shape[axis]!);
  const split = [...v.shape.slice(0, axis + 1), 1, ...v.shape.slice(axis + 1)];
  const wide = [...v.shape.slice(0, axis + 1), each, ...v.shape.slice(axis + 1)];
  const merged = v.shape.map((dim, i) => (i === axis ? dim * each : dim));
  return reshape(broadcastTo(reshape(v, split), wide), merged).narrow(axis, 0, size);
}

function axisOf(c: Call, rank: number): number {
  // The default of 1 is meant for matrices and beyond.
  return rank <= 1 ? 0 : normalizeAxis(c.op, c.attr.int('axis', 1), rank);
}

export function toRange(c: Call, y: Tensor, dtype: OnnxDtype): Value {
  const [low, high] = range(c, dtype);
  const bounded = minimum(maximum(y, low), high);
  return narrowIntegers[dtype] === undefined
    ? cast(bounded, c.coreDType(dtype))
    : encodeInteger(cast(bounded, 'int32'), dtype);
}

function quantize(c: Call): Value {
  const x = c.tensor(0);
  const scaleValue = decoded(c, c.value(1));
  const axis = axisOf(c, x.rank);
  const block = c.attr.int('block_size', 0);
  const number = c.attr.int('output_dtype', 0);
  const dtype: OnnxDtype = c.has(2)
    ? c.dtype(2)
    : number === 0
      ? 'uint8'
      : c.dtypeAttribute('output_dtype');
  const scale = spread(scaleValue, x.shape, axis, block);
  // Divided in the type of the scale, or the one that is asked for.
  const own = isFloat(scale.dtype) ? scale.dtype : 'float32';
  const precision = c.attr.int('precision', 0);
  const type = precision === 0 ? own : c.coreDType(c.dtypeAttribute('precision'));
  const y = cast(div(cast(x, type), cast(scale, type)), 'float32');
  if (isNarrowFloat(dtype))
    return encodeFloat(y, dtype, { saturate: c.attr.bool('saturate', true) });
  const zero = c.has(2) ? spread(cast(decoded(c, c.value(2)), 'float32'), x.shape, axis, block) : 0;
  return toRange(c, add(round(y), zero), dtype);
}

function dequantize(c: Call): Tensor {
  const x = decoded(c, c.value(0));
  const scaleValue = decoded(c, c.value(1));
  const axis = axisOf(c, x.rank);
  const block = c.attr.int('block_size', 0);
  const output =
    c.attr.int('output_dtype', 0) === 0 ? c.dtype(1) : c.dtypeAttribute('output_dtype');
  const dtype = isDType(output) ? output : 'float32';
  const wide = cast(x, 'float32');
  const zero = c.has(2)
    ? spread(cast(decoded(c, c.value(2)), 'float32'), x.shape, axis, block)
    : undefined;
  const scale = spread(cast(scaleValue, 'float32'), x.shape, axis, block);
  return cast(mul(zero === undefined ? wide : sub(wide, zero), scale), dtype);
}

/** uint8 with the range of the data, which always holds 0. */
export function dynamicCodes(x: Tensor): Tensor[] {
  const high = maximum(x.max(), 0);
  const low = minimum(x.min(), 0);
  const scale = div(sub(high, low), 255);
  const exact = where(scale.eq(0), 0, div(low.neg(), scale.where(scale.ne(0), 1)));
  const zero = round(minimum(maximum(exact, 0), 255));
  const y = minimum(maximum(add(round(div(x, scale)), zero), 0), 255);
  return [cast(y, 'uint8'), scale, cast(zero, 'uint8')];
}

/** int32 accumulators to the output's scale and type. */
function requantize(c: Call, total: Tensor, factor: Tensor, zeroAt: number): Value {
  const scaled = round(mul(cast(total, 'float32'), factor));
  return toRange(c, add(scaled, cast(c.tensor(zeroAt), 'float32')), c.dtype(zeroAt));
}

/** One scale or zero point a row or column of a matrix. */
function alongRows(v: Tensor, x: Tensor, axis: number): Tensor {
  if (v.size === 1) return reshape(v, []);
  if (v.rank > 1) return v;
  return reshape(
    v,
    x.shape.map((_, i) => (i === axis ? v.size : 1)),
  );
}

/** One number, or one for each column of x. */
export const perColumn = (v: Tensor, x: Tensor): Tensor => alongRows(v, x, x.rank - 1);

function qlinearMatmul(c: Call): Value {
  const [a, b] = [c.tensor(0), c.tensor(3)];
  const rowAxis = a.rank - 2;
  const columnAxis = b.rank - 1;
  const whole = (x: Tensor, zero: Tensor, axis: number): Tensor =>
    sub(cast(x, 'int32'), cast(alongRows(zero, x, axis), 'int32'));
  const total = matmul(whole(a, c.tensor(2), rowAxis), whole(b, c.tensor(5), columnAxis));
  const scaleA = alongRows(cast(c.tensor(1), 'float32'), total, total.rank - 2);
  const scaleB = alongRows(cast(c.tensor(4), 'float32'), total, total.rank - 1);
  const factor = div(mul(scaleA, scaleB), cast(c.tensor(6), 'float32').reshape([]));
  return requantize(c, total, factor, 7);
}

function qlinearConv(c: Call): Value {
  const x = centred(c.tensor(0), c.tensor(2), 1);
  const weight = centred(c.tensor(3), c.tensor(5), 0);
  let total = convolve(c, x, weight);
  const perChannel = (v: Tensor): Tensor =>
    v.size === 1
      ? reshape(v, [])
      : reshape(v, [v.size, ...new Array<number>(total.rank - 2).fill(1)]);
  if (c.has(8)) total = add(total, perChannel(c.tensor(8)));
  const scale = mul(c.tensor(1).reshape([]), perChannel(c.tensor(4)));
  return requantize(c, total, div(scale, c.tensor(6).reshape([])), 7);
}

export const quantisedOperators: OperatorTable = {
  QuantizeLinear: [since(1, quantize)],
  DequantizeLinear: [since(1, dequantize)],
  DynamicQuantizeLinear: [since(1, (c) => dynamicCodes(c.tensor(0)))],
  QLinearMatMul: [since(1, qlinearMatmul)],
  QLinearConv: [since(1, qlinearConv)],
};
