/** A contender with one case: the same in a process of Node and in a browser page. */
import type { Case } from '../cases/case.ts';
import type { Work } from '../cases/work.ts';
import type { Files, Loaded, Runner } from './runner.ts';

export interface Session {
  readonly loaded: Loaded;
  /** Milliseconds from weights in memory (or a file) to the first answer. */
  readonly first: number;
  /** Of so many calls, as they are compared. */
  readonly outputs: readonly Float32Array[];
}

export async function openSession(
  runner: Runner,
  work: Work<Case>,
  files: Files,
  calls: number,
): Promise<Session> {
  const start = performance.now();
  const loaded = await runner.load(work, files);
  const outputs = [await loaded.run()];
  const first = performance.now() - start;
  while (outputs.length < calls) outputs.push(await loaded.run());
  const { arrange = (output) => output } = loaded;
  return { loaded, first, outputs: outputs.map((output) => sampled(arrange(output))) };
}

/** Numbers of one output that are compared, at most. */
const mostCompared = 2 ** 18;

/** Every so many-th number of a long output: an odd step, so that no column of a matrix is missed. */
export function sampled(output: Float32Array): Float32Array {
  if (output.length <= mostCompared) return output;
  const step = Math.ceil(output.length / mostCompared) | 1;
  return Float32Array.from(
    { length: Math.ceil(output.length / step) },
    (_, i) => output[i * step]!,
  );
}

/** Milliseconds of each call, for about so long and at least once. */
export async function measureCalls(loaded: Loaded, milliseconds: number): Promise<number[]> {
  if (loaded.queued !== undefined) return measureQueued(loaded.queued, milliseconds);
  const samples: number[] = [];
  const end = performance.now() + milliseconds;
  let start = performance.now();
  do {
    await loaded.run();
    const now = performance.now();
    samples.push(now - start);
    // The next call starts here: nothing between two calls goes uncounted.
    start = now;
  } while (start < end);
  return samples;
}

/** Calls that are queued before anybody waits for them, at most: their outputs take memory. */
const longestQueue = 64;

/**
 * Calls one after the other without a look at their results, so that handing numbers over does not count:
 * as many at once as fill a third of the time.
 */
async function measureQueued(
  { start, settle }: NonNullable<Loaded['queued']>,
  milliseconds: number,
): Promise<number[]> {
  const turn = async (count: number): Promise<number> => {
    const begin = performance.now();
    for (let i = 0; i < count; i++) await start();
    await settle();
    return performance.now() - begin;
  };
  let count = 1;
  while ((await turn(count)) < milliseconds / 3 && count < longestQueue) count *= 2;
  const samples: number[] = [];
  const end = performance.now() + milliseconds;
  do {
    samples.push((await turn(count)) / count);
  } while (performance.now() < end);
  return samples;
}

/** The error's first lines, in one. */
export function describeError(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/\s+/g, ' ').trim().slice(0, 300);
}
