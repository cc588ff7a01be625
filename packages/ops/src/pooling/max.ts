/** Maximum pooling, with positions, and its inverse. */
import {
  add,
  argmax,
  broadcastTo,
  composite,
  divTrunc,
  eq,
  fail,
  fold,
  formatShape,
  iota,
  lt,
  max,
  mul,
  reshape,
  scatterElements,
  sizeOf,
  slice,
  sub,
  where,
  withOp,
  zeros,
} from '@hebb/core';
import type { OpFunction, Sample, Tensor, VjpContext } from '@hebb/core';
import { remainder } from '../math.ts';
import { asIndex, lowest, perAxis } from '../operands.ts';
import type { PerAxis } from '../operands.ts';
import { batched, borders, onnxPoolAttrs, poolAttrs, windows } from './windows.ts';
import type { PoolAttrs, PoolOptions } from './windows.ts';

export interface MaxPoolOptions extends PoolOptions {
  /** Distance of the elements inside a window. */
  readonly dilation?: PerAxis;
}

/**
 * Position of each window's first maximum in the flattened spatial axes, which is how PyTorch counts.
 * Shape: x [N, C, ...D] -> int32[N, C, ...E].
 */
function positions(op: string, x: Tensor, attrs: PoolAttrs): Tensor {
  const { kernel, stride, dilation, padding } = attrs;
  const spatial = kernel.length;
  const sizes = x.shape.slice(2);
  const view = windows(op, x, attrs, lowest(x.dtype));
  const counts = view.shape.slice(2, 2 + spatial);
  const inside = argmax(reshape(view, [...view.shape.slice(0, 2 + spatial), sizeOf(kernel)]), -1);
  // Window start and offset inside it, axis by axis, in units of the flattened position.
  let position: Tensor | undefined;
  let rest = inside;
  let unit = 1;
  for (let i = spatial - 1; i >= 0; i--) {
    const outer = i === 0 ? undefined : divTrunc(rest, kernel[i]!);
    const offset = outer === undefined ? rest : sub(rest, mul(outer, kernel[i]!));
    if (outer !== undefined) rest = outer;
    const start = reshape(
      sub(mul(iota(counts[i]!), stride[i]!), padding[i]!),
      counts.map((n, k) => (k === i ? n : 1)),
    );
    const found = add(mul(offset, dilation[i]!), start);
    // Where a window holds nothing above the border's fill, the border came first: take the first element.
    const place =
      padding[i] === 0 ? found : where(lt(found, 0), remainder(found, dilation[i]!), found);
    const along = mul(place, unit);
    position = position === undefined ? along : add(position, along);
    unit *= sizes[i]!;
  }
  return position!;
}

/**
 * Sends the gradient to the positions it came from. Each element adds up the windows that chose it, which
 * any backend can do in parallel and together with what comes before and after; a scatter it cannot.
 */
function giveBack(op: string, x: Tensor, at: Tensor, g: Tensor, attrs: PoolAttrs): Tensor {
  const { kernel, stride, dilation } = attrs;
  const { low, high } = borders(op, x.shape, attrs);
  const sizes = x.shape.slice(2);
  const own = reshape(iota(sizeOf(sizes)), [1, 1, ...sizes]);
  const places = windows(op, own, attrs, -1);
  const shape = [...at.shape, ...kernel];
  const spread = (y: Tensor): Tensor =>
    broadcastTo(reshape(y, [...y.shape, ...kernel.map(() => 1)]), shape);
  const parts = where(eq(broadcastTo(places, shape), spread(at)), spread(g), 0);
  const spatial = sizes.map((size, i) => low[2 + i]! + size + high[2 + i]!);
  const whole = fold(parts, { size: kernel, stride, dilation, spatial });
  return slice(whole, { starts: low, sizes: x.shape, steps: low.map(() => 1) });
}

function samples(spatial: number): readonly Sample[] {
  const each = <T>(value: T): T[] => new Array<T>(spatial).fill(value);
  const plain = {
    kernel: each(2),
    stride: each(2),
    padding: each(0),
    dilation: each(1),
    ceilMode: false,
  };
  return [
    { in: [[2, 2, ...each(4)]], attrs: plain },
    {
      in: [[1, 2, ...each(5)]],
      attrs: { ...plain, kernel: each(3), padding: each(1), ceilMode: true },
    },
    { in: [[1, 1, ...each(5)]], attrs: { ...plain, stride: each(1), dilation: each(2) } },
  ];
}

function maxPoolOp(spatial: number): OpFunction<(x: Tensor, attrs: PoolAttrs) => Tensor> {
  const name = `maxPool${spatial}d`;
  return composite(name, {
    body: (x: Tensor, attrs: PoolAttrs): Tensor => {
      const axes = attrs.kernel.map((_, i) => -1 - i);
      return max(windows(name, x, attrs, lowest(x.dtype)), axes);
    },
    vjp: ({ grads: [g], inputs: [x], attrs }: VjpContext) => [
      giveBack(name, x!, positions(name, x!, attrs as PoolAttrs), g!, attrs as PoolAttrs),
    ],
    onnx: {
      op: 'MaxPool',
      since: 12,
      attrs: (attrs) => ({
        ...onnxPoolAttrs(attrs as PoolAttrs),
        dilations: (attrs as PoolAttrs).dilation,
      }),
    },
    samples: samples(spatial),
  });
}

type WithIndices = (x: Tensor, attrs: PoolAttrs) => [Tensor, Tensor];
function maxPoolIndicesOp(spatial: number): OpFunction<WithIndices> {
  const name = `maxPool${spatial}dWithIndices`;
  return composite<WithIndices>(name, {
    body: (x, attrs) => {
      // Not gathered at the positions: a window in the border alone has none in the input.
      const axes = attrs.kernel.map((_, i) => -1 - i);
      return [max(windows(name, x, attrs, lowest(x.dtype)), axes), positions(name, x, attrs)];
    },
    vjp: ({ grads: [g], inputs: [x], outputs: [, at], attrs }: VjpContext) => [
      giveBack(name, x!, at!, g!, attrs as PoolAttrs),
    ],
    samples: samples(spatial),
  });
}

type MaxPool = OpFunction<(x: Tensor, kernelSize: PerAxis, options?: MaxPoolOptions) => Tensor>;
type MaxPoolWithIndices = OpFunction<
  (x: Tensor, kernelSize: PerAxis, options?: MaxPoolOptions) => [Tensor, Tensor]
>;

function maxPool(spatial: number): MaxPool {
  const op = maxPoolOp(spatial);
  return withOp(op.op, (x: Tensor, kernelSize: PerAxis, options: MaxPoolOptions = {}): Tensor => {
    const attrs = poolAttrs(op.op.name, spatial, kernelSize, options);
    return batched(op.op.name, x, spatial, (batch) => op(batch, attrs));
  });
}
function maxPoolWithIndices(spatial: number): MaxPoolWithIndices {
  const op = maxPoolIndicesOp(spatial);
  return withOp(
    op.op,
    (x: Tensor, kernelSize: PerAxis, options: MaxPoolOptions = {}): [Tensor, Tensor] => {
      const attrs = poolAttrs(op.op.name, spatial, kernelSize, options);
      return batched(op.op.name, x, spatial, (batch) => op(batch, attrs));
    },
  );
}

/**
 * Largest element of each window; the border never wins, and of equal elements the first takes the
 * gradient. Shape: [N, C, L] -> [N, C, E], E = ⌊(L + 2·padding - dilation·(kernel - 1) - 1) / stride⌋ + 1.
 */
export const maxPool1d: MaxPool = maxPool(1);
/** See `maxPool1d`. Shape: [N, C, H, W] -> [N, C, EH, EW]. */
export const maxPool2d: MaxPool = maxPool(2);
/** See `maxPool1d`. Shape: [N, C, D, H, W] -> [N, C, ED, EH, EW]. */
export const maxPool3d: MaxPool = maxPool(3);
/** Values of `maxPool1d` and the position (int32) of each in its channel, spatial axes flattened. */
export const maxPool1dWithIndices: MaxPoolWithIndices = maxPoolWithIndices(1);
/** See `maxPool1dWithIndices`. */
export const maxPool2dWithIndices: MaxPoolWithIndices = maxPoolWithIndices(2);
/** See `maxPool1dWithIndices`. */
export const maxPool3dWithIndices: MaxPoolWithIndices = maxPoolWithIndices(3);

export interface UnpoolOptions {
  readonly stride?: PerAxis | null;
  readonly padding?: PerAxis;
  /** Spatial sizes of the result, which the stride leaves open. */
  readonly outputSize?: readonly number[];
}

function maxUnpool(spatial: number) {
  const op = `maxUnpool${spatial}d`;
  return (x: Tensor, indices: Tensor, kernelSize: PerAxis, options: UnpoolOptions = {}): Tensor => {
    if (formatShape(indices.shape) !== formatShape(x.shape))
      fail(op, 'indices do not fit', formatShape(indices.shape), formatShape(x.shape));
    const attrs = poolAttrs(op, spatial, kernelSize, options);
    const lead = x.rank - spatial;
    const size =
      options.outputSize === undefined
        ? attrs.kernel.map(
            (k, i) => (x.shape[lead + i]! - 1) * attrs.stride[i]! - 2 * attrs.padding[i]! + k,
          )
        : perAxis(op, 'outputSize', options.outputSize.slice(-spatial), spatial, 1);
    const rows = sizeOf(x.shape.slice(0, lead));
    const flat = (y: Tensor): Tensor => reshape(y, [rows, sizeOf(x.shape.slice(lead))]);
    const target = zeros([rows, sizeOf(size)], x.dtype);
    const y = scatterElements(target, flat(asIndex(op, indices)), flat(x), 1);
    return reshape(y, [...x.shape.slice(0, lead), ...size]);
  };
}
/** Puts pooled values back where they came from, 0 elsewhere. Shape: [N, C, E] -> [N, C, L]. */
export const maxUnpool1d = maxUnpool(1);
/** See `maxUnpool1d`. Shape: [N, C, EH, EW] -> [N, C, H, W]. */
export const maxUnpool2d = maxUnpool(2);
/** See `maxUnpool1d`. Shape: [N, C, ED, EH, EW] -> [N, C, D, H, W]. */
export const maxUnpool3d = maxUnpool(3);
