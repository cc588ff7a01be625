/** Convolutions, plain and transposed. */
import { add, callOp, cast, conv, convTranspose, pad, reshape, sub } from '@hebb/core';
import type { ConvAttrs, Tensor } from '@hebb/core';
import { conv1d, conv2d, conv3d } from '@hebb/ops';
import type { Call } from '../call.ts';
import { since } from '../table.ts';
import type { OperatorTable } from '../table.ts';
import { geometry, perAxis } from './spatial.ts';

/** A bias for each channel (axis 1) added. */
export function withBias(y: Tensor, bias: Tensor | undefined): Tensor {
  if (bias === undefined) return y;
  return add(y, reshape(bias, [bias.size, ...new Array<number>(y.rank - 2).fill(1)]));
}

const convolutions = [conv1d.op, conv2d.op, conv3d.op];

/** One convolution node, bias included, where there is an op for this number of axes. */
function convolution(c: Call): Tensor {
  const [x, weight, bias] = [c.tensor(0), c.tensor(1), c.maybe(2)];
  const op = convolutions[x.rank - 3];
  if (op === undefined) return withBias(convolve(c, x, weight), bias);
  return callOp(op, [x, weight, bias], convSettings(c, x, weight))[0]!;
}

function convSettings(c: Call, x: Tensor, weight: Tensor): ConvAttrs {
  const kernel = c.attr.ints('kernel_shape') ?? weight.shape.slice(2);
  if (kernel.some((size, i) => size !== weight.shape[2 + i])) {
    c.invalid(
      `kernel_shape [${kernel.join(',')}] is not that of the weight [${weight.shape.join(',')}]`,
    );
  }
  const { stride, dilation, padding } = geometry(c, x.shape.slice(2), kernel);
  return { stride, dilation, padding, groups: c.attr.int('group', 1) };
}

export function convolve(c: Call, x: Tensor, weight: Tensor): Tensor {
  return conv(x, weight, convSettings(c, x, weight));
}

function transposed(c: Call): Tensor {
  const x = c.tensor(0);
  const weight = c.tensor(1);
  const spatial = x.rank - 2;
  const kernel = weight.shape.slice(2);
  const stride = perAxis(c, 'strides', spatial);
  const dilation = perAxis(c, 'dilations', spatial);
  const extra = c.attr.ints('output_padding') ?? new Array<number>(spatial).fill(0);
  const wanted = c.attr.ints('output_shape');
  const mode = c.attr.string('auto_pad', 'NOTSET');
  const pads = c.attr.ints('pads') ?? new Array<number>(2 * spatial).fill(0);
  const sizes: number[] = [];
  const padding = kernel.map((k, i): [number, number] => {
    const full = (x.shape[2 + i]! - 1) * stride[i]! + (k - 1) * dilation[i]! + 1 + extra[i]!;
    if (wanted === undefined && (mode === 'NOTSET' || mode === 'VALID')) {
      const p: [number, number] = mode === 'VALID' ? [0, 0] : [pads[i]!, pads[spatial + i]!];
      sizes.push(full - p[0] - p[1]);
      return p;
    }
    const target = wanted?.slice(-spatial)[i] ?? x.shape[2 + i]! * stride[i]!;
    const total = Math.max(0, full - target);
    // Nothing is added by SAME where the kernels do not reach: as shape inference and ONNX Runtime have it.
    sizes.push(wanted === undefined ? full - total : target);
    const half = Math.floor(total / 2);
    return mode === 'SAME_UPPER' ? [half, total - half] : [total - half, half];
  });
  // What is cropped is computed first.
  c.sized(
    kernel.reduce((n, k, i) => {
      const span = (x.shape[2 + i]! - 1) * stride[i]! + (k - 1) * dilation[i]! + 1;
      return n * Math.max(span, sizes[i]!);
    }, 1),
  );
  const groups = c.attr.int('group', 1);
  // A result wider than the kernels reach (output_padding beyond the stride) ends in zeros.
  const reachable = kernel.map((k, i) => {
    const span = (x.shape[2 + i]! - 1) * stride[i]! + (k - 1) * dilation[i]! + 1;
    return Math.min(
      sizes[i]!,
      span - padding[i]![0] + stride[i]! - 1 + Math.min(0, padding[i]![1]),
    );
  });
  const fitted = kernel.map((k, i): [number, number] => {
    // The size fixes the upper padding: `convTranspose` infers the input of a convolution.
    const span = (x.shape[2 + i]! - 1) * stride[i]! + (k - 1) * dilation[i]! + 1;
    return [padding[i]![0], Math.max(0, span - padding[i]![0] - reachable[i]!)];
  });
  const y = convTranspose(x, weight, {
    stride,
    dilation,
    padding: fitted,
    groups,
    size: reachable,
  });
  const missing = sizes.map((size, i) => size - reachable[i]!);
  const grown = missing.some((n) => n > 0)
    ? pad(y, { low: y.shape.map(() => 0), high: [0, 0, ...missing] })
    : y;
  return withBias(grown, c.maybe(2));
}

/** Integer inputs less their zero points, as int32. The zero point of a weight may be one a channel. */
export function centred(x: Tensor, zero: Tensor | undefined, axis: number): Tensor {
  const wide = cast(x, 'int32');
  if (zero === undefined) return wide;
  const shape = zero.size === 1 ? [] : x.shape.map((_, i) => (i === axis ? zero.size : 1));
  return sub(wide, reshape(cast(zero, 'int32'), shape));
}

export const convOperators: OperatorTable = {
  Conv: [since(1, convolution)],
  ConvTranspose: [since(1, transposed)],
  ConvInteger: [
    since(1, (c) =>
      convolve(c, centred(c.tensor(0), c.maybe(2), 1), centred(c.tensor(1), c.maybe(3), 0)),
    ),
  ],
};
