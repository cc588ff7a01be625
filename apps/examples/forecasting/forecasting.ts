/** Forecasts of three series by LSTM and GRU, beside the last value and the season before. */
import { tensor } from '@hebb/core';
import type { Example, Run } from '../common/example.ts';
import { UsageError } from '../common/options.ts';
import { ship } from '../common/ship.ts';
import { passengers, pollution, temperatures } from './data.ts';
import type { Task } from './data.ts';
import type { CellName, Forecaster } from './model.ts';
import { errorChart, forecastChart } from './plots.ts';
import { baselines, train } from './train.ts';
import type { Trained } from './train.ts';

interface Plan {
  readonly task: () => Promise<Task>;
  readonly epochs: number;
  /** Of the quick run. */
  readonly quick: number;
  readonly hidden: number;
  readonly batchSize: number;
}

const plans: readonly Plan[] = [
  { task: temperatures, epochs: 20, quick: 4, hidden: 32, batchSize: 32 },
  { task: passengers, epochs: 150, quick: 60, hidden: 32, batchSize: 32 },
  { task: pollution, epochs: 8, quick: 1, hidden: 48, batchSize: 64 },
];
const cells: readonly CellName[] = ['LSTM', 'GRU'];

async function forecastOne(run: Run, plan: Plan): Promise<void> {
  const { quick, seed } = run.options;
  const task = await plan.task();
  const epochs = quick ? plan.quick : plan.epochs;
  const { hidden, batchSize } = plan;
  run.say(`${task.name}: ${task.train.length} windows of ${task.input} ${task.step}s`);
  const trained: (readonly [CellName, Trained])[] = [];
  for (const cell of cells) {
    trained.push([cell, await train(cell, task, { epochs, hidden, batchSize, seed })]);
  }
  const simple = baselines(task);
  const errors = [...simple, ...trained.map(([, { errors: its }]) => its)];
  run.table(
    [`${task.horizon} ${task.step}s ahead`, `MAE, ${task.unit}`, `RMSE, ${task.unit}`],
    errors.map(({ name, mae, rmse }) => [name, mae.toFixed(2), rmse.toFixed(2)]),
  );
  const digits = task.unit === '°C' ? 2 : 1;
  for (const { name, rmse } of simple) {
    run.measure({ what: `${task.slug}: ${name}, RMSE`, value: rmse, unit: task.unit, digits });
  }
  const atMost = Math.min(...simple.map(({ rmse }) => rmse));
  for (const [cell, { errors: its }] of trained) {
    const what = `${task.slug}: ${cell}, RMSE`;
    run.measure({ what, value: its.rmse, unit: task.unit, digits, atMost });
  }
  const forecasts = Object.fromEntries(trained.map(([cell, { forecast }]) => [cell, forecast]));
  await run.write(`${task.slug}.svg`, forecastChart(task, forecasts));
  await run.write(`${task.slug}-errors.svg`, errorChart(task, errors));
  for (const [cell, { model }] of trained) {
    // The quick run asks one worker a series.
    if (!quick || cell === 'LSTM') await shipOne(run, task, cell, model);
  }
}

async function shipOne(run: Run, task: Task, cell: CellName, model: Forecaster): Promise<void> {
  const batch = (indices: readonly number[]) => {
    const { x } = task.test.batch(indices);
    return { x: tensor(x.data, { shape: x.shape }) };
  };
  await ship(run, {
    name: `${task.slug}-${cell.toLowerCase()}`,
    several: true,
    model,
    input: { x: ['batch', task.input, task.features] },
    output: ['forecast'],
    cases: [batch([0]), batch([1]), batch([2]), batch([3, 4, 5, 6, 7])],
    shapes: [{ batch: 1 }],
  });
}

export const forecasting: Example = {
  name: 'forecasting',
  summary:
    'LSTM and GRU forecast temperatures, airline passengers and fine dust beside the last value and the season before',
  options: {
    only: { type: 'string', help: 'temperatures, passengers or pollution alone' },
  },
  async run(run) {
    const { only } = run.options.own;
    const names = plans.map(({ task }) => task.name);
    if (only !== undefined && !names.includes(String(only))) {
      throw new UsageError(`--only wants one of ${names.join(', ')}, got ${String(only)}`);
    }
    for (const plan of plans) {
      if (only === undefined || plan.task.name === only) await forecastOne(run, plan);
    }
  },
};
