/**
 * A barrier for the threads of one program: the last to arrive opens the next generation. The others spin
 * for a moment, which is all it takes between kernels, and then sleep. A thread that has failed, or has not
 * even come, ends the wait of the others with a trap.
 */
import { type ModuleBuilder, i32, i64 } from '../wasm/index.ts';
import type { FunctionRef } from '../wasm/index.ts';

/** Addresses of the words that the threads share, below everything else. */
export const syncWords = {
  arrived: 64,
  generation: 128,
  /** Workers that have begun the present program. */
  joined: 192,
  /** Not 0: a thread has failed. */
  failed: 196,
  /** Not 0: the first thread may sleep (a browser's main thread may not). */
  maySleep: 200,
} as const;

const spins = 50_000;
/** A sleeper looks around after so many nanoseconds. */
const patience = 10_000_000_000n;

/** Parameters: this thread's number and the count of threads. */
export function barrier(module: ModuleBuilder): FunctionRef {
  return module.function({ params: ['i32', 'i32'] }, (f, thread, threads) => {
    const word = (name: keyof typeof syncWords) => i32.const(syncWords[name]);
    const one = i32.const(1);
    const now = f.local('i32', i32.atomicLoad(word('generation')));
    const before = i32.atomicAdd(word('arrived'), one);
    f.if(
      i32.eq(i32.add(before, one), threads),
      () => {
        f.atomicStore(word('arrived'), i32.const(0));
        f.drop(i32.atomicAdd(word('generation'), one));
        f.drop(i32.atomicNotify(word('generation'), i32.const(-1)));
      },
      () => {
        const left = f.local('i32', i32.const(spins));
        const waiting = () => i32.eq(i32.atomicLoad(word('generation')), now);
        const sleeps = f.local('i32', i32.or(thread, i32.load(word('maySleep'))));
        f.while(
          () => i32.and(waiting(), i32.gtS(left, i32.const(0))),
          () => f.advance(left, -1),
        );
        const outcome = f.local('i32', i32.const(0));
        f.while(waiting, () => {
          f.if(i32.atomicLoad(word('failed')), () => f.unreachable());
          f.if(sleeps, () => {
            f.set(outcome, i32.atomicWait(word('generation'), now, i64.const(patience)));
            const missing = i32.ltU(i32.atomicLoad(word('joined')), i32.sub(threads, one));
            f.if(i32.and(i32.eq(outcome, i32.const(2)), missing), () => f.unreachable());
          });
        });
      },
    );
  });
}
