/** What was measured beside what was forecast, and how the error grows with the distance. */
import { lineY, ruleY } from '@observablehq/plot';
import { chart } from '../common/chart.ts';
import type { Task } from './data.ts';
import type { Errors, Forecast } from './train.ts';

interface Point {
  readonly step: number;
  readonly value: number;
  readonly line: string;
}

const colours: Readonly<Record<string, string>> = {
  measured: '#444444',
  LSTM: '#c0392b',
  GRU: '#2471a3',
  'last value': '#8e8e8e',
  'seasonal naive': '#b7950b',
};
const scale = (names: readonly string[]) => ({
  legend: true,
  domain: names,
  range: names.map((name) => colours[name] ?? '#000000'),
});

/** Windows that follow each other without overlap: every step is forecast once. */
export function forecastChart(task: Task, forecasts: Readonly<Record<string, Forecast>>): string {
  const { drawn, horizon, testStart, values, measured } = task;
  const points: Point[] = [];
  const steps = Math.min(drawn.count * horizon, task.test.length - 1 + horizon - drawn.from);
  for (let k = 0; k < steps; k++) {
    const step = testStart + drawn.from + k;
    points.push({ step, value: measured[step] ? values[step]! : NaN, line: 'measured' });
  }
  for (const [name, forecast] of Object.entries(forecasts)) {
    for (let k = 0; k < steps; k++) {
      const window = drawn.from + Math.floor(k / horizon) * horizon;
      if (window >= task.test.length) break;
      const value = forecast(window, k % horizon);
      points.push({ step: testStart + drawn.from + k, value, line: name });
    }
  }
  return chart({
    title: `${task.name}, ${horizon} ${task.step}s ahead: the held-out end`,
    x: { label: task.step, tickFormat: 'd' },
    y: { label: task.unit, grid: true },
    color: scale(['measured', ...Object.keys(forecasts)]),
    marks: [
      lineY(points, {
        x: 'step',
        y: 'value',
        stroke: 'line',
        strokeWidth: ({ line }: Point) => (line === 'measured' ? 1.8 : 1.3),
      }),
    ],
  });
}

export function errorChart(task: Task, errors: readonly Errors[]): string {
  const points = errors.flatMap(({ name, ahead }) =>
    ahead.map((value, k) => ({ step: k + 1, value, line: name })),
  );
  return chart({
    title: `${task.name}: error by ${task.step}s ahead`,
    height: 280,
    x: { label: `${task.step}s ahead` },
    y: { label: `RMSE, ${task.unit}`, grid: true, zero: true },
    color: scale(errors.map(({ name }) => name)),
    marks: [ruleY([0]), lineY(points, { x: 'step', y: 'value', stroke: 'line', strokeWidth: 1.6 })],
  });
}
