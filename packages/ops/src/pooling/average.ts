/** Average and power-average pooling. */
import {
  composite,
  concat,
  div,
  eq,
  fail,
  full,
  mul,
  pow,
  reshape,
  sizeOf,
  sqrt,
  sum,
  where,
  withOp,
} from '@hebb/core';
import type { DType, OpFunction, Tensor } from '@hebb/core';
import { asFloat } from '../operands.ts';
import type { PerAxis } from '../operands.ts';
import { batched, onnxPoolAttrs, poolAttrs, pooledSizes, windows } from './windows.ts';
import type { PoolAttrs, PoolOptions } from './windows.ts';

export interface AvgPoolOptions extends PoolOptions {
  /** Whether the border counts as elements (of value 0). */
  readonly countIncludePad?: boolean;
  /** Divide by this instead of the number of elements. */
  readonly divisorOverride?: number | null;
}
type AvgPoolAttrs = PoolAttrs & {
  readonly countIncludePad: boolean;
  readonly divisor: number | null;
};

/** How many elements each window holds along one axis: a border counts or not, what lies beyond it never. */
function windowSizes(size: number, count: number, attrs: AvgPoolAttrs, i: number): number[] {
  const [kernel, stride, padding] = [attrs.kernel[i]!, attrs.stride[i]!, attrs.padding[i]!];
  return Array.from({ length: count }, (_, k) => {
    const start = k * stride - padding;
    const end = Math.min(start + kernel, size + padding);
    return attrs.countIncludePad ? end - start : Math.min(end, size) - Math.max(start, 0);
  });
}

/** A vector of small numbers along one axis, from runs of equal ones: bodies hold no data of their own. */
function runs(values: readonly number[], dtype: DType): Tensor {
  const parts: Tensor[] = [];
  for (let start = 0; start < values.length;) {
    let end = start + 1;
    while (end < values.length && values[end] === values[start]) end += 1;
    parts.push(full([end - start], values[start]!, dtype));
    start = end;
  }
  return concat(parts, 0);
}

function averaged(op: string, x: Tensor, attrs: AvgPoolAttrs): Tensor {
  const spatial = attrs.kernel.length;
  const total = sum(
    windows(op, x, attrs, 0),
    attrs.kernel.map((_, i) => -1 - i),
  );
  if (attrs.divisor !== null) return div(total, attrs.divisor);
  const counts = pooledSizes(op, x.shape, attrs);
  const sizes = counts.map((count, i) => windowSizes(x.shape[2 + i]!, count, attrs, i));
  let scalar = 1;
  let y = total;
  sizes.forEach((list, i) => {
    if (list.every((n) => n === list[0])) scalar *= list[0]!;
    else {
      const shape = counts.map((count, k) => (k === i ? count : 1));
      y = div(y, reshape(runs(list, x.dtype), [1, 1, ...shape]));
    }
  });
  return spatial === 0 || scalar === 1 ? y : div(y, scalar);
}

type AvgBody = (x: Tensor, attrs: AvgPoolAttrs) => Tensor;
function avgPoolOp(spatial: number): OpFunction<AvgBody> {
  const name = `avgPool${spatial}d`;
  const each = <T>(value: T): T[] => new Array<T>(spatial).fill(value);
  const plain = {
    kernel: each(2),
    stride: each(2),
    padding: each(0),
    dilation: each(1),
    ceilMode: false,
    countIncludePad: true,
    divisor: null,
  };
  return composite<AvgBody>(name, {
    body: (x, attrs) => averaged(name, x, attrs),
    onnx: {
      op: 'AveragePool',
      since: 11,
      emit: (onnx, given) => {
        const attrs = given as AvgPoolAttrs;
        // Where windows are cut by the end, opsets count their elements differently.
        if (attrs.divisor !== null || attrs.ceilMode) return undefined;
        return onnx.node('AveragePool', [onnx.inputs[0]], {
          ...onnxPoolAttrs(attrs),
          count_include_pad: attrs.countIncludePad ? 1 : 0,
        });
      },
    },
    samples: [
      { in: [[2, 2, ...each(4)]], attrs: plain },
      {
        in: [[1, 2, ...each(5)]],
        attrs: {
          ...plain,
          kernel: each(3),
          padding: each(1),
          ceilMode: true,
          countIncludePad: false,
        },
      },
      { in: [[1, 1, ...each(4)]], attrs: { ...plain, divisor: 3 } },
    ],
  });
}

type AvgPool = OpFunction<(x: Tensor, kernelSize: PerAxis, options?: AvgPoolOptions) => Tensor>;
function avgPool(spatial: number): AvgPool {
  const op = avgPoolOp(spatial);
  const name = op.op.name;
  return withOp(op.op, (x: Tensor, kernelSize: PerAxis, options: AvgPoolOptions = {}): Tensor => {
    const { countIncludePad = true, divisorOverride: divisor = null } = options;
    if (divisor === 0) fail(name, 'divisorOverride is not 0', '0');
    const attrs = {
      ...poolAttrs(name, spatial, kernelSize, options),
      countIncludePad,
      divisor,
    };
    return batched(name, asFloat(name, x), spatial, (batch) => op(batch, attrs));
  });
}

/**
 * Mean of each window. Shape: [N, C, L] -> [N, C, E], E = ⌊(L + 2·padding - kernel) / stride⌋ + 1. With
 * `ceilMode` a window that reaches beyond the border is divided by the elements it has up to there.
 */
export const avgPool1d: AvgPool = avgPool(1);
/** See `avgPool1d`. Shape: [N, C, H, W] -> [N, C, EH, EW]. */
export const avgPool2d: AvgPool = avgPool(2);
/** See `avgPool1d`. Shape: [N, C, D, H, W] -> [N, C, ED, EH, EW]. */
export const avgPool3d: AvgPool = avgPool(3);

// --- powers ---

const poolers = [avgPool1d, avgPool2d, avgPool3d] as const;

function lpPool(spatial: 1 | 2 | 3) {
  return (
    x: Tensor,
    normType: number,
    kernelSize: PerAxis,
    { stride, ceilMode = false }: Pick<PoolOptions, 'stride' | 'ceilMode'> = {},
  ): Tensor => {
    const { kernel } = poolAttrs(`lpPool${spatial}d`, spatial, kernelSize, {});
    const powers = normType === 1 ? x : normType === 2 ? mul(x, x) : pow(x, normType);
    const average = poolers[spatial - 1]!(powers, kernelSize, { stride: stride ?? null, ceilMode });
    // PyTorch's definition: a window cut by the end is averaged, then scaled by the whole kernel.
    const total = mul(average, sizeOf(kernel));
    // The gradient of a window without any power, of zeros after a rectifier say, is 0 and not that of a root.
    const none = eq(total, 0);
    const safe = where(none, 1, total);
    const root = normType === 1 ? safe : normType === 2 ? sqrt(safe) : pow(safe, 1 / normType);
    return where(none, 0, root);
  };
}
/** (Σ x^p)^(1/p) of each window; the gradient where that is 0 is 0. Shape: as `avgPool1d`. */
export const lpPool1d = lpPool(1);
/** See `lpPool1d`. Shape: as `avgPool2d`. */
export const lpPool2d = lpPool(2);
/** See `lpPool1d`. Shape: as `avgPool3d`. */
export const lpPool3d = lpPool(3);
