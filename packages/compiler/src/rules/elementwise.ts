/** Rewrites of elementwise nodes. A rule is exact in IEEE 754, signed zeros and NaN included, unless it says so. */
import { isFloat, isInteger, sameShape } from '@hebb/core';
import type { Attrs, Aval, DType, Shape } from '@hebb/core';
import { constantOf } from '../dag.ts';
import type { Builder, Value } from '../dag.ts';
import { castIsLossless, evaluateScalar } from '../elementwise.ts';

export function rewriteElementwise(
  builder: Builder,
  op: string,
  inputs: readonly Value[],
  attrs: Attrs,
  aval: Aval,
): Value | undefined {
  return (
    foldConstants(builder, op, inputs, aval) ??
    identities(builder, op, inputs, attrs, aval) ??
    sinkExpansion(builder, op, inputs, attrs, aval)
  );
}

function foldConstants(
  builder: Builder,
  op: string,
  inputs: readonly Value[],
  aval: Aval,
): Value | undefined {
  const numbers: (number | bigint)[] = [];
  for (const x of inputs) {
    const value = constantOf(x);
    if (value === undefined) return undefined;
    numbers.push(value);
  }
  const value = evaluateScalar(op, numbers, inputs[op === 'where' ? 1 : 0]!.dtype, aval.dtype);
  return value === undefined ? undefined : builder.full(aval.shape, value, aval.dtype);
}

const is = (x: number | bigint | undefined, n: number): boolean =>
  x !== undefined && Number(x) === n && !Object.is(x, n === 0 ? -0 : NaN);

function identities(
  builder: Builder,
  op: string,
  inputs: readonly Value[],
  attrs: Attrs,
  aval: Aval,
): Value | undefined {
  const [a, b, c] = inputs as [Value, Value, Value];
  const make = (name: string, list: readonly Value[]): Value => builder.make(name, list, {}, aval);
  switch (op) {
    case 'cast':
      return rewriteCast(builder, a, attrs['dtype'] as DType, aval);
    case 'bitcast':
      return a.dtype === aval.dtype ? a : undefined;
    case 'neg':
    case 'not':
      return a.node.op === op ? a.node.inputs[0] : undefined;
    case 'abs':
      return a.node.op === 'abs' ? a : a.node.op === 'neg' ? make('abs', a.node.inputs) : undefined;
    case 'add': {
      if (b.node.op === 'neg') return make('sub', [a, b.node.inputs[0]!]);
      if (a.node.op === 'neg') return make('sub', [b, a.node.inputs[0]!]);
      if (isZeroSummand(constantOf(b), a)) return a;
      if (isZeroSummand(constantOf(a), b)) return b;
      return joinPads(builder, a, b);
    }
    case 'sub': {
      if (b.node.op === 'neg') return make('add', [a, b.node.inputs[0]!]);
      return is(constantOf(b), 0) ? a : undefined;
    }
    case 'mul':
      return rewriteProduct(builder, a, b, aval) ?? rewriteProduct(builder, b, a, aval);
    case 'div': {
      if (!isFloat(aval.dtype)) return is(constantOf(b), 1) ? a : undefined;
      const divisor = constantOf(b);
      if (divisor === undefined) return undefined;
      if (divisor === 1) return a;
      // The reciprocal of a power of two is exact, and so is the product.
      return isPowerOfTwo(Number(divisor))
        ? make('mul', [a, builder.full(aval.shape, 1 / Number(divisor), aval.dtype)])
        : undefined;
    }
    case 'pow':
      return rewritePower(builder, a, Number(constantOf(b) ?? NaN), aval);
    case 'maximum':
    case 'minimum':
      return a === b ? a : undefined;
    case 'and':
    case 'or': {
      if (a === b) return a;
      if (aval.dtype !== 'bool') return undefined;
      for (const [x, y] of [
        [a, b],
        [b, a],
      ] as const) {
        const value = constantOf(x);
        if (value !== undefined) return (value === 1) === (op === 'and') ? y : x;
      }
      return undefined;
    }
    case 'where': {
      if (b === c) return b;
      const condition = constantOf(a);
      if (condition !== undefined) return condition === 1 ? b : c;
      if (a.node.op === 'not') return make('where', [a.node.inputs[0]!, c, b]);
      return a.node.op === 'le' ? rewriteBound(builder, a, b, c, aval) : undefined;
    }
    default:
      return undefined;
  }
}

/**
 * x <= k ? k : x is a maximum, k <= x ? k : x a minimum, and a value kept between two bounds both: NaN comes
 * through either way, only a zero at the bound 0 may keep its sign.
 */
function rewriteBound(
  builder: Builder,
  condition: Value,
  bound: Value,
  otherwise: Value,
  aval: Aval,
): Value | undefined {
  const k = constantOf(bound);
  const [low, high] = condition.node.inputs as [Value, Value];
  if (k === undefined || Number.isNaN(Number(k))) return undefined;
  if (constantOf(low) === k && otherwise === high) {
    return builder.make('minimum', [otherwise, bound], {}, aval);
  }
  if (constantOf(high) !== k) return undefined;
  const { op, inputs } = otherwise.node;
  const upper = op === 'minimum' && inputs[0] === low ? constantOf(inputs[1]!) : undefined;
  return otherwise === low || (upper !== undefined && upper >= k)
    ? builder.make('maximum', [otherwise, bound], {}, aval)
    : undefined;
}

/** x + (-0) is x; x + 0 is x but for x = -0, so it takes a value that is never -0. */
function isZeroSummand(zero: number | bigint | undefined, x: Value): boolean {
  if (zero === undefined || Number(zero) !== 0) return false;
  return isInteger(x.dtype) || Object.is(zero, -0) || neverNegativeZero(x);
}

function neverNegativeZero({ node }: Value): boolean {
  switch (node.op) {
    case 'abs':
    case 'exp':
      return true;
    case 'mul':
      return node.inputs[0] === node.inputs[1];
    case 'cast':
      return !isFloat(node.inputs[0]!.dtype);
    default:
      return false;
  }
}

/** A value that is zero but for parts along one axis. */
interface Parts {
  readonly axis: number;
  readonly parts: readonly { readonly start: number; readonly value: Value }[];
}

function partsOf(x: Value): Parts | undefined {
  const { node, shape } = x;
  if (node.op === 'concat') {
    const axis = node.attrs['axis'] as number;
    let start = 0;
    const parts = node.inputs.map((value) => {
      const at = start;
      start += value.shape[axis]!;
      return { start: at, value };
    });
    return { axis, parts: parts.filter(({ value }) => !is(constantOf(value), 0)) };
  }
  if (node.op !== 'pad' || Number(node.attrs['value']) !== 0) return undefined;
  const [value] = node.inputs as [Value];
  const low = node.attrs['low'] as readonly number[];
  const interior = node.attrs['interior'] as readonly number[];
  const grown = shape.map((_, i) => i).filter((i) => shape[i] !== value.shape[i]);
  const [axis] = grown;
  if (axis === undefined || grown.length > 1 || interior[axis] !== 0) return undefined;
  return { axis, parts: [{ start: low[axis]!, value }] };
}

/**
 * A sum of parts that do not overlap (gradients of slices) is their concatenation, but for the sign of a
 * zero: -0 + 0 is 0.
 */
function joinPads(builder: Builder, a: Value, b: Value): Value | undefined {
  const [left, right] = [partsOf(a), partsOf(b)];
  if (left === undefined || right === undefined || left.axis !== right.axis) return undefined;
  const { axis } = left;
  const parts = [...left.parts, ...right.parts].sort((x, y) => x.start - y.start);
  const pieces: Value[] = [];
  let end = 0;
  const fill = (to: number): boolean => {
    if (to < end) return false;
    const shape = a.shape.map((dim, i) => (i === axis ? to - end : dim));
    const zero = a.dtype.endsWith('int64') ? 0n : 0;
    if (to > end) pieces.push(builder.full(shape, zero, a.dtype));
    return true;
  };
  for (const { start, value } of parts) {
    if (!fill(start)) return undefined;
    pieces.push(value);
    end = start + value.shape[axis]!;
  }
  fill(a.shape[axis]!);
  return builder.make('concat', pieces, { axis }, a);
}

function rewriteProduct(builder: Builder, a: Value, b: Value, aval: Aval): Value | undefined {
  const factor = constantOf(b);
  if (factor === undefined) return undefined;
  if (is(factor, 1)) return a;
  if (is(factor, -1)) return builder.make('neg', [a], {}, aval);
  if (is(factor, 0) && isInteger(aval.dtype)) return b;
  return undefined;
}

function rewritePower(builder: Builder, a: Value, exponent: number, aval: Aval): Value | undefined {
  const mul = (x: Value, y: Value): Value => builder.make('mul', [x, y], {}, aval);
  switch (exponent) {
    case 0:
      return builder.full(aval.shape, aval.dtype.endsWith('int64') ? 1n : 1, aval.dtype);
    case 1:
      return a;
    case 2:
      return mul(a, a);
    // Two roundings: within an ulp of the correctly rounded power, as a library's pow is.
    case 3:
      return mul(mul(a, a), a);
    case -1:
      return isFloat(aval.dtype)
        ? builder.make('div', [builder.full(aval.shape, 1, aval.dtype), a], {}, aval)
        : undefined;
    default:
      return undefined;
  }
}

const isPowerOfTwo = (x: number): boolean => {
  const exponent = Math.log2(Math.abs(x));
  return Number.isInteger(exponent) && Math.abs(exponent) < 14;
};

function rewriteCast(builder: Builder, x: Value, dtype: DType, aval: Aval): Value | undefined {
  if (x.dtype === dtype) return x;
  if (x.node.op === 'cast') {
    const source = x.node.inputs[0]!;
    if (castIsLossless(source.dtype, x.dtype)) {
      return source.dtype === dtype ? source : builder.make('cast', [source], { dtype }, aval);
    }
  }
  return undefined;
}

/** op(expand(a), expand(b)) = expand(op(a, b)): computed once for all copies. */
function sinkExpansion(
  builder: Builder,
  op: string,
  inputs: readonly Value[],
  attrs: Attrs,
  aval: Aval,
): Value | undefined {
  let small: Shape | undefined;
  for (const x of inputs) {
    if (constantOf(x) !== undefined) continue;
    if (x.node.op !== 'expand') return undefined;
    const { shape } = x.node.inputs[0]!;
    if (small === undefined) small = shape;
    else if (!sameShape(small, shape)) return undefined;
  }
  if (small === undefined) return undefined;
  const shape = small;
  const narrow = inputs.map((x) => {
    const value = constantOf(x);
    return value === undefined ? x.node.inputs[0]! : builder.full(shape, value, x.dtype);
  });
  return builder.expand(builder.make(op, narrow, attrs, { shape, dtype: aval.dtype }), aval.shape);
}
