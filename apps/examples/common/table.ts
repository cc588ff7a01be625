/** The results of full runs as a page of the docs. */
import { readFile } from 'node:fs/promises';
import { arch, cpus, platform } from 'node:os';
import { writeBytes } from '@hebb/data/node';
import { format, imageOf, wanted } from './results.ts';
import type { ExampleResult } from './results.ts';

const [begin, end] = ['<!-- results: begin -->', '<!-- results: end -->'] as const;

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function row(cells: readonly string[]): string {
  return `| ${cells.map(cell).join(' | ')} |`;
}

const time = (seconds: number): string =>
  seconds < 90 ? `${seconds.toFixed(0)} s` : `${(seconds / 60).toFixed(1)} min`;

/** One table of the measures that have a bound, and what was noted, example by example. */
export function resultsTable(results: readonly ExampleResult[]): string {
  const lines = [
    row(['example', 'measured', 'result', 'wanted', 'whole run']),
    row(['---', '---', '---:', '---:', '---:']),
  ];
  for (const result of results) {
    result.measures.forEach((measure, i) => {
      const first = i === 0;
      lines.push(
        row([
          first ? `[${result.name}](../apps/examples/${result.name})` : '',
          measure.what,
          format(measure),
          wanted(measure),
          first ? time(result.seconds) : '',
        ]),
      );
    });
  }
  lines.push('', row(['example', 'ONNX Runtime', 'edge worker']), row(['---', '---', '---']));
  for (const { name, notes } of results) {
    const said = (pattern: RegExp): string => notes.find(([what]) => pattern.test(what))?.[1] ?? '';
    lines.push(row([name, said(/onnxruntime/i), said(/worker/i)]));
  }
  for (const result of results) {
    for (const picture of result.pictures ?? []) {
      const { name } = result;
      lines.push('', `**${name}**: ${picture.alt}`, '');
      lines.push(`![${name}: ${picture.alt}](images/${imageOf(name, picture)})`);
    }
  }
  return lines.join('\n');
}

const machine = (): string =>
  `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${cpus().length} cores, ${platform()} ${arch()}, Node ${process.versions.node}`;

/** Writes the table between the markers of the page. @throws Error when the page lacks them. */
export async function updatePage(page: string, results: readonly ExampleResult[]): Promise<void> {
  const text = await readFile(page, 'utf8');
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${page} has no ${begin} ... ${end}`);
  const body = `${begin}\n\nMade on ${machine()}.\n\n${resultsTable(results)}\n\n`;
  await writeBytes(page, new TextEncoder().encode(text.slice(0, from) + body + text.slice(to)));
}
