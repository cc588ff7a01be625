/** Sheets for the terminal and for Markdown. */
import Table from 'cli-table3';
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

const escape = (text: string): string => text.replaceAll('|', '\\|');

/** A table whose columns are padded as formatters pad them. */
export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const cells = [head, ...rows].map((row) => row.map(escape));
  const widths = head.map((_, i) => Math.max(3, ...cells.map((row) => row[i]!.length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(' | ')} |`;
  const rule = widths.map((n, i) => (i === 0 ? '-'.repeat(n) : `${'-'.repeat(n - 1)}:`));
  return [line(cells[0]!), `| ${rule.join(' | ')} |`, ...cells.slice(1).map(line)].join('\n');
}

export function toMarkdown({ title, head, rows, notes }: Sheet): string {
  return [
    `## ${title}`,
    '',
    markdownTable(head, rows),
    ...(notes.length > 0 ? ['', ...notes.map((note) => `- ${escape(note)}`)] : []),
  ].join('\n');
}
