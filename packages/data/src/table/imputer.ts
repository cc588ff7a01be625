/** Values in place of missing ones. */

import { DataError } from '../error.ts';
import { quantile } from './scalers.ts';
import type { Table } from './table.ts';

export interface ImputerOptions {
  /** Default all columns. */
  readonly columns?: readonly string[];
  /** Default `mean` for numbers and `most_frequent` for strings; the smallest of equally frequent values. */
  readonly strategy?: 'mean' | 'median' | 'most_frequent' | 'constant';
  /** For `constant`; default 0 in numbers, `missing_value` in strings. */
  readonly fillValue?: number | string;
  /** Adds a column `name_missing` of zeros and ones for each column that lacked values. Default false. */
  readonly addIndicator?: boolean;
}

/** Puts in what the training part had on average, as scikit-learn's SimpleImputer. */
export class Imputer {
  readonly fill: Readonly<Record<string, number | string>>;
  /** Columns that get one of their own for what was missing. */
  readonly indicators: readonly string[];

  constructor(fill: Readonly<Record<string, number | string>>, indicators: readonly string[] = []) {
    this.fill = fill;
    this.indicators = indicators;
  }

  /** @throws DataError naming a column without any value, except with `constant`. */
  static fit(train: Table, options: ImputerOptions = {}): Imputer {
    const { columns = train.names, addIndicator = false } = options;
    const fill = Object.fromEntries(columns.map((name) => [name, fillOf(train, name, options)]));
    const missing = train.missing();
    return new Imputer(fill, addIndicator ? columns.filter((name) => missing[name]! > 0) : []);
  }

  transform(table: Table): Table {
    const columns: Record<string, Float64Array | (string | null)[]> = {};
    for (const [name, value] of Object.entries(this.fill)) {
      const values = table.column(name);
      if ((typeof value === 'number') !== values instanceof Float64Array) {
        throw new DataError('Imputer.transform', `column "${name}" is of another type`, {
          got: table.type(name),
          wanted: typeof value,
        });
      }
      columns[name] =
        values instanceof Float64Array
          ? values.map((v) => (Number.isNaN(v) ? (value as number) : v))
          : values.map((v) => v ?? (value as string));
    }
    for (const name of this.indicators) {
      columns[`${name}_missing`] = Float64Array.from(
        table.column(name) as ArrayLike<unknown>,
        (v) => (v === null || Number.isNaN(v) ? 1 : 0),
      );
    }
    return table.with(columns);
  }

  toJSON(): object {
    return { kind: 'Imputer', fill: this.fill, indicators: this.indicators };
  }
}

function fillOf(train: Table, name: string, options: ImputerOptions): number | string {
  const op = 'Imputer';
  const values = train.column(name);
  const numeric = values instanceof Float64Array;
  const { strategy = numeric ? 'mean' : 'most_frequent' } = options;
  if (strategy === 'constant') {
    const value = options.fillValue ?? (numeric ? 0 : 'missing_value');
    if ((typeof value === 'number') === numeric) return value;
    throw new DataError(op, `fillValue is of another type than column "${name}"`, {
      got: typeof value,
    });
  }
  const empty = (): DataError =>
    new DataError(op, `column "${name}" has no values`, {
      kind: 'missing',
      wanted: "the column dropped, or strategy: 'constant'",
    });
  if (strategy === 'most_frequent') {
    const counts = new Map<number | string, number>();
    for (const value of values) {
      if (value !== null && !Number.isNaN(value)) counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    const [best] = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
    if (best === undefined) throw empty();
    return best[0];
  }
  if (!numeric) {
    throw new DataError(op, `column "${name}" is of strings, which have no ${strategy}`);
  }
  const there = values.filter((value) => !Number.isNaN(value));
  if (there.length === 0) throw empty();
  return strategy === 'median'
    ? quantile(there.sort(), 0.5)
    : there.reduce((sum, value) => sum + value, 0) / there.length;
}
