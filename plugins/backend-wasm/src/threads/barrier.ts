/**
 * A barrier for the threads of one program: the last to arrive opens the next generation. The others spin
 * for a moment, which is all it takes between kernels, and then sleep.
 */
import { ModuleBuilder, i32, i64 } from '../wasm/index.ts';
import type { FunctionRef } from '../wasm/index.ts';

/** Addresses of the two words, a cache line each. */
export const syncWords = { arrived: 64, generation: 128 } as const;

const spins = 20_000;

export function barrier(module: ModuleBuilder): FunctionRef {
  return module.function({ params: ['i32'] }, (f, threads) => {
    const arrived = i32.const(syncWords.arrived);
    const generation = i32.const(syncWords.generation);
    const one = i32.const(1);
    const now = f.local('i32', i32.atomicLoad(generation));
    const before = i32.atomicAdd(arrived, one);
    f.if(
      i32.eq(i32.add(before, one), threads),
      () => {
        f.atomicStore(arrived, i32.const(0));
        f.drop(i32.atomicAdd(generation, one));
        f.drop(i32.atomicNotify(generation, i32.const(-1)));
      },
      () => {
        const left = f.local('i32', i32.const(spins));
        const waiting = () => i32.eq(i32.atomicLoad(generation), now);
        f.while(
          () => i32.and(waiting(), i32.gtS(left, i32.const(0))),
          () => f.advance(left, -1),
        );
        f.while(waiting, () => f.drop(i32.atomicWait(generation, now, i64.const(-1n))));
      },
    );
  });
}
