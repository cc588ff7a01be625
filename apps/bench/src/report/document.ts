/** The benchmark's page, and the table that stands in the README. */
import { allContenders, describeContender } from '../contenders.ts';
import type { CaseResult } from '../harness/contest.ts';
import { goalSheet } from './goals.ts';
import { describeMachine } from './machine.ts';
import { markdownTable, toMarkdown } from './print.ts';
import { kinds, sheetsOf } from './saved.ts';
import type { Saved } from './saved.ts';
import { digits, ratioOf, timeOf } from './summary.ts';

const place = ({ machine }: Saved): string => `${machine.date} on ${describeMachine(machine)}`;

/** Current Node first, then in the order of the kinds. */
export function inOrder(runs: readonly Saved[]): Saved[] {
  const major = ({ machine }: Saved): number => Number(/^v?(\d+)/.exec(machine.node)?.[1] ?? 0);
  const rank = (run: Saved): number => kinds.findIndex((kind) => run[kind] !== undefined);
  return [...runs].sort((a, b) => major(b) - major(a) || rank(a) - rank(b));
}

/** Those that ran on the newest Node among them. */
const current = (runs: readonly Saved[]): Saved[] => {
  const [first] = inOrder(runs);
  return inOrder(runs).filter((run) => run.machine.node === first?.machine.node);
};

export function markdownDocument(runs: readonly Saved[], notes?: string): string {
  const ordered = inOrder(runs);
  const sections = ordered.flatMap((run) =>
    kinds.flatMap((kind) => {
      const sheets = sheetsOf(run, kind, false);
      const other = run.machine.node !== ordered[0]!.machine.node;
      const suffix = other ? `, Node ${run.machine.node.replace(/^v/, '')}` : '';
      return sheets.map((sheet) => ({ ...sheet, title: `${sheet.title}${suffix}` }));
    }),
  );
  const named = new Set(sections.flatMap(({ head }) => head));
  const legend = allContenders
    .filter(({ name }) => named.has(name))
    .map((contender) => `\`${contender.name}\` ${describeContender(contender)}`);
  const versions = Object.assign({}, ...ordered.map((run) => run.versions)) as Saved['versions'];
  const peers = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const places = [...new Set(ordered.map(place))];
  const goals = goalSheet(current(runs));
  return `${[
    '# Benchmarks',
    '',
    '<!-- Written by `npm run bench -- report`: change what writes it. -->',
    '',
    `Measured ${places.join('; ')}, with`,
    '',
    '```sh',
    ...new Set(ordered.map(({ command }) => command)),
    '```',
    '',
    `Against ${peers.join(', ')}.`,
    ...(legend.length > 0 ? ['', `${legend.join('; ')}.`] : []),
    '',
    'Each contender runs in its own process on the same seeded weights and inputs. Its numbers are compared with an independent contender first; then all take turns, and the median of the rounds counts. A ratio above 1 says how many times faster Hebb is than the best peer with as many threads. Times include handing over the input and reading the result; in single operations the inputs stay where they are.',
    ...(notes === undefined ? [] : ['', notes.trim()]),
    '',
    [...(goals === undefined ? [] : [goals]), ...sections].map(toMarkdown).join('\n\n'),
  ].join('\n')}\n`;
}

/** Inference and training beside the fastest peer and PyTorch. */
export function readmeTable(runs: readonly Saved[]): string {
  const chosen = current(runs);
  const run = (key: 'infer' | 'train') => chosen.find((each) => each[key] !== undefined);
  const row = (prefix: string) => (result: CaseResult) => {
    const time = (name: string) =>
      digits(timeOf(result.results.find(({ contender }) => contender === name)));
    const best = ratioOf(result, 1, false);
    const peer = best === undefined ? '–' : `${time(best.peer)} (${best.peer})`;
    const ratio = best === undefined ? '–' : `${digits(best.ratio)}×`;
    const native = ratioOf(result, 1, true);
    return [
      `${prefix} ${result.case}`,
      ...[time('hebb'), peer, ratio, time('torch'), native ? `${digits(native.ratio)}×` : '–'],
    ];
  };
  const rows = [
    ...(run('infer')?.infer ?? []).map(row('run')),
    ...(run('train')?.train ?? []).map(row('train')),
  ];
  const sources = [run('infer'), run('train')].filter((each) => each !== undefined);
  const commands = [...new Set(sources.map(({ command }) => `\`${command}\``))];
  return [
    markdownTable(
      ['one thread, ms', 'Hebb', 'best in JavaScript', 'faster', 'PyTorch', 'faster'],
      rows,
    ),
    '',
    `Measured ${[...new Set(sources.map(place))].join('; ')} with ${commands.join(' and ')}; more in [benchmarks](docs/benchmarks.md).`,
  ].join('\n');
}

const [start, end] = ['<!-- benchmarks: start -->', '<!-- benchmarks: end -->'];

/** Puts text between the two markers. */
export function betweenMarkers(text: string, inner: string, file: string): string {
  const [from, to] = [text.indexOf(start), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${file} has no ${start} and ${end}`);
  return `${text.slice(0, from + start.length)}\n\n${inner}\n\n${text.slice(to)}`;
}
