/** Host arrays that the exact metrics work on, and their checks. */
import { HebbError, fail } from '@hebb/core';

/** Numbers of one axis: plain, typed or BigInt arrays. */
export type Numbers = ArrayLike<number | bigint>;
/** Rows of numbers: nested lists, or a dense row-major array with its shape. */
export type Rows =
  readonly ArrayLike<number>[] | { readonly data: Numbers; readonly shape: readonly number[] };

/** Throws for empty input, other lengths, and scores that are not finite. */
export function checkPairs(op: string, labels: Numbers, scores: Numbers): void {
  if (labels.length !== scores.length) {
    fail(op, 'needs a score for each label', `${scores.length}`, `${labels.length}`);
  }
  if (labels.length === 0) fail(op, 'there are no samples');
  for (let i = 0; i < scores.length; i++) {
    if (!Number.isFinite(Number(scores[i]))) fail(op, `score ${i} is ${scores[i]}`);
  }
}

/** Labels as bytes 0 and 1; throws for any other. */
export function binaryLabels(op: string, labels: Numbers): Uint8Array {
  return Uint8Array.from({ length: labels.length }, (_, i) => {
    const value = Number(labels[i]);
    if (value !== 0 && value !== 1) fail(op, `label ${i} is unknown`, String(labels[i]), '0 or 1');
    return value;
  });
}

/** Class numbers in [0, classes); throws for any other. */
export function classLabels(op: string, labels: Numbers, classes: number): Int32Array {
  return Int32Array.from({ length: labels.length }, (_, i) => {
    const value = Number(labels[i]);
    if (!Number.isInteger(value) || value < 0 || value >= classes) {
      fail(op, `label ${i} is unknown`, String(labels[i]), `0 to ${classes - 1}`);
    }
    return value;
  });
}

export interface Matrix {
  readonly data: Float64Array;
  readonly rows: number;
  readonly columns: number;
}

/** Rows as one float64 array; throws for ragged ones and for more than two axes. */
export function matrixOf(op: string, rows: Rows): Matrix {
  if ('shape' in rows) {
    const { data, shape } = rows;
    const [count = 0, columns = 1] = shape;
    if (shape.length < 1 || shape.length > 2 || count * columns !== data.length) {
      fail(op, 'not a table of numbers', `${data.length} numbers, shape [${shape.join(',')}]`);
    }
    return { data: Float64Array.from(data, Number), rows: count, columns };
  }
  const columns = rows[0]?.length ?? 0;
  const data = new Float64Array(rows.length * columns);
  rows.forEach((row, i) => {
    if (row.length !== columns) fail(op, `row ${i} is ragged`, `${row.length}`, `${columns}`);
    data.set(Array.from(row), i * columns);
  });
  return { data, rows: rows.length, columns };
}

/** One column of a matrix. */
export function columnOf({ data, rows, columns }: Matrix, column: number): Float64Array {
  return Float64Array.from({ length: rows }, (_, i) => data[i * columns + column]!);
}

/** True for [N, k], false for [N]. */
export function isTable(values: Numbers | Rows): values is Rows {
  return 'shape' in values || (values.length > 0 && typeof values[0] === 'object');
}

/** [N] as one column, [N, k] as it is. */
export function tableOf(op: string, values: Numbers | Rows): Matrix {
  return matrixOf(op, isTable(values) ? values : { data: values, shape: [values.length] });
}

/** Thrown where samples of one class only leave a metric without a value. */
export class UndefinedMetricError extends HebbError {
  constructor(op: string, message: string) {
    super(message, { op, path: '' });
    this.name = 'UndefinedMetricError';
  }
}
