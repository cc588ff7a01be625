/** Numbers from the case's layout to TensorFlow's, on the host and ahead of time. */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { Case } from '../../cases/case.ts';
import { record } from '../../cases/work.ts';
import type { HostParameter, HostTensor } from '../../cases/work.ts';

/** Which kinds of layers own a parameter, for those whose weights are laid out in another way. */
export type Layout = 'depthwise' | 'linear' | 'other';

export function layoutsOf(c: Case): (parameter: string) => Layout {
  const layouts = new Map<string, Layout>();
  for (const { op, name, options } of record(c).recorder.steps) {
    if (name === undefined) continue;
    if (op === 'linear') layouts.set(`${name}.weight`, 'linear');
    if (op === 'lstm' || op === 'gru') {
      layouts.set(`${name}.weight_ih`, 'linear').set(`${name}.weight_hh`, 'linear');
    }
    const grouped = 'groups' in options && Number(options.groups) > 1;
    if (grouped) layouts.set(`${name}.weight`, 'depthwise');
  }
  return (parameter) => layouts.get(parameter) ?? 'other';
}

/** [a, b, ...] to another order of axes, on the host. */
export function permute(
  data: Float32Array,
  shape: readonly number[],
  order: readonly number[],
): Float32Array {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const sizes = order.map((axis) => shape[axis]!);
  const out = new Float32Array(data.length);
  const at = sizes.map(() => 0);
  for (let i = 0; i < out.length; i++) {
    out[i] = data[order.reduce((sum, axis, k) => sum + strides[axis]! * at[k]!, 0)]!;
    for (let k = sizes.length - 1; k >= 0 && ++at[k]! === sizes[k]; k--) at[k] = 0;
  }
  return out;
}

const reordered = (data: Float32Array, shape: readonly number[], order: readonly number[]) =>
  tf.tensor(
    permute(data, shape, order),
    order.map((axis) => shape[axis]!),
  );

/** A parameter as `TfjsLayers` wants it. */
export function fromParameter({ data, shape, image }: HostParameter, layout: Layout): Tensor {
  if (shape.length === 4) {
    // [out, in, h, w] -> [h, w, in, out]; a depthwise one -> [h, w, out, 1]; transposed [in, out, h, w] ->
    // [h, w, out, in], which is the same permutation.
    return reordered(data, shape, layout === 'depthwise' ? [2, 3, 0, 1] : [2, 3, 1, 0]);
  }
  if (layout !== 'linear') return tf.tensor(data, [...shape]);
  const [out, inputs] = shape as [number, number];
  const rows = image === undefined ? data : permute(data, [out, ...image], [0, 2, 3, 1]);
  return reordered(rows, [out, inputs], [1, 0]);
}

export function fromHost({ data, shape }: HostTensor): Tensor {
  if (data instanceof Int32Array) return tf.tensor(data, [...shape], 'int32');
  if (shape.length === 4) return reordered(data, shape, [0, 2, 3, 1]);
  return tf.tensor(data, [...shape]);
}
