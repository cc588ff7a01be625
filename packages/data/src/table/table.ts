/** Named columns of numbers and strings: what a CSV file holds, before it is a data set. */

import { ArrayDataset } from '../dataset/array-dataset.ts';
import { randomSplit } from '../dataset/split.ts';
import type { Dataset, Indices } from '../dataset/dataset.ts';
import { DataError } from '../error.ts';
import { ndarray } from '../ndarray.ts';
import type { NDArray } from '../ndarray.ts';
import type { LabelEncoder } from './encoders.ts';

export type ColumnType = 'number' | 'string';

/** Numbers, missing ones NaN; or strings, missing ones null. */
export type ColumnValues = Float64Array | readonly (string | null)[];

/** One row by column name. */
export type Row = Readonly<Record<string, number | string | null>>;

export interface ToDatasetOptions {
  /** Columns of the matrix, in order; default all but the target. */
  readonly features?: readonly string[];
  /** The column to learn, [N]; or several of numbers, [N, columns]. Without it the data set has no `y`. */
  readonly target?: string | readonly string[];
  /** Turns the target into class numbers; fit it on the training part. */
  readonly labels?: LabelEncoder;
}

export interface TableSplitOptions {
  /** Default 0. */
  readonly seed?: number;
  /** The column whose shares of values are kept in each part. */
  readonly stratify?: string;
}

/**
 * Columns of equal length. Tables are not changed: methods give new ones, which share columns with the old.
 *
 * ```ts
 * const table = readCsv(text).drop('No');
 * const [train, test] = table.split([0.8, 0.2], { seed: 1, stratify: 'species' });
 * ```
 */
export class Table {
  readonly length: number;
  readonly names: readonly string[];
  readonly #columns: ReadonlyMap<string, ColumnValues>;

  /**
   * @param columns arrays of numbers, or of strings with null for what is missing.
   * @throws DataError when there is no column, lengths differ, or a column is of mixed types.
   */
  constructor(columns: Readonly<Record<string, ArrayLike<number> | ArrayLike<string | null>>>) {
    const entries = Object.entries(columns);
    if (entries.length === 0) throw new DataError('Table', 'there are no columns');
    this.#columns = new Map(entries.map(([name, values]) => [name, valuesOf(name, values)]));
    this.names = entries.map(([name]) => name);
    this.length = entries[0]![1].length;
    for (const [name, { length }] of entries) {
      if (length !== this.length) {
        throw new DataError('Table', `columns "${this.names[0]}" and "${name}" differ in length`, {
          got: `${this.length} and ${length}`,
        });
      }
    }
  }

  /** From rows such as `{ temperature: 21.5, wind: 'NW' }`; all have the columns of the first. */
  static fromRows(rows: readonly Row[]): Table {
    const [first] = rows;
    if (first === undefined) throw new DataError('Table', 'there are no rows', { kind: 'missing' });
    const valueIn = (name: string, row: Row, i: number): number | string | null => {
      const value = row[name];
      if (value !== undefined) return value;
      throw new DataError('Table', `row ${i} has no column "${name}"`);
    };
    const columns = Object.keys(first).map((name) => {
      const values = rows.map((row, i) => valueIn(name, row, i));
      const numeric = values.every((value) => value === null || typeof value === 'number');
      return [name, numeric ? values.map((value) => value ?? NaN) : values] as const;
    });
    return new Table(Object.fromEntries(columns) as Record<string, number[] | string[]>);
  }

  /** From a matrix [N, F], by default with the names x0, x1, ... */
  static fromMatrix(matrix: NDArray, names?: readonly string[]): Table {
    const [rows, width] = matrix.shape as [number, number];
    if (matrix.shape.length !== 2) {
      throw new DataError('Table', 'not a matrix', { got: `[${matrix.shape.join(',')}]` });
    }
    const chosen = names ?? Array.from({ length: width }, (_, f) => `x${f}`);
    if (chosen.length !== width) {
      throw new DataError('Table', 'there is not one name for each column', {
        got: String(chosen.length),
        wanted: String(width),
      });
    }
    return new Table(
      Object.fromEntries(
        chosen.map((name, f) => [
          name,
          Float64Array.from({ length: rows }, (_, i) => Number(matrix.data[i * width + f])),
        ]),
      ),
    );
  }

  has(name: string): boolean {
    return this.#columns.has(name);
  }

  /** The values of a column. @throws DataError listing the names there are. */
  column(name: string): ColumnValues {
    const values = this.#columns.get(name);
    if (values !== undefined) return values;
    throw new DataError('Table', `there is no column "${name}"`, { wanted: this.names.join(', ') });
  }

  type(name: string): ColumnType {
    return this.column(name) instanceof Float64Array ? 'number' : 'string';
  }

  /** The values of a column of numbers. */
  numbers(name: string): Float64Array {
    const values = this.column(name);
    if (values instanceof Float64Array) return values;
    const at = values.findIndex((value) => value !== null);
    throw new DataError('Table', `column "${name}" is not of numbers: encode it first`, {
      got: `${JSON.stringify(values[at] ?? null)} in row ${Math.max(at, 0)}`,
    });
  }

  /** The values of a column as strings; numbers as JavaScript writes them. */
  strings(name: string): readonly (string | null)[] {
    const values = this.column(name);
    if (!(values instanceof Float64Array)) return values;
    return Array.from(values, (value) => (Number.isNaN(value) ? null : String(value)));
  }

  row(index: number): Row {
    if (!Number.isInteger(index) || index < 0 || index >= this.length) {
      throw new DataError('Table', 'there is no such row', { got: String(index) });
    }
    return Object.fromEntries(this.names.map((name) => [name, this.column(name)[index] ?? null]));
  }

  /** Only these columns, in this order. */
  select(...names: readonly string[]): Table {
    return new Table(Object.fromEntries(names.map((name) => [name, this.column(name)])));
  }

  /** All columns but these. */
  drop(...names: readonly string[]): Table {
    for (const name of names) this.column(name);
    return this.select(...this.names.filter((name) => !names.includes(name)));
  }

  /** With columns added, or replaced where they stand. */
  with(columns: Readonly<Record<string, ArrayLike<number> | ArrayLike<string | null>>>): Table {
    return new Table({ ...Object.fromEntries(this.#columns), ...columns });
  }

  /** The rows `indices`, in that order. */
  take(indices: Indices): Table {
    const pick = (values: ColumnValues): ColumnValues =>
      values instanceof Float64Array
        ? Float64Array.from(indices, (i) => values[i]!)
        : Array.from(indices, (i) => values[i]!);
    for (let k = 0; k < indices.length; k++) {
      const i = indices[k]!;
      if (!(Number.isInteger(i) && i >= 0 && i < this.length)) {
        throw new DataError('Table', 'there is no such row', { got: String(i) });
      }
    }
    return new Table(
      Object.fromEntries([...this.#columns].map(([name, values]) => [name, pick(values)])),
    );
  }

  /** Rows `from` to `to` (left out). */
  slice(from: number, to = this.length): Table {
    const end = Math.min(to, this.length);
    return this.take(Uint32Array.from({ length: Math.max(0, end - from) }, (_, i) => from + i));
  }

  filter(keep: (row: Row, index: number) => boolean): Table {
    const indices: number[] = [];
    for (let i = 0; i < this.length; i++) if (keep(this.row(i), i)) indices.push(i);
    return this.take(indices);
  }

  /** How many values of each column are missing. */
  missing(): Record<string, number> {
    const count = (values: ColumnValues): number => {
      let n = 0;
      for (const value of values) if (value === null || Number.isNaN(value)) n += 1;
      return n;
    };
    return Object.fromEntries([...this.#columns].map(([name, values]) => [name, count(values)]));
  }

  /** Without the rows that lack a value in one of these columns (default all). */
  dropMissing(...names: readonly string[]): Table {
    const columns = (names.length === 0 ? this.names : names).map((name) => this.column(name));
    const whole = (i: number): boolean =>
      columns.every((values) => values[i] !== null && !Number.isNaN(values[i]));
    return this.take(Array.from({ length: this.length }, (_, i) => i).filter(whole));
  }

  /**
   * Parts without common rows, at random, see `randomSplit`.
   * @throws DataError when a class would be missing from a part.
   */
  split<const P extends readonly number[]>(
    parts: P,
    { seed = 0, stratify }: TableSplitOptions = {},
  ): { -readonly [K in keyof P]: Table } {
    const rows: Dataset = { length: this.length, get: () => ({}) };
    const indices = randomSplit(rows, parts, {
      seed,
      ...(stratify !== undefined && { stratify: this.strings(stratify).map(String) }),
    });
    return indices.map((part) => this.take(part.indices)) as {
      -readonly [K in keyof P]: Table;
    };
  }

  /** Columns of numbers as float32 [N, F]; default all. @throws DataError naming a column of strings. */
  toMatrix(names: readonly string[] = this.names): NDArray {
    const columns = names.map((name) => this.numbers(name));
    const data = new Float32Array(this.length * columns.length);
    columns.forEach((values, f) => {
      for (let i = 0; i < values.length; i++) data[i * columns.length + f] = values[i]!;
    });
    return ndarray(data, [this.length, columns.length]);
  }

  /**
   * Samples `{ x, y }`: `x` float32 [F] from the features, `y` the target: float32, or int32 class numbers
   * with `labels`.
   *
   * @throws DataError for features of strings (encode them), missing values (drop or impute them; the column
   *   and row are named), and a target of strings without `labels`.
   */
  toDataset<const O extends ToDatasetOptions>(
    options?: O,
  ): ArrayDataset<
    O extends { target: string | readonly string[] } ? { x: NDArray; y: NDArray } : { x: NDArray }
  >;
  toDataset({ features, target, labels }: ToDatasetOptions = {}): ArrayDataset {
    const targets = target === undefined ? [] : [target].flat();
    const x = this.#whole(features ?? this.names.filter((name) => !targets.includes(name)));
    if (target === undefined) return new ArrayDataset({ x });
    if (labels !== undefined) {
      if (typeof target !== 'string') {
        throw new DataError('Table.toDataset', 'labels encode a single target');
      }
      return new ArrayDataset({ x, y: labels.transform(this.column(target)) });
    }
    for (const name of targets) {
      if (this.type(name) === 'number') continue;
      throw new DataError('Table.toDataset', `target "${name}" is not of numbers`, {
        wanted: 'labels: LabelEncoder.fit(train.column(...))',
      });
    }
    const y = this.#whole(targets);
    return new ArrayDataset({
      x,
      y: typeof target === 'string' ? ndarray(y.data, [this.length]) : y,
    });
  }

  #whole(names: readonly string[]): NDArray {
    for (const name of names) {
      const row = this.numbers(name).findIndex(Number.isNaN);
      if (row < 0) continue;
      throw new DataError('Table.toDataset', `column "${name}" has no value in row ${row}`, {
        wanted: 'rows dropped (dropMissing) or values put in (Imputer)',
      });
    }
    return this.toMatrix(names);
  }
}

function valuesOf(
  name: string,
  values: ArrayLike<number> | ArrayLike<string | null>,
): ColumnValues {
  if (values instanceof Float64Array) return values;
  const numeric = values.length === 0 || typeof values[0] === 'number';
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (numeric ? typeof value === 'number' : value === null || typeof value === 'string') continue;
    throw new DataError('Table', `column "${name}" is of mixed types`, {
      got: `${JSON.stringify(value)} in row ${i}`,
      wanted: numeric ? 'numbers, NaN where one is missing' : 'strings, null where one is missing',
    });
  }
  return numeric
    ? Float64Array.from(values as ArrayLike<number>)
    : Array.from(values as ArrayLike<string | null>);
}
