/**
 * The fuzzer by hand: `npm run fuzz -- --help`. Files are tried in a thread of its own, so that one that
 * eats the memory, or never ends, is a finding as well.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { cpu } from '@hebb/backend-cpu';
import { init } from '@hebb/core';
import { corpus } from './corpus.ts';
import { fileOf, fuzz, outcomeNames, outcomeOf, slow } from './fuzz.ts';
import type { Finding, FuzzReport } from './fuzz.ts';

const help = `npm run fuzz -- [options] [FILE...]

Breaks small models at random and imports, inspects and runs them. Each file must end in a result or in a
named error, in bounded time and memory. What does not is written to a folder, named by its seed. Files that are named are tried as they are.

  --minutes N   how long (default 1)
  --count N     how many files at most
  --seed N      the first seed; file k is made of seed + k (default: from the clock)
  --out DIR     where findings are written (default fuzz-findings)
  --memory MB   most heap for a file (default 1024)
  --help        this text
`;

interface Task {
  readonly seed: number;
  readonly count: number;
  readonly milliseconds: number;
  /** For the thread that watches: the seed that is being tried, then how often each outcome occurred. */
  readonly current: Int32Array;
}

/** In the thread. */
async function work({ current, ...task }: Task): Promise<void> {
  await init(cpu());
  const port = parentPort!;
  const models = await corpus();
  const report = await fuzz({
    ...task,
    models,
    onFile: (seed) => void Atomics.store(current, 0, seed),
    onOutcome: (outcome) => void Atomics.add(current, 1 + outcomeNames.indexOf(outcome), 1),
    onFinding: (finding) => port.postMessage({ finding }),
  });
  port.postMessage({ report });
}

type Message = { readonly finding?: Finding; readonly report?: FuzzReport };

/** A thread until it ends: its report, or what it died of. */
function watch(task: Task, memory: number, onFinding: (finding: Finding) => void) {
  return new Promise<FuzzReport | string>((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), {
      workerData: task,
      resourceLimits: { maxOldGenerationSizeMb: memory },
    });
    let since = performance.now();
    let seen = -1;
    const timer = setInterval(() => {
      const now = Atomics.load(task.current, 0);
      if (now !== seen) [seen, since] = [now, performance.now()];
      else if (seen >= 0 && performance.now() - since > 3 * slow) {
        void worker.terminate();
        done('it does not end');
      }
    }, 500);
    const done = (result: FuzzReport | string): void => {
      clearInterval(timer);
      resolve(result);
    };
    worker.on('message', ({ finding, report }: Message) => {
      if (finding !== undefined) onFinding(finding);
      if (report !== undefined) done(report);
    });
    worker.on('error', (error) => {
      if (Atomics.load(task.current, 0) < 0) reject(error);
      else done(String(error));
    });
  });
}

async function replay(paths: readonly string[], say: (line: string) => void): Promise<void> {
  await init(cpu());
  for (const path of paths) {
    const started = performance.now();
    const reason = (error: unknown): void => say(String(error));
    const outcome = await outcomeOf(await readFile(path), { onError: reason }).catch(
      (error: unknown) => {
        process.exitCode = 1;
        return error instanceof Error ? String(error.stack) : String(error);
      },
    );
    say(`${path}: ${outcome}, ${(performance.now() - started).toFixed(0)} ms`);
  }
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      minutes: { type: 'string', default: '1' },
      count: { type: 'string' },
      seed: { type: 'string', default: String(Date.now() % 2 ** 30) },
      out: { type: 'string', default: 'fuzz-findings' },
      memory: { type: 'string', default: '1024' },
      help: { type: 'boolean', default: false },
    },
  });
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  if (values.help) return say(help);
  if (positionals.length > 0) return replay(positionals, say);
  const first = Number(values.seed);
  const end = performance.now() + Number(values.minutes) * 60_000;
  const total = values.count === undefined ? Infinity : Number(values.count);
  await init(cpu());
  const models = await corpus();
  const outcomes = Object.fromEntries(outcomeNames.map((name) => [name, 0]));
  let [seed, found] = [first, 0];
  let slowest = { seed: first, milliseconds: 0 };
  const keep = async (finding: Finding): Promise<void> => {
    found += 1;
    say(`seed ${finding.seed}: ${finding.problem}`);
    await mkdir(values.out, { recursive: true });
    await writeFile(join(values.out, `${finding.seed}.onnx`), finding.bytes);
  };
  say(`seed ${first}`);
  while (performance.now() < end && seed - first < total) {
    const current = new Int32Array(new SharedArrayBuffer(4 * (1 + outcomeNames.length)));
    current[0] = -1;
    const task = {
      seed,
      count: total - (seed - first),
      milliseconds: end - performance.now(),
      current,
    };
    const result = await watch(task, Number(values.memory), (finding) => void keep(finding));
    outcomeNames.forEach((name, k) => (outcomes[name]! += current[1 + k]!));
    if (typeof result === 'string') {
      const own = Atomics.load(current, 0);
      await keep({ seed: own, problem: result, bytes: fileOf(models, own) });
      seed = own + 1;
      continue;
    }
    if (result.slowest.milliseconds > slowest.milliseconds) slowest = result.slowest;
    seed += result.count;
  }
  say(`${seed - first} files: ${JSON.stringify(outcomes)}`);
  say(`slowest: seed ${slowest.seed}, ${slowest.milliseconds.toFixed(0)} ms`);
  say(found === 0 ? 'nothing found' : `${found} found: ${values.out}`);
  if (found > 0) process.exitCode = 1;
}

if (isMainThread) await main();
else await work(workerData as Task);
