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

/** Obeys until the parent closes the pipe or says to finish. */
export async function serve(runner: Runner): Promise<void> {
  let loaded: Loaded | undefined;
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      const command = JSON.parse(line) as Command;
      if (command.do === 'load') {
        const result = await load(runner, command);
        loaded = result.loaded;
        answer(result.answer);
      } else if (command.do === 'measure') {
        if (loaded === undefined) throw new Error('nothing is loaded');
        answer({ did: 'measure', samples: await measure(loaded, command.milliseconds) });
      } else if (command.do === 'watch') {
        if (loaded === undefined) throw new Error('nothing is loaded');
        for (let call = 0; call < command.calls; call++) await loaded.run();
        answer({ did: 'watch', use: await memoryUse(loaded) });
      } else {
        // Kilobytes on every platform.
        answer({ did: 'finish', peakBytes: process.resourceUsage().maxRSS * 1024 });
        break;
      }
    } catch (error) {
      answer({ did: 'fail', message: describe(error) });
    }
  }
  // Thread pools of some libraries would keep the process alive.
  process.exit(0);
}

async function load(
  runner: Runner,
  { family, name, files, calls }: Extract<Command, { do: 'load' }>,
): Promise<{ loaded: Loaded; answer: Answer }> {
  const work = workOf(findCase(family, name));
  const start = performance.now();
  const loaded = await runner.load(work, files);
  const outputs = [await loaded.run()];
  const first = performance.now() - start;
  while (outputs.length < calls) outputs.push(await loaded.run());
  const { arrange = (output) => output } = loaded;
  return {
    loaded,
    answer: { did: 'load', first, outputs: outputs.map((output) => encode(arrange(output))) },
  };
}

async function measure(loaded: Loaded, milliseconds: number): Promise<number[]> {
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

/** The error's first lines, in one. */
function describe(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/\s+/g, ' ').trim().slice(0, 300);
}
