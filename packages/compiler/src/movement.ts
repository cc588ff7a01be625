/**
 * What movement ops mean to an index: where an element of the result comes from. Coordinates are one index
 * per axis.
 */
import { stridesOf } from '@hebb/core';
import type { Attrs, Shape } from '@hebb/core';
import {
  addIndex,
  constantIndex,
  divideIndex,
  dotIndex,
  rangeOf,
  scaleIndex,
  shiftIndex,
  substitute,
  variableIndex,
  zeroIndex,
} from './affine.ts';
import type { Condition, Index } from './ir.ts';

export interface Place {
  readonly coords: readonly Index[];
  /** Conditions under which the element comes from the input at all. */
  readonly conditions: readonly Condition[];
  /** What stands where the conditions do not hold. */
  readonly fill?: number | bigint;
}

/**
 * A view of `fold`: result [...lead, ...spatial, ...parts] whose sum over the parts is the fold. Output p of
 * an axis with stride s gathers windows n = p div s - q at k = q s + p mod s, for parts q.
 */
export const UNWINDOW = 'unwindow';

const movements = new Set([
  'reshape',
  'permute',
  'expand',
  'slice',
  'flip',
  'pad',
  'window',
  UNWINDOW,
]);

export const isMovement = (op: string): boolean => movements.has(op);

const numbers = (attrs: Attrs, name: string): readonly number[] => attrs[name] as readonly number[];

/** A flat row-major position as coordinates; `undefined` where the division cannot be written. */
export function unravel(
  flat: Index,
  shape: Shape,
  sizes: readonly number[],
): readonly Index[] | undefined {
  const coords = new Array<Index>(shape.length).fill(zeroIndex);
  let rest = flat;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const dim = shape[axis]!;
    if (dim <= 1) continue;
    const divided = divideIndex(rest, dim, sizes);
    if (divided === undefined) return undefined;
    coords[axis] = divided.remainder;
    rest = divided.quotient;
  }
  return coords;
}

export function ravel(coords: readonly Index[], shape: Shape, sizes: readonly number[]): Index {
  return dotIndex(coords, stridesOf(shape), sizes);
}

function reshapeCoords(
  coords: readonly Index[],
  from: Shape,
  to: Shape,
  sizes: readonly number[],
): readonly Index[] | undefined {
  // Axes of size 1 inserted or dropped, the most frequent reshape, need no arithmetic.
  const kept = coords.filter((_, i) => from[i] !== 1);
  const target = to.filter((dim) => dim !== 1);
  const source = from.filter((dim) => dim !== 1);
  if (target.length === source.length && target.every((dim, i) => dim === source[i])) {
    let next = 0;
    return to.map((dim) => (dim === 1 ? zeroIndex : kept[next++]!));
  }
  const direct = unravel(ravel(coords, from, sizes), to, sizes);
  if (direct !== undefined) return direct;
  // Coordinates lie within their axes wherever they are needed at all, though their range under a pad
  // may look larger: so the arithmetic is done on the axes, and the coordinates put in afterwards.
  const axes = from.map((_, axis) => variableIndex(axis, from));
  const moved = unravel(ravel(axes, from, from), to, from);
  const placed = moved?.map((index) => substitute(index, coords, sizes));
  return placed === undefined || placed.includes(undefined)
    ? undefined
    : placed.filter((index) => index !== undefined);
}

/**
 * Where the element at `coords` of the result (of shape `shape`) stands in the input (of shape `input`).
 * `undefined` where a reshape divides in a way that indices cannot say.
 */
export function moveBack(
  op: string,
  attrs: Attrs,
  coords: readonly Index[],
  shape: Shape,
  input: Shape,
  sizes: readonly number[],
): Place | undefined {
  switch (op) {
    case 'reshape': {
      const moved = reshapeCoords(coords, shape, input, sizes);
      return moved === undefined ? undefined : { coords: moved, conditions: [] };
    }
    case 'permute': {
      const moved = new Array<Index>(coords.length);
      numbers(attrs, 'axes').forEach((axis, i) => (moved[axis] = coords[i]!));
      return { coords: moved, conditions: [] };
    }
    case 'expand': {
      const lead = coords.length - input.length;
      return {
        coords: input.map((dim, i) =>
          dim === 1 && shape[lead + i] !== 1 ? zeroIndex : coords[lead + i]!,
        ),
        conditions: [],
      };
    }
    case 'slice': {
      const starts = numbers(attrs, 'starts');
      const steps = numbers(attrs, 'steps');
      return {
        coords: coords.map((coord, i) => shiftIndex(scaleIndex(coord, steps[i]!), starts[i]!)),
        conditions: [],
      };
    }
    case 'flip': {
      const axes = numbers(attrs, 'axes');
      return {
        coords: coords.map((coord, i) =>
          axes.includes(i)
            ? addIndex(constantIndex(shape[i]! - 1), scaleIndex(coord, -1), sizes)
            : coord,
        ),
        conditions: [],
      };
    }
    case 'pad':
      return padBack(attrs, coords, input, sizes);
    case 'window': {
      const [size, stride, dilation] = ['size', 'stride', 'dilation'].map((name) =>
        numbers(attrs, name),
      ) as [readonly number[], readonly number[], readonly number[]];
      const lead = input.length - size.length;
      return {
        coords: input.map((_, i) => {
          const k = i - lead;
          if (k < 0) return coords[i]!;
          return addIndex(
            scaleIndex(coords[i]!, stride[k]!),
            scaleIndex(coords[input.length + k]!, dilation[k]!),
            sizes,
          );
        }),
        conditions: [],
      };
    }
    case UNWINDOW:
      return unwindowBack(attrs, coords, input, sizes);
    default:
      return undefined;
  }
}

function padBack(
  attrs: Attrs,
  coords: readonly Index[],
  input: Shape,
  sizes: readonly number[],
): Place | undefined {
  const [low, high, interior] = ['low', 'high', 'interior'].map((name) => numbers(attrs, name)) as [
    readonly number[],
    readonly number[],
    readonly number[],
  ];
  const conditions: Condition[] = [];
  const moved: Index[] = [];
  for (let i = 0; i < coords.length; i++) {
    const dim = input[i]!;
    let coord = shiftIndex(coords[i]!, -low[i]!);
    const step = interior[i]! + 1;
    if (step > 1) {
      const divided = divideIndex(coord, step, sizes);
      if (divided === undefined) return undefined;
      conditions.push(...inRange(divided.remainder, 0, 1, sizes));
      coord = divided.quotient;
    }
    if (low[i]! > 0 || high[i]! > 0 || step > 1) conditions.push(...inRange(coord, 0, dim, sizes));
    moved.push(coord);
  }
  return { coords: moved, conditions, fill: attrs['value'] as number | bigint };
}

function unwindowBack(
  attrs: Attrs,
  coords: readonly Index[],
  input: Shape,
  sizes: readonly number[],
): Place | undefined {
  const size = numbers(attrs, 'size');
  const stride = numbers(attrs, 'stride');
  const n = size.length;
  const lead = input.length - 2 * n;
  const conditions: Condition[] = [];
  const windows: Index[] = [];
  const inside: Index[] = [];
  for (let k = 0; k < n; k++) {
    const s = stride[k]!;
    const part = coords[lead + n + k]!;
    const divided = divideIndex(coords[lead + k]!, s, sizes);
    if (divided === undefined) return undefined;
    const at = addIndex(divided.quotient, scaleIndex(part, -1), sizes);
    const within = addIndex(divided.remainder, scaleIndex(part, s), sizes);
    conditions.push(...inRange(at, 0, input[lead + k]!, sizes));
    conditions.push(...inRange(within, 0, size[k]!, sizes));
    windows.push(at);
    inside.push(within);
  }
  return { coords: [...coords.slice(0, lead), ...windows, ...inside], conditions, fill: 0 };
}

/** The condition low <= index < high, or none when it always holds. */
export function inRange(
  index: Index,
  low: number,
  high: number,
  sizes: readonly number[],
): Condition[] {
  const [least, most] = rangeOf(index, sizes);
  return least >= low && most < high ? [] : [{ index, low, high }];
}
