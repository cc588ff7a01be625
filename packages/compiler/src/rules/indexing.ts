/** Gathers and scatters that are elementwise comparisons with the position, and degenerate contractions. */
import type { Attrs, Aval } from '@hebb/core';
import { constantOf } from '../dag.ts';
import type { Builder, Value } from '../dag.ts';
import { isElementwise } from '../elementwise.ts';

export function rewriteIndexing(
  builder: Builder,
  op: string,
  inputs: readonly Value[],
  attrs: Attrs,
  aval: Aval,
): Value | undefined {
  switch (op) {
    case 'scatterElements':
      return scatterOne(builder, inputs, attrs, aval);
    case 'gatherElements':
      return gatherOne(builder, inputs, attrs, aval);
    case 'matmul':
      return outerProduct(builder, inputs, attrs, aval);
    default:
      return undefined;
  }
}

/** One element for each line along the axis, into a constant: a choice by position, which fuses. */
function scatterOne(
  builder: Builder,
  [x, index, source]: readonly Value[],
  attrs: Attrs,
  aval: Aval,
): Value | undefined {
  const axis = attrs['axis'] as number;
  const reduce = attrs['reduce'];
  const background = constantOf(x!);
  if (
    background === undefined ||
    (reduce !== 'none' && !(reduce === 'add' && Number(background) === 0))
  )
    return undefined;
  const fits = index!.shape.every((dim, i) => dim === (i === axis ? 1 : aval.shape[i]));
  if (!fits || aval.shape[axis] === 0) return undefined;
  const positions = builder.make('iota', [], { length: aval.shape[axis]!, dtype: 'int32' });
  const ramp = aval.shape.map((dim, i) => (i === axis ? dim : 1));
  const hit = builder.make('eq', [
    builder.expand(builder.reshape(positions, ramp), aval.shape),
    builder.expand(builder.make('cast', [index!], { dtype: 'int32' }), aval.shape),
  ]);
  return builder.make('where', [hit, builder.expand(source!, aval.shape), x!], {}, aval);
}

/** Longer lines than this are not searched for the one element that is wanted. */
const LONG_LINE = 1 << 16;

/**
 * One element of each line of a computed value: a sum in which all others are 0, which fuses with what
 * computes the line. From memory a gather is quicker.
 */
function gatherOne(
  builder: Builder,
  [x, index]: readonly Value[],
  attrs: Attrs,
  aval: Aval,
): Value | undefined {
  const axis = attrs['axis'] as number;
  const { shape, dtype } = x!;
  if (!isElementwise(x!.node.op) || shape[axis]! > LONG_LINE || dtype === 'bool') return undefined;
  const fits = index!.shape.every((dim, i) => dim === (i === axis ? 1 : shape[i]));
  if (!fits || shape[axis]! < 2) return undefined;
  const positions = builder.make('iota', [], { length: shape[axis]!, dtype: 'int32' });
  const ramp = shape.map((dim, i) => (i === axis ? dim : 1));
  const hit = builder.make('eq', [
    builder.expand(builder.reshape(positions, ramp), shape),
    builder.expand(builder.make('cast', [index!], { dtype: 'int32' }), shape),
  ]);
  const zero = builder.full(shape, dtype.endsWith('int64') ? 0n : 0, dtype);
  const line = builder.make('where', [hit, x!, zero]);
  return builder.reshape(builder.make('sum', [line], { axes: [axis] }), aval.shape);
}

/** A contraction over one element is a product of broadcasts. */
function outerProduct(
  builder: Builder,
  [a, b]: readonly Value[],
  attrs: Attrs,
  aval: Aval,
): Value | undefined {
  const rank = a!.shape.length;
  const k = a!.shape[attrs['transposeA'] === true ? rank - 2 : rank - 1];
  if (k === 0) return builder.full(aval.shape, aval.dtype.endsWith('int64') ? 0n : 0, aval.dtype);
  if (k !== 1) return undefined;
  const column = attrs['transposeA'] === true ? swap(builder, a!) : a!;
  const row = attrs['transposeB'] === true ? swap(builder, b!) : b!;
  return builder.make(
    'mul',
    [builder.expand(column, aval.shape), builder.expand(row, aval.shape)],
    {},
    aval,
  );
}

function swap(builder: Builder, x: Value): Value {
  const shape = [...x.shape];
  const [m, n] = shape.splice(-2) as [number, number];
  return builder.reshape(x, [...shape, n, m]);
}
