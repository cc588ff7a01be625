/** Walking the depth of a contraction: nested counted loops over two pointers, the inner steps unrolled. */
import { i32 } from '../wasm/index.ts';
import type { FunctionBuilder, I32, Local } from '../wasm/index.ts';

/** One axis of the depth, in bytes. */
export interface DepthAxis {
  readonly count: number;
  readonly a: number;
  /** Bytes between steps; or, for the innermost axis only, the offset of each step. */
  readonly b: number | readonly number[];
}

/** Code for one step: pointers and the offsets in bytes to add to them. */
export type DepthStep = (pa: I32, pb: I32, aAt: number, bAt: number) => void;

/** At most so many steps stand in one loop body. */
const mostUnrolled = 12;
const partlyUnrolled = 4;

/** Neighbouring axes that both operands step through as one are one. */
export function joinDepth(axes: readonly DepthAxis[]): DepthAxis[] {
  const joined: DepthAxis[] = [];
  for (const axis of axes) {
    const last = joined.at(-1);
    if (axis.count === 1 && typeof axis.b === 'number') continue;
    const one =
      last !== undefined &&
      typeof last.b === 'number' &&
      typeof axis.b === 'number' &&
      last.a === axis.a * axis.count &&
      last.b === axis.b * axis.count;
    if (one) joined[joined.length - 1] = { ...axis, count: last.count * axis.count };
    else joined.push(axis);
  }
  return joined;
}

export function walkDepth(
  f: FunctionBuilder,
  a: I32,
  b: I32,
  depth: readonly DepthAxis[],
  step: DepthStep,
): void {
  const axes = joinDepth(depth);
  if (axes.some((axis) => axis.count === 0)) return;
  const pa = f.local('i32', a);
  const pb = f.local('i32', b);
  const advance = (byA: number, byB: number): void => {
    f.advance(pa, byA);
    f.advance(pb, byB);
  };
  const at = (aAt: number, bAt: number): void => f.scope(() => step(pa, pb, aAt, bAt));

  // The innermost axes whose steps stand side by side without a loop.
  let unrolled: { a: number; b: number }[] = [{ a: 0, b: 0 }];
  let outer = axes.length;
  while (outer > 0) {
    const axis = axes[outer - 1]!;
    const mustUnroll = typeof axis.b !== 'number';
    if (!mustUnroll && axis.count * unrolled.length > mostUnrolled) break;
    unrolled = Array.from({ length: axis.count }, (_, i) => i).flatMap((i) =>
      unrolled.map((rest) => ({
        a: i * axis.a + rest.a,
        b: (typeof axis.b === 'number' ? i * axis.b : axis.b[i]!) + rest.b,
      })),
    );
    outer -= 1;
  }
  const body = (): void => unrolled.forEach((offset) => at(offset.a, offset.b));

  const loop = (level: number): void => {
    if (level === outer) {
      body();
      return;
    }
    const axis = axes[level]!;
    const stepB = axis.b as number;
    if (level === axes.length - 1) {
      // A long plain axis: several steps a round.
      const rounds = Math.floor(axis.count / partlyUnrolled);
      counted(f, rounds, () => {
        for (let u = 0; u < partlyUnrolled; u++) at(u * axis.a, u * stepB);
        advance(partlyUnrolled * axis.a, partlyUnrolled * stepB);
      });
      const rest = axis.count - rounds * partlyUnrolled;
      for (let u = 0; u < rest; u++) at(u * axis.a, u * stepB);
      advance(rest * axis.a, rest * stepB);
      return;
    }
    counted(f, axis.count, () => {
      loop(level + 1);
      // Inside, the pointers went to the end of the next axis.
      const inner = level + 1 < outer ? axes[level + 1]! : { count: 0, a: 0, b: 0 };
      advance(axis.a - inner.count * inner.a, stepB - inner.count * (inner.b as number));
    });
  };
  loop(0);
}

/** Runs the body a known number of times. */
export function counted(f: FunctionBuilder, times: number, body: () => void): void {
  if (times === 0) return;
  if (times === 1) {
    f.scope(body);
    return;
  }
  f.scope(() => {
    const left: Local<'i32'> = f.local('i32', i32.const(times));
    f.loop((again) => {
      body();
      f.advance(left, -1);
      f.br(again, left);
    });
  });
}
