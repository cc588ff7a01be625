/**
 * Writing at computed positions. What collides goes in index order within one item, so that threads give the
 * same results; an index out of range is left out.
 */
import type { ScatterReduce } from '@hebb/core';
import { sizeOf, stridesOf } from '@hebb/core';
import { f32x4, i32, v128 } from '../../wasm/index.ts';
import type { Code, FunctionBuilder, I32, V128 } from '../../wasm/index.ts';
import type { KernelPlan } from '../../routines/kernel.ts';
import { minimum } from '../../routines/parts.ts';
import type { Helpers } from '../helpers.ts';
import { inputArray, outputArray } from '../routine.ts';
import type { ArrayRef, RoutineGenerator } from '../routine.ts';
import { forRows } from '../rows.ts';
import { applyScalar } from '../scalar.ts';

const combiner = { add: 'add', mul: 'mul', max: 'maximum', min: 'minimum' } as const;

/** Bytes that one item copies. */
const copyBytes = 1 << 16;
/** Elements of a block that one item writes. */
const blockPart = 256;

/** Copies x to the output unless they are the same memory. */
function copyPhase(
  x: (f: FunctionBuilder) => ArrayRef,
  y: () => ArrayRef,
  bytes: number,
): KernelPlan {
  return {
    items: Math.ceil(bytes / copyBytes),
    scratch: 0,
    emit: (f, begin, end) => {
      const zero = i32.const(0);
      const [from, to] = [f.let(x(f).at(zero)), f.let(y().at(zero))];
      f.if(i32.ne(from, to), () => {
        const start = f.let(i32.mul(begin, i32.const(copyBytes)));
        const stop = f.let(minimum(f, i32.mul(end, i32.const(copyBytes)), i32.const(bytes)));
        f.if(i32.gtS(stop, start), () =>
          f.memoryCopy(i32.add(to, start), i32.add(from, start), i32.sub(stop, start)),
        );
      });
    },
  };
}

function combine(
  f: FunctionBuilder,
  helpers: Helpers,
  reduce: ScatterReduce,
  y: ArrayRef,
  to: I32,
  value: Code,
): void {
  if (reduce === 'none') {
    y.store(f, to, value);
    return;
  }
  const old = f.let(y.load(f, to));
  y.store(f, to, applyScalar({ f, helpers }, combiner[reduce], y.dtype, [old, f.let(value)]));
}

const lanes: { readonly [reduce in ScatterReduce]: (old: V128, x: V128) => V128 } = {
  none: (_old, x) => x,
  add: f32x4.add,
  mul: f32x4.mul,
  max: f32x4.max,
  min: f32x4.min,
};

export const scatter: RoutineGenerator = (kernel, helpers, buffers) => {
  const { axis, reduce } = kernel.attrs as { axis: number; reduce: ScatterReduce };
  const { shape, dtype } = kernel.results[0]!;
  const size = shape[axis]!;
  const lead = sizeOf(shape.slice(0, axis));
  const block = sizeOf(shape.slice(axis + 1));
  const count = sizeOf(kernel.inputs[1]!.shape);
  const parts = Math.ceil(block / blockPart);
  const x = (): ArrayRef => inputArray(kernel, buffers, 0);
  const y = (): ArrayRef => outputArray(kernel, buffers, 0)!;
  const bytes = sizeOf(shape) * y().bytes;
  const update: KernelPlan = {
    items: count === 0 ? 0 : lead * parts,
    scratch: 0,
    emit: (f, begin, end) => {
      const [index, source, out] = [
        inputArray(kernel, buffers, 1),
        inputArray(kernel, buffers, 2),
        y(),
      ];
      forRows(f, [lead, parts], begin, end, ([a, part]) => {
        const first = f.let(i32.mul(part!, i32.const(blockPart)));
        const last = f.let(minimum(f, i32.add(first, i32.const(blockPart)), i32.const(block)));
        const from = f.local('i32', i32.mul(a!, i32.const(count * block)));
        f.for(i32.const(0), i32.const(count), 1, (i) => {
          const at = f.let(index.loadIndex(f, i));
          f.if(i32.ltU(at, i32.const(size)), () => {
            const row = i32.add(i32.mul(a!, i32.const(size)), at);
            const to = f.let(i32.mul(row, i32.const(block)));
            const k = f.local('i32', first);
            if (dtype === 'float32' && block >= 4) {
              f.forLocal(k, f.let(i32.sub(last, i32.const(3))), 4, () => {
                const place = f.let(out.at(i32.add(to, k)));
                const value = v128.load(f.let(source.at(i32.add(from, k))));
                f.store('v128', place, lanes[reduce](v128.load(place), value));
              });
            }
            f.forLocal(k, last, 1, () =>
              f.scope(() => {
                const value = f.let(source.load(f, i32.add(from, k)));
                combine(f, helpers, reduce, out, f.let(i32.add(to, k)), value);
              }),
            );
          });
          f.advance(from, block);
        });
      });
    },
  };
  return { shared: 0, phases: bytes === 0 ? [] : [copyPhase(x, y, bytes), update] };
};

export const scatterElements: RoutineGenerator = (kernel, helpers, buffers) => {
  const { axis, reduce } = kernel.attrs as { axis: number; reduce: ScatterReduce };
  const { shape } = kernel.results[0]!;
  const places = kernel.inputs[1]!.shape;
  const strides = stridesOf(shape);
  const indexStrides = stridesOf(places);
  const others = places.map((_, i) => i).filter((i) => i !== axis);
  const sizes = others.map((i) => places[i]!);
  const x = (): ArrayRef => inputArray(kernel, buffers, 0);
  const y = (): ArrayRef => outputArray(kernel, buffers, 0)!;
  const bytes = sizeOf(shape) * y().bytes;
  const update: KernelPlan = {
    items: sizeOf(places) === 0 ? 0 : sizeOf(sizes),
    scratch: 0,
    emit: (f, begin, end) => {
      const [index, source, out] = [
        inputArray(kernel, buffers, 1),
        inputArray(kernel, buffers, 2),
        y(),
      ];
      forRows(f, sizes, begin, end, (at) => {
        const dot = (list: readonly number[]): I32 =>
          others.reduce<I32>(
            (sum, i, k) => i32.add(sum, i32.mul(at[k]!, i32.const(list[i]!))),
            i32.const(0),
          );
        const from = f.local('i32', dot(indexStrides));
        const base = f.let(dot(strides));
        f.for(i32.const(0), i32.const(places[axis]!), 1, () => {
          const place = f.let(index.loadIndex(f, from));
          f.if(i32.ltU(place, i32.const(shape[axis]!)), () => {
            const value = f.let(source.load(f, from));
            const to = i32.add(base, i32.mul(place, i32.const(strides[axis]!)));
            combine(f, helpers, reduce, out, f.let(to), value);
          });
          f.advance(from, indexStrides[axis]!);
        });
      });
    },
  };
  return { shared: 0, phases: bytes === 0 ? [] : [copyPhase(x, y, bytes), update] };
};
