/**
 * Operators that were experimental before ONNX 1.3 and left the standard; files of that time have them,
 * and ONNX Runtime runs them.
 */
import { add, exp, log, mul, narrow, reshape, tanh } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { Call } from '../call.ts';
import { since } from '../table.ts';
import type { OperatorTable } from '../table.ts';
import { float32, toTensor } from '../value.ts';

/** A value a channel, laid along axis 1. */
const perChannel = (c: Call, values: readonly number[]): Tensor =>
  reshape(toTensor(c.op, float32(values)), [1, values.length, 1, 1]);

/** x · scale + bias of the channel. */
function imageScaler(c: Call): Tensor {
  const x = c.tensor(0);
  const scaled = mul(x, c.attr.float('scale', 1));
  const bias = c.attr.floats('bias');
  if (bias === undefined) return scaled;
  // Older exporters write a number for each of three channels, whatever the picture has.
  return add(scaled, perChannel(c, bias.slice(0, x.shape[1]!)));
}

function crop(c: Call): Tensor {
  const x = c.tensor(0);
  const [left = 0, top = 0, right = 0, bottom = 0] = c.attr.ints('border') ?? [];
  const [height, width] = c.attr.ints('scale') ?? [
    x.shape[2]! - top - bottom,
    x.shape[3]! - left - right,
  ];
  return narrow(narrow(x, 2, top, height!), 3, left, width!);
}

export const legacyOperators: OperatorTable = {
  ImageScaler: [since(1, imageScaler)],
  Crop: [since(1, crop)],
  Affine: [
    since(1, (c) => add(mul(c.tensor(0), c.attr.float('alpha', 1)), c.attr.float('beta', 0))),
  ],
  ScaledTanh: [
    since(1, (c) => mul(tanh(mul(c.tensor(0), c.attr.float('beta', 1))), c.attr.float('alpha', 1))),
  ],
  ParametricSoftplus: [
    since(1, (c) => {
      const x = mul(c.tensor(0), c.attr.float('beta', 1));
      return mul(log(add(exp(x), 1)), c.attr.float('alpha', 1));
    }),
  ],
};
