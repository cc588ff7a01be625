/** Stable sorting along an axis by bottom-up merging; NaN counts as the largest. */
import type { DType } from '@hebb/core';
import { sizeOf } from '@hebb/core';
import { f32, f64, i32, i64 } from '../../wasm/index.ts';
import type { Code, F32, F64, FunctionBuilder, I32, I64 } from '../../wasm/index.ts';
import { aligned } from '../../routines/kernel.ts';
import { minimum } from '../../routines/parts.ts';
import { ArrayRef, inputArray, outputArray } from '../routine.ts';
import type { RoutineGenerator } from '../routine.ts';
import { bytesOf, isUnsigned, scalarType } from '../types.ts';

/** a < b, or b is NaN and a is not. */
function before(dtype: DType, a: Code, b: Code): I32 {
  switch (scalarType(dtype)) {
    case 'f32': {
      const [x, y] = [a as F32, b as F32];
      return i32.or(f32.lt(x, y), i32.and(f32.ne(y, y), f32.eq(x, x)));
    }
    case 'f64': {
      const [x, y] = [a as F64, b as F64];
      return i32.or(f64.lt(x, y), i32.and(f64.ne(y, y), f64.eq(x, x)));
    }
    case 'i64':
      return (isUnsigned(dtype) ? i64.ltU : i64.ltS)(a as I64, b as I64);
    case 'i32':
      return (isUnsigned(dtype) ? i32.ltU : i32.ltS)(a as I32, b as I32);
  }
}

export const sort: RoutineGenerator = (kernel, _helpers, buffers) => {
  const { axis, descending } = kernel.attrs as { axis: number; descending: boolean };
  const { shape, dtype } = kernel.results[0]!;
  const n = shape[axis]!;
  const inner = sizeOf(shape.slice(axis + 1));
  const rows = sizeOf(shape) === 0 ? 0 : sizeOf(shape) / n;
  const keyBytes = aligned(n * bytesOf(dtype));
  const indexBytes = aligned(n * 4);

  const emit = (f: FunctionBuilder, begin: I32, end: I32, own: I32): void => {
    const x = inputArray(kernel, buffers, 0);
    const values = outputArray(kernel, buffers, 0);
    const indices = outputArray(kernel, buffers, 1);
    const [keysA, keysB] = [f.local('i32'), f.local('i32')];
    const [placesA, placesB] = [f.local('i32'), f.local('i32')];
    f.for(begin, end, 1, (row) => {
      const lead = i32.mul(i32.divU(row, i32.const(inner)), i32.const(n * inner));
      const start = f.local('i32', i32.add(lead, i32.remU(row, i32.const(inner))));
      const element = (i: I32): I32 => i32.add(start, i32.mul(i, i32.const(inner)));
      f.set(keysA, own);
      f.set(keysB, i32.add(own, i32.const(keyBytes)));
      f.set(placesA, i32.add(own, i32.const(2 * keyBytes)));
      f.set(placesB, i32.add(own, i32.const(2 * keyBytes + indexBytes)));
      const from = { keys: new ArrayRef(dtype, keysA), places: new ArrayRef('int32', placesA) };
      const to = { keys: new ArrayRef(dtype, keysB), places: new ArrayRef('int32', placesB) };
      f.for(i32.const(0), i32.const(n), 1, (i) => {
        from.keys.store(f, i, x.load(f, element(i)));
        from.places.store(f, i, i);
      });
      const width = f.local('i32', i32.const(1));
      f.while(
        () => i32.ltS(width, i32.const(n)),
        () => {
          mergeRuns(f, dtype, n, width, descending, from, to);
          for (const [a, b] of [
            [keysA, keysB],
            [placesA, placesB],
          ] as const) {
            const held = f.local('i32', a);
            f.set(a, b);
            f.set(b, held);
          }
          f.set(width, i32.shl(width, i32.const(1)));
        },
      );
      f.for(i32.const(0), i32.const(n), 1, (i) => {
        values?.store(f, element(i), from.keys.load(f, i));
        indices?.store(f, element(i), from.places.load(f, i));
      });
    });
  };
  return {
    shared: 0,
    phases: [
      {
        items: rows,
        scratch: 2 * (keyBytes + indexBytes),
        emit: (f, begin, end, { own }) => emit(f, begin, end, own),
      },
    ],
  };
};

interface Run {
  readonly keys: ArrayRef;
  readonly places: ArrayRef;
}

function mergeRuns(
  f: FunctionBuilder,
  dtype: DType,
  n: number,
  width: I32,
  descending: boolean,
  from: Run,
  to: Run,
): void {
  const start = f.local('i32', i32.const(0));
  f.while(
    () => i32.ltS(start, i32.const(n)),
    () => {
      f.scope(() => {
        const middle = f.local('i32', minimum(f, i32.add(start, width), i32.const(n)));
        const end = f.local('i32', minimum(f, i32.add(middle, width), i32.const(n)));
        const left = f.local('i32', start);
        const right = f.local('i32', middle);
        const takeRight = f.local('i32');
        f.for(start, end, 1, (at) => {
          f.set(takeRight, i32.geS(left, middle));
          f.if(i32.and(i32.eqz(takeRight), i32.ltS(right, end)), () => {
            const a = f.let(from.keys.load(f, left));
            const b = f.let(from.keys.load(f, right));
            f.set(takeRight, descending ? before(dtype, a, b) : before(dtype, b, a));
          });
          const take = (source: typeof left): void => {
            to.keys.store(f, at, from.keys.load(f, source));
            to.places.store(f, at, from.places.load(f, source));
            f.advance(source, 1);
          };
          f.if(
            takeRight,
            () => take(right),
            () => take(left),
          );
        });
        f.set(start, end);
      });
    },
  );
}
