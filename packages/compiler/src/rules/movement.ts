/** Rewrites of movements: compositions, identities, constants that move, and folds as views. */
import { sameShape } from '@hebb/core';
import type { Attrs, Aval, Shape } from '@hebb/core';
import { constantOf } from '../dag.ts';
import type { Builder, Value } from '../dag.ts';
import { UNWINDOW } from '../movement.ts';

const list = (attrs: Attrs, name: string): readonly number[] => attrs[name] as readonly number[];
const every = (values: readonly number[], n: number): boolean => values.every((x) => x === n);

export function rewriteMovement(
  builder: Builder,
  op: string,
  inputs: readonly Value[],
  attrs: Attrs,
  aval: Aval,
): Value | undefined {
  const [x] = inputs as [Value];
  const value = inputs.length === 1 ? constantOf(x) : undefined;
  if (value !== undefined && op !== 'fold' && !(op === 'pad' && attrs['value'] !== value)) {
    if (op !== UNWINDOW) return builder.full(aval.shape, value, aval.dtype);
  }
  switch (op) {
    case 'reshape':
      return rewriteReshape(builder, x, aval.shape);
    case 'permute':
      return rewritePermute(builder, x, list(attrs, 'axes'), aval);
    case 'expand':
      if (sameShape(x.shape, aval.shape)) return x;
      return x.node.op === 'expand' ? builder.expand(x.node.inputs[0]!, aval.shape) : undefined;
    case 'slice':
      return rewriteSlice(builder, x, attrs, aval);
    case 'flip': {
      const axes = list(attrs, 'axes');
      if (axes.every((axis) => x.shape[axis]! <= 1)) return x;
      return x.node.op === 'flip' && sameShape(list(x.node.attrs, 'axes'), axes)
        ? x.node.inputs[0]
        : undefined;
    }
    case 'pad':
      return rewritePad(builder, x, attrs, aval);
    case 'concat':
      return rewriteConcat(builder, inputs, attrs['axis'] as number, aval);
    case 'fold':
      return rewriteFold(builder, x, attrs, aval);
    default:
      return undefined;
  }
}

function rewriteReshape(builder: Builder, x: Value, shape: Shape): Value | undefined {
  if (sameShape(x.shape, shape)) return x;
  return x.node.op === 'reshape' ? builder.reshape(x.node.inputs[0]!, shape) : undefined;
}

function rewritePermute(
  builder: Builder,
  x: Value,
  axes: readonly number[],
  aval: Aval,
): Value | undefined {
  if (axes.every((axis, i) => axis === i)) return x;
  if (x.node.op === 'permute') {
    const inner = list(x.node.attrs, 'axes');
    const composed = axes.map((axis) => inner[axis]!);
    return builder.make('permute', x.node.inputs, { axes: composed }, aval);
  }
  // Axes of size 1 may stand anywhere: only the order of the others moves elements.
  const moved = axes.filter((axis) => x.shape[axis] !== 1);
  return moved.every((axis, i) => i === 0 || axis > moved[i - 1]!)
    ? builder.reshape(x, aval.shape)
    : undefined;
}

function rewriteSlice(builder: Builder, x: Value, attrs: Attrs, aval: Aval): Value | undefined {
  const starts = list(attrs, 'starts');
  const steps = list(attrs, 'steps');
  const sizes = aval.shape;
  if (sameShape(sizes, x.shape) && every(starts, 0) && every(steps, 1)) return x;
  const { node } = x;
  if (node.op === 'slice') {
    const [inner, innerSteps] = [list(node.attrs, 'starts'), list(node.attrs, 'steps')];
    const composed = {
      starts: starts.map((start, i) => inner[i]! + start * innerSteps[i]!),
      sizes: [...sizes],
      steps: steps.map((step, i) => step * innerSteps[i]!),
    };
    return builder.make('slice', node.inputs, composed, aval);
  }
  if (node.op === 'pad') {
    const source = node.inputs[0]!;
    const low = list(node.attrs, 'low');
    const plain = list(node.attrs, 'interior');
    const inside = starts.every((start, i) => {
      const first = start - low[i]!;
      const last = first + (sizes[i]! - 1) * steps[i]!;
      return plain[i] === 0 && sizes[i]! > 0 && first >= 0 && last < source.shape[i]!;
    });
    if (!inside) return undefined;
    const composed = {
      starts: starts.map((start, i) => start - low[i]!),
      sizes: [...sizes],
      steps: [...steps],
    };
    return builder.make('slice', [source], composed, aval);
  }
  if (node.op === 'concat') return sliceOfConcat(builder, x, starts, steps, aval);
  return undefined;
}

/** Gaps first, edges second: the first step's positions are divided, the second's shifted. */
function rewritePad(builder: Builder, x: Value, attrs: Attrs, aval: Aval): Value | undefined {
  const [low, high, interior] = [list(attrs, 'low'), list(attrs, 'high'), list(attrs, 'interior')];
  const edges = !(every(low, 0) && every(high, 0));
  const gaps = interior.some((n, i) => n > 0 && x.shape[i]! > 1);
  if (!edges && !gaps) return x;
  if (!gaps && !every(interior, 0)) {
    return builder.make('pad', [x], { ...attrs, interior: interior.map(() => 0) }, aval);
  }
  if (!gaps || !edges) return undefined;
  const none = low.map(() => 0);
  const shape = x.shape.map((dim, i) => dim + Math.max(0, dim - 1) * interior[i]!);
  const spaced = builder.make(
    'pad',
    [x],
    { ...attrs, low: none, high: none },
    { shape, dtype: x.dtype },
  );
  return builder.make('pad', [spaced], { ...attrs, interior: none }, aval);
}

/** A slice that lies within one part of a concatenation. */
function sliceOfConcat(
  builder: Builder,
  { node }: Value,
  starts: readonly number[],
  steps: readonly number[],
  aval: Aval,
): Value | undefined {
  const axis = node.attrs['axis'] as number;
  const count = aval.shape[axis]!;
  if (count === 0) return undefined;
  let first = starts[axis]!;
  for (const part of node.inputs) {
    const length = part.shape[axis]!;
    if (first < length) {
      if (first + (count - 1) * steps[axis]! >= length) return undefined;
      const composed = {
        starts: starts.map((start, i) => (i === axis ? first : start)),
        sizes: [...aval.shape],
        steps: [...steps],
      };
      return builder.make('slice', [part], composed, aval);
    }
    first -= length;
  }
  return undefined;
}

function rewriteConcat(
  builder: Builder,
  inputs: readonly Value[],
  axis: number,
  aval: Aval,
): Value | undefined {
  const filled = inputs.filter((x) => x.shape[axis] !== 0);
  if (filled.length === 0) return inputs[0];
  if (filled.length === 1) return filled[0];
  const flat = filled.flatMap((x) =>
    x.node.op === 'concat' && x.node.attrs['axis'] === axis ? x.node.inputs : [x],
  );
  // Parts of one constant are one constant.
  const value = constantOf(flat[0]!);
  if (value !== undefined && flat.every((x) => Object.is(constantOf(x), value))) {
    return builder.full(aval.shape, value, aval.dtype);
  }
  return flat.length === inputs.length ? undefined : builder.make('concat', flat, { axis }, aval);
}

/**
 * The fold of windows as a view and, where windows overlap, a sum: see UNWINDOW. Spread windows (dilation
 * above 1 with a stride above 1) stay.
 */
function rewriteFold(builder: Builder, x: Value, attrs: Attrs, aval: Aval): Value | undefined {
  const [size, stride, dilation, spatial] = ['size', 'stride', 'dilation', 'spatial'].map((name) =>
    list(attrs, name),
  ) as [readonly number[], readonly number[], readonly number[], readonly number[]];
  if (!every(dilation, 1)) return undefined;
  const n = size.length;
  const lead = x.shape.slice(0, x.shape.length - 2 * n);
  const parts = size.map((k, i) => Math.ceil(k / stride[i]!));
  const view = builder.make(
    UNWINDOW,
    [x],
    { size: [...size], stride: [...stride] },
    { shape: [...lead, ...spatial, ...parts], dtype: x.dtype },
  );
  if (every(parts, 1)) return builder.reshape(view, aval.shape);
  const axes = parts.map((_, i) => lead.length + n + i);
  return builder.make('sum', [view], { axes }, aval);
}
