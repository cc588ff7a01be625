/** A range of a flattened nest of loops, its coordinates kept by counting instead of division. */
import { i32 } from '../wasm/index.ts';
import type { FunctionBuilder, I32, Local } from '../wasm/index.ts';

/** `body` for each flat position from begin to end - 1 over axes of these sizes. */
export function forRows(
  f: FunctionBuilder,
  sizes: readonly number[],
  begin: I32,
  end: I32,
  body: (coordinates: readonly I32[]) => void,
): void {
  // Axes of size 1 need no counter; a single axis is the position itself.
  const axes = sizes.map((_, i) => i).filter((i) => sizes[i] !== 1);
  if (axes.length <= 1) {
    f.for(begin, end, 1, (item) => body(sizes.map((size) => (size === 1 ? i32.const(0) : item))));
    return;
  }
  f.scope(() => {
    const counters = new Map<number, Local<'i32'>>();
    let rest: I32 = begin;
    for (let k = axes.length - 1; k >= 0; k--) {
      const axis = axes[k]!;
      const size = i32.const(sizes[axis]!);
      counters.set(axis, f.local('i32', k === 0 ? rest : i32.remU(rest, size)));
      if (k > 0) rest = f.let(i32.divU(rest, size));
    }
    f.for(begin, end, 1, () => {
      body(sizes.map((_, axis) => counters.get(axis) ?? i32.const(0)));
      const carry = (k: number): void => {
        const axis = axes[k]!;
        const counter = counters.get(axis)!;
        f.advance(counter, 1);
        if (k === 0) return;
        f.if(i32.eq(counter, i32.const(sizes[axis]!)), () => {
          f.set(counter, i32.const(0));
          carry(k - 1);
        });
      };
      carry(axes.length - 1);
    });
  });
}
