/** What is chosen by the numbers themselves: boxes, distinct elements. The output's shape depends on them. */
import { fold, normalizeAxis, permute, reshape, sizeOf } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { nms } from '@hebb/ops';
import type { Call } from '../call.ts';
import { hostNumbersOf } from '../numbers.ts';
import { since } from '../table.ts';
import type { OperatorTable } from '../table.ts';
import { int64 } from '../value.ts';
import type { HostTensor, Value } from '../value.ts';

/** Four numbers a box, two opposite corners with the lower one first, batch by batch. */
function boxes(c: Call): Float64Array[] {
  const data = hostNumbersOf(c.host(0));
  const [batches, count] = c.shape(0) as [number, number];
  const centred = c.attr.int('center_point_box', 0) === 1;
  return Array.from({ length: batches }, (_, b) => {
    const corners = new Float64Array(4 * count);
    for (let i = 0; i < count; i++) {
      const [p, q, r, s] = [0, 1, 2, 3].map((k) => Number(data[(b * count + i) * 4 + k])) as [
        number,
        number,
        number,
        number,
      ];
      // Centre and size, or two corners in any order.
      corners.set(
        centred
          ? [p - r / 2, q - s / 2, p + r / 2, q + s / 2]
          : [Math.min(p, r), Math.min(q, s), Math.max(p, r), Math.max(q, s)],
        4 * i,
      );
    }
    return corners;
  });
}

function nonMaxSuppression(c: Call): HostTensor {
  const all = boxes(c);
  const scores = hostNumbersOf(c.host(1));
  const [batches, classes, count] = c.shape(1) as [number, number, number];
  const options = {
    limit: c.has(2) ? c.number(2) : 0,
    iouThreshold: c.has(3) ? c.number(3) : 0,
    scoreThreshold: c.has(4) ? c.number(4) : -Infinity,
  };
  const chosen: number[] = [];
  for (let b = 0; b < batches; b++) {
    for (let k = 0; k < classes; k++) {
      const score = Float64Array.from({ length: count }, (_, i) =>
        Number(scores[(b * classes + k) * count + i]),
      );
      for (const i of nms(all[b]!, score, options)) chosen.push(b, k, i);
    }
  }
  return int64(chosen, [chosen.length / 3, 3]);
}

/** Distinct elements, or slices along an axis, with where they first stand and how often they occur. */
function unique(c: Call): Value[] {
  const host = c.host(0);
  const { shape, dtype } = host;
  const sorted = c.attr.bool('sorted', true);
  const flat = !c.attr.has('axis');
  const axis = flat ? 0 : normalizeAxis(c.op, c.attr.int('axis'), shape.length);
  const view = flat ? [host.data.length] : shape;
  const count = view[axis]!;
  const outer = sizeOf(view.slice(0, axis));
  const inner = sizeOf(view.slice(axis + 1));
  const data = host.data as ArrayLike<string | number | bigint>;
  const numbers = host.dtype === 'string' ? host.data : hostNumbersOf(host);
  /** Places of the elements of slice i, in order. */
  const placesOf = (i: number): number[] => {
    const places: number[] = [];
    for (let o = 0; o < outer; o++) {
      for (let k = 0; k < inner; k++) places.push((o * count + i) * inner + k);
    }
    return places;
  };
  const compare = (i: number, j: number): number => {
    const [p, q] = [placesOf(i), placesOf(j)];
    for (let k = 0; k < p.length; k++) {
      const [a, b] = [numbers[p[k]!]!, numbers[q[k]!]!];
      if (a < b) return -1;
      if (a > b) return 1;
    }
    return 0;
  };
  const groups = new Map<string, number[]>();
  for (let i = 0; i < count; i++) {
    const key = JSON.stringify(placesOf(i).map((place) => String(numbers[place])));
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [i]);
    else group.push(i);
  }
  const list = [...groups.values()];
  if (sorted) list.sort((a, b) => compare(a[0]!, b[0]!));
  const inverse = new Array<number>(count);
  list.forEach((group, k) => group.forEach((i) => (inverse[i] = k)));
  const outShape = view.map((dim, i) => (i === axis ? list.length : dim));
  const picked: (string | number | bigint)[] = [];
  for (let o = 0; o < outer; o++) {
    for (const group of list) {
      for (let k = 0; k < inner; k++) picked.push(data[(o * count + group[0]!) * inner + k]!);
    }
  }
  return [
    rebuilt(host, picked, outShape),
    int64(list.map((group) => group[0]!)),
    int64(inverse),
    int64(list.map((group) => group.length)),
  ].map((value) => ({ ...value, dtype: value.dtype === 'int64' ? 'int64' : dtype }) as HostTensor);
}

/** The same kind of array with other elements. */
function rebuilt(
  host: HostTensor,
  elements: readonly (string | number | bigint)[],
  shape: readonly number[],
): HostTensor {
  if (host.dtype === 'string') return { ...host, shape, data: elements.map(String) };
  const Type = host.data.constructor as new (list: readonly unknown[]) => typeof host.data;
  return { ...host, shape, data: new Type(elements) } as HostTensor;
}

/** Columns of blocks added up into an image: the transpose of sliding windows. */
function col2im(c: Call): Tensor {
  const x = c.tensor(0);
  const image = c.ints(1);
  const block = c.ints(2);
  const n = image.length;
  const ones = new Array<number>(n).fill(1);
  const stride = c.attr.ints('strides', ones);
  const dilation = c.attr.ints('dilations', ones);
  const pads = c.attr.ints('pads', new Array<number>(2 * n).fill(0));
  const spatial = image.map((size, i) => size + pads[i]! + pads[n + i]!);
  const counts = spatial.map(
    (size, i) => Math.floor((size - dilation[i]! * (block[i]! - 1) - 1) / stride[i]!) + 1,
  );
  const [batch, width] = x.shape as [number, number];
  const channels = width / sizeOf(block);
  const parts = reshape(x, [batch, channels, ...block, ...counts]);
  const order = [0, 1, ...counts.map((_, i) => 2 + n + i), ...block.map((_, i) => 2 + i)];
  const whole = fold(permute(parts, order), { size: block, stride, dilation, spatial });
  let y = whole;
  image.forEach((size, i) => (y = y.narrow(2 + i, pads[i]!, size)));
  return y;
}

export const selectionOperators: OperatorTable = {
  NonMaxSuppression: [since(1, nonMaxSuppression)],
  Unique: [since(1, unique)],
  Col2Im: [since(1, col2im)],
};
