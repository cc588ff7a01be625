/** Padding in its four modes. Negative widths crop. */
import { broadcastTo, concat, flip, narrow, normalizeAxis, pad, where } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import type { Call } from '../call.ts';
import { movement } from '../movement.ts';
import { isHost } from '../value.ts';
import type { Value } from '../value.ts';

interface Widths {
  readonly low: readonly number[];
  readonly high: readonly number[];
}

function widths(c: Call, rank: number): Widths {
  const pads = c.opset < 11 ? (c.attr.ints('pads') ?? c.attr.ints('paddings') ?? []) : c.ints(1);
  const axes = (c.maybeInts(3) ?? Array.from({ length: rank }, (_, i) => i)).map((axis) =>
    normalizeAxis(c.op, axis, rank),
  );
  if (pads.length !== 2 * axes.length) {
    c.invalid(`${pads.length} widths for ${axes.length} axes, wanted ${2 * axes.length}`);
  }
  const low = new Array<number>(rank).fill(0);
  const high = new Array<number>(rank).fill(0);
  axes.forEach((axis, k) => {
    low[axis] = pads[k]!;
    high[axis] = pads[axes.length + k]!;
  });
  return { low, high };
}

export function padded(c: Call): Value {
  const rank = c.shape(0).length;
  const { low, high } = widths(c, rank);
  c.sized(c.shape(0).reduce((n, dim, i) => n * Math.max(0, dim + low[i]! + high[i]!), 1));
  const mode = c.attr.string('mode', 'constant');
  if (mode === 'constant') return constant(c, low, high);
  if (mode !== 'reflect' && mode !== 'edge' && mode !== 'wrap') c.unsupported(`mode ${mode}`);
  return movement(c, c.value(0), (x) => {
    let y = crop(x, low, high);
    for (let axis = 0; axis < rank; axis++) y = along(c, y, axis, low[axis]!, high[axis]!, mode);
    return y;
  });
}

function crop(x: Tensor, low: readonly number[], high: readonly number[]): Tensor {
  let y = x;
  for (let axis = 0; axis < x.rank; axis++) {
    const [a, b] = [Math.max(0, -low[axis]!), Math.max(0, -high[axis]!)];
    if (a > 0 || b > 0) y = narrow(y, axis, a, Math.max(0, x.shape[axis]! - a - b));
  }
  return y;
}

function constant(c: Call, low: readonly number[], high: readonly number[]): Value {
  const x = crop(c.tensor(0), low, high);
  const positive = { low: low.map((n) => Math.max(0, n)), high: high.map((n) => Math.max(0, n)) };
  if (c.opset < 11) return pad(x, positive, c.attr.float('value', 0));
  if (!c.has(2)) return pad(x, positive);
  const fill = c.value(2);
  if (
    isHost(fill) &&
    fill.data.length === 1 &&
    fill.dtype !== 'float16' &&
    fill.dtype !== 'bfloat16'
  ) {
    return pad(x, positive, fill.data[0] as number | bigint);
  }
  // A fill that is computed: choose it where the padding of a mask says so.
  const inside = pad(x.eq(x).or(x.ne(x)), positive, false);
  return where(inside, pad(x, positive), broadcastTo(c.asTensor(fill).reshape([]), inside.shape));
}

type Mode = 'reflect' | 'edge' | 'wrap';

function along(c: Call, x: Tensor, axis: number, low: number, high: number, mode: Mode): Tensor {
  let y = x;
  let [before, after] = [Math.max(0, low), Math.max(0, high)];
  const size = x.shape[axis]!;
  if (before === 0 && after === 0) return x;
  if (size === 0) c.invalid(`axis ${axis} is empty: nothing to repeat`);
  if (mode === 'edge') {
    const repeat = (at: number, n: number) =>
      broadcastTo(
        narrow(x, axis, at, 1),
        x.shape.map((dim, i) => (i === axis ? n : dim)),
      );
    return concat(
      [
        ...(before > 0 ? [repeat(0, before)] : []),
        x,
        ...(after > 0 ? [repeat(size - 1, after)] : []),
      ],
      axis,
    );
  }
  if (mode === 'reflect' && size === 1) return along(c, x, axis, low, high, 'edge');
  // Widths beyond one period are added piece by piece.
  const reach = mode === 'reflect' ? size - 1 : size;
  if (mode === 'wrap') {
    const head = before % size;
    const pieces: Tensor[] = head > 0 ? [narrow(x, axis, size - head, head)] : [];
    for (let k = 0; k < Math.floor(before / size); k++) pieces.push(x);
    pieces.push(x);
    for (let k = 0; k < Math.floor(after / size); k++) pieces.push(x);
    const tail = after % size;
    if (tail > 0) pieces.push(narrow(x, axis, 0, tail));
    return concat(pieces, axis);
  }
  while (before > 0 || after > 0) {
    const now = y.shape[axis]!;
    const [a, b] = [Math.min(before, reach), Math.min(after, reach)];
    y = concat(
      [
        ...(a > 0 ? [flip(narrow(y, axis, 1, a), axis)] : []),
        y,
        ...(b > 0 ? [flip(narrow(y, axis, now - 1 - b, b), axis)] : []),
      ],
      axis,
    );
    before -= a;
    after -= b;
  }
  return y;
}
