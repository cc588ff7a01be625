/** Rewrites of reductions. */
import { dtypeInfo, isFloat, sizeOf } from '@hebb/core';
import type { Attrs, Aval, DType } from '@hebb/core';
import { constantOf } from '../dag.ts';
import type { Builder, Value } from '../dag.ts';

const reductions = new Set(['sum', 'prod', 'max', 'min']);

/** Floats that hold every count of elements, or close to it. */
const wide = (dtype: DType): boolean => dtype === 'float32' || dtype === 'float64';

/** Fewer results than this do not keep threads and vector lanes busy. */
const FEW_RESULTS = 16;
const MANY_ELEMENTS = 1 << 15;

export function rewriteReduction(
  builder: Builder,
  op: string,
  inputs: readonly Value[],
  attrs: Attrs,
  aval: Aval,
): Value | undefined {
  if (!reductions.has(op)) return undefined;
  const [x] = inputs as [Value];
  const axes = attrs['axes'] as readonly number[];
  const real = axes.filter((axis) => x.shape[axis] !== 1);
  if (real.length === 0) return builder.reshape(x, aval.shape);
  if (real.length < axes.length) {
    // Axes of size 1 go away first.
    const kept = x.shape.map((_, i) => i).filter((i) => !axes.includes(i) || real.includes(i));
    const shape = kept.map((i) => x.shape[i]!);
    return builder.make(
      op,
      [builder.reshape(x, shape)],
      { axes: real.map((axis) => kept.indexOf(axis)) },
      aval,
    );
  }
  const value = constantOf(x);
  const count = real.reduce((n, axis) => n * x.shape[axis]!, 1);
  if (count === 0) {
    const one = op === 'prod' || op === 'min' ? 1 : 0;
    return builder.full(aval.shape, dtypeInfo(aval.dtype).big ? BigInt(one) : one, aval.dtype);
  }
  if (value !== undefined) {
    if (op === 'max' || op === 'min') return builder.full(aval.shape, value, aval.dtype);
    if (op === 'sum' && wide(x.dtype)) {
      return builder.make(
        'mul',
        [builder.full(aval.shape, value, aval.dtype), builder.full(aval.shape, count, aval.dtype)],
        {},
        aval,
      );
    }
  }
  return reduceExpanded(builder, op, x, axes, aval) ?? splitLong(builder, op, x, axes, aval);
}

/** Reducing copies: the largest of equal numbers is that number, their sum a product (with one rounding). */
function reduceExpanded(
  builder: Builder,
  op: string,
  x: Value,
  axes: readonly number[],
  aval: Aval,
): Value | undefined {
  if (x.node.op !== 'expand') return undefined;
  const source = x.node.inputs[0]!;
  const lead = x.shape.length - source.shape.length;
  const copied = axes.filter(
    (axis) => axis < lead || (source.shape[axis - lead] === 1 && x.shape[axis] !== 1),
  );
  const count = copied.reduce((n, axis) => n * x.shape[axis]!, 1);
  if (copied.length === 0 || count === 0 || op === 'prod') return undefined;
  if (op === 'sum' && !wide(x.dtype)) return undefined;
  // The same reduction with the copied axes at size 1.
  const shape = x.shape.map((dim, i) => (copied.includes(i) ? 1 : dim));
  const once = builder.expand(
    builder.reshape(source, [...Array<number>(lead).fill(1), ...source.shape]),
    shape,
  );
  const reduced = builder.make(op, [once], { axes: [...axes] }, aval);
  return op === 'sum'
    ? builder.make('mul', [reduced, builder.full(aval.shape, count, aval.dtype)], {}, aval)
    : reduced;
}

/**
 * A long reduction to few results is done in two steps, so that the first has enough results for threads
 * and vector lanes. The split depends on shapes alone: every backend and thread count adds in one order.
 */
function splitLong(
  builder: Builder,
  op: string,
  x: Value,
  axes: readonly number[],
  aval: Aval,
): Value | undefined {
  const results = sizeOf(aval.shape);
  const count = sizeOf(x.shape) / Math.max(1, results);
  if (results === 0 || results >= FEW_RESULTS || count < MANY_ELEMENTS) return undefined;
  // Partial results of 16 bits would lose digits that one accumulator keeps.
  if (op !== 'max' && op !== 'min' && isFloat(x.dtype) && !wide(x.dtype)) return undefined;
  const wanted = Math.ceil(FEW_RESULTS / results);
  // The outermost reduced axes that give enough partial results, or a divisor of the first one.
  const order = [...axes].sort((a, b) => a - b);
  let kept = 1;
  let split = 0;
  while (split < order.length - 1 && kept < wanted) kept *= x.shape[order[split++]!]!;
  if (kept >= wanted && kept * 8 <= count) {
    const inner = order.slice(split);
    const partial = builder.make(op, [x], { axes: inner });
    const outer = order.slice(0, split).map((axis) => axis - inner.filter((i) => i < axis).length);
    return builder.raw(op, [partial], { axes: outer }, [aval]).outputs[0]!;
  }
  const axis = order[0]!;
  const dim = x.shape[axis]!;
  for (let parts = wanted; parts <= 64 && parts * 8 <= dim; parts++) {
    if (dim % parts !== 0) continue;
    const shape = [...x.shape.slice(0, axis), parts, dim / parts, ...x.shape.slice(axis + 1)];
    const inner = order.map((i) => i + 1);
    const partial = builder.make(op, [builder.reshape(x, shape)], { axes: inner });
    const at = axis - order.filter((i) => i < axis).length;
    return builder.raw(op, [partial], { axes: [at] }, [aval]).outputs[0]!;
  }
  return undefined;
}
