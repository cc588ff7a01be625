/** How many inputs and outputs one weight connects, and the gain that an activation asks for. */
import { fail, formatShape, sizeOf } from '@hebb/core';
import type { Shape } from '@hebb/core';

/** Fans of a weight [out, in, ...kernel], as PyTorch counts them: channels times the kernel's size. */
export function fans(shape: Shape): { fanIn: number; fanOut: number } {
  if (shape.length < 2) {
    fail(
      'init',
      'fans need a weight of at least two axes, [out, in, ...kernel]',
      formatShape(shape),
    );
  }
  const field = sizeOf(shape.slice(2));
  return { fanIn: shape[1]! * field, fanOut: shape[0]! * field };
}

const gains = {
  linear: () => 1,
  conv1d: () => 1,
  conv2d: () => 1,
  conv3d: () => 1,
  conv_transpose1d: () => 1,
  conv_transpose2d: () => 1,
  conv_transpose3d: () => 1,
  sigmoid: () => 1,
  tanh: () => 5 / 3,
  relu: () => Math.SQRT2,
  leaky_relu: (slope = 0.01) => Math.sqrt(2 / (1 + slope * slope)),
  selu: () => 3 / 4,
} satisfies Record<string, (param?: number) => number>;

/** Layers and activations that `calculateGain` knows, under PyTorch's names. */
export type Nonlinearity = keyof typeof gains;

/** The factor by which weights grow so that the activation keeps the variance. `param`: leaky_relu's slope. */
export function calculateGain(nonlinearity: Nonlinearity, param?: number): number {
  if (!Object.hasOwn(gains, nonlinearity)) {
    fail(
      'calculateGain',
      'unknown nonlinearity',
      String(nonlinearity),
      Object.keys(gains).join(', '),
    );
  }
  return gains[nonlinearity](param);
}
