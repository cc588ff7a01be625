/** The child's side: one case, commanded by the parent. */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { findCase } from '../cases/index.ts';
import { workOf } from '../cases/work.ts';
import { answerStream, encode } from './protocol.ts';
import type { Answer, Command, MemoryUse } from './protocol.ts';
import type { Loaded, Runner } from './runner.ts';
import { describeError, measureCalls, openSession } from './session.ts';

function answer(message: Answer): void {
  const bytes = Buffer.from(`${JSON.stringify(message)}\n`);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(answerStream, bytes, at);
    } catch (error) {
      // The pipe is full: the parent is reading.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}

/** What answers the parent. */
export interface Servant {
  load(command: Extract<Command, { do: 'load' }>): Promise<Omit<LoadAnswer, 'did'>>;
  measure(milliseconds: number): Promise<readonly number[]>;
  watch?(calls: number): Promise<MemoryUse>;
  /** Ends the work: its peak memory in bytes, 0 where nobody can tell. */
  finish(): Promise<number>;
}
type LoadAnswer = Extract<Answer, { did: 'load' }>;

/** Obeys until the parent closes the pipe or says to finish. */
export async function obey(servant: Servant): Promise<never> {
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      const command = JSON.parse(line) as Command;
      if (command.do === 'load') {
        answer({ did: 'load', ...(await servant.load(command)) });
      } else if (command.do === 'measure') {
        answer({ did: 'measure', samples: await servant.measure(command.milliseconds) });
      } else if (command.do === 'watch') {
        if (servant.watch === undefined) throw new Error('its memory cannot be watched');
        answer({ did: 'watch', use: await servant.watch(command.calls) });
      } else {
        answer({ did: 'finish', peakBytes: await servant.finish() });
        break;
      }
    } catch (error) {
      answer({ did: 'fail', message: describeError(error) });
    }
  }
  // Thread pools of some libraries would keep the process alive.
  process.exit(0);
}

/** Runs the work in this process. */
export function serve(runner: Runner): Promise<never> {
  let loaded: Loaded | undefined;
  const ready = (): Loaded => {
    if (loaded === undefined) throw new Error('nothing is loaded');
    return loaded;
  };
  return obey({
    async load({ family, name, files, calls }) {
      const session = await openSession(runner, workOf(findCase(family, name)), files, calls);
      loaded = session.loaded;
      return { first: session.first, outputs: session.outputs.map(encode) };
    },
    measure: async (milliseconds) => measureCalls(ready(), milliseconds),
    async watch(calls) {
      for (let call = 0; call < calls; call++) await ready().run();
      return memoryUse(ready());
    },
    // Kilobytes on every platform.
    finish: () => Promise.resolve(process.resourceUsage().maxRSS * 1024),
  });
}

async function memoryUse(loaded: Loaded): Promise<MemoryUse> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  // Finalizers run between two turns, and leave garbage of their own.
  for (let turn = 0; turn < 3; turn++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return {
    resident: rss,
    heap: heapUsed,
    external,
    values: loaded.values?.() ?? 0,
  };
}
