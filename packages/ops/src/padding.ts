/** Padding in PyTorch's order: last axis before, last axis after, second last before, ... */
import {
  composite,
  concat,
  expand,
  fail,
  flip,
  formatShape,
  narrow,
  pad as padConstant,
  withOp,
} from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { number, oneOf } from './operands.ts';

export type PadMode = 'constant' | 'reflect' | 'replicate' | 'circular';
export const padModes: readonly PadMode[] = ['constant', 'reflect', 'replicate', 'circular'];

interface PadAttrs {
  readonly [name: string]: string | number | readonly number[];
  /** Not negative; one an axis. */
  readonly low: readonly number[];
  readonly high: readonly number[];
  readonly mode: PadMode;
  readonly value: number;
}

/** What a mode cannot supply: more than the axis holds. */
function requireWidths(x: Tensor, axis: number, low: number, high: number, mode: PadMode): void {
  const size = x.shape[axis]!;
  if (mode === 'constant' || (low === 0 && high === 0)) return;
  const most = mode === 'reflect' ? size - 1 : mode === 'circular' ? size : Infinity;
  if (low > most || high > most || size === 0) {
    fail(
      'pad',
      `${mode} padding of axis ${axis} is too wide`,
      `${low} and ${high} around ${size}`,
      `at most ${Math.max(0, most)}`,
    );
  }
}

function padAxis(x: Tensor, axis: number, low: number, high: number, mode: PadMode): Tensor {
  const size = x.shape[axis]!;
  if (low === 0 && high === 0) return x;
  const edge = (at: number, count: number): Tensor =>
    expand(
      narrow(x, axis, at, 1),
      x.shape.map((n, i) => (i === axis ? count : n)),
    );
  const before =
    mode === 'reflect'
      ? () => flip(narrow(x, axis, 1, low), axis)
      : mode === 'circular'
        ? () => narrow(x, axis, size - low, low)
        : () => edge(0, low);
  const after =
    mode === 'reflect'
      ? () => flip(narrow(x, axis, size - 1 - high, high), axis)
      : mode === 'circular'
        ? () => narrow(x, axis, 0, high)
        : () => edge(size - 1, high);
  return concat([...(low > 0 ? [before()] : []), x, ...(high > 0 ? [after()] : [])], axis);
}

const padOp = composite('padMode', {
  body: (x: Tensor, { low, high, mode, value }: PadAttrs): Tensor => {
    if (mode === 'constant') return padConstant(x, { low, high }, value);
    return low.reduce((y, n, axis) => padAxis(y, axis, n, high[axis]!, mode), x);
  },
  onnx: {
    op: 'Pad',
    since: 13,
    emit: (onnx, { low, high, mode, value }) => {
      if (mode === 'circular' && onnx.opset < 19) return undefined;
      const widths = onnx.int64([...(low as number[]), ...(high as number[])]);
      const names = {
        constant: 'constant',
        reflect: 'reflect',
        replicate: 'edge',
        circular: 'wrap',
      };
      const fill =
        mode === 'constant' ? onnx.scalar(number(value, 0), onnx.inputAvals[0]!.dtype) : undefined;
      return onnx.node('Pad', [onnx.inputs[0], widths, fill], { mode: names[mode as PadMode] });
    },
  },
  samples: [
    { in: [[3, 4]], attrs: { low: [0, 1], high: [2, 0], mode: 'constant', value: 1.5 } },
    { in: [[1, 2, 5]], attrs: { low: [0, 0, 2], high: [0, 0, 3], mode: 'reflect', value: 0 } },
    {
      in: [[1, 2, 3, 4]],
      attrs: { low: [0, 0, 1, 0], high: [0, 0, 2, 3], mode: 'replicate', value: 0 },
    },
    { in: [[1, 2, 4]], attrs: { low: [0, 0, 2], high: [0, 0, 4], mode: 'circular', value: 0 } },
  ],
});

/**
 * Pads the last axes: `widths` is [last axis before, last axis after, second last before, ...]; a negative
 * width crops. Modes other than 'constant' take their values from x: mirrored without the edge
 * ('reflect'), the edge repeated ('replicate'), from the other end ('circular').
 */
export const pad = withOp(
  padOp.op,
  (
    x: Tensor,
    widths: readonly number[],
    { mode = 'constant', value = 0 }: { mode?: PadMode; value?: number } = {},
  ): Tensor => {
    oneOf('pad', 'mode', mode, padModes);
    if (widths.length % 2 !== 0 || widths.length > 2 * x.rank || !widths.every(Number.isInteger)) {
      fail(
        'pad',
        'widths do not fit',
        `[${widths.join(',')}] for ${formatShape(x.shape)}`,
        'two integers for each padded axis, last axis first',
      );
    }
    const low = x.shape.map((_, axis) => widths[2 * (x.rank - 1 - axis)] ?? 0);
    const high = x.shape.map((_, axis) => widths[2 * (x.rank - 1 - axis) + 1] ?? 0);
    const positive = (n: number): number => Math.max(0, n);
    const cropped = x.shape.reduce((y, size, axis) => {
      const [before, after] = [positive(-low[axis]!), positive(-high[axis]!)];
      if (before + after > size)
        fail('pad', `axis ${axis} of size ${size} is cropped by ${before + after}`);
      return narrow(y, axis, before, size - before - after);
    }, x);
    const attrs = { low: low.map(positive), high: high.map(positive), mode, value };
    if ([...attrs.low, ...attrs.high].every((n) => n === 0)) return cropped;
    cropped.shape.forEach((_, axis) =>
      requireWidths(cropped, axis, attrs.low[axis]!, attrs.high[axis]!, mode),
    );
    return padOp(cropped, attrs);
  },
);
