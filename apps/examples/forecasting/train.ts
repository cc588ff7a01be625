/** Trains on one series and holds the forecast against what needs no training. */
import { cast, compile, gt, manualSeed, tensor } from '@hebb/core';
import type { Tensor } from '@hebb/core';
import { mseLoss } from '@hebb/nn';
import { AdamW, CosineAnnealingLR, Trainer } from '@hebb/train';
import type { Task } from './data.ts';
import { Forecaster } from './model.ts';
import type { CellName } from './model.ts';

/** Forecasts by test window and step ahead, in the series' unit. */
export type Forecast = (window: number, ahead: number) => number;

export interface Errors {
  readonly name: string;
  /** Mean absolute and root mean squared error over all measured steps of all test windows. */
  readonly mae: number;
  readonly rmse: number;
  /** Root mean squared error of each step ahead. */
  readonly ahead: readonly number[];
}

/** What errors are counted against. */
type Judge = Pick<Task, 'horizon' | 'measured' | 'testStart' | 'values'> & {
  readonly test: { readonly length: number };
};

/** Errors of a forecast over the test windows. */
export function errorsOf(name: string, task: Judge, forecast: Forecast): Errors {
  let absolute = 0;
  const squared = new Array<number>(task.horizon).fill(0);
  const counts = new Array<number>(task.horizon).fill(0);
  for (let window = 0; window < task.test.length; window++) {
    for (let ahead = 0; ahead < task.horizon; ahead++) {
      const step = task.testStart + window + ahead;
      if (!task.measured[step]!) continue;
      const error = forecast(window, ahead) - task.values[step]!;
      absolute += Math.abs(error);
      squared[ahead]! += error * error;
      counts[ahead]! += 1;
    }
  }
  const count = counts.reduce((a, b) => a + b, 0);
  return {
    name,
    mae: absolute / count,
    rmse: Math.sqrt(squared.reduce((a, b) => a + b, 0) / count),
    ahead: squared.map((value, k) => Math.sqrt(value / counts[k]!)),
  };
}

export function baselines(task: Task): Errors[] {
  const { values, testStart, season } = task;
  return [
    errorsOf('last value', task, (window) => values[testStart + window - 1]!),
    errorsOf('seasonal naive', task, (window, k) => values[testStart + window + k - season]!),
  ];
}

/** Squared error of the steps that were measured. Shape: [N, horizon, 1], [N, horizon, 1 or 2] -> []. */
export function measuredLoss(forecast: Tensor, target: Tensor): Tensor {
  if (target.shape[2] === 1) return mseLoss(forecast, target);
  // The flag is scaled like every variable: above its mean where there was a measurement.
  const counts = cast(gt(target.narrow(2, 1, 1), 0), 'float32');
  const error = forecast.sub(target.narrow(2, 0, 1));
  return error.mul(error).mul(counts).sum().div(counts.sum().add(1e-6));
}

export interface TrainOptions {
  readonly epochs: number;
  readonly hidden: number;
  readonly batchSize: number;
  readonly seed: number;
}

export interface Trained {
  readonly model: Forecaster;
  readonly errors: Errors;
  readonly forecast: Forecast;
}

export async function train(
  cell: CellName,
  task: Task,
  { epochs, hidden, batchSize, seed }: TrainOptions,
): Promise<Trained> {
  manualSeed(seed);
  const model = new Forecaster(cell, task.features, hidden, task.horizon);
  const trainer = new Trainer({
    model,
    loss: measuredLoss,
    optimizer: new AdamW({ lr: 3e-3, weightDecay: 1e-2 }),
    schedule: new CosineAnnealingLR({ tMax: epochs * Math.ceil(task.train.length / batchSize) }),
    clipGradNorm: 1,
    // Back to the weights that forecast the validation part best.
    earlyStopping: { patience: 15 },
    seed,
  });
  const { validation } = task;
  await trainer.fit(task.train, { epochs, batchSize, validation, progress: 'none' });
  model.eval();
  const outputs = await predict(model, task);
  const forecast: Forecast = (window, ahead) =>
    task.restore(outputs[window * task.horizon + ahead]!, task.testStart + window + ahead);
  return { model, errors: errorsOf(cell, task, forecast), forecast };
}

/** Test windows for one call. */
const together = 512;

async function predict(model: Forecaster, task: Task): Promise<Float32Array> {
  const run = compile((input: Tensor) => model.forward(input));
  const outputs = new Float32Array(task.test.length * task.horizon);
  for (let from = 0; from < task.test.length; from += together) {
    const count = Math.min(together, task.test.length - from);
    const { x } = task.test.batch(Int32Array.from({ length: count }, (_, i) => from + i));
    const y = await run(tensor(x.data, { shape: x.shape }));
    outputs.set((await y.data()) as Float32Array, from * task.horizon);
  }
  return outputs;
}
