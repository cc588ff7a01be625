/** Bad input names the op, what it got and what it wanted. */
import { HebbError, ones, tensor } from '@hebb/core';
import type { DType, Tensor } from '@hebb/core';
import * as ops from '../src/index.ts';

const notATensor = JSON.parse('[1, 2]') as Tensor;
const x = (...shape: number[]): Tensor => ones(shape);
const i = (...values: number[]): Tensor => tensor(Int32Array.from(values));
const as = (dtype: DType, ...shape: number[]): Tensor => ones(shape, dtype);

it.each<[string, () => unknown, RegExp]>([
  [
    'conv2d channels',
    () => ops.conv2d(x(8, 3, 9, 9), x(4, 1, 3, 3)),
    /^conv2d: input has 3 channels, weight wants 1/,
  ],
  [
    'conv2d rank',
    () => ops.conv2d(x(3, 9), x(4, 3, 3, 3)),
    /^conv2d: input has the wrong number of axes/,
  ],
  [
    'conv2d bias',
    () => ops.conv2d(x(1, 3, 9, 9), x(4, 3, 3, 3), x(3)),
    /^conv2d: bias does not fit \(got \[3\], wanted \[4\]\)/,
  ],
  [
    'conv2d stride',
    () => ops.conv2d(x(1, 3, 9, 9), x(4, 3, 3, 3), null, { stride: 0 }),
    /^conv2d: stride does not fit/,
  ],
  [
    'conv2d same',
    () => ops.conv2d(x(1, 3, 9, 9), x(4, 3, 3, 3), null, { stride: 2, padding: 'same' }),
    /'same' needs stride 1/,
  ],
  [
    'conv2d kernel',
    () => ops.conv2d(x(1, 3, 2, 2), x(4, 3, 3, 3)),
    /^conv2d: the kernel does not fit/,
  ],
  [
    'convTranspose2d',
    () => ops.convTranspose2d(x(1, 3, 2, 2), x(3, 4, 3, 3), null, { outputPadding: 1 }),
    /^convTranspose2d: outputPadding is less than stride or dilation/,
  ],
  [
    'linear',
    () => ops.linear(x(2, 3), x(5, 4)),
    /^linear: input does not fit the weight \(got input \[2,3\], weight \[5,4\]/,
  ],
  [
    'maxPool2d',
    () => ops.maxPool2d(x(1, 1, 2, 2), 3),
    /^maxPool2d: the kernel does not fit axis 2/,
  ],
  [
    'maxPool2d padding',
    () => ops.maxPool2d(x(1, 1, 8, 8), 2, { padding: 2 }),
    /^maxPool2d: padding is at most half of the kernel/,
  ],
  [
    'avgPool2d divisor',
    () => ops.avgPool2d(x(1, 1, 4, 4), 2, { divisorOverride: 0 }),
    /^avgPool2d: divisorOverride/,
  ],
  [
    'adaptiveAvgPool2d',
    () => ops.adaptiveAvgPool2d(x(1, 1, 4, 4), 0),
    /^adaptiveAvgPool2d: output size does not fit/,
  ],
  [
    'einsum sizes',
    () => ops.einsum('ij,jk->ik', x(2, 3), x(4, 5)),
    /^einsum: label j has sizes 3 and 4/,
  ],
  ['einsum count', () => ops.einsum('ij,jk', x(2, 3)), /^einsum: "ij,jk" names 2 operands/],
  [
    'einsum rank',
    () => ops.einsum('ijk->i', x(2, 3)),
    /^einsum: "ijk" does not fit an operand of rank 2/,
  ],
  ['einsum output', () => ops.einsum('ij->ik', x(2, 3)), /^einsum: output label k/],
  ['einsum text', () => ops.einsum('i$->i', x(2, 3)), /^einsum: unexpected "\$"/],
  [
    'crossEntropy target',
    () => ops.crossEntropy(x(4, 3), i(0, 1)),
    /^crossEntropy: target does not fit the input \(got input \[4,3\], target \[2\], wanted class indices \[4\]\)/,
  ],
  [
    'crossEntropy weight',
    () => ops.crossEntropy(x(4, 3), i(0, 1, 2, 0), { weight: x(4) }),
    /^crossEntropy: weight does not fit/,
  ],
  [
    'crossEntropy smoothing',
    () => ops.crossEntropy(x(4, 3), i(0, 1, 2, 0), { labelSmoothing: 2 }),
    /^crossEntropy: labelSmoothing/,
  ],
  [
    'mseLoss',
    () => ops.mseLoss(x(4, 1), x(4)),
    /^mseLoss: input and target differ in shape \(got \[4,1\] and \[4\]\)/,
  ],
  [
    'reduction',
    () => ops.mseLoss(x(4), x(4), { reduction: 'avg' as 'mean' }),
    /^mseLoss: unknown reduction \(got "avg", wanted none, mean, sum\)/,
  ],
  [
    'embedding index',
    () => ops.embedding(x(3), x(4, 2)),
    /^embedding: indices are integers \(got float32/,
  ],
  [
    'embedding padding',
    () => ops.embedding(i(0), x(4, 2), { paddingIdx: 4 }),
    /^embedding: paddingIdx is out of range/,
  ],
  ['oneHot', () => ops.oneHot(i(0), 0), /^oneHot: the number of classes/],
  [
    'layerNorm',
    () => ops.layerNorm(x(2, 5), 4),
    /^layerNorm: normalizedShape does not fit the input/,
  ],
  [
    'groupNorm',
    () => ops.groupNorm(x(2, 5, 3), 2),
    /^groupNorm: 5 channels do not divide into 2 groups/,
  ],
  [
    'batchNorm one value',
    () => ops.batchNorm(x(1, 3), null, null),
    /^batchNorm: needs more than one value for each channel/,
  ],
  [
    'batchNorm shape',
    () => ops.batchNorm(x(2, 3), x(4), x(4)),
    /^batchNorm: runningMean does not fit/,
  ],
  [
    'pad reflect',
    () => ops.pad(x(1, 3), [3, 0], { mode: 'reflect' }),
    /^pad: reflect padding of axis 1 is too wide/,
  ],
  ['pad widths', () => ops.pad(x(3), [1]), /^pad: widths do not fit/],
  [
    'interpolate',
    () => ops.interpolate(x(1, 1, 4), {}),
    /^interpolate: give either size or scaleFactor/,
  ],
  [
    'interpolate mode',
    () => ops.interpolate(x(1, 1, 4), { size: 8, mode: 'bilinear' }),
    /^interpolate: mode bilinear needs 2 spatial axes/,
  ],
  ['softmax axis', () => ops.softmax(x(2, 3), 2), /^softmax: axis 2 is out of range for rank 2/],
  ['glu', () => ops.glu(x(3)), /^glu: axis 0 of size 3 does not divide into halves/],
  ['gelu', () => ops.gelu(x(3), { approximate: 'erf' as 'none' }), /^gelu: unknown approximate/],
  [
    'split',
    () => ops.split(x(5), [2, 2]),
    /^split: sections do not fit \(got \[2,2\], wanted a sum of 5\)/,
  ],
  ['select', () => ops.select(x(5), 0, 5), /^select: index 5 is out of range/],
  ['topk', () => ops.topk(x(5), 6), /^topk: k does not fit axis 0 \(got 6/],
  ['quantile', () => ops.quantile(x(5), 1.5), /^quantile: q lies in \[0, 1\]/],
  [
    'ctcLoss',
    () => ops.ctcLoss(x(4, 2, 3), as('int32', 1, 2), [4, 4], [2, 2]),
    /^ctcLoss: targets and lengths do not fit the batch/,
  ],
  ['dropout', () => ops.dropout(x(3), 1.5), /^dropout: p is a probability/],
  ['not a tensor', () => ops.softmax(notATensor), /^softmax: an argument is not a tensor/],
])('%s', (_, call, message) => {
  expect(call).toThrow(HebbError);
  expect(call).toThrow(message);
});
