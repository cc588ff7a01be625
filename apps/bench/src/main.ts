/** `npm run bench -- [infer|train|kernels|sizes|cold] [case]`: Hebb side by side with its peers. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Argument, Command, InvalidArgumentError } from 'commander';
import { cases, families } from './cases/index.ts';
import type { Family } from './cases/case.ts';
import { contenders, selectContenders } from './contenders.ts';
import { buildForNode20 } from './harness/build.ts';
import { contest } from './harness/contest.ts';
import type { CaseResult } from './harness/contest.ts';
import { findNode20, hostOf, torchVersion } from './harness/launch.ts';
import type { Host } from './harness/launch.ts';
import { writeWhole } from './report/files.ts';
import { describeMachine, machine } from './report/machine.ts';
import { markdownReport, toTerminal } from './report/print.ts';
import { detailSheet, timeSheet } from './report/summary.ts';
import type { Sheet } from './report/summary.ts';
import { versions } from './report/versions.ts';
import { coldSheet, coldStarts } from './shipped/cold.ts';
import { measureSizes, sizeSheet } from './shipped/sizes.ts';

interface Options {
  readonly rounds: number;
  readonly slice: number;
  readonly budget: number;
  readonly patience: number;
  readonly python: string;
  readonly contenders?: readonly string[];
  readonly json?: string;
  readonly markdown?: string;
  readonly node20?: boolean;
  readonly details?: boolean;
}

const kinds = [...families, 'sizes', 'cold'] as const;
type Kind = (typeof kinds)[number];
const isFamily = (kind: Kind): kind is Family => (families as readonly string[]).includes(kind);

const titles: Readonly<Record<Family, string>> = {
  kernels: 'Single operations',
  infer: 'Inference, batch 1',
  train: 'Training steps',
};

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('a number above 0');
  return value;
}
function count(text: string): number {
  const value = positive(text);
  if (!Number.isInteger(value)) throw new InvalidArgumentError('a whole number');
  return value;
}

/** A line that is overwritten, where there is a terminal. */
function progress(message: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${message}`);
}

async function runFamily(
  family: Family,
  wanted: string | undefined,
  options: Options,
  host: Host,
  folder: string,
): Promise<CaseResult[]> {
  const chosen = cases[family].filter(({ name }) => wanted === undefined || name === wanted);
  const results: CaseResult[] = [];
  for (const c of chosen) {
    const { rounds, slice, budget, patience } = options;
    const result = await contest(c, selectContenders(options.contenders), {
      rounds,
      milliseconds: slice,
      budget: budget * 1000,
      patience: patience * 1000,
      host,
      folder,
      progress,
    });
    progress('');
    results.push(result);
  }
  return results;
}

/** What was asked for, without where this machine keeps its files. */
function commandLine(args: readonly string[]): string {
  const local = ['--json', '--markdown', '--python'];
  const kept = args.filter((arg, i) => !local.includes(arg) && !local.includes(args[i - 1] ?? ''));
  return ['npm run bench --', ...kept].join(' ').replace(/ --$/, '');
}

async function bench(kind: Kind | undefined, wanted: string | undefined, options: Options) {
  selectContenders(options.contenders);
  const chosen: readonly Kind[] = kind === undefined ? kinds : [kind];
  const known = chosen.filter(isFamily).flatMap((family) => cases[family].map((c) => c.name));
  if (wanted !== undefined && !known.includes(wanted)) {
    throw new Error(`no case ${wanted}: ${known.join(', ')}`);
  }
  const { python } = options;
  const host = options.node20 ? findNode20(python) : hostOf(process.execPath, python);
  if (!host.sources) await buildForNode20();
  const here = machine(host.version);
  console.log(`${describeMachine(here)}\n`);

  const folder = await mkdtemp(join(tmpdir(), 'hebb-bench-'));
  const sheets: Sheet[] = [];
  const data: Record<string, unknown> = {};
  const show = (sheet: Sheet) => {
    sheets.push(sheet);
    console.log(`${toTerminal(sheet)}\n`);
  };
  try {
    for (const each of chosen) {
      if (isFamily(each)) {
        const results = await runFamily(each, wanted, options, host, folder);
        if (results.length === 0) continue;
        data[each] = results;
        show(timeSheet(titles[each], results));
        if (options.details || options.markdown) show(detailSheet(titles[each], results));
      } else if (wanted === undefined) {
        const names = options.contenders;
        if (each === 'sizes') show(sizeSheet((data[each] = await measureSizes(folder, names))));
        else {
          const { rounds } = options;
          const starts = await coldStarts({ folder, host, rounds, names, progress });
          progress('');
          show(coldSheet((data[each] = starts)));
        }
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const torch = sheets.some(({ head }) => head.some((name) => name.startsWith('torch')));
  const report = {
    machine: here,
    command: commandLine(process.argv.slice(2)),
    versions: { ...versions(), ...(torch && { PyTorch: torchVersion(python) ?? 'unknown' }) },
    sheets,
  };
  if (options.json) {
    const { sheets: _, ...head } = report;
    await writeWhole(options.json, `${JSON.stringify({ ...head, ...data }, undefined, 2)}\n`);
  }
  if (options.markdown) await writeWhole(options.markdown, markdownReport(report));
}

const program = new Command('bench')
  .description('Hebb side by side with its peers: same work, same weights, same conditions')
  .addArgument(new Argument('[what]', 'what to measure; all when left out').choices(kinds))
  .argument('[case]', 'one case of it')
  .option('--rounds <n>', 'turns of each contender', count, 5)
  .option('--slice <ms>', 'length of a turn', positive, 300)
  .option('--budget <s>', 'time of a contender in a case: slow ones get fewer turns', positive, 20)
  .option('--patience <s>', 'after which a contender without a first answer is out', positive, 120)
  .option('--python <command>', 'for PyTorch, where it has torch', 'python3')
  .option('--contenders <names>', contenders.map(({ name }) => name).join(','), (text) =>
    text.split(','),
  )
  .option('--details', 'also first calls, memory and differences')
  .option('--json <file>', 'write everything that was measured')
  .option('--markdown <file>', 'write the tables, such as docs/benchmarks.md')
  .option('--node20', 'run the contenders under the Node 20 on the path, from built files')
  .action(bench);

try {
  await program.parseAsync();
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
