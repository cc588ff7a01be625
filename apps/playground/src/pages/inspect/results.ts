/** What a run gave, and where its time went. */
import { el } from '../../ui/dom.ts';
import { milliseconds, short } from './format.ts';
import { table } from './table.ts';
import type { OutputRow, ProfileResult, RunResult, TimeRow } from './settings.ts';

function histogram(counts: readonly number[]): HTMLElement {
  const most = Math.max(...counts, 1);
  return el(
    'span',
    { class: 'histogram', 'aria-hidden': 'true' },
    counts.map((n) => el('span', { style: `height:${Math.round((100 * n) / most)}%` })),
  );
}

const maybe = (x: number | undefined): string => (x === undefined ? '–' : short(x));

export function runTable({ outputs, first, median }: RunResult, where: string): HTMLElement {
  return el(
    'div',
    { class: 'stack' },
    el(
      'p',
      {},
      `${milliseconds(median)} a run on ${where}; the first took ${milliseconds(first)}, compiling included.`,
    ),
    table<OutputRow>({
      caption: 'Table of outputs',
      head: ['Output', 'Type', 'Least', 'Largest', 'Mean', 'Deviation', 'Spread', 'Values'],
      right: [2, 3, 4, 5],
      rows: outputs,
      cells: (row) => [
        el('code', {}, row.name),
        el('code', {}, row.type),
        maybe(row.min),
        row.max === undefined ? '–' : `${short(row.max)} at ${row.argmax}`,
        maybe(row.mean),
        maybe(row.std),
        row.histogram === undefined ? '' : histogram(row.histogram),
        [
          row.notFinite > 0 && el('strong', { class: 'bad' }, `${row.notFinite} not finite `),
          el('code', { class: 'values' }, row.values),
        ],
      ],
    }),
  );
}

const bar = (share: number): HTMLElement =>
  el(
    'span',
    { class: 'bar-track time-track', 'aria-hidden': 'true' },
    el('span', { class: 'bar-fill', style: `transform:scaleX(${share})` }),
  );

/** Times by kind of operator, and of each node, the longest first. */
export function profileTables({ rows, ms, fused }: ProfileResult, where: string): HTMLElement {
  const kinds = new Map<string, { ms: number; count: number }>();
  for (const { operator, ms: own } of rows) {
    const kind = kinds.get(operator) ?? { ms: 0, count: 0 };
    kinds.set(operator, { ms: kind.ms + own, count: kind.count + 1 });
  }
  const share = (own: number): number => (ms === 0 ? 0 : own / ms);
  const percent = (own: number): string => `${(100 * share(own)).toFixed(1)} %`;
  return el(
    'div',
    { class: 'stack' },
    el(
      'p',
      {},
      `${milliseconds(ms)} when each node runs by itself on ${where}; ${milliseconds(fused)} as a whole, nodes fused.`,
    ),
    el('h3', {}, 'By operator'),
    table({
      caption: 'Time by operator',
      head: ['Operator', 'Nodes', 'Time', 'Share', 'Share as a bar'],
      right: [1, 2, 3],
      rows: [...kinds].sort(([, a], [, b]) => b.ms - a.ms),
      cells: ([name, kind]) => [
        name,
        kind.count,
        milliseconds(kind.ms),
        percent(kind.ms),
        bar(share(kind.ms)),
      ],
    }),
    el('h3', {}, 'By node'),
    table<TimeRow>({
      caption: 'Time by node',
      head: ['Node', 'Operator', 'Makes', 'Time', 'Share', 'Share as a bar'],
      right: [3, 4],
      rows: rows.toSorted((a, b) => b.ms - a.ms),
      cells: (row) => [
        el('code', {}, row.node),
        row.operator,
        el('code', {}, row.shapes),
        milliseconds(row.ms),
        percent(row.ms),
        bar(share(row.ms)),
      ],
    }),
  );
}
