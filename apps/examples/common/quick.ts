/** An example in a test: its quick form in a folder of its own, which goes afterwards. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execute } from './example.ts';
import type { Example } from './example.ts';
import { parseOptions } from './options.ts';
import type { ExampleResult } from './results.ts';

export interface QuickRun {
  readonly result: ExampleResult;
  /** The measure whose name matches. @throws Error when there is none. */
  value(what: RegExp): number;
  /** What the run printed. */
  readonly printed: string;
  readonly out: string;
}

/**
 * Runs `example --quick` with more arguments.
 *
 * @param look Called while the folder with what was written is there.
 */
export async function quickRun<T>(
  example: Example,
  args: readonly string[],
  look: (run: QuickRun) => T | Promise<T>,
): Promise<T> {
  const out = await mkdtemp(join(tmpdir(), `hebb-${example.name}-`));
  try {
    const printed: string[] = [];
    const options = parseOptions(['--quick', ...args], example.options);
    if (options === undefined) throw new Error('help is no run');
    const result = await execute(example, options, (line) => printed.push(line), out);
    const value = (what: RegExp): number => {
      const found = result.measures.find((measure) => what.test(measure.what));
      if (found === undefined) throw new Error(`${example.name} measures no ${String(what)}`);
      return found.value;
    };
    return await look({ result, value, printed: printed.join('\n'), out });
  } finally {
    await rm(out, { recursive: true });
  }
}
