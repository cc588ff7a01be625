/** Family `convolution`. */
import type { Tensor } from '@hebb/core';
import * as ops from '@hebb/ops';
import { flag, maybeNum, maybeNumOrList, num, numOrList, word } from '../attrs.ts';
import type { AttrValue, CaseAttrs, CaseFunction, CaseTable, Outputs } from '../case.ts';

function convOptions({
  stride,
  padding,
  dilation,
  groups,
  padding_mode: mode,
}: CaseAttrs): ops.ConvOptions {
  return {
    stride: numOrList(stride ?? 1),
    padding:
      typeof padding === 'string' ? word(padding, ['same', 'valid']) : numOrList(padding ?? 0),
    dilation: numOrList(dilation ?? 1),
    groups: num(groups ?? 1),
    paddingMode: word(mode ?? 'zeros', ['zeros', 'reflect', 'replicate', 'circular']),
  };
}
const conv = (f: typeof ops.conv1d): CaseFunction => {
  return ({ x, weight, bias }, attrs) => f(x!, weight!, bias, convOptions(attrs));
};
const convTranspose = (f: typeof ops.convTranspose1d): CaseFunction => {
  return ({ x, weight, bias }, { stride, padding, output_padding: extra, dilation, groups }) =>
    f(x!, weight!, bias, {
      stride: numOrList(stride ?? 1),
      padding: numOrList(padding ?? 0),
      outputPadding: numOrList(extra ?? 0),
      dilation: numOrList(dilation ?? 1),
      groups: num(groups ?? 1),
    });
};

function poolOptions({ stride, padding, ceil_mode: ceilMode }: CaseAttrs) {
  return {
    stride: maybeNumOrList(stride) ?? null,
    padding: numOrList(padding ?? 0),
    ceilMode: flag(ceilMode),
  };
}
const avgPool = (f: typeof ops.avgPool1d): CaseFunction => {
  return ({ x }, attrs) =>
    f(x!, numOrList(attrs['kernel_size']), {
      ...poolOptions(attrs),
      countIncludePad: attrs['count_include_pad'] === undefined || flag(attrs['count_include_pad']),
      divisorOverride: maybeNum(attrs['divisor_override']) ?? null,
    });
};
const maxPool = (
  plain: typeof ops.maxPool1d,
  withIndices: typeof ops.maxPool1dWithIndices,
): CaseFunction => {
  return ({ x }, attrs, given): Outputs => {
    const options = { ...poolOptions(attrs), dilation: numOrList(attrs['dilation'] ?? 1) };
    const kernel = numOrList(attrs['kernel_size']);
    if (given.outputs['indices'] === undefined) return plain(x!, kernel, options);
    const [output, indices] = withIndices(x!, kernel, options);
    return { output, indices };
  };
};
/** Null keeps the size of an axis. */
function outputSize(value: AttrValue | undefined): number | (number | null)[] {
  return Array.isArray(value)
    ? value.map((size: AttrValue) => (size === null ? null : num(size)))
    : num(value);
}
const adaptive = (f: (x: Tensor, size: number | (number | null)[]) => Tensor): CaseFunction => {
  return ({ x }, { output_size: size }) => f(x!, outputSize(size));
};
const adaptiveMax = (f: typeof ops.adaptiveMaxPool1dWithIndices): CaseFunction => {
  return ({ x }, { output_size: size }): Outputs => {
    const [output, indices] = f(x!, outputSize(size));
    return { output, indices };
  };
};
const lpPool = (f: typeof ops.lpPool1d): CaseFunction => {
  return ({ x }, { norm_type: p, kernel_size: kernel, stride, ceil_mode: ceilMode }) =>
    f(x!, num(p), numOrList(kernel), {
      stride: maybeNumOrList(stride) ?? null,
      ceilMode: flag(ceilMode),
    });
};
function unfoldOptions({ stride, padding, dilation }: CaseAttrs) {
  return {
    stride: numOrList(stride ?? 1),
    padding: numOrList(padding ?? 0),
    dilation: numOrList(dilation ?? 1),
  };
}
const modes = [
  'nearest',
  'nearest-exact',
  'linear',
  'bilinear',
  'trilinear',
  'bicubic',
  'area',
] as const;

export const convolution: CaseTable = {
  conv1d: conv(ops.conv1d),
  conv2d: conv(ops.conv2d),
  conv3d: conv(ops.conv3d),
  conv_transpose1d: convTranspose(ops.convTranspose1d),
  conv_transpose2d: convTranspose(ops.convTranspose2d),
  conv_transpose3d: convTranspose(ops.convTranspose3d),
  causal_conv1d: ({ x, weight, bias }, attrs) => {
    const { dilation, ...options } = convOptions(attrs);
    const step = typeof dilation === 'number' ? dilation : (dilation?.[0] ?? 1);
    const natural = step * (weight!.shape[2]! - 1);
    const left = maybeNum(attrs['left_pad']) ?? natural;
    if (left === natural && options.padding === 0)
      return ops.causalConv1d(x!, weight!, bias, { ...attrsOf(options), dilation: step });
    return ops.conv1d(ops.pad(x!, [left, 0]), weight!, bias, { ...options, dilation: step });
  },

  avg_pool1d: avgPool(ops.avgPool1d),
  avg_pool2d: avgPool(ops.avgPool2d),
  avg_pool3d: avgPool(ops.avgPool3d),
  max_pool1d: maxPool(ops.maxPool1d, ops.maxPool1dWithIndices),
  max_pool2d: maxPool(ops.maxPool2d, ops.maxPool2dWithIndices),
  max_pool3d: maxPool(ops.maxPool3d, ops.maxPool3dWithIndices),
  max_pool_unpool2d: ({ x }, attrs) => {
    const kernel = numOrList(attrs['kernel_size']);
    const options = poolOptions(attrs);
    const [output, indices] = ops.maxPool2dWithIndices(x!, kernel, options);
    return ops.maxUnpool2d(output, indices, kernel, {
      stride: options.stride,
      padding: options.padding,
    });
  },
  adaptive_avg_pool1d: adaptive(ops.adaptiveAvgPool1d),
  adaptive_avg_pool2d: adaptive(ops.adaptiveAvgPool2d),
  adaptive_avg_pool3d: adaptive(ops.adaptiveAvgPool3d),
  adaptive_max_pool1d: adaptiveMax(ops.adaptiveMaxPool1dWithIndices),
  adaptive_max_pool2d: adaptiveMax(ops.adaptiveMaxPool2dWithIndices),
  adaptive_max_pool3d: adaptiveMax(ops.adaptiveMaxPool3dWithIndices),
  lp_pool1d: lpPool(ops.lpPool1d),
  lp_pool2d: lpPool(ops.lpPool2d),

  fold: ({ x }, attrs) =>
    ops.fold(
      x!,
      numOrList(attrs['output_size']),
      numOrList(attrs['kernel_size']),
      unfoldOptions(attrs),
    ),
  unfold: ({ x }, attrs) => ops.unfold(x!, numOrList(attrs['kernel_size']), unfoldOptions(attrs)),
  interpolate: ({ x }, { size, scale_factor: factor, mode, align_corners: corners, ...rest }) =>
    ops.interpolate(x!, {
      ...(size == null ? {} : { size: numOrList(size) }),
      ...(factor == null ? {} : { scaleFactor: numOrList(factor) }),
      mode: word(mode ?? 'nearest', modes),
      alignCorners: flag(corners),
      recomputeScaleFactor: flag(rest['recompute_scale_factor']),
    }),
  pixel_shuffle: ({ x }, { upscale_factor: factor }) => ops.pixelShuffle(x!, num(factor)),
  pixel_unshuffle: ({ x }, { downscale_factor: factor }) => ops.pixelUnshuffle(x!, num(factor)),
  channel_shuffle: ({ x }, { groups }) => ops.channelShuffle(x!, num(groups)),
};

function attrsOf({ stride, groups }: Omit<ops.ConvOptions, 'dilation'>) {
  return { stride: stride ?? 1, groups: groups ?? 1 };
}
