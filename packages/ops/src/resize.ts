/** Resampling of the spatial axes, separably: each axis is a lookup of one, two or four neighbours and their weights. */
import {
  add,
  cast,
  composite,
  fail,
  floor,
  formatShape,
  gather,
  iota,
  maximum,
  minimum,
  mul,
  reshape,
  sub,
  withOp,
} from '@hebb/core';
import type { DType, Tensor } from '@hebb/core';
import { oneOf, perAxis } from './operands.ts';
import type { PerAxis } from './operands.ts';
import { adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d } from './pooling/adaptive.ts';

export type InterpolateMode =
  'nearest' | 'nearest-exact' | 'linear' | 'bilinear' | 'trilinear' | 'bicubic' | 'area';

type Kernel = 'nearest' | 'nearest-exact' | 'linear' | 'cubic';
type ResizeAttrs = {
  readonly size: readonly number[];
  /** Input steps for one output step, axis by axis. */
  readonly scale: readonly number[];
  readonly kernel: Kernel;
  readonly alignCorners: boolean;
};

/** Keys' cubic convolution with the coefficient that PyTorch and OpenCV use (Keys 1981). */
const cubic = -0.75;
const inner = (t: Tensor): Tensor => add(mul(mul(sub(mul(t, cubic + 2), cubic + 3), t), t), 1);
const outer = (t: Tensor): Tensor =>
  sub(mul(add(mul(sub(mul(t, cubic), 5 * cubic), t), 8 * cubic), t), 4 * cubic);

function resizeAxis(
  x: Tensor,
  axis: number,
  out: number,
  scale: number,
  kernel: Kernel,
  alignCorners: boolean,
): Tensor {
  const size = x.shape[axis]!;
  // As in PyTorch: a linear axis that keeps its size is copied, whatever factor was asked for.
  if (out === size && (scale === 1 || kernel === 'linear')) return x;
  // Positions are exact enough in float32 for any axis that fits in memory.
  const real: DType = x.dtype === 'float64' ? 'float64' : 'float32';
  const step = iota(out, real);
  const within = (index: Tensor): Tensor => cast(minimum(maximum(index, 0), size - 1), 'int32');
  const at = (index: Tensor): Tensor => gather(x, within(index), axis);
  if (kernel === 'nearest') return at(floor(mul(step, scale)));
  if (kernel === 'nearest-exact') return at(floor(mul(add(step, 0.5), scale)));
  const free = alignCorners ? mul(step, scale) : sub(mul(add(step, 0.5), scale), 0.5);
  const position = kernel === 'linear' ? maximum(free, 0) : free;
  const low = floor(position);
  const spread = (weight: Tensor): Tensor =>
    reshape(
      cast(weight, x.dtype),
      x.shape.map((_, i) => (i === axis ? out : 1)),
    );
  const t = sub(position, low);
  if (kernel === 'linear') {
    return add(mul(at(low), spread(sub(1, t))), mul(at(add(low, 1)), spread(t)));
  }
  const taps: [offset: number, weight: Tensor][] = [
    [-1, outer(add(t, 1))],
    [0, inner(t)],
    [1, inner(sub(1, t))],
    [2, outer(sub(2, t))],
  ];
  return taps
    .map(([offset, weight]) => mul(at(add(low, offset)), spread(weight)))
    .reduce((sum, part) => add(sum, part));
}

const resizeOp = composite('resize', {
  body: (x: Tensor, { size, scale, kernel, alignCorners }: ResizeAttrs): Tensor =>
    size.reduce((y, out, i) => resizeAxis(y, i + 2, out, scale[i]!, kernel, alignCorners), x),
  onnx: {
    op: 'Resize',
    since: 13,
    emit: (onnx, given) => {
      const { size, scale, kernel, alignCorners } = given as ResizeAttrs;
      const shape = onnx.inputAvals[0]!.shape;
      const plain = size.every((out, i) => alignCorners || scale[i] === shape[2 + i]! / out);
      // One output element lies elsewhere in ONNX when corners are aligned; given factors need scales.
      if (!plain || (alignCorners && size.includes(1))) return undefined;
      const sizes = onnx.int64([...shape.slice(0, 2), ...size]);
      const nearest = kernel.startsWith('nearest');
      return onnx.node('Resize', [onnx.inputs[0], undefined, undefined, sizes], {
        mode: nearest ? 'nearest' : kernel,
        coordinate_transformation_mode: alignCorners
          ? 'align_corners'
          : kernel === 'nearest'
            ? 'asymmetric'
            : 'half_pixel',
        nearest_mode: nearest ? (kernel === 'nearest' ? 'floor' : 'round_prefer_ceil') : undefined,
        cubic_coeff_a: kernel === 'cubic' ? { float: cubic } : undefined,
      });
    },
  },
  samples: [
    {
      in: [[1, 2, 5]],
      attrs: { size: [8], scale: [0.625], kernel: 'nearest', alignCorners: false },
    },
    {
      in: [[1, 2, 3, 4]],
      attrs: { size: [6, 8], scale: [0.5, 0.5], kernel: 'linear', alignCorners: false },
    },
    {
      in: [[1, 1, 3, 4]],
      attrs: { size: [5, 7], scale: [0.5, 0.5], kernel: 'linear', alignCorners: true },
    },
    {
      in: [[1, 1, 4, 5]],
      attrs: { size: [7, 8], scale: [4 / 7, 0.625], kernel: 'cubic', alignCorners: false },
    },
  ],
});

export interface InterpolateOptions {
  /** Spatial sizes of the result; or give `scaleFactor`. */
  readonly size?: PerAxis | null;
  readonly scaleFactor?: number | readonly number[] | null;
  readonly mode?: InterpolateMode;
  /** Whether the outermost elements of input and output lie on each other, rather than their edges. */
  readonly alignCorners?: boolean | null;
  /** Use the ratio of the sizes instead of the factor given. */
  readonly recomputeScaleFactor?: boolean | null;
}

const kernels: Readonly<Record<Exclude<InterpolateMode, 'area'>, [Kernel, number | undefined]>> = {
  nearest: ['nearest', undefined],
  'nearest-exact': ['nearest-exact', undefined],
  linear: ['linear', 1],
  bilinear: ['linear', 2],
  trilinear: ['linear', 3],
  bicubic: ['cubic', 2],
};
const poolers = [adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d] as const;

/**
 * Resizes the spatial axes of [N, C, ...] to `size`, or by `scaleFactor` (sizes are rounded down). Linear
 * and cubic modes take the border's value outside. Shape: [N, C, ...D] -> [N, C, ...size].
 */
export const interpolate = withOp(
  resizeOp.op,
  (
    x: Tensor,
    {
      size,
      scaleFactor,
      mode = 'nearest',
      alignCorners = false,
      recomputeScaleFactor = false,
    }: InterpolateOptions,
  ): Tensor => {
    const op = 'interpolate';
    const modes = [...Object.keys(kernels), 'area'] as InterpolateMode[];
    oneOf(op, 'mode', mode, modes);
    const spatial = x.rank - 2;
    if (spatial < 1 || spatial > 3)
      fail(op, 'input does not fit', formatShape(x.shape), '[N, C, one to three spatial axes]');
    if ((size == null) === (scaleFactor == null)) fail(op, 'give either size or scaleFactor');
    const inputs = x.shape.slice(2);
    if (inputs.includes(0)) fail(op, 'input is empty', formatShape(x.shape));
    let factors: readonly number[] | undefined;
    if (scaleFactor != null) {
      factors = typeof scaleFactor === 'number' ? inputs.map(() => scaleFactor) : [...scaleFactor];
      if (factors.length !== spatial || factors.some((f) => !(f > 0)))
        fail(
          op,
          'scaleFactor does not fit',
          `[${factors.join(',')}]`,
          `${spatial} positive numbers`,
        );
    }
    const sizes =
      factors === undefined
        ? perAxis(op, 'size', size!, spatial, 1)
        : inputs.map((n, i) => Math.floor(n * factors[i]!));
    if (sizes.includes(0)) fail(op, 'the result would be empty', `[${sizes.join(',')}]`);
    if (mode === 'area') return poolers[spatial - 1]!(x, sizes);
    const [kernel, axes] = kernels[mode];
    if (axes !== undefined && axes !== spatial)
      fail(op, `mode ${mode} needs ${axes} spatial axes`, formatShape(x.shape));
    const aligned = alignCorners === true;
    if (aligned && axes === undefined) fail(op, `mode ${mode} has no alignCorners`);
    const scale = inputs.map((n, i) => {
      const out = sizes[i]!;
      if (aligned) return out > 1 ? (n - 1) / (out - 1) : 0;
      return factors === undefined || recomputeScaleFactor === true ? n / out : 1 / factors[i]!;
    });
    return resizeOp(x, { size: sizes, scale, kernel, alignCorners: aligned });
  },
);
