/** Trains on one series and holds the forecast against what needs no training. */
import { compile, manualSeed, tensor } from '@hebb/core';
import { exportOnnx, verifyOnnx } from '@hebb/onnx/node';
import { mseLoss } from '@hebb/nn';
import { AdamW, CosineAnnealingLR, Trainer } from '@hebb/train';
import type { Task } from './data.ts';
import { Forecaster } from './model.ts';
import type { CellName } from './model.ts';
import type { Line } from './plot.ts';

export interface Errors {
  readonly name: string;
  /** Mean absolute and root mean squared error over all steps of all test windows, in the series' unit. */
  readonly mae: number;
  readonly rmse: number;
}

type Forecast = (step: number, ahead: number, window: number) => number;

/** Errors of a forecast over the test windows. */
function errorsOf(name: string, task: Task, forecast: Forecast): Errors {
  let [absolute, squared, count] = [0, 0, 0];
  for (let window = 0; window < task.test.length; window++) {
    for (let ahead = 0; ahead < task.horizon; ahead++) {
      const step = task.testStart + window + ahead;
      const error = forecast(step, ahead, window) - task.values[step]!;
      absolute += Math.abs(error);
      squared += error * error;
      count += 1;
    }
  }
  return { name, mae: absolute / count, rmse: Math.sqrt(squared / count) };
}

export const baselines = (task: Task): Errors[] => [
  errorsOf('last value', task, (step, ahead) => task.values[step - ahead - 1]!),
  errorsOf('seasonal naive', task, (step) => task.values[step - task.season]!),
];

export interface TrainOptions {
  readonly epochs: number;
  readonly hidden: number;
  readonly seed: number;
  readonly progress: 'auto' | 'none';
}

export interface Trained {
  readonly model: Forecaster;
  readonly errors: Errors;
  readonly line: Line;
}

export async function train(
  cell: CellName,
  task: Task,
  { epochs, hidden, seed, progress }: TrainOptions,
): Promise<Trained> {
  manualSeed(seed);
  const model = new Forecaster(cell, task.features, hidden, task.horizon);
  const batchSize = 32;
  const trainer = new Trainer({
    model,
    loss: mseLoss,
    optimizer: new AdamW({ lr: 3e-3, weightDecay: 1e-2 }),
    schedule: new CosineAnnealingLR({ tMax: epochs * Math.ceil(task.train.length / batchSize) }),
    clipGradNorm: 1,
    // Back to the weights that forecast the validation part best.
    earlyStopping: { patience: 15 },
    seed,
  });
  await trainer.fit(task.train, {
    epochs,
    batchSize,
    validation: task.validation,
    progress,
  });
  model.eval();
  const { x } = task.test.columns;
  const run = compile((input: ReturnType<typeof tensor>) => model.forward(input));
  const output = await run(tensor(x.data, { shape: x.shape }));
  const outputs = (await output.data()) as Float32Array;
  const forecast: Forecast = (step, ahead, window) =>
    task.restore(outputs[window * task.horizon + ahead]!, step);
  const points: [number, number][] = [];
  // Windows that follow each other without overlap: every step is forecast once.
  for (let window = 0; window < task.test.length; window += task.horizon) {
    for (let ahead = 0; ahead < task.horizon; ahead++) {
      const step = task.testStart + window + ahead;
      points.push([step, forecast(step, ahead, window)]);
    }
  }
  return {
    model,
    errors: errorsOf(cell, task, forecast),
    line: { name: `${cell}, ${task.horizon} steps ahead`, colour: colours[cell], points },
  };
}

const colours: Readonly<Record<CellName, string>> = { LSTM: '#c0392b', GRU: '#2471a3' };

/** What was measured, for the plot. */
export function measured(task: Task): Line {
  const from = task.testStart;
  const steps = task.values.slice(from).map((value, i) => [from + i, value] as const);
  return { name: 'measured', colour: '#555', points: steps };
}

/** Writes the model as ONNX and compares it in ONNX Runtime; the largest difference. */
export async function exportChecked(
  model: Forecaster,
  task: Task,
  file: string,
): Promise<{ readonly bytes: number; readonly ok: boolean; readonly maxError: number }> {
  const { bytes } = await exportOnnx(model, file, {
    name: 'forecaster',
    input: { x: ['batch', task.input, task.features] },
    output: ['forecast'],
  });
  const cases = [1, 5].map((n) => {
    const { x } = task.test.batch(Int32Array.from({ length: n }, (_, i) => i));
    return { x: tensor(x.data, { shape: x.shape }) };
  });
  const { ok, maxError } = await verifyOnnx(file, model, { cases, rtol: 1e-4, atol: 1e-5 });
  return { bytes, ok, maxError };
}
