/** Shifting and scaling of columns, with the names and numbers of scikit-learn. Fit on the training part alone. */

import { DataError } from '../error.ts';
import type { NDArray } from '../ndarray.ts';
import { Table } from './table.ts';

export interface ScalerOptions {
  /** Default all columns of numbers. */
  readonly columns?: readonly string[];
  /** A column with one value only: becomes 0, or the range's lower end (`keep`, the default), or is an error. */
  readonly onConstant?: 'keep' | 'error';
}

/** `(x - shift) / scale` for each column. */
export interface ScalerState {
  readonly columns: readonly string[];
  readonly shift: readonly number[];
  readonly scale: readonly number[];
  /** Columns that had one value only. */
  readonly constant: readonly string[];
}

interface Fitted {
  readonly shift: number;
  readonly scale: number;
}

/** Numbers of a column that are there. */
const present = (values: Float64Array): Float64Array =>
  values.filter((value) => !Number.isNaN(value));

/** A matrix [N, F] is a table with columns x0, x1, ... */
const asTable = (data: Table | NDArray): Table =>
  data instanceof Table ? data : Table.fromMatrix(data);

/** What all scalers do with what they found. Missing values (NaN) are not counted, and stay missing. */
export abstract class Scaler implements ScalerState {
  readonly columns: readonly string[];
  readonly shift: readonly number[];
  readonly scale: readonly number[];
  readonly constant: readonly string[];

  constructor({ columns, shift, scale, constant }: ScalerState) {
    if (shift.length !== columns.length || scale.length !== columns.length) {
      throw new DataError('Scaler', 'there is not one shift and scale for each column');
    }
    this.columns = columns;
    this.shift = shift;
    this.scale = scale;
    this.constant = constant;
  }

  /** A table with the columns scaled, others as they are; or a matrix [N, F], float32 or as it was. */
  transform<T extends Table | NDArray>(data: T): T;
  transform(data: Table | NDArray): Table | NDArray {
    return this.#apply(data, (value, i) => (value - this.shift[i]!) / this.scale[i]!);
  }

  /** Values in their own unit again. */
  inverseTransform<T extends Table | NDArray>(data: T): T;
  inverseTransform(data: Table | NDArray): Table | NDArray {
    return this.#apply(data, (value, i) => value * this.scale[i]! + this.shift[i]!);
  }

  /** One column's numbers, such as predictions, in their own unit again. */
  inverseColumn(values: ArrayLike<number>, column: string): Float64Array {
    const i = this.columns.indexOf(column);
    if (i < 0) {
      throw new DataError('Scaler', `there is no column "${column}"`, {
        wanted: this.columns.join(', '),
      });
    }
    return Float64Array.from(values, (value) => value * this.scale[i]! + this.shift[i]!);
  }

  #apply(data: Table | NDArray, move: (value: number, i: number) => number): Table | NDArray {
    if (data instanceof Table) {
      return data.with(
        Object.fromEntries(
          this.columns.map((name, i) => [name, data.numbers(name).map((v) => move(v, i))]),
        ),
      );
    }
    const width = this.columns.length;
    if (data.shape.length !== 2 || data.shape[1] !== width) {
      throw new DataError('Scaler.transform', 'another number of columns', {
        got: `[${data.shape.join(',')}]`,
        wanted: `[N,${width}]`,
      });
    }
    const double = data.dtype === 'float64';
    const moved = double ? new Float64Array(data.data.length) : new Float32Array(data.data.length);
    for (let at = 0; at < moved.length; at++) moved[at] = move(Number(data.data[at]), at % width);
    return { data: moved, shape: data.shape, dtype: double ? 'float64' : 'float32' };
  }

  toJSON(): object {
    const { columns, shift, scale, constant } = this;
    return { kind: 'Scaler', columns, shift, scale, constant };
  }
}

/** A scaler whose numbers are known, read back from JSON say. */
export class FittedScaler extends Scaler {}

function fitScaler(
  op: string,
  data: Table | NDArray,
  { columns, onConstant = 'keep' }: ScalerOptions,
  fit: (values: Float64Array) => Fitted,
): ScalerState {
  const table = asTable(data);
  const names = columns ?? table.names.filter((name) => table.type(name) === 'number');
  if (names.length === 0) throw new DataError(op, 'there are no columns of numbers');
  const [shift, scale]: [number[], number[]] = [[], []];
  const constant: string[] = [];
  for (const name of names) {
    const values = present(table.numbers(name));
    if (values.length === 0) {
      throw new DataError(op, `column "${name}" has no values`, { kind: 'missing' });
    }
    const infinite = values.find((value) => !Number.isFinite(value));
    if (infinite !== undefined) {
      throw new DataError(op, `column "${name}" is not finite`, { got: String(infinite) });
    }
    const found = fit(values);
    if (values.every((value) => value === values[0])) constant.push(name);
    shift.push(found.shift);
    scale.push(found.scale);
  }
  if (constant.length > 0 && onConstant === 'error') {
    throw new DataError(op, `columns with one value only: ${constant.join(', ')}`, {
      wanted: 'them dropped, or onConstant: keep',
    });
  }
  return { columns: names, shift, scale, constant };
}

/** Scales that would blow up rounding errors are 1. */
const usable = (scale: number): number => (scale < 10 * Number.EPSILON ? 1 : scale);

export interface StandardScalerOptions extends ScalerOptions {
  /** Default true. */
  readonly withMean?: boolean;
  /** Default true. */
  readonly withStd?: boolean;
}

/** To mean 0 and standard deviation 1 (of the sample itself: divided by N). */
export class StandardScaler extends Scaler {
  static fit(train: Table | NDArray, options: StandardScalerOptions = {}): StandardScaler {
    const { withMean = true, withStd = true } = options;
    return new StandardScaler(
      fitScaler('StandardScaler', train, options, (values) => {
        const n = values.length;
        const mean = values.reduce((sum, value) => sum + value, 0) / n;
        const off = values.reduce((sum, value) => sum + (value - mean), 0);
        const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
        // Chan, Golub and LeVeque 1983: the second term takes back the mean's rounding error.
        const variance = (squares - off ** 2 / n) / n;
        const noise = n * Number.EPSILON * variance + (n * mean * Number.EPSILON) ** 2;
        const deviation = variance <= noise ? 1 : Math.sqrt(variance);
        return { shift: withMean ? mean : 0, scale: withStd ? deviation : 1 };
      }),
    );
  }
}

export interface MinMaxScalerOptions extends ScalerOptions {
  /** Default [0, 1]. */
  readonly featureRange?: readonly [number, number];
}

/** From the smallest and largest value to a range. */
export class MinMaxScaler extends Scaler {
  static fit(train: Table | NDArray, options: MinMaxScalerOptions = {}): MinMaxScaler {
    const [low, high] = options.featureRange ?? [0, 1];
    if (!(low < high)) {
      throw new DataError('MinMaxScaler', 'the range is empty', { got: `${low} to ${high}` });
    }
    return new MinMaxScaler(
      fitScaler('MinMaxScaler', train, options, (values) => {
        const least = values.reduce((a, b) => Math.min(a, b));
        const scale = usable(values.reduce((a, b) => Math.max(a, b)) - least) / (high - low);
        return { shift: least - low * scale, scale };
      }),
    );
  }
}

export interface RobustScalerOptions extends ScalerOptions {
  /** In per cent; default [25, 75]. */
  readonly quantileRange?: readonly [number, number];
  /** Default true. */
  readonly withCentering?: boolean;
  /** Default true. */
  readonly withScaling?: boolean;
}

/** By the median and the distance between two quantiles, which outliers do not move. */
export class RobustScaler extends Scaler {
  static fit(train: Table | NDArray, options: RobustScalerOptions = {}): RobustScaler {
    const { quantileRange = [25, 75], withCentering = true, withScaling = true } = options;
    const [low, high] = quantileRange;
    if (!(low >= 0 && low <= high && high <= 100)) {
      throw new DataError('RobustScaler', 'no such quantiles', { got: `${low} to ${high}` });
    }
    return new RobustScaler(
      fitScaler('RobustScaler', train, options, (values) => {
        const sorted = values.sort();
        const range = quantile(sorted, high / 100) - quantile(sorted, low / 100);
        return {
          shift: withCentering ? quantile(sorted, 0.5) : 0,
          scale: withScaling ? usable(range) : 1,
        };
      }),
    );
  }
}

/** The quantile `q` of sorted values, straight lines between them (Hyndman and Fan's type 7). */
export function quantile(sorted: Float64Array, q: number): number {
  const at = q * (sorted.length - 1);
  const below = Math.floor(at);
  const a = sorted[below]!;
  return a + (at - below) * ((sorted[below + 1] ?? a) - a);
}
