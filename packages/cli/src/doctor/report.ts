/** What the doctor says. */
import type { PlanName } from './limits.ts';

export type Verdict = 'ok' | 'tight' | 'over';

/** What each row is in. */
export type Unit = 'bytes' | 'ms';

export interface Row {
  /** `size`, `startup`, `memory at rest`, `memory at 8 requests`, `cpu run x [1,4]`, ... */
  readonly name: string;
  readonly unit: Unit;
  readonly value: number;
  /** Absent where the platform has none. */
  readonly limit?: number;
  readonly verdict: Verdict;
  /** Where the value comes from, when that is not plain. */
  readonly how?: string;
  /** What local workerd took, with `--measure`. */
  readonly measured?: number;
  /** What to change; absent where all is well. */
  readonly advice?: readonly string[];
}

export interface Diagnosis {
  readonly model: string;
  readonly plan: PlanName;
  readonly concurrency: number;
  /** The worst of the rows. */
  readonly verdict: Verdict;
  readonly rows: readonly Row[];
}

/** Above this share of a limit it is tight: a size is known, times are other ones on the platform's machines. */
const tightShare = { bytes: 0.75, ms: 0.5 };

export function verdictOf(value: number, limit: number | undefined, unit: Unit): Verdict {
  if (limit === undefined) return 'ok';
  if (value > limit) return 'over';
  return value > tightShare[unit] * limit ? 'tight' : 'ok';
}

const order: readonly Verdict[] = ['ok', 'tight', 'over'];
export const worst = (verdicts: readonly Verdict[]): Verdict =>
  order[Math.max(0, ...verdicts.map((verdict) => order.indexOf(verdict)))]!;
