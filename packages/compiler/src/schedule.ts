/** The order of kernels: whatever is ready and leaves the least in memory comes next. */
import { dtypeInfo, sizeOf } from '@hebb/core';
import { accessesOf } from './access.ts';
import type { BufferDraft } from './buffers.ts';
import type { Kernel } from './ir.ts';

export interface Job {
  readonly kernel: Kernel;
  /** Positions of jobs that come first. */
  readonly after: ReadonlySet<number>;
  /** Of two equally good ones the lower comes first. */
  readonly rank: number;
}

interface Node {
  readonly reads: readonly number[];
  readonly writes: readonly number[];
  readonly then: number[];
  waiting: number;
  done: boolean;
}

/** Positions of the jobs in order; `fixed` buffers (inputs, outputs) take no memory from the arena. */
export function schedule(
  jobs: readonly Job[],
  buffers: readonly BufferDraft[],
  fixed: ReadonlySet<number>,
): number[] {
  const bytes = buffers.map(({ dtype, shape }, id) =>
    fixed.has(id) ? 0 : sizeOf(shape) * dtypeInfo(dtype).bytes,
  );
  const readers = new Array<number>(buffers.length).fill(0);
  const nodes = jobs.map(({ kernel, after }): Node => {
    const { reads, writes } = accessesOf(kernel);
    const own = [...reads].filter((id) => !writes.has(id));
    for (const id of own) readers[id]! += 1;
    return { reads: own, writes: [...writes], then: [], waiting: after.size, done: false };
  });
  jobs.forEach(({ after }, i) => {
    for (const j of after) nodes[j]!.then.push(i);
  });
  // Constants put into memory read nothing: they wait for who needs them.
  const isFill = (i: number): boolean => nodes[i]!.reads.length === 0 && jobs[i]!.after.size === 0;
  const fills = jobs.map((_, i) => isFill(i) && nodes[i]!.then.length > 0);
  const written = new Set<number>();
  const gain = (i: number): number => {
    let sum = 0;
    for (const id of nodes[i]!.reads) if (readers[id] === 1) sum += bytes[id]!;
    for (const id of nodes[i]!.writes) if (!written.has(id) && readers[id]! > 0) sum -= bytes[id]!;
    return sum;
  };
  const order: number[] = [];
  const ready = new Set<number>();
  const finish = (i: number): void => {
    const node = nodes[i]!;
    node.done = true;
    ready.delete(i);
    order.push(i);
    for (const id of node.reads) readers[id]! -= 1;
    for (const id of node.writes) written.add(id);
    for (const next of node.then) {
      nodes[next]!.waiting -= 1;
      if (nodes[next]!.waiting === 0 && !fills[next]) ready.add(next);
    }
  };
  // A job that waits for fills alone is as good as ready.
  jobs.forEach(({ after }, i) => {
    for (const j of after) if (fills[j]) nodes[i]!.waiting -= 1;
    if (nodes[i]!.waiting === 0 && !fills[i]) ready.add(i);
  });
  const run = (i: number): void => {
    for (const j of jobs[i]!.after) {
      if (!fills[j] || nodes[j]!.done) continue;
      nodes[j]!.done = true;
      order.push(j);
      for (const id of nodes[j]!.writes) written.add(id);
    }
    finish(i);
  };
  while (ready.size > 0) {
    let best = -1;
    let most = -Infinity;
    for (const i of ready) {
      const value = gain(i);
      const better = value > most || (value === most && jobs[i]!.rank < jobs[best]!.rank);
      if (better) [best, most] = [i, value];
    }
    run(best);
  }
  if (order.length !== jobs.length) throw new Error('kernels wait for each other in a circle');
  return order;
}
