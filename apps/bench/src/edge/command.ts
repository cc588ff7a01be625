/** `npm run bench -- edge`: workers on local workerd under load. */
import type { Command } from 'commander';
import { commandLine } from '../report/command-line.ts';
import { writeWhole } from '../report/files.ts';
import { describeMachine, machine } from '../report/machine.ts';
import { toTerminal } from '../report/print.ts';
import type { Saved } from '../report/saved.ts';
import { versions } from '../report/versions.ts';
import { measureEdge } from './bench.ts';
import { loadPage } from './page.ts';
import { edgeSheets } from './sheets.ts';

interface Options {
  readonly requests: number;
  readonly concurrency: number;
  readonly rounds: number;
  readonly json?: string;
  readonly html?: string;
}

export function addEdgeCommand(
  program: Command,
  count: (text: string) => number,
  progress: (message: string) => void,
): void {
  program
    .command('edge')
    .description('workers on local workerd under load: latency, throughput, memory, cold starts')
    .argument('[case]', 'lenet, wide, decoder or cold; all when left out')
    .option('--requests <n>', 'of each variant', count, 1000)
    .option('--concurrency <n>', 'requests at once', count, 64)
    .option('--rounds <n>', 'process starts of each cold start', count, 5)
    .option('--json <file>', 'write everything that was measured')
    .option('--html <file>', 'write a page with charts')
    .action(async (wanted: string | undefined, options: Options) => {
      const names = ['lenet', 'wide', 'decoder', 'cold'];
      if (wanted !== undefined && !names.includes(wanted)) {
        throw new Error(`no case ${wanted}: ${names.join(', ')}`);
      }
      const here = machine(process.version);
      console.log(`${describeMachine(here)}\n`);
      const edge = await measureEdge({ ...options, wanted, progress });
      progress('');
      for (const sheet of edgeSheets(edge)) console.log(`${toTerminal(sheet)}\n`);
      const saved: Saved = {
        machine: here,
        command: commandLine(process.argv.slice(2)),
        versions: versions(),
        edge,
      };
      if (options.json) await writeWhole(options.json, `${JSON.stringify(saved, undefined, 1)}\n`);
      if (options.html) await writeWhole(options.html, loadPage(edge, saved));
    });
}
