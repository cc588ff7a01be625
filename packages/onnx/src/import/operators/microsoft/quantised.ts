/** com.microsoft: weights of few bits, and arithmetic on 8-bit codes with scales. */
import {
  add,
  and,
  cast,
  concat,
  div,
  gather,
  matmul,
  mul,
  normalizeAxis,
  reshape,
  round,
  shiftRight,
  sub,
} from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { leakyRelu, sigmoid, softmax } from '@hebb/ops';
import type { Call } from '../../call.ts';
import { since } from '../../table.ts';
import type { OperatorTable } from '../../table.ts';
import type { Value } from '../../value.ts';
import { poolOperators } from '../pool.ts';
import { dynamicCodes, perColumn, quantisedOperators, toRange } from '../quantised.ts';

// --- weights in blocks of few bits ---

/** Codes of `bits` bits, the lowest first, of the bytes along the last axis. */
function unpack(bytes: Tensor, bits: number): Tensor {
  if (bits === 8) return cast(bytes, 'int32');
  const each = 8 / bits;
  const wide = cast(bytes, 'int32').unsqueeze(-1);
  const parts = Array.from({ length: each }, (_, k) =>
    and(k === 0 ? wide : shiftRight(wide, k * bits), (1 << bits) - 1),
  );
  const last = bytes.shape[bytes.rank - 1]!;
  return reshape(concat(parts, bytes.rank), [...bytes.shape.slice(0, -1), last * each]);
}

/**
 * x [..., K] times a matrix that is stored by column: N rows of blocks along K, each with a scale and
 * perhaps a zero point.
 */
function matMulNBits(c: Call): Tensor {
  const x = c.tensor(0);
  const [k, n, block] = [c.attr.int('K'), c.attr.int('N'), c.attr.int('block_size')];
  const bits = c.attr.int('bits', 4);
  if (![2, 4, 8].includes(bits)) c.unsupported(`weights of ${bits} bits`);
  const blocks = Math.ceil(k / block);
  const codes = cast(reshape(unpack(c.tensor(1), bits), [n, blocks, block]), x.dtype);
  const scales = reshape(c.tensor(2), [n, blocks, 1]);
  const centred = sub(codes, zeroPoints(c, bits, n, blocks, x));
  // The last block may reach beyond K.
  let weight = reshape(mul(centred, cast(scales, x.dtype)), [n, blocks * block]).narrow(1, 0, k);
  if (c.has(4)) weight = regrouped(c, centred, scales, n, k, block);
  const y = matmul(x, weight, { transposeB: true });
  return c.has(5) ? add(y, c.tensor(5)) : y;
}

function zeroPoints(c: Call, bits: number, n: number, blocks: number, x: Tensor): Tensor | number {
  if (!c.has(3)) return 2 ** (bits - 1);
  const given = c.tensor(3);
  if (given.dtype !== 'uint8') return cast(reshape(given, [n, blocks, 1]), x.dtype);
  const rowBytes = Math.ceil((blocks * bits) / 8);
  const all = unpack(reshape(given, [n, rowBytes]), bits);
  return cast(reshape(all.narrow(1, 0, blocks), [n, blocks, 1]), x.dtype);
}

/** With g_idx, the block of each row of the matrix is given instead of counted. */
function regrouped(
  c: Call,
  centred: Tensor,
  scales: Tensor,
  n: number,
  k: number,
  block: number,
): Tensor {
  if (c.has(3)) c.unsupported('groups of their own order with zero points');
  const blocks = Math.ceil(k / block);
  const groups = cast(c.tensor(4), 'int32');
  const each = gather(reshape(scales, [n, blocks]), groups.narrow(0, 0, k), 1);
  return mul(reshape(centred, [n, blocks * block]).narrow(1, 0, k), cast(each, centred.dtype));
}

// --- products of codes ---

/** Codes less their zero points times codes less theirs, in whole numbers, as floats of their scales. */
function scaledProduct(
  c: Call,
  a: { readonly codes: Tensor; readonly scale: Tensor; readonly zero: Tensor | undefined },
  b: { readonly scale: Tensor; readonly zero: Tensor | undefined },
  biasAt: number,
): Tensor {
  const weight = c.tensor(1);
  const less = (x: Tensor, zero: Tensor | undefined): Tensor => {
    const wide = cast(x, 'int32');
    return zero === undefined ? wide : sub(wide, cast(zero, 'int32'));
  };
  const total = matmul(less(a.codes, a.zero), less(weight, b.zero && perColumn(b.zero, weight)));
  const factor = mul(reshape(a.scale, []), perColumn(b.scale, total));
  const y = mul(cast(total, 'float32'), factor);
  return c.has(biasAt) ? add(y, c.tensor(biasAt)) : y;
}

function dynamicMatMul(c: Call): Tensor {
  const [codes, scale, zero] = dynamicCodes(c.tensor(0)) as [Tensor, Tensor, Tensor];
  return scaledProduct(c, { codes, scale, zero }, { scale: c.tensor(2), zero: c.maybe(3) }, 4);
}

function integerToFloat(c: Call): Tensor {
  const a = { codes: c.tensor(0), scale: c.tensor(2), zero: c.maybe(4)?.reshape([]) };
  return scaledProduct(c, a, { scale: c.tensor(3), zero: c.maybe(5) }, 6);
}

function qGemm(c: Call): Value {
  const flip = (x: Tensor, name: string): Tensor => (c.attr.bool(name) ? x.permute([1, 0]) : x);
  const less = (x: Tensor, zero: Tensor): Tensor => sub(cast(x, 'int32'), cast(zero, 'int32'));
  const a = flip(c.tensor(0), 'transA');
  const b = flip(c.tensor(3), 'transB');
  let total = matmul(less(a, c.tensor(2).reshape([])), less(b, perColumn(c.tensor(5), b)));
  if (c.has(6)) total = add(total, c.tensor(6));
  const scale = mul(
    mul(c.tensor(1).reshape([]), perColumn(c.tensor(4), total)),
    c.attr.float('alpha', 1),
  );
  const y = mul(cast(total, 'float32'), scale);
  return c.has(7) ? quantised(c, y, 7, 8) : y;
}

// --- through numbers and back ---

/** The numbers behind codes: input i, its scale and zero point after it. */
function numbers(c: Call, i: number, scaleAt = i + 1, zeroAt = i + 2): Tensor {
  const wide = cast(c.tensor(i), 'float32');
  const centred = c.has(zeroAt) ? sub(wide, cast(c.tensor(zeroAt).reshape([]), 'float32')) : wide;
  return mul(centred, c.tensor(scaleAt).reshape([]));
}

/** Numbers as codes of the output's scale and zero point. */
function quantised(c: Call, y: Tensor, scaleAt: number, zeroAt: number): Value {
  const codes = round(div(y, c.tensor(scaleAt).reshape([])));
  if (!c.has(zeroAt)) return toRange(c, codes, 'uint8');
  return toRange(c, add(codes, cast(c.tensor(zeroAt).reshape([]), 'float32')), c.dtype(zeroAt));
}

const through = (fn: (x: Tensor, c: Call) => Tensor) =>
  since(1, (c: Call) => quantised(c, fn(numbers(c, 0), c), 3, 4));
const both = (fn: (a: Tensor, b: Tensor) => Tensor) =>
  since(1, (c: Call) => quantised(c, fn(numbers(c, 0), numbers(c, 3)), 6, 7));

function concatCodes(c: Call): Value {
  const parts = Array.from({ length: (c.count - 2) / 3 }, (_, k) => numbers(c, 2 + 3 * k));
  return quantised(c, concat(parts, normalizeAxis(c.op, c.attr.int('axis'), parts[0]!.rank)), 0, 1);
}

function globalAverage(x: Tensor, c: Call): Tensor {
  const axes = x.shape.map((_, i) => i);
  const spatial = c.attr.bool('channels_last') ? axes.slice(1, -1) : axes.slice(2);
  return x.mean(spatial, true);
}

/** Every use of the codes is the same, so the pooled codes stand for the pooled numbers. */
function averagePool(c: Call): Value {
  if (c.attr.bool('channels_last')) c.unsupported('with channels last');
  const pool = poolOperators['AveragePool']?.[0]?.build;
  if (pool === undefined) return c.unsupported('without AveragePool');
  return quantised(c, pool(c.withInputs([numbers(c, 0)])) as Tensor, 3, 4);
}

export const quantisedOperatorsOfMicrosoft: OperatorTable = {
  QuantizeLinear: quantisedOperators['QuantizeLinear']!,
  DequantizeLinear: quantisedOperators['DequantizeLinear']!,
  MatMulNBits: [since(1, matMulNBits)],
  DynamicQuantizeMatMul: [since(1, dynamicMatMul)],
  MatMulIntegerToFloat: [since(1, integerToFloat)],
  QGemm: [since(1, qGemm)],
  QLinearAdd: [both(add)],
  QLinearMul: [both(mul)],
  QLinearSigmoid: [through((x) => sigmoid(x))],
  QLinearLeakyRelu: [
    through((x, c) => leakyRelu(x, { negativeSlope: c.attr.float('alpha', 0.01) })),
  ],
  QLinearSoftmax: [through((x, c) => softmax(x, c.attr.int('axis', -1)))],
  QLinearGlobalAveragePool: [through(globalAverage)],
  QLinearAveragePool: [since(1, averagePool)],
  QLinearConcat: [since(1, concatCodes)],
};
