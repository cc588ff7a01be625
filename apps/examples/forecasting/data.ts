/** The two series and what they need before a network sees them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SeriesScaler, series, sliceSeries, windows } from '@hebb/data';
import type { ArrayDataset, Series, SeriesWindow } from '@hebb/data';

export class MissingData extends Error {}

const root = fileURLToPath(new URL('../../../', import.meta.url));
const folder = join(process.env['HEBB_DATA'] ?? join(root, '../shared/data'), 'datasets/tabular');

interface Row {
  readonly date: string;
  readonly value: number;
}

async function readRows(name: string): Promise<Row[]> {
  let text: string;
  try {
    text = await readFile(join(folder, name), 'utf8');
  } catch {
    throw new MissingData(
      `${name} is not in ${folder}: get it from https://raw.githubusercontent.com/jbrownlee/Datasets/master/${name} ` +
        'and name the folder above datasets/tabular in HEBB_DATA',
    );
  }
  return text
    .trim()
    .split(/\r?\n/)
    .slice(1)
    .map((line) => {
      const [date, value] = line.replaceAll('"', '').split(',');
      return { date: date!, value: Number(value) };
    });
}

/** A forecasting task: windows of scaled features, and the way back to the series' own unit. */
export interface Task {
  readonly name: string;
  readonly unit: string;
  readonly values: readonly number[];
  /** Steps of a season. */
  readonly season: number;
  readonly horizon: number;
  readonly input: number;
  readonly features: number;
  readonly train: ArrayDataset<SeriesWindow>;
  readonly validation: ArrayDataset<SeriesWindow>;
  readonly test: ArrayDataset<SeriesWindow>;
  /** Step of the series that test window 0 forecasts first. */
  readonly testStart: number;
  /** Forecast of the series at `step` from the network's output for it. */
  restore(output: number, step: number): number;
}

interface Split {
  readonly input: number;
  readonly horizon: number;
  /** First step of the validation and of the test part. */
  readonly validationFrom: number;
  readonly testFrom: number;
}

function split(data: Series, { input, horizon, validationFrom, testFrom }: Split) {
  // Statistics of the training part only: the rest is the future.
  const scaler = SeriesScaler.fit(sliceSeries(data, 0, validationFrom));
  const scaled = scaler.transform(data);
  const how = { input, horizon, targets: [0] };
  return {
    scaler,
    train: windows(sliceSeries(scaled, 0, validationFrom), how),
    // Windows look back into the part before, but forecast their own part alone.
    validation: windows(sliceSeries(scaled, validationFrom - input, testFrom), how),
    test: windows(sliceSeries(scaled, testFrom - input), how),
  };
}

/** Daily minimum temperatures in Melbourne, 1981-1990: a week ahead from the last month and the calendar. */
export async function temperatures(): Promise<Task> {
  const rows = await readRows('daily-min-temperatures.csv');
  const values = rows.map(({ value }) => value);
  const angle = rows.map(({ date }) => {
    const start = Date.UTC(Number(date.slice(0, 4)), 0, 1);
    return ((Date.parse(date) - start) / 86_400_000 / 365.25) * 2 * Math.PI;
  });
  const data = series([values, angle.map(Math.sin), angle.map(Math.cos)]);
  const [input, horizon] = [30, 7];
  const [validationFrom, testFrom] = [values.length - 730, values.length - 365];
  const { scaler, ...parts } = split(data, { input, horizon, validationFrom, testFrom });
  return {
    name: 'daily minimum temperatures',
    unit: '°C',
    values,
    season: 365,
    input,
    horizon,
    features: 3,
    ...parts,
    testStart: testFrom,
    restore: (output) => scaler.inverse([output])[0]!,
  };
}

/**
 * Airline passengers, 1949-1960, in thousands: a year ahead. The network sees the growth over a year in
 * logarithms, which has neither trend nor season; the month a year before gives both back.
 */
export async function passengers(): Promise<Task> {
  const season = 12;
  const values = (await readRows('airline-passengers.csv')).map(({ value }) => value);
  const logs = values.map(Math.log);
  const growth = logs.slice(season).map((value, t) => value - logs[t]!);
  const [input, horizon] = [12, 12];
  const [validationFrom, testFrom] = [growth.length - 36, growth.length - 24];
  const how = { input, horizon, validationFrom, testFrom };
  const { scaler, ...parts } = split(series([growth]), how);
  return {
    name: 'airline passengers',
    unit: 'thousands',
    values,
    season,
    input,
    horizon,
    features: 1,
    ...parts,
    testStart: testFrom + season,
    restore: (output, step) => Math.exp(scaler.inverse([output])[0]! + logs[step - season]!),
  };
}
