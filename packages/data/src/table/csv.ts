/** Comma-separated values (RFC 4180) as records, piece by piece, and as tables. The parser is Papa Parse. */

import Papa from 'papaparse';
import { DataError } from '../error.ts';
import type { ColumnType, Table } from './table.ts';
import { TableBuilder } from './table-builder.ts';

export interface CsvOptions {
  /** Stands in messages, a file's path say. */
  readonly name?: string;
  /** One character between fields; default `,`. */
  readonly delimiter?: string;
  /** Default `"`; inside a quoted field it is written twice. */
  readonly quote?: string;
  /** Lines that begin with it are left out; by default none are. */
  readonly comment?: string;
  /**
   * `true` (default): the first row names the columns. `false`: they are x0, x1, ... Or the names, where the
   * file has none.
   */
  readonly header?: boolean | readonly string[];
  /** Columns that are read, by name; default all. */
  readonly columns?: readonly string[];
  /**
   * `number` or `string` by column. Where it is not given a column is of numbers when all of its values are.
   * A value that is none in a column given as `number` makes its row a bad one.
   */
  readonly types?: Readonly<Record<string, ColumnType>>;
  /** What stands for a missing value, once spaces around are gone. Default '', 'NA', 'N/A', 'NaN', 'nan', 'null' and '?'. */
  readonly missing?: readonly string[];
  /**
   * A row with a missing value: `keep` it (default; NaN in numbers, null in strings), `drop` it, or treat it
   * as a `bad` row.
   */
  readonly onMissing?: 'keep' | 'drop' | 'bad';
  /** A row that cannot be read is an error (`stop`, the default) or left out (`skip`). */
  readonly onBadRow?: 'stop' | 'skip';
  /** Told of each bad row that is skipped, with file and line. */
  readonly onSkip?: (error: DataError) => void;
  /** Most characters of one row, default 2^20: a quote that is never closed ends there. */
  readonly maxRowLength?: number;
}

/** One row of a file. */
export interface CsvRecord {
  readonly fields: readonly string[];
  /** Where it begins, from 1. */
  readonly line: number;
}

type Report = (line: number, message: string, details?: { got?: string; wanted?: string }) => void;

/** Takes text in pieces of any size and gives whole records. */
class RecordReader {
  readonly #options: CsvOptions;
  readonly #bad: Report;
  #rest = '';
  /** Where `#rest` begins. */
  #line = 1;
  #started = false;
  /** How lines end; known once the first has ended. */
  #newline: '\n' | '\r' | '\r\n' | undefined;

  constructor(options: CsvOptions, bad: Report) {
    const { delimiter = ',', quote = '"', comment } = options;
    const marks = comment === undefined ? { delimiter, quote } : { delimiter, quote, comment };
    for (const [name, value] of Object.entries(marks)) {
      if (value.length !== 1 || '\r\n'.includes(value)) {
        throw new DataError('readCsv', `${name} is one character`, { got: JSON.stringify(value) });
      }
    }
    if (new Set(Object.values(marks)).size < Object.keys(marks).length) {
      throw new DataError('readCsv', 'delimiter, quote and comment are different characters');
    }
    this.#options = options;
    this.#bad = bad;
  }

  push(text: string, last = false): CsvRecord[] {
    this.#rest += text;
    if (!this.#started && this.#rest !== '') {
      this.#started = true;
      if (this.#rest.startsWith('\uFEFF')) this.#rest = this.#rest.slice(1);
    }
    this.#newline ??= this.#findNewline(last);
    const records = this.#newline === undefined ? [] : this.#parse(this.#newline, last);
    const { maxRowLength = 2 ** 20, name = 'the text' } = this.#options;
    if (this.#rest.length > maxRowLength) {
      throw new DataError(
        'readCsv',
        `${name}, line ${this.#line}: a row does not end; is a quote not closed?`,
        { kind: 'corrupt', wanted: `at most ${maxRowLength} characters` },
      );
    }
    return records;
  }

  #findNewline(last: boolean): '\n' | '\r' | '\r\n' | undefined {
    const at = this.#rest.search(/[\r\n]/);
    if (at < 0) return last ? '\n' : undefined;
    if (this.#rest[at] === '\n') return '\n';
    // A carriage return at the very end may be half of a line's end.
    if (!last && at === this.#rest.length - 1) return undefined;
    return this.#rest[at + 1] === '\n' ? '\r\n' : '\r';
  }

  #parse(newline: '\n' | '\r' | '\r\n', last: boolean): CsvRecord[] {
    const { delimiter = ',', quote = '"', comment } = this.#options;
    const text = this.#rest;
    const records: CsvRecord[] = [];
    let at = 0;
    const passLines = (to: number): void => {
      for (;;) {
        const end = text.indexOf(newline, at);
        if (end < 0 || end >= to) break;
        this.#line += 1;
        at = end + newline.length;
      }
      at = Math.max(at, to);
    };
    const parser = new Papa.Parser({
      delimiter,
      newline,
      quoteChar: quote,
      comments: comment ?? false,
      step: ({ data, errors, meta }: Papa.ParseStepResult<string[][]>) => {
        while (comment !== undefined && text.startsWith(comment, at)) {
          passLines(text.indexOf(newline, at) + newline.length);
        }
        const line = this.#line;
        const fields = data[0] ?? [];
        const [error] = errors;
        passLines(meta.cursor);
        if (error !== undefined) this.#bad(line, error.message);
        // Lines with nothing in them are no rows.
        else if (fields.length > 1 || fields[0]?.trim()) records.push({ fields, line });
      },
    });
    parser.parse(text, 0, !last);
    this.#rest = last ? '' : text.slice(at);
    return records;
  }
}

/** Messages about rows: file and line in front. Throws, or tells `onSkip` and counts. */
function reporter({ name = 'the text', onBadRow = 'stop', onSkip }: CsvOptions): Report {
  if (onBadRow !== 'stop' && onBadRow !== 'skip') {
    throw new DataError('readCsv', 'onBadRow is stop or skip', { got: String(onBadRow) });
  }
  return (line, message, details = {}) => {
    const error = new DataError('readCsv', `${name}, line ${line}: ${message}`, {
      kind: 'corrupt',
      ...details,
    });
    if (onBadRow === 'stop') throw error;
    onSkip?.(error);
  };
}

/** Bytes as UTF-8 text; a broken sequence is an error. */
function decoderOf(name: string): (bytes: Uint8Array | undefined) => string {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  return (bytes) => {
    try {
      return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
    } catch (cause) {
      throw new DataError('readCsv', `${name} is not UTF-8 text`, { kind: 'corrupt', cause });
    }
  };
}

/**
 * Rows of a CSV file as they come, for files larger than memory: text or UTF-8 bytes in pieces of any size,
 * a `ReadableStream`, `fs.createReadStream(path)` or an array of pieces. The header is a row like the others.
 *
 * @throws DataError naming file and line where quotes are malformed, see `onBadRow`.
 */
export async function* csvRecords(
  pieces: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>,
  options: CsvOptions = {},
): AsyncGenerator<CsvRecord, void, undefined> {
  const reader = new RecordReader(options, reporter(options));
  const decode = decoderOf(options.name ?? 'the text');
  for await (const piece of pieces) {
    yield* reader.push(typeof piece === 'string' ? piece : decode(piece));
  }
  yield* reader.push(decode(undefined), true);
}

/**
 * The table in a CSV text:
 *
 * ```ts
 * const wine = readCsv(text, { delimiter: ';', header: true });
 * const { x, y } = wine.toDataset({ target: 'quality' }).columns;
 * ```
 *
 * @throws DataError naming file and line for a row of another length, malformed quotes or, in columns given
 *   as numbers, other values (`onBadRow`); `missing` when there are no rows; `invalid` for names that no
 *   column has or two columns share.
 */
export function readCsv(text: string | Uint8Array, options: CsvOptions = {}): Table {
  const report = reporter(options);
  const reader = new RecordReader(options, report);
  const builder = new TableBuilder(options, report);
  const decode = decoderOf(options.name ?? 'the text');
  const whole = typeof text === 'string' ? text : decode(text) + decode(undefined);
  // In pieces, so that a row's length is known to be bounded.
  const size = 2 ** 18;
  for (let at = 0; at < whole.length; at += size) {
    for (const record of reader.push(whole.slice(at, at + size))) builder.add(record);
  }
  for (const record of reader.push('', true)) builder.add(record);
  return builder.finish();
}

/** As `readCsv`, from pieces of text or bytes as they come. */
export async function readCsvStream(
  pieces: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>,
  options: CsvOptions = {},
): Promise<Table> {
  const builder = new TableBuilder(options, reporter(options));
  for await (const record of csvRecords(pieces, options)) builder.add(record);
  return builder.finish();
}
