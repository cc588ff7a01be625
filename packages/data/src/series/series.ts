/** Time series: scaling that looks at the past only, and windows for forecasting. */

import { ArrayDataset } from '../dataset/array-dataset.ts';
import { DataError } from '../error.ts';
import { ndarray } from '../ndarray.ts';
import type { NDArray } from '../ndarray.ts';

/** Values of several variables over time. */
export interface Series {
  /** [T · F], step by step. */
  readonly values: Float64Array;
  readonly steps: number;
  readonly features: number;
}

/** A series from one list of numbers for each variable, all of the same length. */
export function series(columns: readonly ArrayLike<number>[]): Series {
  const steps = columns[0]?.length ?? 0;
  if (columns.some((column) => column.length !== steps)) {
    throw new DataError('series', 'columns differ in length', {
      got: columns.map((column) => column.length).join(', '),
    });
  }
  const features = columns.length;
  const values = new Float64Array(steps * features);
  columns.forEach((column, f) => {
    for (let t = 0; t < steps; t++) {
      const value = column[t]!;
      if (!Number.isFinite(value)) {
        throw new DataError('series', `column ${f} has a gap at step ${t}`, { got: String(value) });
      }
      values[t * features + f] = value;
    }
  });
  return { values, steps, features };
}

/** Steps `from` to `to` (left out) of a series; data shared. */
export function sliceSeries({ values, features, steps }: Series, from: number, to = steps): Series {
  if (!Number.isInteger(from) || !Number.isInteger(to) || from < 0 || to > steps || from > to) {
    throw new DataError('sliceSeries', 'no such steps', {
      got: `${from} to ${to}`,
      wanted: `within 0 to ${steps}`,
    });
  }
  return { values: values.subarray(from * features, to * features), steps: to - from, features };
}

/**
 * Shifts and scales each variable: to mean 0 and standard deviation 1 (`standard`) or to 0..1 (`minmax`).
 * Fit it on the training part alone: statistics of the rest would tell the future.
 */
export class SeriesScaler {
  readonly shift: readonly number[];
  readonly scale: readonly number[];

  constructor(shift: readonly number[], scale: readonly number[]) {
    this.shift = shift;
    this.scale = scale;
  }

  static fit(train: Series, kind: 'standard' | 'minmax' = 'standard'): SeriesScaler {
    const { values, steps, features } = train;
    if (steps === 0) throw new DataError('SeriesScaler', 'there are no steps', { kind: 'missing' });
    const [shift, scale]: [number[], number[]] = [[], []];
    for (let f = 0; f < features; f++) {
      const column = Array.from({ length: steps }, (_, t) => values[t * features + f]!);
      const mean = column.reduce((a, b) => a + b, 0) / steps;
      const deviation = Math.sqrt(column.reduce((a, b) => a + (b - mean) ** 2, 0) / steps);
      const low = column.reduce((a, b) => Math.min(a, b), Infinity);
      const high = column.reduce((a, b) => Math.max(a, b), -Infinity);
      shift.push(kind === 'standard' ? mean : low);
      // A constant variable stays what it is.
      scale.push((kind === 'standard' ? deviation : high - low) || 1);
    }
    return new SeriesScaler(shift, scale);
  }

  transform({ values, steps, features }: Series): Series {
    if (features !== this.shift.length) {
      throw new DataError('SeriesScaler', 'another number of variables', {
        got: String(features),
        wanted: String(this.shift.length),
      });
    }
    const scaled = values.map((value, i) => {
      const f = i % features;
      return (value - this.shift[f]!) / this.scale[f]!;
    });
    return { values: scaled, steps, features };
  }

  /** Values of one variable (default the first) in their own unit again. */
  inverse(values: ArrayLike<number>, feature = 0): Float64Array {
    const [shift, scale] = [this.shift[feature], this.scale[feature]];
    if (shift === undefined || scale === undefined) {
      throw new DataError('SeriesScaler', 'there is no such variable', { got: String(feature) });
    }
    return Float64Array.from(values, (value) => value * scale + shift);
  }
}

export interface WindowOptions {
  /** Steps that are seen. */
  readonly input: number;
  /** Steps that are forecast, right after them; default 1. */
  readonly horizon?: number;
  /** Steps from one window to the next, default 1. */
  readonly stride?: number;
  /** Variables that are forecast; default all. */
  readonly targets?: readonly number[];
}

export interface SeriesWindow extends Record<string, NDArray> {
  /** [input, F] */
  readonly x: NDArray;
  /** [horizon, targets] */
  readonly y: NDArray;
}

/** Windows of a series as samples: `x` float32 [input, F], and what follows, `y` float32 [horizon, targets]. */
export function windows(
  { values, steps, features }: Series,
  { input, horizon = 1, stride = 1, targets }: WindowOptions,
): ArrayDataset<SeriesWindow> {
  for (const [name, value] of Object.entries({ input, horizon, stride })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new DataError('windows', `${name} is a positive whole number`, { got: String(value) });
    }
  }
  const chosen = targets ?? Array.from({ length: features }, (_, f) => f);
  const wrong = chosen.find((f) => !Number.isInteger(f) || f < 0 || f >= features);
  if (wrong !== undefined || chosen.length === 0) {
    throw new DataError('windows', 'there is no such variable', {
      got: String(wrong),
      wanted: `0 to ${features - 1}`,
    });
  }
  const count = Math.floor((steps - input - horizon) / stride) + 1;
  if (count < 1) {
    throw new DataError('windows', 'the series is shorter than a window', {
      got: `${steps} steps`,
      wanted: `at least ${input + horizon}`,
    });
  }
  const x = new Float32Array(count * input * features);
  const y = new Float32Array(count * horizon * chosen.length);
  for (let k = 0; k < count; k++) {
    const start = k * stride;
    x.set(values.subarray(start * features, (start + input) * features), k * input * features);
    for (let h = 0; h < horizon; h++) {
      chosen.forEach((f, i) => {
        y[(k * horizon + h) * chosen.length + i] = values[(start + input + h) * features + f]!;
      });
    }
  }
  return new ArrayDataset({
    x: ndarray(x, [count, input, features]),
    y: ndarray(y, [count, horizon, chosen.length]),
  });
}
