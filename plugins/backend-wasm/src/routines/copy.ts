/** Copies of 32-bit elements between strided places, for small rearrangements. */
import { f32 } from '../wasm/index.ts';
import type { FunctionBuilder, I32 } from '../wasm/index.ts';
import { counted } from './depth.ts';

/** One axis of a copy; strides in elements, of either sign. */
export interface CopyAxis {
  readonly count: number;
  readonly from: number;
  readonly to: number;
}

export function copyStrided(
  f: FunctionBuilder,
  from: I32,
  to: I32,
  axes: readonly CopyAxis[],
): void {
  if (axes.some((axis) => axis.count === 0)) return;
  const p = f.local('i32', from);
  const q = f.local('i32', to);
  const walk = (level: number): void => {
    const axis = axes[level];
    if (axis === undefined) {
      f.store('f32', q, f32.load(p));
      return;
    }
    counted(f, axis.count, () => {
      walk(level + 1);
      f.advance(p, axis.from * 4);
      f.advance(q, axis.to * 4);
    });
    f.advance(p, -axis.count * axis.from * 4);
    f.advance(q, -axis.count * axis.to * 4);
  };
  walk(0);
}
