/** Cumulative sums, random bits, and the fold of windows. */
import { sizeOf, stridesOf } from '@hebb/core';
import type { DType } from '@hebb/core';
import { i32, i64 } from '../../wasm/index.ts';
import type { FunctionBuilder, I32, I64, Local } from '../../wasm/index.ts';
import { castScalar } from '../cast.ts';
import { inputArray, outputArray } from '../routine.ts';
import type { RoutineGenerator } from '../routine.ts';
import { applyScalar, constantScalar } from '../scalar.ts';
import { scalarType } from '../types.ts';
import { forRows } from '../rows.ts';

/** Floats add up in float64. */
const accumulatorOf = (dtype: DType): DType => {
  const type = scalarType(dtype);
  return type === 'f32' || type === 'f64' ? 'float64' : dtype;
};

export const cumsum: RoutineGenerator = (kernel, helpers, buffers) => {
  const { axis, exclusive, reverse } = kernel.attrs as {
    axis: number;
    exclusive: boolean;
    reverse: boolean;
  };
  const { shape, dtype } = kernel.results[0]!;
  const n = shape[axis]!;
  const inner = sizeOf(shape.slice(axis + 1));
  const rows = sizeOf(shape) === 0 ? 0 : sizeOf(shape) / n;
  const wide = accumulatorOf(dtype);
  return {
    shared: 0,
    phases: [
      {
        items: rows,
        scratch: 0,
        emit: (f, begin, end) => {
          const x = inputArray(kernel, buffers, 0);
          const y = outputArray(kernel, buffers, 0)!;
          const step = reverse ? -inner : inner;
          f.for(begin, end, 1, (row) => {
            const lead = i32.mul(i32.divU(row, i32.const(inner)), i32.const(n * inner));
            const start = i32.add(lead, i32.remU(row, i32.const(inner)));
            const at = f.local('i32', reverse ? i32.add(start, i32.const((n - 1) * inner)) : start);
            const total = f.local(scalarType(wide), constantScalar(wide, 0));
            f.for(i32.const(0), i32.const(n), 1, () => {
              const value = f.let(castScalar(f, dtype, wide, x.load(f, at)));
              const before = (): void => y.store(f, at, castScalar(f, wide, dtype, total));
              if (exclusive) before();
              f.set(total, applyScalar({ f, helpers }, 'add', wide, [total, value]));
              if (!exclusive) before();
              f.advance(at, step);
            });
          });
        },
      },
    ],
  };
};

/** Philox4x32-10 (Salmon et al., SC 2011): word i is word i mod 4 of the block with counter ⌊i/4⌋. */
export const randomBits: RoutineGenerator = (kernel, _helpers, buffers) => {
  const count = sizeOf(kernel.results[0]!.shape);
  const blocks = Math.ceil(count / 4);
  return {
    shared: 0,
    phases: [
      {
        items: blocks,
        scratch: 0,
        emit: (f, begin, end) => {
          const key = inputArray(kernel, buffers, 0);
          const out = outputArray(kernel, buffers, 0)!;
          const key0 = f.let(key.load(f, i32.const(0)) as I32);
          const key1 = f.let(key.load(f, i32.const(1)) as I32);
          f.for(begin, end, 1, (block) => {
            const words = philox(f, block, key0, key1);
            const first = f.let(i32.shl(block, i32.const(2)));
            words.forEach((word, i) => {
              const at = i32.add(first, i32.const(i));
              const store = (): void => out.store(f, at, word);
              if (i >= count % 4 && count % 4 !== 0) f.if(i32.ltS(at, i32.const(count)), store);
              else store();
            });
          });
        },
      },
    ],
  };
};

function philox(f: FunctionBuilder, block: I32, key0: I32, key1: I32): I32[] {
  const counter = [block, i32.const(0), i32.const(0), i32.const(0)].map((x) => f.local('i32', x));
  const [c0, c1, c2, c3] = counter as [Local<'i32'>, Local<'i32'>, Local<'i32'>, Local<'i32'>];
  const [k0, k1] = [f.local('i32', key0), f.local('i32', key1)];
  f.for(i32.const(0), i32.const(10), 1, () => {
    const product = (x: I32, factor: number): I64 =>
      f.let(i64.mul(i64.extendI32U(x), i64.const(BigInt(factor))));
    const high = (x: I64): I32 => i32.wrapI64(i64.shrU(x, i64.const(32n)));
    const p0 = product(c0, 0xd2511f53);
    const p1 = product(c2, 0xcd9e8d57);
    f.set(c0, i32.xor(i32.xor(high(p1), c1), k0));
    f.set(c1, i32.wrapI64(p1));
    f.set(c2, i32.xor(i32.xor(high(p0), c3), k1));
    f.set(c3, i32.wrapI64(p0));
    f.advance(k0, 0x9e3779b9 | 0);
    f.advance(k1, 0xbb67ae85 | 0);
  });
  return [c0, c1, c2, c3];
}

/** The transpose of `window`: for each position the sum of the windows' elements that lie there. */
export const fold: RoutineGenerator = (kernel, helpers, buffers) => {
  const { size, stride, dilation, spatial } = kernel.attrs as {
    size: readonly number[];
    stride: readonly number[];
    dilation: readonly number[];
    spatial: readonly number[];
  };
  const { shape, dtype } = kernel.results[0]!;
  const x = kernel.inputs[0]!.shape;
  const rank = size.length;
  const lead = sizeOf(shape.slice(0, shape.length - rank));
  const counts = x.slice(x.length - 2 * rank, x.length - rank);
  const strides = stridesOf([...counts, ...size]);
  const perLead = sizeOf([...counts, ...size]);
  const wide = accumulatorOf(dtype);
  return {
    shared: 0,
    phases: [
      {
        items: lead * sizeOf(spatial),
        scratch: 0,
        emit: (f, begin, end) => {
          const source = inputArray(kernel, buffers, 0);
          const out = outputArray(kernel, buffers, 0)!;
          const item = f.local('i32', begin);
          forRows(f, [lead, ...spatial], begin, end, ([first, ...at]) => {
            const total = f.local(scalarType(wide), constantScalar(wide, 0));
            const start = i32.mul(first!, i32.const(perLead));
            const walk = (axis: number, from: I32): void => {
              if (axis === rank) {
                const value = castScalar(f, dtype, wide, source.load(f, from));
                f.set(total, applyScalar({ f, helpers }, 'add', wide, [total, value]));
                return;
              }
              f.for(i32.const(0), i32.const(size[axis]!), 1, (k) => {
                const offset = f.let(i32.sub(at[axis]!, i32.mul(k, i32.const(dilation[axis]!))));
                const s = i32.const(stride[axis]!);
                const window = f.let(i32.divS(offset, s));
                const reached = i32.and(
                  i32.and(i32.geS(offset, i32.const(0)), i32.eqz(i32.remS(offset, s))),
                  i32.ltS(window, i32.const(counts[axis]!)),
                );
                f.if(reached, () => {
                  const part = i32.add(
                    i32.mul(window, i32.const(strides[axis]!)),
                    i32.mul(k, i32.const(strides[rank + axis]!)),
                  );
                  walk(axis + 1, f.let(i32.add(from, part)));
                });
              });
            };
            walk(0, f.let(start));
            out.store(f, item, castScalar(f, wide, dtype, total));
            f.advance(item, 1);
          });
        },
      },
    ],
  };
};
