/** Sheets for the terminal and for Markdown. */
import Table from 'cli-table3';
import { contenders, describeContender } from '../contenders.ts';
import { describeMachine } from './machine.ts';
import type { Machine } from './machine.ts';
import type { Sheet } from './summary.ts';

export function toTerminal({ title, head, rows, notes }: Sheet): string {
  const table = new Table({
    head: [...head],
    colAligns: head.map((_, i) => (i === 0 ? 'left' : 'right')),
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows) table.push([...row]);
  return [title, table.toString(), ...notes.map((note) => `  ${note}`)].join('\n');
}

function toMarkdown({ title, head, rows, notes }: Sheet): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const escape = (text: string) => text.replaceAll('|', '\\|');
  return [
    `## ${title}`,
    '',
    line(head),
    line(head.map((_, i) => (i === 0 ? '---' : '--:'))),
    ...rows.map((row) => line(row.map(escape))),
    ...(notes.length > 0 ? ['', ...notes.map((note) => `- ${escape(note)}`)] : []),
  ].join('\n');
}

export interface Report {
  readonly machine: Machine;
  readonly command: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly sheets: readonly Sheet[];
}

export function markdownReport({ machine, command, versions, sheets }: Report): string {
  const named = new Set(sheets.flatMap(({ head }) => head));
  const legend = contenders
    .filter(({ name }) => named.has(name))
    .map((contender) => `\`${contender.name}\` ${describeContender(contender)}`);
  const peers = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `${[
    '# Benchmarks',
    '',
    `Measured ${machine.date} on ${describeMachine(machine)}, with`,
    '',
    '```sh',
    command,
    '```',
    '',
    `Against ${peers.join(', ')}.`,
    ...(legend.length > 0 ? ['', `${legend.join('; ')}.`] : []),
    '',
    'Each contender runs in its own process on the same seeded weights and inputs. Its numbers are compared',
    'with an independent contender first; then all take turns, and the median of the rounds counts. A ratio',
    'above 1 says how many times faster Hebb is than the best peer with as many threads. Times include',
    'handing over the input and reading the result; in single operations the inputs stay where they are.',
    '',
    sheets.map(toMarkdown).join('\n\n'),
  ].join('\n')}\n`;
}
