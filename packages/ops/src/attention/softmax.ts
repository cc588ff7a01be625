/** Softmax of scores some of whose rows may be hidden whole. */
import { composite, div, eq, exp, max, mul, stopGradient, sub, sum, where } from '@hebb/core';
import type { Tensor } from '@hebb/core';

/**
 * Softmax along the last axis; a row of -∞ alone gives zeros where `softmax` gives NaN. Entries of -∞ get no
 * gradient. Shape: any -> same.
 */
export const softmaxOrZeros = composite('softmaxOrZeros', {
  body: (x: Tensor): Tensor => {
    if (x.size === 0) return x;
    const most = stopGradient(max(x, -1, true));
    const e = exp(sub(x, where(eq(most, -Infinity), 0, most)));
    const total = sum(e, -1, true);
    return div(e, where(eq(total, 0), 1, total));
  },
  vjp: ({ grads: [g], outputs: [y] }) => {
    const gy = mul(g!, y!);
    return [sub(gy, mul(y!, sum(gy, -1, true)))];
  },
  onnx: {
    op: 'Softmax',
    since: 18,
    emit: (onnx) => {
      const [x] = onnx.inputs;
      const { dtype } = onnx.inputAvals[0]!;
      const [most] = onnx.node('ReduceMax', [x, onnx.int64([-1])], { keepdims: 1 });
      const [hidden] = onnx.node('Equal', [most!, onnx.scalar(-Infinity, dtype)]);
      const [y] = onnx.node('Softmax', [x], { axis: -1 });
      return onnx.node('Where', [hidden!, onnx.scalar(0, dtype), y!]);
    },
  },
  samples: [
    { in: [[3, 5]] },
    { in: [[2, 2, 3]] },
    { in: [[0, 3]] },
    {
      name: 'hidden rows',
      in: [{ shape: [2, 3], values: [-Infinity, -Infinity, -Infinity, 0.5, -Infinity, 2] }],
      grad: false,
    },
  ],
});
