/** The three series and what they need before a network sees them. */
import { SeriesScaler, series, sliceSeries, windows } from '@hebb/data';
import type { ArrayDataset, Series, SeriesWindow, Table } from '@hebb/data';
import { readCsvFile } from '@hebb/data/node';
import { dataPath } from '../common/data.ts';

/** A table of `datasets/tabular`. */
const readTable = (name: string): Promise<Table> =>
  readCsvFile(
    dataPath(
      `datasets/tabular/${name}`,
      `https://raw.githubusercontent.com/jbrownlee/Datasets/master/${name}`,
    ),
  );

/** A forecasting task: windows of scaled features, and the way back to the series' own unit. */
export interface Task {
  readonly name: string;
  /** Short, for files. */
  readonly slug: string;
  readonly unit: string;
  /** What a step is, such as a day. */
  readonly step: string;
  /** Gaps filled with the value before. */
  readonly values: readonly number[];
  /** Whether a value was measured: only such count, in training and in the errors. */
  readonly measured: readonly boolean[];
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
  /** Test windows drawn, each right after the one before. */
  readonly drawn: { readonly from: number; readonly count: number };
  /** Forecast of the series at `step` from the network's output for it. */
  restore(output: number, step: number): number;
}

interface Split {
  readonly input: number;
  readonly horizon: number;
  /** First step of the validation and of the test part. */
  readonly validationFrom: number;
  readonly testFrom: number;
  /** Variables forecast: the series, and whether it was measured where it has gaps. Default the first. */
  readonly targets?: readonly number[];
  /** Steps from one training window to the next, default 1. */
  readonly stride?: number;
}

function split(data: Series, options: Split) {
  const { input, horizon, validationFrom, testFrom, targets = [0], stride = 1 } = options;
  // Statistics of the training part only: the rest is the future.
  const scaler = SeriesScaler.fit(sliceSeries(data, 0, validationFrom));
  const scaled = scaler.transform(data);
  const how = { input, horizon, targets };
  return {
    scaler,
    train: windows(sliceSeries(scaled, 0, validationFrom), { ...how, stride }),
    // Windows look back into the part before, but forecast their own part alone.
    validation: windows(sliceSeries(scaled, validationFrom - input, testFrom), how),
    test: windows(sliceSeries(scaled, testFrom - input), how),
  };
}

const circle = (part: readonly number[]): number[][] =>
  [Math.sin, Math.cos].map((wave) => part.map((x) => wave(2 * Math.PI * x)));

/** Daily minimum temperatures in Melbourne, 1981-1990: a week ahead from the last month and the calendar. */
export async function temperatures(): Promise<Task> {
  const table = await readTable('daily-min-temperatures.csv');
  const values = [...table.numbers('Temp')];
  const season = table.strings('Date').map((date) => {
    const start = Date.UTC(Number(date!.slice(0, 4)), 0, 1);
    return (Date.parse(date!) - start) / 86_400_000 / 365.25;
  });
  const [input, horizon] = [30, 7];
  const [validationFrom, testFrom] = [values.length - 730, values.length - 365];
  const how = { input, horizon, validationFrom, testFrom };
  const { scaler, ...parts } = split(series([values, ...circle(season)]), how);
  return {
    name: 'daily minimum temperatures',
    slug: 'temperatures',
    unit: '°C',
    step: 'day',
    values,
    measured: values.map(() => true),
    season: 365,
    input,
    horizon,
    features: 3,
    ...parts,
    testStart: testFrom,
    drawn: { from: 0, count: 51 },
    restore: (output) => scaler.inverse([output])[0]!,
  };
}

/**
 * Airline passengers, 1949-1960, in thousands: a year ahead. The network sees the growth over a year in
 * logarithms, which has neither trend nor season; the month a year before gives both back.
 */
export async function passengers(): Promise<Task> {
  const season = 12;
  const values = [...(await readTable('airline-passengers.csv')).numbers('Passengers')];
  const logs = values.map(Math.log);
  const growth = logs.slice(season).map((value, t) => value - logs[t]!);
  const [input, horizon] = [12, 12];
  const [validationFrom, testFrom] = [growth.length - 36, growth.length - 24];
  const how = { input, horizon, validationFrom, testFrom };
  const { scaler, ...parts } = split(series([growth]), how);
  return {
    name: 'airline passengers',
    slug: 'passengers',
    unit: 'thousands',
    step: 'month',
    values,
    measured: values.map(() => true),
    season,
    input,
    horizon,
    features: 1,
    ...parts,
    testStart: testFrom + season,
    drawn: { from: 0, count: 2 },
    restore: (output, step) => Math.exp(scaler.inverse([output])[0]! + logs[step - season]!),
  };
}

const winds = ['NW', 'NE', 'SE', 'cv'];

/**
 * Fine dust (PM2.5) over Beijing, 2010-2014, hour by hour: a day ahead from the last two days of dust,
 * weather and clock. Square roots, in which the rare extreme hours do not drown the rest. One value in
 * twenty is missing: the network is given the one before and told that it is old.
 */
export async function pollution(): Promise<Task> {
  const table = await readTable('pollution.csv');
  // The first day has no measurement at all.
  const first = table.numbers('pm2.5').findIndex((value) => !Number.isNaN(value));
  const hours = table.slice(first);
  const found = [...hours.numbers('pm2.5')];
  const measured = found.map((value) => !Number.isNaN(value));
  let before = 0;
  const values = found.map((value, i) => (before = measured[i]! ? value : before));
  const numbers = (name: string): number[] => [...hours.numbers(name)];
  const days = numbers('day');
  const year = numbers('month').map((month, i) => (month - 1 + days[i]! / 31) / 12);
  const wind = hours.strings('cbwd');
  const data = series([
    values.map(Math.sqrt),
    measured.map(Number),
    ...['TEMP', 'DEWP', 'PRES'].map(numbers),
    // Wind, snow and rain add up over hours of the same weather.
    ...['Iws', 'Is', 'Ir'].map((name) => numbers(name).map(Math.log1p)),
    ...winds.map((name) => wind.map((value) => Number(value === name))),
    ...circle(numbers('hour').map((hour) => hour / 24)),
    ...circle(year),
  ]);
  const [input, horizon] = [48, 24];
  const [validationFrom, testFrom] = [values.length - 2 * 8760, values.length - 8760];
  const how = { input, horizon, validationFrom, testFrom, targets: [0, 1], stride: 4 };
  const { scaler, ...parts } = split(data, how);
  return {
    name: 'fine dust in Beijing',
    slug: 'pollution',
    unit: 'µg/m³',
    step: 'hour',
    values,
    measured,
    season: 24,
    input,
    horizon,
    features: data.features,
    ...parts,
    testStart: testFrom,
    drawn: { from: 24 * 60, count: 21 },
    restore: (output) => Math.max(0, scaler.inverse([output])[0]!) ** 2,
  };
}
