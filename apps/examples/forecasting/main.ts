/** Forecasts of two series by LSTM and GRU, beside the last value and the season before. */
import { mkdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cpu } from '@hebb/backend-cpu';
import { wasm } from '@hebb/backend-wasm';
import { init } from '@hebb/core';
import { writeBytes } from '@hebb/data/node';
import Table from 'cli-table3';
import { passengers, temperatures } from './data.ts';
import { baselines, exportChecked, measured, train } from './forecast.ts';
import type { Trained } from './forecast.ts';
import { lineChart } from './plot.ts';

const help = `Forecasts temperatures a week ahead and airline passengers a year ahead.

  --quick         few epochs: well under a minute
  --backend NAME  wasm (default) or cpu
  --seed N        default 0
`;
const out = fileURLToPath(new URL('../out/', import.meta.url));
const say = (line = ''): void => void process.stdout.write(`${line}\n`);
const here = (file: string): string => relative(process.cwd(), file);

async function run(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      backend: { type: 'string', default: 'wasm' },
      seed: { type: 'string', default: '0' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    say(help);
    return true;
  }
  await init(values.backend === 'cpu' ? cpu() : wasm());
  await mkdir(out, { recursive: true });
  let good = true;
  for (const [task, epochs] of [
    [await temperatures(), values.quick ? 4 : 20],
    [await passengers(), values.quick ? 60 : 150],
  ] as const) {
    const options = {
      epochs,
      hidden: 32,
      seed: Number(values.seed),
      progress: 'none',
    } as const;
    say(`${task.name}: ${task.train.length} windows of ${task.input} steps, ${epochs} epochs`);
    const trained: Trained[] = [];
    for (const cell of ['LSTM', 'GRU'] as const) trained.push(await train(cell, task, options));
    const simple = baselines(task);
    const table = new Table({
      head: [`${task.horizon} steps ahead`, `MAE, ${task.unit}`, `RMSE, ${task.unit}`],
      style: { head: [], border: [], compact: true },
    });
    for (const { name, mae, rmse } of [...simple, ...trained.map(({ errors }) => errors)]) {
      table.push([name, mae.toFixed(2), rmse.toFixed(2)]);
    }
    say(table.toString());
    const slug = task.name.replaceAll(' ', '-');
    const chart = join(out, `${slug}.svg`);
    const lines = [measured(task), ...trained.map(({ line }) => line)];
    await writeBytes(chart, new TextEncoder().encode(lineChart(task.name, task.unit, lines)));
    const file = join(out, `${slug}.onnx`);
    const { bytes, ok, maxError } = await exportChecked(trained[0]!.model, task, file);
    say(`${here(chart)}; ${here(file)} (${(bytes / 1024).toFixed(1)} KiB), in ONNX Runtime`);
    say(`${ok ? 'the same' : 'DIFFERENT'} within ${maxError.toExponential(1)}\n`);
    const best = Math.min(...simple.map(({ rmse }) => rmse));
    for (const { errors } of trained) {
      if (errors.rmse >= best) {
        say(`FAILED: ${errors.name} does not beat the simple forecasts`);
        good = false;
      }
    }
    good &&= ok;
  }
  return good;
}

try {
  if (!(await run())) process.exitCode = 1;
} catch (error) {
  process.stderr.write(`forecasting: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
