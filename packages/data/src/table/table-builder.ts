/** Records of text become the columns of a table. */

import { DataError } from '../error.ts';
import type { CsvOptions, CsvRecord } from './csv.ts';
import { Table } from './table.ts';
import type { ColumnType } from './table.ts';

type Report = (line: number, message: string, details?: { got?: string; wanted?: string }) => void;

const defaultMissing = ['', 'NA', 'N/A', 'NaN', 'nan', 'null', '?'];
const numberPattern = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$|^[+-]?(?:inf|Infinity)$/;

/** The number that a text is, or undefined: decimal digits, no hexadecimal and no empty text. */
export function parseNumber(text: string): number | undefined {
  if (!numberPattern.test(text)) return undefined;
  return Number(text.replace(/inf$/, 'Infinity'));
}

interface Growing {
  readonly name: string;
  /** Position in the record. */
  readonly at: number;
  readonly given: ColumnType | undefined;
  /** Where it is of numbers. */
  numbers: Float64Array;
  /** Where it is of strings, or may become so. */
  readonly texts: (string | null)[];
  numeric: boolean;
}

export class TableBuilder {
  readonly #options: CsvOptions;
  readonly #report: Report;
  readonly #missing: ReadonlySet<string>;
  /** One copy of each text: columns of names repeat a few. */
  readonly #shared = new Map<string, string>();
  #columns: Growing[] | undefined;
  #width = 0;
  #rows = 0;

  constructor(options: CsvOptions, report: Report) {
    const { onMissing = 'keep' } = options;
    if (!['keep', 'drop', 'bad'].includes(onMissing)) {
      throw new DataError('readCsv', 'onMissing is keep, drop or bad', { got: onMissing });
    }
    this.#options = options;
    this.#report = report;
    this.#missing = new Set(options.missing ?? defaultMissing);
  }

  add(record: CsvRecord): void {
    const { header = true } = this.#options;
    if (this.#columns === undefined) {
      const names =
        header === true
          ? record.fields.map((name) => name.trim())
          : header === false
            ? record.fields.map((_, i) => `x${i}`)
            : header;
      this.#columns = this.#open(names, record.line);
      if (header === true) return;
    }
    this.#row(record);
  }

  #open(names: readonly string[], line: number): Growing[] {
    const { name: file = 'the text', columns = names, types = {} } = this.#options;
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) {
      throw new DataError('readCsv', `${file}, line ${line}: two columns are named "${twice}"`);
    }
    for (const name of [...columns, ...Object.keys(types)]) {
      if (!names.includes(name)) {
        throw new DataError('readCsv', `${file} has no column "${name}"`, {
          wanted: names.join(', '),
        });
      }
    }
    this.#width = names.length;
    return columns.map((name) => ({
      name,
      at: names.indexOf(name),
      given: types[name],
      numbers: new Float64Array(64),
      texts: [],
      numeric: types[name] !== 'string',
    }));
  }

  #row({ fields, line }: CsvRecord): void {
    const { onMissing = 'keep' } = this.#options;
    const columns = this.#columns!;
    if (fields.length !== this.#width) {
      this.#report(line, 'the row has another number of fields', {
        got: String(fields.length),
        wanted: String(this.#width),
      });
      return;
    }
    const numbers: (number | undefined)[] = [];
    for (const { name, at, given, numeric } of columns) {
      const text = fields[at]!.trim();
      if (this.#missing.has(text)) {
        if (onMissing === 'bad') this.#report(line, `column "${name}" has no value`);
        if (onMissing !== 'keep') return;
        numbers.push(NaN);
        continue;
      }
      const value = numeric ? parseNumber(text) : undefined;
      if (value === undefined && given === 'number') {
        this.#report(line, `column "${name}" is not a number`, { got: JSON.stringify(text) });
        return;
      }
      numbers.push(value);
    }
    columns.forEach((column, i) => this.#append(column, fields[column.at]!, numbers[i]));
    this.#rows += 1;
  }

  #append(column: Growing, field: string, number: number | undefined): void {
    // A type that was not given is known at the end only: the texts are kept until then.
    if (column.given !== 'number') {
      const text = column.given === 'string' ? field : field.trim();
      column.texts.push(this.#missing.has(text.trim()) ? null : this.#share(text));
    }
    if (number === undefined) column.numeric = false;
    if (!column.numeric) return;
    if (this.#rows === column.numbers.length) {
      const larger = new Float64Array(2 * this.#rows);
      larger.set(column.numbers);
      column.numbers = larger;
    }
    column.numbers[this.#rows] = number!;
  }

  #share(text: string): string {
    const known = this.#shared.get(text);
    if (known !== undefined) return known;
    if (this.#shared.size < 65536) this.#shared.set(text, text);
    return text;
  }

  finish(): Table {
    const { name: file = 'the text' } = this.#options;
    if (this.#columns === undefined || this.#rows === 0) {
      throw new DataError('readCsv', `${file} has no rows`, { kind: 'missing' });
    }
    return new Table(
      Object.fromEntries(
        this.#columns.map(({ name, numeric, numbers, texts }) => [
          name,
          numeric ? numbers.slice(0, this.#rows) : texts,
        ]),
      ),
    );
  }
}
