/** Memory of training loops: that it does not grow. */
import { cases } from '../cases/index.ts';
import { checkedSteps } from '../cases/case.ts';
import { selectContenders } from '../contenders.ts';
import { launchOf } from '../harness/launch.ts';
import type { Host } from '../harness/launch.ts';
import { ContenderError, ContenderProcess } from '../harness/process.ts';
import type { MemoryUse } from '../harness/protocol.ts';
import type { Sheet } from '../report/summary.ts';

/** Steps after which the process is looked at. */
export const watchedSteps = [10, 100, 1000] as const;

export interface MemoryResult {
  readonly case: string;
  readonly contender: string;
  /** One of each number of `watchedSteps`. */
  readonly uses?: readonly MemoryUse[];
  readonly reason?: string;
}

export interface MemoryOptions {
  readonly host: Host;
  readonly wanted: string | undefined;
  readonly names: readonly string[] | undefined;
  readonly progress?: (message: string) => void;
}

/** Milliseconds for a thousand steps. */
const patience = 1_800_000;

export async function measureMemory(options: MemoryOptions): Promise<MemoryResult[]> {
  const { host, wanted, names, progress = () => undefined } = options;
  const results: MemoryResult[] = [];
  for (const contender of selectContenders(names ?? ['hebb'])) {
    for (const { family, name } of cases.train) {
      if (wanted !== undefined && name !== wanted) continue;
      const head = { case: name, contender: contender.name };
      const child = new ContenderProcess(launchOf(contender, host));
      try {
        progress(`memory ${name}: loading ${contender.name}`);
        await child.ask({ do: 'load', family, name, files: {}, calls: checkedSteps }, patience);
        const uses: MemoryUse[] = [];
        let done: number = checkedSteps;
        for (const steps of watchedSteps) {
          progress(`memory ${name}: ${contender.name} on the way to step ${steps}`);
          const { use } = await child.ask({ do: 'watch', calls: steps - done }, patience);
          uses.push(use);
          done = steps;
        }
        await child.finish();
        results.push({ ...head, uses });
      } catch (error) {
        if (!(error instanceof ContenderError)) throw error;
        results.push({ ...head, reason: error.message });
      } finally {
        child.kill();
      }
    }
  }
  return results;
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);

export function memorySheet(results: readonly MemoryResult[]): Sheet {
  const columns = [
    ['process', (use: MemoryUse) => megabytes(use.resident)],
    ['JS heap', (use: MemoryUse) => megabytes(use.heap)],
    ['outside of it', (use: MemoryUse) => megabytes(use.external)],
    ['live values', (use: MemoryUse) => String(use.values)],
  ] as const;
  return {
    title: 'Memory of training loops: megabytes after so many steps',
    head: [
      'case',
      ...columns.flatMap(([name]) => watchedSteps.map((steps) => `${name}, ${steps}`)),
    ],
    rows: results.flatMap(({ case: name, contender, uses }) =>
      uses === undefined
        ? []
        : [
            [
              contender === 'hebb' ? name : `${name}, ${contender}`,
              ...columns.flatMap(([, show]) => uses.map(show)),
            ],
          ],
    ),
    notes: results.flatMap(({ case: name, contender, reason }) =>
      reason ? [`${contender} is out of ${name}: ${reason}`] : [],
    ),
  };
}
