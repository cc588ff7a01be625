/** What pooling ops share: settings, output sizes and sliding windows. */
import { fail, formatShape, pad, reshape, squeeze, unsqueeze, window } from '@hebb/core';
import type { OnnxAttrs, Scalar, Shape, Tensor } from '@hebb/core';
import { perAxis } from '../operands.ts';
import type { PerAxis } from '../operands.ts';

export interface PoolOptions {
  /** Distance of windows; the kernel size when left out. */
  readonly stride?: PerAxis | null;
  /** Implicit border on both sides; at most half of the kernel. */
  readonly padding?: PerAxis;
  /** Also windows that reach beyond the end, if they start inside the input or its left border. */
  readonly ceilMode?: boolean;
}

/** Resolved settings of a pooling node; lists have one entry a spatial axis. */
export type PoolAttrs = {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly ceilMode: boolean;
};

export function poolAttrs(
  op: string,
  spatial: number,
  kernelSize: PerAxis,
  options: PoolOptions & { readonly dilation?: PerAxis },
): PoolAttrs {
  const kernel = perAxis(op, 'kernelSize', kernelSize, spatial, 1);
  const stride = perAxis(op, 'stride', options.stride ?? kernel, spatial, 1);
  const padding = perAxis(op, 'padding', options.padding ?? 0, spatial);
  const dilation = perAxis(op, 'dilation', options.dilation ?? 1, spatial, 1);
  if (padding.some((p, i) => 2 * p > kernel[i]!)) {
    fail(
      op,
      'padding is at most half of the kernel',
      `padding [${padding.join(',')}], kernel [${kernel.join(',')}]`,
    );
  }
  return { kernel, stride, padding, dilation, ceilMode: options.ceilMode ?? false };
}

/** Number of windows along spatial axis i of an input of that size. */
export function windowCount(op: string, size: number, attrs: PoolAttrs, i: number): number {
  const [stride, padding] = [attrs.stride[i]!, attrs.padding[i]!];
  const room = size + 2 * padding - attrs.dilation[i]! * (attrs.kernel[i]! - 1) - 1;
  let count = (attrs.ceilMode ? Math.ceil : Math.floor)(room / stride) + 1;
  // The last window must start inside the input or its left border.
  if (attrs.ceilMode && (count - 1) * stride >= size + padding) count -= 1;
  if (count < 1 || size === 0) {
    fail(
      op,
      `the kernel does not fit axis ${i + 2}`,
      `size ${size}, kernel ${attrs.kernel[i]}, padding ${padding}, dilation ${attrs.dilation[i]}`,
    );
  }
  return count;
}

/** Spatial sizes of the result. */
export function pooledSizes(op: string, shape: Shape, attrs: PoolAttrs): number[] {
  const lead = shape.length - attrs.kernel.length;
  return attrs.kernel.map((_, i) => windowCount(op, shape[lead + i]!, attrs, i));
}

/** What windows of an input of this shape take around it, axis by axis. */
export function borders(
  op: string,
  shape: Shape,
  attrs: PoolAttrs,
): { readonly low: number[]; readonly high: number[] } {
  const { kernel, stride, dilation, padding } = attrs;
  const lead = shape.length - kernel.length;
  const counts = pooledSizes(op, shape, attrs);
  const low = shape.map((_, axis) => (axis < lead ? 0 : padding[axis - lead]!));
  const high = shape.map((size, axis) => {
    const i = axis - lead;
    if (i < 0) return 0;
    const reach = (counts[i]! - 1) * stride[i]! + dilation[i]! * (kernel[i]! - 1) + 1;
    return Math.max(0, reach - size - padding[i]!);
  });
  return { low, high };
}

/**
 * The windows of x over its last axes, with the border filled by a constant.
 * Shape: [..., ...D] -> [..., ...E, ...kernel].
 */
export function windows(op: string, x: Tensor, attrs: PoolAttrs, fill: Scalar): Tensor {
  const { kernel, stride, dilation } = attrs;
  const padded = pad(x, borders(op, x.shape, attrs), fill);
  return window(padded, { size: kernel, stride, dilation });
}

/** Runs `body` on [N, C, ...] data; a single item [C, ...] gets a batch axis for it. */
export function batched<T extends Tensor | readonly Tensor[]>(
  op: string,
  x: Tensor,
  spatial: number,
  body: (x: Tensor) => T,
): T {
  if (x.rank === spatial + 2) return body(x);
  if (x.rank !== spatial + 1) {
    fail(
      op,
      'input has the wrong number of axes',
      formatShape(x.shape),
      `[N, C, ${spatial} spatial axes], or without N`,
    );
  }
  const result: Tensor | readonly Tensor[] = body(unsqueeze(x, 0));
  const single = Array.isArray(result)
    ? result.map((y: Tensor) => squeeze(y, 0))
    : squeeze(result as Tensor, 0);
  return single as T;
}

/** Spatial axes made one. Shape: [N, C, ...D] -> [N, C, D]. */
export function flatSpatial(x: Tensor): Tensor {
  return reshape(x, [x.shape[0]!, x.shape[1]!, x.shape.slice(2).reduce((a, b) => a * b, 1)]);
}

/** The settings as ONNX's pooling operators name them. */
export function onnxPoolAttrs(attrs: PoolAttrs): OnnxAttrs {
  return {
    kernel_shape: attrs.kernel,
    strides: attrs.stride,
    pads: [...attrs.padding, ...attrs.padding],
    ceil_mode: attrs.ceilMode ? 1 : 0,
  };
}
