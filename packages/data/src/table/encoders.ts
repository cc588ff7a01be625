/** Categories as numbers, with the names and numbers of scikit-learn. Fit them on the training part alone. */

import { DataError } from '../error.ts';
import { ndarray } from '../ndarray.ts';
import type { NDArray } from '../ndarray.ts';
import { Table } from './table.ts';
import type { ColumnValues } from './table.ts';

/** A category: a string, or a number. */
export type Category = string | number;

type Values = ArrayLike<number | string | null | bigint>;

/** Sorted categories, each once: numbers by size, strings by code unit. */
export function categoriesOf(op: string, values: Values): Category[] {
  const seen = new Set<Category>();
  for (let i = 0; i < values.length; i++) seen.add(categoryAt(op, values, i));
  const all = [...seen];
  if (all.length === 0) throw new DataError(op, 'there are no values to fit', { kind: 'missing' });
  const numeric = typeof all[0] === 'number';
  if (all.some((value) => (typeof value === 'number') !== numeric)) {
    throw new DataError(op, 'values are of mixed types');
  }
  return numeric
    ? (all as number[]).sort((a, b) => a - b)
    : all.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

function categoryAt(op: string, values: Values, i: number): Category {
  const value = values[i]!;
  if (value === null || Number.isNaN(value)) {
    throw new DataError(op, `there is no value in row ${i}`, { wanted: 'an Imputer before' });
  }
  return typeof value === 'bigint' ? Number(value) : value;
}

function unknown(op: string, value: Category, row: number, known: readonly Category[]): DataError {
  const shown = known.slice(0, 20).map((category) => JSON.stringify(category));
  return new DataError(op, `an unknown label in row ${row}`, {
    got: JSON.stringify(value),
    wanted: `one of ${shown.join(', ')}${known.length > 20 ? ', ...' : ''}`,
  });
}

/** Labels as class numbers from 0, classes sorted, as scikit-learn's LabelEncoder. */
export class LabelEncoder {
  readonly classes: readonly Category[];
  readonly #numbers: ReadonlyMap<Category, number>;

  constructor(classes: readonly Category[]) {
    this.classes = [...classes];
    this.#numbers = new Map(classes.map((value, i) => [value, i]));
    if (classes.length === 0 || this.#numbers.size < classes.length) {
      throw new DataError('LabelEncoder', 'classes are none, or one occurs twice');
    }
  }

  static fit(labels: Values): LabelEncoder {
    return new LabelEncoder(categoriesOf('LabelEncoder', labels));
  }

  /** int32 [N]. @throws DataError naming row and label where it was not seen by `fit`. */
  transform(labels: Values): NDArray {
    const op = 'LabelEncoder.transform';
    const numbers = new Int32Array(labels.length);
    for (let i = 0; i < numbers.length; i++) {
      const value = categoryAt(op, labels, i);
      const number = this.#numbers.get(value);
      if (number === undefined) throw unknown(op, value, i, this.classes);
      numbers[i] = number;
    }
    return ndarray(numbers);
  }

  inverseTransform(numbers: ArrayLike<number | bigint>): Category[] {
    return Array.from(numbers, (number) => {
      const label = this.classes[Number(number)];
      if (label !== undefined) return label;
      throw new DataError('LabelEncoder.inverseTransform', 'there is no such class', {
        got: String(number),
        wanted: `0 to ${this.classes.length - 1}`,
      });
    });
  }

  toJSON(): { readonly kind: 'LabelEncoder'; readonly classes: readonly Category[] } {
    return { kind: 'LabelEncoder', classes: this.classes };
  }
}

/** Columns and their categories. */
export type Categories = Readonly<Record<string, readonly Category[]>>;

export interface EncoderOptions {
  /** Default all columns of strings. */
  readonly columns?: readonly string[];
}

export interface OneHotEncoderOptions extends EncoderOptions {
  /** A category that `fit` has not seen: an error (default), or zeros in all columns. */
  readonly handleUnknown?: 'error' | 'ignore';
  /** Leave out the first category of each column, or of those with two. Default neither. */
  readonly drop?: 'first' | 'if_binary';
}

function fitCategories(op: string, table: Table, { columns }: EncoderOptions): Categories {
  const names = columns ?? table.names.filter((name) => table.type(name) === 'string');
  if (names.length === 0) throw new DataError(op, 'there are no columns of strings');
  return Object.fromEntries(
    names.map((name) => [name, categoriesOf(`${op} of column "${name}"`, table.column(name))]),
  );
}

/** Numbers of a column's values among its categories; -1 for unknown ones where they are let through. */
function numbersIn(
  op: string,
  name: string,
  values: ColumnValues,
  categories: readonly Category[],
  strict: boolean,
): Int32Array {
  const numbers = new Map(categories.map((category, i) => [category, i]));
  return Int32Array.from({ length: values.length }, (_, i) => {
    const value = categoryAt(`${op} of column "${name}"`, values, i);
    const number = numbers.get(value);
    if (number !== undefined) return number;
    if (strict) throw unknown(`${op} of column "${name}"`, value, i, categories);
    return -1;
  });
}

/** Each category a column `name_category` of zeros and ones, in place of the column. */
export class OneHotEncoder {
  readonly categories: Categories;
  readonly handleUnknown: 'error' | 'ignore';
  readonly drop: 'first' | 'if_binary' | undefined;

  constructor(categories: Categories, options: Omit<OneHotEncoderOptions, 'columns'> = {}) {
    this.categories = categories;
    this.handleUnknown = options.handleUnknown ?? 'error';
    this.drop = options.drop;
  }

  static fit(train: Table, options: OneHotEncoderOptions = {}): OneHotEncoder {
    return new OneHotEncoder(fitCategories('OneHotEncoder', train, options), options);
  }

  transform(table: Table): Table {
    const columns: Record<string, ColumnValues> = {};
    for (const name of Object.keys(this.categories)) table.column(name);
    for (const name of table.names) {
      const categories = this.categories[name];
      if (categories === undefined) {
        columns[name] = table.column(name);
        continue;
      }
      const strict = this.handleUnknown === 'error';
      const values = table.column(name);
      const numbers = numbersIn('OneHotEncoder', name, values, categories, strict);
      const dropped =
        this.drop === 'first' || (this.drop === 'if_binary' && categories.length === 2);
      categories.forEach((category, k) => {
        if (dropped && k === 0) return;
        const column = `${name}_${category}`;
        if (table.has(column) && column !== name) {
          throw new DataError('OneHotEncoder', `there is a column "${column}" already`);
        }
        columns[column] = Float64Array.from(numbers, (number) => (number === k ? 1 : 0));
      });
    }
    return new Table(columns);
  }

  toJSON(): object {
    const { categories, handleUnknown, drop } = this;
    return { kind: 'OneHotEncoder', categories, handleUnknown, ...(drop && { drop }) };
  }
}

export interface OrdinalEncoderOptions extends EncoderOptions {
  /** A category that `fit` has not seen: an error (default), or `unknownValue`. */
  readonly handleUnknown?: 'error' | 'use_encoded_value';
  /** Default -1. */
  readonly unknownValue?: number;
}

/** Each category its number among the sorted ones, in place of the column. */
export class OrdinalEncoder {
  readonly categories: Categories;
  readonly handleUnknown: 'error' | 'use_encoded_value';
  readonly unknownValue: number;

  /** With categories in an order of one's own, such as `{ size: ['small', 'medium', 'large'] }`. */
  constructor(categories: Categories, options: Omit<OrdinalEncoderOptions, 'columns'> = {}) {
    this.categories = categories;
    this.handleUnknown = options.handleUnknown ?? 'error';
    this.unknownValue = options.unknownValue ?? -1;
  }

  static fit(train: Table, options: OrdinalEncoderOptions = {}): OrdinalEncoder {
    return new OrdinalEncoder(fitCategories('OrdinalEncoder', train, options), options);
  }

  transform(table: Table): Table {
    const strict = this.handleUnknown === 'error';
    return table.with(
      Object.fromEntries(
        Object.entries(this.categories).map(([name, categories]) => {
          const values = table.column(name);
          const numbers = numbersIn('OrdinalEncoder', name, values, categories, strict);
          return [name, Float64Array.from(numbers, (n) => (n < 0 ? this.unknownValue : n))];
        }),
      ),
    );
  }

  toJSON(): object {
    const { categories, handleUnknown, unknownValue } = this;
    return { kind: 'OrdinalEncoder', categories, handleUnknown, unknownValue };
  }
}
