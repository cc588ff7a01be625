/** NumPy-style indexing, by slices, reshapes and gathers. */
import { fail } from './error.ts';
import { add, mul } from './primitives/elementwise.ts';
import { gather, wrapIndex } from './primitives/indexing.ts';
import { broadcastTo, flip, permute, reshape, slice } from './primitives/movement.ts';
import { broadcastShapes, sizeOf } from './shape.ts';
import { Tensor } from './tensor.ts';

/** `[start, stop, step]` with Python's meaning; null or left out means the end of the axis. */
export type SliceSpec = readonly [
  start: number | null,
  stop?: number | null | undefined,
  step?: number | null | undefined,
];
export type IndexSpec = number | SliceSpec | null | '...' | Tensor;

/** Start, count and step of a Python slice over `size` elements. */
export function resolveSlice(
  size: number,
  [startIn, stopIn, stepIn]: SliceSpec,
): { start: number; count: number; step: number } {
  const step = stepIn ?? 1;
  if (!Number.isInteger(step) || step === 0)
    fail('index', 'a step is an integer other than 0', String(step));
  const clamp = (value: number, low: number, high: number) =>
    Math.min(Math.max(value < 0 ? value + size : value, low), high);
  const start =
    step > 0
      ? clamp(startIn ?? 0, 0, size)
      : startIn == null
        ? size - 1
        : clamp(startIn, -1, size - 1);
  const stop =
    step > 0
      ? stopIn == null
        ? size
        : clamp(stopIn, 0, size)
      : stopIn == null
        ? -1
        : clamp(stopIn, -1, size - 1);
  return { start, count: Math.max(0, Math.ceil((stop - start) / step)), step };
}

/** Plain JavaScript callers reach this without the type checker. */
function isSlice(spec: unknown): spec is SliceSpec {
  return (
    Array.isArray(spec) &&
    spec.length >= 1 &&
    spec.length <= 3 &&
    spec.every((bound) => bound == null || Number.isInteger(bound))
  );
}

export function index(x: Tensor, specs: readonly IndexSpec[]): Tensor {
  const consumed = specs.filter((spec) => spec !== null && spec !== '...').length;
  if (consumed > x.rank) fail('index', `${consumed} indices for ${x.rank} axes`);
  const dots = specs.indexOf('...');
  if (dots >= 0 && specs.indexOf('...', dots + 1) >= 0) fail('index', "'...' appears twice");
  const rest = new Array<SliceSpec>(x.rank - consumed).fill([null]);
  const full: IndexSpec[] =
    dots < 0 ? [...specs, ...rest] : [...specs.slice(0, dots), ...rest, ...specs.slice(dots + 1)];

  const starts: number[] = [];
  const sizes: number[] = [];
  const steps: number[] = [];
  const flips: number[] = [];
  /** Shape after dropping numbers and adding new axes, and where index tensors sit in it. */
  const shape: number[] = [];
  const picks: { axis: number; at: Tensor }[] = [];
  for (const spec of full) {
    if (spec === null) {
      shape.push(1);
      continue;
    }
    const axis = starts.length;
    const size = x.shape[axis]!;
    if (typeof spec === 'number') {
      const at = spec < 0 ? spec + size : spec;
      if (!Number.isInteger(spec) || at < 0 || at >= size)
        fail('index', `index ${spec} is out of range for axis ${axis} of size ${size}`);
      starts.push(at);
      sizes.push(1);
      steps.push(1);
      continue;
    }
    if (spec instanceof Tensor) {
      if (spec.dtype === 'bool')
        fail(
          'index',
          'a bool mask gives a result of unknown shape: use `await maskedSelect(x, mask)`',
        );
      picks.push({ axis: shape.length, at: spec });
      starts.push(0);
      sizes.push(size);
      steps.push(1);
      shape.push(size);
      continue;
    }
    if (!isSlice(spec)) {
      fail(
        'index',
        'not an index',
        String(spec),
        "an integer, [start, stop, step], null, '...' or a tensor",
      );
    }
    const { start, count, step } = resolveSlice(size, spec);
    if (step < 0) flips.push(axis);
    // A backward slice reads the same elements forwards and is flipped.
    starts.push(count === 0 ? 0 : step > 0 ? start : start + (count - 1) * step);
    sizes.push(count);
    steps.push(Math.abs(step));
    shape.push(count);
  }
  let y = slice(x, { starts, sizes, steps });
  if (flips.length > 0) y = flip(y, flips);
  y = reshape(y, shape);
  return picks.length === 0 ? y : pick(y, picks);
}

/** Several index tensors choose together: one linear index over their axes, NumPy's placement of the result. */
function pick(x: Tensor, picks: readonly { axis: number; at: Tensor }[]): Tensor {
  const axes = picks.map((p) => p.axis);
  const sizes = axes.map((axis) => x.shape[axis]!);
  const indexShape = broadcastShapes('index', ...picks.map((p) => p.at.shape));
  let linear: Tensor | undefined;
  picks.forEach(({ at }, k) => {
    const wrapped = broadcastTo(wrapIndex(at, sizes[k]!), indexShape);
    linear = linear === undefined ? wrapped : add(mul(linear, sizes[k]!), wrapped);
  });
  const others = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const adjacent = axes.every((axis, k) => k === 0 || axis === axes[k - 1]! + 1);
  const place = adjacent ? axes[0]! : 0;
  const before = others.slice(0, place);
  const after = others.slice(place);
  const moved = permute(x, [...before, ...axes, ...after]);
  const flat = reshape(moved, [
    ...before.map((a) => x.shape[a]!),
    sizeOf(sizes),
    ...after.map((a) => x.shape[a]!),
  ]);
  return gather(flat, linear!, place);
}
