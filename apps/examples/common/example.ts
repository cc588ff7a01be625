/** Examples as values: a name, own switches and a function that reports what it finds. */
import { mkdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { cpu } from '@hebb/backend-cpu';
import { wasm } from '@hebb/backend-wasm';
import { init, manualSeed } from '@hebb/core';
import { writeBytes } from '@hebb/data/node';
import Table from 'cli-table3';
import { MissingData } from './data.ts';
import { UsageError, helpText, parseOptions } from './options.ts';
import type { OptionSpec, Options } from './options.ts';
import { format, saveResult, shortfall, wanted } from './results.ts';
import type { ExampleResult, Measure, Picture } from './results.ts';

export interface Run {
  readonly options: Options;
  /** Folder for what the run writes. */
  readonly out: string;
  say(line?: string): void;
  /** Text as it comes, without an end of line. */
  put(text: string): void;
  /** A number that counts: shown, kept, and judged by its bounds. */
  measure(measure: Measure): void;
  /** A fact for the closing table. */
  note(what: string, said: string): void;
  /** A condition that must hold. */
  check(holds: boolean, what: string): void;
  table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): void;
  /**
   * Writes a file into `out`, whole, and says where; returns its path. A picture with a text is kept for the page of
   * results.
   */
  write(file: string, content: string | Uint8Array, shown?: { alt: string }): Promise<string>;
}

export interface Example {
  /** Also its npm script. */
  readonly name: string;
  /** One line without a full stop. */
  readonly summary: string;
  readonly options?: Readonly<Record<string, OptionSpec>>;
  run(run: Run): Promise<void>;
}

const outRoot = fileURLToPath(new URL('../out/', import.meta.url));

/** Runs an example and returns what it found; errors of the example are thrown. */
export async function execute(
  example: Example,
  options: Options,
  print: (text: string, end?: string) => void,
  out = join(outRoot, example.name),
): Promise<ExampleResult> {
  const started = performance.now();
  const measures: Measure[] = [];
  const notes: (readonly [string, string])[] = [];
  const failures: string[] = [];
  const pictures: Picture[] = [];
  await mkdir(out, { recursive: true });
  await init(options.backend === 'cpu' ? cpu() : wasm({ threads: options.threads }));
  manualSeed(options.seed);
  await example.run({
    options,
    out,
    say: (line = '') => print(line),
    put: (text) => print(text, ''),
    measure(measure) {
      measures.push(measure);
      const missed = shortfall(measure);
      if (missed !== undefined) failures.push(missed);
    },
    note: (what, said) => void notes.push([what, said]),
    check: (holds, what) => void (holds || failures.push(what)),
    table(head, rows) {
      const table = new Table({
        head: [...head],
        style: { head: [], border: [], compact: true },
      });
      for (const row of rows) table.push([...row]);
      print(table.toString());
    },
    async write(file, content, shown) {
      const path = join(out, file);
      if (shown !== undefined) pictures.push({ file, ...shown });
      await writeBytes(
        path,
        typeof content === 'string' ? new TextEncoder().encode(content) : content,
      );
      print(`wrote ${relative(process.cwd(), path)}`);
      return path;
    },
  });
  const { quick, backend, threads } = options;
  return {
    name: example.name,
    summary: example.summary,
    quick,
    backend,
    threads: backend === 'cpu' ? 1 : threads,
    seconds: (performance.now() - started) / 1000,
    measures,
    notes,
    failures,
    ...(pictures.length > 0 ? { pictures } : {}),
  };
}

/** The closing table and the failures, as the terminal shows them. */
function summarize(result: ExampleResult): string {
  const table = new Table({ style: { head: [], border: [], compact: true } });
  for (const measure of result.measures) {
    const bound = wanted(measure);
    table.push([measure.what, `${format(measure)}${bound === '' ? '' : ` (${bound})`}`]);
  }
  for (const [what, said] of result.notes) table.push([what, said]);
  table.push(['total time', `${result.seconds.toFixed(1)} s`]);
  return [table.toString(), ...result.failures.map((failure) => `FAILED: ${failure}`)].join('\n');
}

/** Whether nothing was asked for that changes what is found: only such results are kept. */
function isFullRun(options: Options, example: Example): boolean {
  const usual = parseOptions([], example.options)!;
  return isDeepStrictEqual({ ...options, threads: 0 }, { ...usual, threads: 0 });
}

/** The whole program: command line in, exit code out (0, 1 when something fell short, 2 for its use). */
export async function main(example: Example, args = process.argv.slice(2)): Promise<void> {
  const say = (text: string, end = '\n'): void => void process.stdout.write(text + end);
  try {
    const options = parseOptions(args, example.options);
    if (options === undefined) {
      say(helpText(example.name, example.summary, example.options ?? {}));
      return;
    }
    const result = await execute(example, options, say);
    say(summarize(result));
    if (result.failures.length > 0) process.exitCode = 1;
    else if (isFullRun(options, example)) await saveResult(result, join(outRoot, example.name));
  } catch (error) {
    process.stderr.write(
      `${example.name}: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    if (error instanceof Error && !(error instanceof UsageError || error instanceof MissingData)) {
      process.stderr.write(`${(error.stack ?? '').split('\n').slice(1, 6).join('\n')}\n`);
    }
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}
