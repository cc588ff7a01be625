/**
 * The input of a convolution as its kernels want it: zeros around it, so that no tap needs a test, and
 * with a stride along the last axis the columns sorted by their remainder, so that neighbouring outputs
 * read neighbouring elements.
 */
import { i32, shuffle32, v128 } from '../../wasm/index.ts';
import type { FunctionBuilder, I32, V128 } from '../../wasm/index.ts';
import { counted } from '../depth.ts';
import { aligned } from '../kernel.ts';
import type { KernelPlan } from '../kernel.ts';

export interface PreparedLayout {
  /** Elements between neighbours of each spatial axis but the last. */
  readonly strides: readonly number[];
  /** Elements of one channel. */
  readonly channel: number;
  /** Elements between the remainders of a row. */
  readonly pitch: number;
  /** Element of a row where padded column `at` lies. */
  readonly column: (at: number) => number;
  /** Bytes of scratch memory for all channels of all images; 0 where the input serves as it is. */
  readonly bytes: number;
}

export interface PrepareSpec {
  /** Channels of all images, one after the other in memory. */
  readonly planes: number;
  readonly size: readonly number[];
  readonly padding: readonly (readonly [number, number])[];
  /** Stride along the last axis. */
  readonly columnStride: number;
  /** Remainders of columns that are read; others are left out. */
  readonly remainders?: readonly number[];
}

export function prepare(spec: PrepareSpec): PreparedLayout {
  const { size, padding, columnStride: s } = spec;
  const padded = size.map((n, i) => n + padding[i]![0] + padding[i]![1]);
  const last = padded.length - 1;
  const plain = s === 1 && padding.every(([low, high]) => low === 0 && high === 0);
  const remainders = spec.remainders ?? Array.from({ length: s }, (_, r) => r);
  // Each remainder's columns side by side, with room for reading whole vectors.
  const pitch = Math.ceil(padded[last]! / s);
  const row = plain ? size[last]! : pitch * remainders.length;
  const strides: number[] = new Array<number>(last);
  let step = row;
  for (let i = last - 1; i >= 0; i--) {
    strides[i] = step;
    step *= padded[i]!;
  }
  return {
    strides,
    channel: step,
    pitch,
    column: (at) => (plain ? at : remainders.indexOf(at % s) * pitch + Math.floor(at / s)),
    bytes: plain ? 0 : aligned((spec.planes * step + 16) * 4),
  };
}

/** Fills the layout from the input; items are channels. */
export function preparePlan(
  spec: PrepareSpec,
  layout: PreparedLayout,
  input: I32,
  offset: number,
): KernelPlan {
  const { planes, size, padding, columnStride: s } = spec;
  const remainders = spec.remainders ?? Array.from({ length: s }, (_, r) => r);
  const last = size.length - 1;
  const columns = size[last]!;
  const [left] = padding[last]!;
  const lines = size.slice(0, last).reduce((product, n) => product * n, 1);
  const emit: KernelPlan['emit'] = (f, begin, end, { shared }) => {
    const to = f.let(i32.add(shared, i32.const(offset)));
    f.for(begin, end, 1, (plane) => {
      const from = f.local('i32', i32.add(input, i32.mul(plane, i32.const(lines * columns * 4))));
      const base = f.local('i32', i32.add(to, i32.mul(plane, i32.const(layout.channel * 4))));
      f.memoryFill(base, i32.const(0), i32.const(layout.channel * 4));
      // Rows of the input in order, nested over the outer axes.
      const rows = (axis: number, at: I32): void => {
        if (axis === last) {
          copyRow(f, from, at, columns, left, s, remainders, (column) => layout.column(column));
          f.advance(from, columns * 4);
          return;
        }
        const stride = layout.strides[axis]! * 4;
        const here = f.local('i32', i32.add(at, i32.const(padding[axis]![0] * stride)));
        counted(f, size[axis]!, () => {
          rows(axis + 1, here);
          f.advance(here, stride);
        });
      };
      rows(0, base);
    });
  };
  return { items: planes, scratch: 0, emit };
}

function copyRow(
  f: FunctionBuilder,
  from: I32,
  to: I32,
  columns: number,
  left: number,
  s: number,
  remainders: readonly number[],
  place: (column: number) => number,
): void {
  if (s === 1) {
    copyElements(f, from, i32.add(to, i32.const(place(left) * 4)), columns, 1);
    return;
  }
  for (const r of remainders) {
    // The first column of the input whose padded position has this remainder.
    const first = (((r - left) % s) + s) % s;
    const count = Math.ceil((columns - first) / s);
    if (count <= 0) continue;
    const start = i32.add(to, i32.const(place(left + first) * 4));
    copyElements(f, i32.add(from, i32.const(first * 4)), start, count, s);
  }
}

function everyStep(p: I32, step: number): V128 {
  if (step === 1) return v128.load(p);
  if (step === 2) return shuffle32(v128.load(p), v128.load(p, 16), [0, 2, 4, 6]);
  let value = v128.load32Zero(p);
  for (let lane = 1; lane < 4; lane++) value = v128.load32Lane(value, lane, p, lane * step * 4);
  return value;
}

/** Copies every `step`-th float. */
export function copyElements(
  f: FunctionBuilder,
  from: I32,
  to: I32,
  count: number,
  step: number,
): void {
  if (step === 1 && count > 64) {
    f.memoryCopy(to, from, i32.const(count * 4));
    return;
  }
  f.scope(() => {
    const [p, q] = [f.local('i32', from), f.local('i32', to)];
    const vector = (): void => {
      f.store('v128', q, everyStep(p, step));
      f.advance(p, step * 16);
      f.advance(q, 16);
    };
    counted(f, Math.floor(count / 4), vector);
    for (let i = 0; i < count % 4; i++) {
      f.storeLane(32, q, v128.load32Zero(p, i * step * 4), 0, i * 4);
    }
  });
}
