/** `npm run bench -- [infer|train|kernels|sizes|cold] [case]`: Hebb side by side with its peers. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { cases, families } from './cases/index.ts';
import type { Family } from './cases/case.ts';
import { allContenders, contenders, gpuContenders, selectContenders } from './contenders.ts';
import { measureGpu } from './browser/bench.ts';
import { copyBandwidth } from './harness/bandwidth.ts';
import { buildForNode20 } from './harness/build.ts';
import { contest } from './harness/contest.ts';
import type { CaseResult } from './harness/contest.ts';
import { findNode20, hostOf, torchVersion } from './harness/launch.ts';
import type { Host } from './harness/launch.ts';
import { addDecodeCommand } from './decode/command.ts';
import { addEdgeCommand } from './edge/command.ts';
import { measureMemory } from './memory/memory.ts';
import { commandLine } from './report/command-line.ts';
import { betweenMarkers, markdownDocument, readmeTable } from './report/document.ts';
import { writeWhole } from './report/files.ts';
import { describeMachine, machine } from './report/machine.ts';
import { toTerminal } from './report/print.ts';
import { cpuKinds, isFamily, sheetsOf } from './report/saved.ts';
import type { CpuKind, Kind, Measured, Saved } from './report/saved.ts';
import { gpuVersions, versions } from './report/versions.ts';
import { coldStarts } from './shipped/cold.ts';
import { measureSizes } from './shipped/sizes.ts';
import { measureZoo } from './zoo/zoo.ts';

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
  readonly backend: 'wasm' | 'webgpu';
  readonly peakTflops?: number;
  readonly small?: boolean;
  readonly details?: boolean;
}

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

async function measure(
  kind: CpuKind,
  wanted: string | undefined,
  options: Options,
  host: Host,
  folder: string,
): Promise<Measured> {
  const { rounds, slice: milliseconds, contenders: names } = options;
  switch (kind) {
    case 'kernels':
    case 'infer':
      return { [kind]: await runFamily(kind, wanted, options, host, folder) };
    case 'train': {
      const train = await runFamily(kind, wanted, options, host, folder);
      const bare = train.some((result) => result.case === 'adam-10m');
      return {
        train,
        ...(bare && { copy: [await copyBandwidth(1), await copyBandwidth(2)] as const }),
      };
    }
    case 'cold':
      return { cold: await coldStarts({ folder, host, rounds, names, progress }) };
    case 'sizes':
      return { sizes: await measureSizes(folder, names) };
    case 'load':
      return { load: await measureZoo({ host, rounds, milliseconds, wanted, progress }) };
    case 'memory':
      return { memory: await measureMemory({ host, wanted, names, progress }) };
  }
}

/** `--backend webgpu`: one kind of result, within which families and cases are chosen. */
async function measureOnGpu(
  family: Kind | undefined,
  wanted: string | undefined,
  options: Options,
  host: Host,
  folder: string,
): Promise<Measured> {
  if (family !== undefined && !isFamily(family)) {
    throw new Error(`--backend webgpu measures ${families.join(', ')}, not ${family}`);
  }
  const { rounds, slice, budget, patience, contenders: names, small, peakTflops } = options;
  const webgpu = await measureGpu({
    family,
    wanted,
    names,
    host,
    ...(small !== undefined && { small }),
    ...(peakTflops !== undefined && { peak: peakTflops * 1e12 }),
    contest: {
      rounds,
      milliseconds: slice,
      budget: budget * 1000,
      patience: patience * 1000,
      folder,
      progress,
    },
  });
  return { webgpu };
}

/** What to measure on the processor. @throws Error for a case that there is not. */
function choose(kind: CpuKind | undefined, wanted: string | undefined): readonly CpuKind[] {
  // One case of all: whatever has cases.
  const all = wanted === undefined ? cpuKinds : families;
  const chosen: readonly CpuKind[] = kind === undefined ? all : [kind];
  const having = chosen.flatMap((each) =>
    isFamily(each) ? [each] : each === 'memory' ? ['train' as const] : [],
  );
  const known = having.flatMap((family) => cases[family].map((c) => c.name));
  if (wanted !== undefined && kind !== 'load' && !known.includes(wanted)) {
    throw new Error(`no case ${wanted}: ${known.join(', ')}`);
  }
  return chosen;
}

async function bench(kind: CpuKind | undefined, wanted: string | undefined, options: Options) {
  const onGpu = options.backend === 'webgpu';
  selectContenders(options.contenders, onGpu ? gpuContenders : contenders);
  const chosen = onGpu ? (['webgpu'] as const) : choose(kind, wanted);
  const { python } = options;
  const host = options.node20 ? findNode20(python) : hostOf(process.execPath, python);
  if (!host.sources) await buildForNode20();
  const here = machine(host.version);
  console.log(`${describeMachine(here)}\n`);

  const folder = await mkdtemp(join(tmpdir(), 'hebb-bench-'));
  let measured: Measured = {};
  try {
    for (const each of chosen) {
      const more =
        each === 'webgpu'
          ? await measureOnGpu(kind, wanted, options, host, folder)
          : await measure(each, wanted, options, host, folder);
      measured = { ...measured, ...more };
      progress('');
      for (const sheet of sheetsOf(measured, each, options.details === true)) {
        console.log(`${toTerminal(sheet)}\n`);
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const torch = contendersIn(measured).some((name) => name.startsWith('torch'));
  const saved: Saved = {
    machine: here,
    command: commandLine(process.argv.slice(2)),
    versions: {
      ...(onGpu ? gpuVersions() : versions()),
      ...(torch && { PyTorch: torchVersion(python) ?? 'unknown' }),
    },
    ...measured,
  };
  if (options.json) await writeWhole(options.json, `${JSON.stringify(saved, undefined, 1)}\n`);
  if (options.markdown) await writeWhole(options.markdown, markdownDocument([saved]));
}

/** Those that were timed. */
const contendersIn = ({ webgpu, ...own }: Measured): string[] =>
  [own, webgpu ?? {}]
    .flatMap(({ kernels = [], infer = [], train = [] }: Measured) => [
      ...kernels,
      ...infer,
      ...train,
    ])
    .flatMap(({ results }) =>
      results.filter(({ status }) => status === 'timed').map(({ contender }) => contender),
    );

interface ReportOptions {
  readonly out?: string;
  readonly readme?: string;
  readonly notes?: string;
}

async function report(files: readonly string[], { out, readme, notes }: ReportOptions) {
  const runs = await Promise.all(
    files.map(async (file) => JSON.parse(await readFile(file, 'utf8')) as Saved),
  );
  if (out !== undefined) {
    const text = notes === undefined ? undefined : await readFile(notes, 'utf8');
    await writeWhole(out, markdownDocument(runs, text));
  }
  if (readme !== undefined) {
    const text = await readFile(readme, 'utf8');
    await writeWhole(readme, betweenMarkers(text, readmeTable(runs), readme));
  }
  if (out === undefined && readme === undefined) console.log(markdownDocument(runs));
}

const program = new Command('bench').enablePositionalOptions();
program
  .command('report')
  .description('write pages from the JSON files of earlier runs')
  .argument('<files...>', 'what --json wrote')
  .option('--out <file>', 'the page with everything, such as docs/benchmarks.md')
  .option('--readme <file>', 'a page with markers, for the short table')
  .option('--notes <file>', 'Markdown to put before the tables')
  .action(report);
addDecodeCommand(program, count, progress);
addEdgeCommand(program, count, progress);
program
  .description('Hebb side by side with its peers: same work, same weights, same conditions')
  .addArgument(new Argument('[what]', 'what to measure; all when left out').choices(cpuKinds))
  .argument('[case]', 'one case of it')
  .addOption(
    new Option('--backend <name>', 'the processor, or a graphics processor in pages of Chromium')
      .choices(['wasm', 'webgpu'])
      .default('wasm'),
  )
  .option('--peak-tflops <n>', "webgpu: the card's float32 peak; measured when left out", positive)
  .option('--small', 'webgpu: sizes for a software adapter, which are its default')
  .option('--no-small', 'webgpu: full sizes on a software adapter')
  .option('--rounds <n>', 'turns of each contender', count, 5)
  .option('--slice <ms>', 'length of a turn', positive, 300)
  .option('--budget <s>', 'time of a contender in a case: slow ones get fewer turns', positive, 20)
  .option('--patience <s>', 'after which a contender without a first answer is out', positive, 120)
  .option('--python <command>', 'for PyTorch, where it has torch', 'python3')
  .option('--contenders <names>', allContenders.map(({ name }) => name).join(','), (text) =>
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
