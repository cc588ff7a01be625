/** Sliding blocks as columns (im2col) and back (col2im). */
import {
  fail,
  fold as foldWindows,
  formatShape,
  narrow,
  permute,
  reshape,
  sizeOf,
  squeeze,
  unsqueeze,
} from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { perAxis } from './operands.ts';
import type { PerAxis } from './operands.ts';
import { windows } from './pooling/windows.ts';

export interface UnfoldOptions {
  readonly dilation?: PerAxis;
  readonly padding?: PerAxis;
  readonly stride?: PerAxis;
}

function settings(op: string, kernelSize: PerAxis, options: UnfoldOptions) {
  return {
    kernel: perAxis(op, 'kernelSize', kernelSize, 2, 1),
    stride: perAxis(op, 'stride', options.stride ?? 1, 2, 1),
    padding: perAxis(op, 'padding', options.padding ?? 0, 2),
    dilation: perAxis(op, 'dilation', options.dilation ?? 1, 2, 1),
    ceilMode: false,
  };
}

/** The blocks of an image as columns. Shape: [N, C, H, W] (or without N) -> [N, C · kh · kw, blocks]. */
export function unfold(x: Tensor, kernelSize: PerAxis, options: UnfoldOptions = {}): Tensor {
  if (x.rank === 3) return squeeze(unfold(unsqueeze(x, 0), kernelSize, options), 0);
  if (x.rank !== 4)
    fail('unfold', 'input does not fit', formatShape(x.shape), '[N, C, H, W] or [C, H, W]');
  const attrs = settings('unfold', kernelSize, options);
  const view = windows('unfold', x, attrs, 0);
  const [n, c, h, w] = view.shape;
  return reshape(permute(view, [0, 1, 4, 5, 2, 3]), [n!, c! * sizeOf(attrs.kernel), h! * w!]);
}

/**
 * Columns added up into an image of `outputSize`, overlaps summed: the transpose of `unfold`.
 * Shape: [N, C · kh · kw, blocks] (or without N) -> [N, C, H, W].
 */
export function fold(
  x: Tensor,
  outputSize: PerAxis,
  kernelSize: PerAxis,
  options: UnfoldOptions = {},
): Tensor {
  if (x.rank === 2) return squeeze(fold(unsqueeze(x, 0), outputSize, kernelSize, options), 0);
  const { kernel, stride, padding, dilation } = settings('fold', kernelSize, options);
  const size = perAxis('fold', 'outputSize', outputSize, 2, 1);
  const spatial = size.map((n, i) => n + 2 * padding[i]!);
  const counts = spatial.map(
    (n, i) => Math.floor((n - dilation[i]! * (kernel[i]! - 1) - 1) / stride[i]!) + 1,
  );
  const channels = (x.shape[1] ?? 0) / sizeOf(kernel);
  if (x.rank !== 3 || !Number.isInteger(channels) || x.shape[2] !== sizeOf(counts)) {
    fail(
      'fold',
      'input does not fit',
      formatShape(x.shape),
      `[N, C · ${sizeOf(kernel)}, ${sizeOf(counts)}]`,
    );
  }
  const blocks = reshape(x, [x.shape[0]!, channels, ...kernel, ...counts]);
  const y = foldWindows(permute(blocks, [0, 1, 4, 5, 2, 3]), {
    size: kernel,
    stride,
    dilation,
    spatial,
  });
  return narrow(narrow(y, 2, padding[0]!, size[0]!), 3, padding[1]!, size[1]!);
}
