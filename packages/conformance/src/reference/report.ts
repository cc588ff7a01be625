/** What a run found, as text and as data. */
import type { CaseResult, Verdict } from './run.ts';

export type Counts = Readonly<Record<Verdict, number>>;
export interface ReferenceReport {
  readonly backend: string;
  readonly dtype: string;
  readonly total: Counts;
  readonly families: Readonly<Record<string, Counts>>;
  /** How many cases were skipped for each reason. */
  readonly skipped: Readonly<Record<string, number>>;
  readonly failures: readonly CaseResult[];
  readonly cases: readonly CaseResult[];
}

const none: Counts = { passed: 0, failed: 0, skipped: 0 };
const counted = (counts: Counts, verdict: Verdict): Counts => ({
  ...counts,
  [verdict]: counts[verdict] + 1,
});

export function reportOf(
  cases: readonly CaseResult[],
  { backend, dtype }: { readonly backend: string; readonly dtype: string },
): ReferenceReport {
  const families: Record<string, Counts> = {};
  const skipped: Record<string, number> = {};
  let total = none;
  for (const result of cases) {
    families[result.family] = counted(families[result.family] ?? none, result.verdict);
    total = counted(total, result.verdict);
    if (result.verdict === 'skipped') {
      const reason = result.reason ?? 'no reason given';
      skipped[reason] = (skipped[reason] ?? 0) + 1;
    }
  }
  const failures = cases.filter((result) => result.verdict === 'failed');
  return { backend, dtype, total, families, skipped, failures, cases };
}

/** One line for a case that failed: what was wrong first, and by how much. */
export function failureLine({ family, case: name, reason, mismatches = [] }: CaseResult): string {
  const [first] = mismatches;
  const more = mismatches.length > 1 ? ` (and ${mismatches.length - 1} more)` : '';
  const what =
    reason ?? (first === undefined ? 'failed' : `${first.what}: ${first.message}${more}`);
  return `${family}/${name}: ${what.replaceAll(/\s+/g, ' ')}`;
}

const line = ({ passed, failed, skipped }: Counts): string =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`;

/** Reasons of skipping, counts per family, and the sum. */
export function summaryLines(report: ReferenceReport): string[] {
  const names = Object.keys(report.families);
  const width = Math.max(0, ...names.map((name) => name.length));
  return [
    ...Object.entries(report.skipped).map(([reason, count]) => `skipped ${count}: ${reason}`),
    ...names.map((name) => `${name.padEnd(width)}  ${line(report.families[name]!)}`),
    `${'total'.padEnd(width)}  ${line(report.total)}`,
  ];
}
