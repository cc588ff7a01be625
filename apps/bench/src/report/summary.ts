/** Results as rows of text: the same for the terminal and for Markdown. */
import { contenders } from '../contenders.ts';
import type { CaseResult, Result } from '../harness/contest.ts';
import { geometricMean } from '../harness/statistics.ts';

export interface Sheet {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly notes: readonly string[];
}

export function digits(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return value >= 100 ? value.toFixed(0) : value.toPrecision(value >= 1 ? 3 : 2);
}

const isHebb = (name: string): boolean => name.startsWith('hebb');
const isNative = (name: string): boolean => name.startsWith('torch');
const threadsOf = (name: string): number =>
  contenders.find((contender) => contender.name === name)?.threads ?? 1;

export function timeOf(result: Result | undefined): number {
  return result?.status === 'timed' ? result.milliseconds : NaN;
}

export interface Ratio {
  /** How many times faster Hebb is: above 1 it wins. */
  readonly ratio: number;
  readonly peer: string;
}

/** Hebb on WebAssembly against the best of the others with as many threads. */
export function ratioOf(
  { results }: CaseResult,
  threads: number,
  native: boolean,
): Ratio | undefined {
  const mine = timeOf(results.find((r) => r.contender === (threads === 1 ? 'hebb' : 'hebb-2')));
  const peers = results
    .filter(({ contender }) => !isHebb(contender) && isNative(contender) === native)
    .filter(({ contender }) => threadsOf(contender) === threads)
    .map((result) => ({ peer: result.contender, time: timeOf(result) }))
    .filter(({ time }) => Number.isFinite(time))
    .sort((a, b) => a.time - b.time);
  const [best] = peers;
  return best === undefined || !Number.isFinite(mine)
    ? undefined
    : { ratio: best.time / mine, peer: best.peer };
}

const showRatio = (ratio: Ratio | undefined): string =>
  ratio === undefined ? '' : `${digits(ratio.ratio)}× ${ratio.peer}`;

function cell(result: Result): string {
  if (result.status === 'timed') return digits(result.milliseconds);
  return result.status === 'wrong' ? 'wrong' : '–';
}

/** Who took part in any of the cases. */
export const present = (results: readonly CaseResult[]): string[] => {
  const names = results[0]?.results.map(({ contender }) => contender) ?? [];
  return names.filter((name) =>
    results.some(({ results: list }) =>
      list.some((r) => r.contender === name && r.status !== 'skipped'),
    ),
  );
};

/** Milliseconds of every contender, and Hebb against the best peers. */
export function timeSheet(title: string, results: readonly CaseResult[]): Sheet {
  const names = present(results);
  const all: readonly { head: string; value: (result: CaseResult) => Ratio | undefined }[] = [
    { head: 'vs best', value: (result) => ratioOf(result, 1, false) },
    { head: 'vs best, 2 threads', value: (result) => ratioOf(result, 2, false) },
    { head: 'vs PyTorch', value: (result) => ratioOf(result, 1, true) },
    { head: 'vs PyTorch, 2 threads', value: (result) => ratioOf(result, 2, true) },
  ];
  const columns = all.filter(({ value }) => results.some((r) => value(r) !== undefined));
  const rows = results.map((result) => [
    result.case,
    ...names.map((name) => cell(result.results.find((r) => r.contender === name)!)),
    ...columns.map(({ value }) => showRatio(value(result))),
  ]);
  if (results.length > 1 && columns.length > 0) {
    const mean = ({ value }: (typeof columns)[number]): string => {
      const ratios = results.flatMap((result) => value(result)?.ratio ?? []);
      return ratios.length === 0 ? '' : `${digits(geometricMean(ratios))}×`;
    };
    rows.push(['geometric mean', ...names.map(() => ''), ...columns.map(mean)]);
  }
  return {
    title: `${title}: milliseconds a call`,
    head: ['case', ...names, ...columns.map(({ head }) => head)],
    rows,
    notes: notesOf(results),
  };
}

/** Gigaflops, memory and first calls. */
export function detailSheet(title: string, results: readonly CaseResult[]): Sheet {
  const names = present(results);
  const each = (result: CaseResult, show: (r: Extract<Result, { status: 'timed' }>) => string) =>
    names.map((name) => {
      const found = result.results.find((r) => r.contender === name)!;
      return found.status === 'timed' ? show(found) : '–';
    });
  const rows = results.flatMap((result) => [
    [result.case, 'first call, ms', ...each(result, (r) => digits(r.first))],
    [
      '',
      'peak memory, MB',
      ...each(result, (r) => (r.peakBytes > 0 ? (r.peakBytes / 1e6).toFixed(0) : '–')),
    ],
    ['', 'difference', ...each(result, (r) => (r.error === 0 ? '0' : r.error.toExponential(0)))],
    ...(result.flops > 0
      ? [['', 'GFLOP/s', ...each(result, (r) => digits(result.flops / r.milliseconds / 1e6))]]
      : []),
  ]);
  return { title: `${title}: details`, head: ['case', '', ...names], rows, notes: [] };
}

/** Reasons, each once, with the cases that it holds for. */
export function notesOf(results: readonly CaseResult[]): string[] {
  const reasons = new Map<string, string[]>();
  for (const { case: name, results: list } of results) {
    for (const result of list) {
      if (result.status === 'timed') continue;
      const key = `${result.contender} ${result.status === 'wrong' ? 'is wrong' : 'is out'}: ${result.reason}`;
      reasons.set(key, [...(reasons.get(key) ?? []), name]);
    }
  }
  return [...reasons].map(([reason, names]) =>
    names.length === results.length ? reason : `${reason} (${names.join(', ')})`,
  );
}
