/** Convolution and its transpose in one to three dimensions. Data is [N, C, ...], or [C, ...] for one item. */
import {
  add,
  composite,
  conv,
  convTranspose,
  fail,
  formatShape,
  narrow,
  pad as padConstant,
  reshape,
  squeeze,
  unsqueeze,
  withOp,
} from '@hebb/core';
import type { ConvAttrs, OnnxAttrs, OpFunction, Sample, Tensor } from '@hebb/core';
import { oneOf, perAxis } from './operands.ts';
import type { PerAxis } from './operands.ts';
import { pad } from './padding.ts';
import type { PadMode } from './padding.ts';

export interface ConvOptions {
  readonly stride?: PerAxis;
  /** Zeros on both sides of each axis; 'same' keeps the size (stride 1), 'valid' adds none. */
  readonly padding?: PerAxis | 'same' | 'valid';
  readonly dilation?: PerAxis;
  readonly groups?: number;
  /** Where padding takes its values from. */
  readonly paddingMode?: 'zeros' | Exclude<PadMode, 'constant'>;
}

/** Runs `body` on data with a batch axis, which is added and taken off again for a single item. */
function batched(op: string, x: Tensor, spatial: number, body: (x: Tensor) => Tensor): Tensor {
  if (x.rank === spatial + 2) return body(x);
  if (x.rank === spatial + 1) return squeeze(body(unsqueeze(x, 0)), 0);
  return fail(
    op,
    'input has the wrong number of axes',
    formatShape(x.shape),
    `[N, C, ${spatial} spatial axes], or without N`,
  );
}

const perChannel = (bias: Tensor, spatial: number): Tensor =>
  reshape(bias, [1, bias.size, ...new Array<number>(spatial).fill(1)]);

function requireBias(op: string, bias: Tensor | null | undefined, channels: number): void {
  if (bias != null && (bias.rank !== 1 || bias.size !== channels))
    fail(op, 'bias does not fit', formatShape(bias.shape), `[${channels}]`);
}

function convSamples(spatial: number): readonly Sample[] {
  const each = <T>(value: T): T[] => new Array<T>(spatial).fill(value);
  const plain = { stride: each(1), padding: each([0, 0]), dilation: each(1), groups: 1 };
  return [
    { in: [[2, 3, ...each(4)], [2, 3, ...each(2)], [2]], attrs: plain },
    {
      in: [[1, 4, ...each(5)], [4, 2, ...each(2)], null],
      attrs: { stride: each(2), padding: each([1, 0]), dilation: each(2), groups: 2 },
    },
  ];
}

function onnxConvAttrs({ stride, padding, dilation, groups }: ConvAttrs): OnnxAttrs {
  return {
    strides: stride,
    pads: [...padding.map((p) => p[0]), ...padding.map((p) => p[1])],
    dilations: dilation,
    group: groups,
  };
}

type ConvBody = (x: Tensor, weight: Tensor, bias: Tensor | undefined, attrs: ConvAttrs) => Tensor;

function convOp(spatial: number): OpFunction<ConvBody> {
  return composite<ConvBody>(`conv${spatial}d`, {
    body: (x, weight, bias, attrs) => {
      const y = conv(x, weight, attrs);
      return bias === undefined ? y : add(y, perChannel(bias, spatial));
    },
    onnx: {
      op: 'Conv',
      since: 11,
      attrs: (attrs) => onnxConvAttrs(attrs as ConvAttrs),
    },
    samples: convSamples(spatial),
  });
}

type Conv = OpFunction<
  (x: Tensor, weight: Tensor, bias?: Tensor | null, options?: ConvOptions) => Tensor
>;

function convolution(spatial: number): Conv {
  const op = convOp(spatial);
  const name = op.op.name;
  return withOp(
    op.op,
    (x: Tensor, weight: Tensor, bias?: Tensor | null, options: ConvOptions = {}): Tensor => {
      const { groups = 1, padding = 0, paddingMode = 'zeros' } = options;
      oneOf(name, 'paddingMode', paddingMode, ['zeros', 'reflect', 'replicate', 'circular']);
      if (weight.rank !== spatial + 2) {
        fail(
          name,
          'weight has the wrong number of axes',
          formatShape(weight.shape),
          `[O, C/groups, ${spatial} kernel sizes]`,
        );
      }
      requireBias(name, bias, weight.shape[0]!);
      const stride = perAxis(name, 'stride', options.stride ?? 1, spatial, 1);
      const dilation = perAxis(name, 'dilation', options.dilation ?? 1, spatial, 1);
      const widths = paddingWidths(name, padding, weight.shape.slice(2), stride, dilation);
      return batched(name, x, spatial, (batch) => {
        const attrs = { stride, padding: widths, dilation, groups };
        if (paddingMode === 'zeros') return op(batch, weight, bias ?? undefined, attrs);
        const padded = pad(batch, [...widths].reverse().flat(), { mode: paddingMode });
        return op(padded, weight, bias ?? undefined, {
          ...attrs,
          padding: widths.map(() => [0, 0] as const),
        });
      });
    },
  );
}

/** Padding before and after each axis. For 'same' the odd one goes after. */
function paddingWidths(
  op: string,
  padding: PerAxis | 'same' | 'valid',
  kernel: readonly number[],
  stride: readonly number[],
  dilation: readonly number[],
): (readonly [number, number])[] {
  if (padding === 'valid') return kernel.map(() => [0, 0]);
  if (padding === 'same') {
    if (stride.some((s) => s !== 1))
      fail(op, "padding 'same' needs stride 1", `[${stride.join(',')}]`);
    return kernel.map((k, i) => {
      const total = dilation[i]! * (k - 1);
      return [Math.floor(total / 2), Math.ceil(total / 2)];
    });
  }
  if (typeof padding === 'string')
    fail(op, 'unknown padding', padding, "numbers, 'same' or 'valid'");
  return perAxis(op, 'padding', padding, kernel.length).map((p) => [p, p]);
}

/**
 * Convolution (cross-correlation). Shape: x [N, C, L], weight [O, C/groups, K], bias [O] -> [N, O, E],
 * E = ⌊(L + 2·padding - dilation·(K - 1) - 1) / stride⌋ + 1.
 */
export const conv1d: Conv = convolution(1);
/** See `conv1d`. Shape: x [N, C, H, W], weight [O, C/groups, KH, KW], bias [O] -> [N, O, EH, EW]. */
export const conv2d: Conv = convolution(2);
/** See `conv1d`. Shape: x [N, C, D, H, W], weight [O, C/groups, KD, KH, KW], bias [O] -> [N, O, ...E]. */
export const conv3d: Conv = convolution(3);

/**
 * Convolution whose output at a position sees only that position and earlier ones: dilation · (K - 1)
 * zeros are put before. Shape: x [N, C, L] -> [N, O, ⌈L / stride⌉]. van den Oord et al. 2016, arXiv:1609.03499.
 */
export function causalConv1d(
  x: Tensor,
  weight: Tensor,
  bias?: Tensor | null,
  { dilation = 1, ...options }: Pick<ConvOptions, 'stride' | 'dilation' | 'groups'> = {},
): Tensor {
  const [step] = perAxis('causalConv1d', 'dilation', dilation, 1, 1);
  const before = step! * (weight.shape[weight.rank - 1]! - 1);
  return conv1d(pad(x, [before, 0]), weight, bias, { ...options, dilation });
}

// --- transposed ---

export interface ConvTransposeOptions {
  readonly stride?: PerAxis;
  /** Cut off both sides of each axis. */
  readonly padding?: PerAxis;
  /** Added after each axis; less than stride or dilation. */
  readonly outputPadding?: PerAxis;
  readonly groups?: number;
  readonly dilation?: PerAxis;
}

type TransposeAttrs = {
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly outputPadding: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
};
type TransposeBody = (
  x: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  attrs: TransposeAttrs,
) => Tensor;

function transposed(x: Tensor, weight: Tensor, attrs: TransposeAttrs): Tensor {
  const { stride, padding, outputPadding, dilation, groups } = attrs;
  const whole = stride.map(
    (s, i) => (x.shape[2 + i]! - 1) * s + dilation[i]! * (weight.shape[2 + i]! - 1) + 1,
  );
  if (outputPadding.every((extra, i) => extra < stride[i]!)) {
    const size = whole.map((n, i) => n - 2 * padding[i]! + outputPadding[i]!);
    const widths = padding.map((p) => [p, p] as const);
    return convTranspose(x, weight, { stride, padding: widths, dilation, groups, size });
  }
  // The core op cannot express more output than one stride beyond the last input: cut it out by hand.
  const widths = padding.map(() => [0, 0] as const);
  const y = convTranspose(x, weight, { stride, padding: widths, dilation, groups, size: whole });
  return outputPadding.reduce((z, extra, i) => {
    const end = whole[i]! - padding[i]! + extra;
    const beyond = Math.max(0, end - whole[i]!);
    const high = z.shape.map((_, axis) => (axis === i + 2 ? beyond : 0));
    const wide = padConstant(z, { low: high.map(() => 0), high });
    return narrow(wide, i + 2, padding[i]!, end - padding[i]!);
  }, y);
}

type ConvTranspose = OpFunction<
  (x: Tensor, weight: Tensor, bias?: Tensor | null, options?: ConvTransposeOptions) => Tensor
>;

function transposedConvolution(spatial: number): ConvTranspose {
  const each = <T>(value: T): T[] => new Array<T>(spatial).fill(value);
  const op = composite<TransposeBody>(`convTranspose${spatial}d`, {
    body: (x, weight, bias, attrs) => {
      const y = transposed(x, weight, attrs);
      return bias === undefined ? y : add(y, perChannel(bias, spatial));
    },
    onnx: {
      op: 'ConvTranspose',
      since: 11,
      attrs: (given) => {
        const attrs = given as TransposeAttrs;
        return {
          strides: attrs.stride,
          pads: [...attrs.padding, ...attrs.padding],
          output_padding: attrs.outputPadding,
          dilations: attrs.dilation,
          group: attrs.groups,
        };
      },
    },
    samples: [
      {
        in: [[2, 3, ...each(3)], [3, 2, ...each(2)], [2]],
        attrs: {
          stride: each(1),
          padding: each(0),
          outputPadding: each(0),
          dilation: each(1),
          groups: 1,
        },
      },
      {
        in: [[1, 4, ...each(3)], [4, 1, ...each(3)], null],
        attrs: {
          stride: each(2),
          padding: each(1),
          outputPadding: each(1),
          dilation: each(1),
          groups: 2,
        },
      },
    ],
  });
  const name = op.op.name;
  return withOp(
    op.op,
    (
      x: Tensor,
      weight: Tensor,
      bias?: Tensor | null,
      options: ConvTransposeOptions = {},
    ): Tensor => {
      const { groups = 1 } = options;
      if (weight.rank !== spatial + 2) {
        fail(
          name,
          'weight has the wrong number of axes',
          formatShape(weight.shape),
          `[C, O/groups, ${spatial} kernel sizes]`,
        );
      }
      requireBias(name, bias, weight.shape[1]! * groups);
      const stride = perAxis(name, 'stride', options.stride ?? 1, spatial, 1);
      const dilation = perAxis(name, 'dilation', options.dilation ?? 1, spatial, 1);
      const padding = perAxis(name, 'padding', options.padding ?? 0, spatial);
      const extra = perAxis(name, 'outputPadding', options.outputPadding ?? 0, spatial);
      if (extra.some((n, i) => n >= Math.max(stride[i]!, dilation[i]!))) {
        fail(
          name,
          'outputPadding is less than stride or dilation',
          `outputPadding [${extra.join(',')}], stride [${stride.join(',')}], dilation [${dilation.join(',')}]`,
        );
      }
      return batched(name, x, spatial, (batch) => {
        if (batch.shape[1] !== weight.shape[0]) {
          fail(
            name,
            `input has ${batch.shape[1]} channels, weight wants ${weight.shape[0]}`,
            `input ${formatShape(batch.shape)}, weight ${formatShape(weight.shape)}`,
          );
        }
        stride.forEach((s, i) => {
          const span = dilation[i]! * (weight.shape[2 + i]! - 1) + 1;
          const size = (batch.shape[2 + i]! - 1) * s + span - 2 * padding[i]! + extra[i]!;
          if (size < 1) fail(name, `padding leaves nothing of axis ${i + 2}`, `size ${size}`);
        });
        return op(batch, weight, bias ?? undefined, {
          stride,
          padding,
          outputPadding: extra,
          dilation,
          groups,
        });
      });
    },
  );
}

/**
 * Transposed convolution. Shape: x [N, C, L], weight [C, O/groups, K], bias [O] -> [N, O, E],
 * E = (L - 1)·stride - 2·padding + dilation·(K - 1) + outputPadding + 1.
 */
export const convTranspose1d: ConvTranspose = transposedConvolution(1);
/** See `convTranspose1d`. Shape: x [N, C, H, W], weight [C, O/groups, KH, KW] -> [N, O, EH, EW]. */
export const convTranspose2d: ConvTranspose = transposedConvolution(2);
/** See `convTranspose1d`. Shape: x [N, C, D, H, W], weight [C, O/groups, KD, KH, KW] -> [N, O, ...E]. */
export const convTranspose3d: ConvTranspose = transposedConvolution(3);
