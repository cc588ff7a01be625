/** The reference runner's command line. */
import { rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  failureLine,
  listFamilies,
  readFamily,
  referenceFolder,
  reportOf,
  runCase,
  summaryLines,
} from '@hebb/conformance/reference';
import type { CaseResult } from '@hebb/conformance/reference';
import { Command, CommanderError, Option } from 'commander';
import { backendNames, defaultBackend, useBackend } from './backends.ts';
import { UsageError } from './errors.ts';
import { families } from './reference/index.ts';

interface ReferenceOptions {
  readonly backend: string;
  readonly family?: readonly string[];
  readonly case?: string;
  readonly dtype: 'float64' | 'float32';
  readonly json?: string;
}

const collect = (value: string, previous: string[] | undefined): string[] => [
  ...(previous ?? []),
  ...value.split(','),
];

/**
 * Runs the cases and prints one line a failure and the counts. Returns the exit code: 0 when nothing
 * failed, 1 when something did, 2 when the command was not understood or there are no cases.
 */
export async function reference(
  args: readonly string[],
  print: (line: string) => void = (line) => void process.stdout.write(`${line}\n`),
): Promise<number> {
  let code = 0;
  const program = new Command('reference')
    .description('Compare values and gradients with stored results of PyTorch.')
    .exitOverride()
    .option('--backend <name>', `where to compute: ${backendNames.join(', ')}`, defaultBackend)
    .option('--family <name>', 'only these families (repeat, or separate by commas)', collect)
    .option('--case <pattern>', 'only cases whose name matches this regular expression')
    .addOption(
      new Option('--dtype <type>', 'float type to compute in')
        .choices(['float64', 'float32'])
        .default('float64'),
    )
    .option('--json <file>', 'write all results')
    .action(async (options: ReferenceOptions) => {
      code = await run(options, print);
    });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    process.stderr.write(`reference: ${error instanceof Error ? error.message : String(error)}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}

async function run(options: ReferenceOptions, print: (line: string) => void): Promise<number> {
  const folder = referenceFolder();
  const found = await listFamilies(folder);
  if (found === undefined || found.length === 0)
    throw new UsageError(`no reference cases in ${folder}; HEBB_REFERENCE names another folder`);
  for (const name of options.family ?? []) {
    if (!found.includes(name))
      throw new UsageError(`unknown family ${JSON.stringify(name)}: there is ${found.join(', ')}`);
  }
  let pattern: RegExp | undefined;
  try {
    pattern = options.case === undefined ? undefined : new RegExp(options.case);
  } catch (error) {
    throw new UsageError(`--case: ${(error as Error).message}`);
  }
  const backend = await useBackend(options.backend);
  const results: CaseResult[] = [];
  for (const family of found) {
    if (options.family !== undefined && !options.family.includes(family)) continue;
    for (const given of await readFamily(folder, family)) {
      if (pattern !== undefined && !pattern.test(given.case)) continue;
      const result = await runCase(given, { dtype: options.dtype, tables: families });
      if (result.verdict === 'failed') print(failureLine(result));
      results.push(result);
    }
  }
  const report = reportOf(results, { backend: backend.name, dtype: options.dtype });
  for (const line of summaryLines(report)) print(line);
  if (options.json !== undefined) await writeWhole(options.json, report);
  await backend.dispose?.();
  return report.total.failed === 0 ? 0 : 1;
}

/** Written beside its place and moved there, so that no reader sees half a file. */
async function writeWhole(file: string, value: unknown): Promise<void> {
  const target = path.resolve(file);
  const temporary = `${target}.${process.pid}.tmp`;
  const text = JSON.stringify(
    value,
    (_, item: unknown) =>
      typeof item === 'number' && !Number.isFinite(item) ? String(item) : item,
    2,
  );
  try {
    await writeFile(temporary, `${text}\n`);
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
