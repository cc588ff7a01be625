/** `npm run bench -- decode`: tokens a second of cached decoding. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { commandLine } from '../report/command-line.ts';
import { writeWhole } from '../report/files.ts';
import { describeMachine, machine } from '../report/machine.ts';
import { toTerminal } from '../report/print.ts';
import type { Saved } from '../report/saved.ts';
import { versions } from '../report/versions.ts';
import { decodeSheet, measureDecoding } from './decode.ts';

interface Options {
  readonly rounds: number;
  readonly contenders?: readonly string[];
  readonly json?: string;
}

export function addDecodeCommand(
  program: Command,
  count: (text: string) => number,
  progress: (message: string) => void,
): void {
  program
    .command('decode')
    .description('a decoder that writes token by token: tokens a second')
    .option('--rounds <n>', 'texts of each contender', count, 5)
    .option('--contenders <names>', 'hebb,ort,hebb-2,ort-2', (text) => text.split(','))
    .option('--json <file>', 'write everything that was measured')
    .action(async ({ rounds, contenders: names, json }: Options) => {
      const here = machine(process.version);
      console.log(`${describeMachine(here)}\n`);
      const folder = await mkdtemp(join(tmpdir(), 'hebb-bench-'));
      try {
        const decode = await measureDecoding({ folder, rounds, names, progress });
        progress('');
        console.log(`${toTerminal(decodeSheet(decode))}\n`);
        const saved: Saved = {
          machine: here,
          command: commandLine(process.argv.slice(2)),
          versions: versions(),
          decode,
        };
        if (json) await writeWhole(json, `${JSON.stringify(saved, undefined, 1)}\n`);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
}
